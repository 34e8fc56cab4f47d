-- PROTOCOL.md section 7: an observer at (e1, v) that hears of another epoch; and a reporter that
-- hears of a higher one. The other side is a raw port, so that it can say anything.
local host = require "hyperty.host"
local network = require "spec.support.network"
local wire = require "spec.support.wire"

local URL = "resource://localhost/far"
local FIRST, SECOND, THIRD = "1-aaaaaaaa", "2-bbbbbbbb", "3-cccccccc"

describe("an observer at version 3 of the first epoch", function()
  local world, ben, far

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL, { epoch = FIRST, version = 3, data = { n = 3 } })
    world:join("ben", URL)
    ben:eval [[
      self.heard = {}
      local function note(text) table.insert(self.heard, text) end
      self.room:on("change", function(c) note(("%d n=%s"):format(c.version, tostring(c.value))) end)
      self.room:on("resync", function(from, to, reason)
        note(("resync %d %d %s"):format(from, to, reason))
      end)
      self.room:on("status", function(status) note(status.state) end)]]
    far.asked = {}
  end)

  after_each(function() world:finish() end)

  local function heard()
    world:run()
    return ben:eval "local heard = self.heard self.heard = {} return heard"
  end

  local function position()
    return ben:eval [[
      local status = self.room:status()
      return { self.room.epoch, self.room.version, self.room.data.n, status.state }]]
  end

  local function digest(epoch, version, follows)
    far:publish("event",
      { value = { digest = { epoch = epoch, version = version, follows = follows } } })
  end

  local function change(epoch, version)
    return { epoch = epoch, version = version, attribute = "n", value = version }
  end

  -- Answers reads with changes since.
  local function answer(epoch, version, follows, ...)
    local changes = host.array { ... }
    far.on_read = function(request)
      far:respond(request, 200,
        { epoch = epoch, version = version, follows = follows, changes = changes })
    end
  end

  -- Whole answers are of that epoch from now on.
  local function whole(epoch, version, follows)
    far.epoch, far.version, far.data = epoch, version, { n = version }
    far.on_read = function(request)
      far:respond(request, 200, far:whole { follows = follows })
    end
  end

  local function at(version) return { epoch = FIRST, version = version } end

  describe("goes on without a resync", function()
    it("and without a read, into an epoch that follows its very state", function()
      digest(SECOND, 3, at(3))
      assert.same({}, heard())
      assert.same({ SECOND, 3, 3, "live" }, position())
      far.epoch = SECOND
      far:update("n", 4)
      assert.same({ "4 n=4" }, heard())
      assert.same({}, far:got "read")
    end)

    it("reading only what the new epoch has written since", function()
      answer(SECOND, 5, at(3), change(SECOND, 4), change(SECOND, 5))
      digest(SECOND, 5, at(3))
      assert.same({ "lagging", "4 n=4", "5 n=5", "live" }, heard())
      assert.same({ epoch = SECOND, version = 3 }, far:got "read"[1].body.since)
      assert.same({ SECOND, 5, 5, "live" }, position())
    end)

    it("where it follows a later state: changes of the first epoch, then of the second", function()
      answer(SECOND, 6, at(5), change(FIRST, 4), change(FIRST, 5), change(SECOND, 6))
      digest(SECOND, 6, at(5))
      assert.same({ "lagging", "4 n=4", "5 n=5", "6 n=6", "live" }, heard())
      assert.same(at(3), far:got "read"[1].body.since)
      assert.same({ SECOND, 6, 6, "live" }, position())
    end)

    it("where the new epoch has written nothing yet", function()
      answer(SECOND, 4, at(4), change(FIRST, 4))
      digest(SECOND, 4, at(4))
      assert.same({ "lagging", "4 n=4", "live" }, heard())
      assert.same({ SECOND, 4, 4, "live" }, position())
    end)

    it("when an update of it is the first that it hears", function()
      answer(SECOND, 5, at(4), change(FIRST, 4), change(SECOND, 5))
      far:publish("update", change(SECOND, 5))
      assert.same({ "lagging", "4 n=4", "5 n=5", "live" }, heard())
      assert.same({ SECOND, 5, 5, "live" }, position())
    end)

    it("when a stamp of it is", function()
      answer(SECOND, 4, at(3), change(SECOND, 4))
      far.epoch = SECOND
      far:stamp("refuse", "hyperty://localhost/eve", 1)
      assert.same({ "lagging", "4 n=4", "live" }, heard())
    end)

    it("although what was lost above its state had been heard of", function()
      digest(FIRST, 9) -- the writer died with 4 to 9
      answer(FIRST, 3, nil)
      heard()
      digest(SECOND, 3, at(3))
      heard()
      assert.same({ SECOND, 3, 3, "live" }, position())
      assert.equal(3, ben:eval "return self.room:status().head")
    end)

    it("when a read of the first epoch is answered after it entered the second", function()
      local late
      far.on_read = function(request) late = late or request end
      far:publish("event", { value = { lost = 1 } })
      heard()
      digest(SECOND, 3, at(3))
      heard()
      far:respond(late, 200, { epoch = FIRST, version = 4, changes = { change(FIRST, 4) } })
      answer(SECOND, 3, at(3))
      world:run(5)
      assert.same({ SECOND, 3, 3, "live" }, position())
    end)
  end)

  describe("reads the whole object and is told of a resync", function()
    it("where the new epoch follows a state below its own", function()
      whole(SECOND, 2, at(2))
      digest(SECOND, 2, at(2))
      assert.same({ "lagging", "resync 3 2 new epoch", "2 n=2", "live" }, heard())
      assert.is_nil(far:got "read"[1].body.since)
      assert.same({ SECOND, 2, 2, "live" }, position())
    end)

    it("where it follows another epoch, two epochs on", function()
      local follows = { epoch = SECOND, version = 5 }
      whole(THIRD, 7, follows)
      digest(THIRD, 7, follows)
      assert.same({ "lagging", "resync 3 7 new epoch", "7 n=7", "live" }, heard())
      assert.same({ THIRD, 7, 7, "live" }, position())
    end)

    it("where nobody says what it follows", function()
      whole(SECOND, 3)
      digest(SECOND, 3)
      assert.same({ "lagging", "resync 3 3 new epoch", "live" }, heard())
    end)

    it("where what it says makes no sense", function()
      for i, follows in ipairs { 5, {}, { epoch = FIRST }, { epoch = 1, version = 3 },
          { epoch = FIRST, version = -1 }, { epoch = FIRST, version = "3" } } do
        local epoch = ("%d-x"):format(i + 1)
        whole(epoch, 3)
        digest(epoch, 3, follows)
        heard()
        assert.same({ epoch, 3, 3, "live" }, position())
      end
      assert.equal(6, #far:got "read")
    end)

    it("where changes of two epochs are mixed up", function()
      for i, changes in ipairs {
        { change(SECOND, 4), change(SECOND, 5) }, -- 4 was the first epoch's
        { change(FIRST, 4), change(FIRST, 5) }, -- 5 is not
        { change(THIRD, 4), change(SECOND, 5) },
        {},
      } do
        world:finish()
        world = wire.world { "ben" }
        far = wire.reporter(world, URL, { epoch = FIRST, version = 3, data = { n = 3 } })
        world:join("ben", URL)
        ben = world.ben
        far.epoch, far.version, far.data = SECOND, 5, { n = 5 }
        far.on_read = function(request)
          if request.body.since then
            far:respond(request, 200,
              { epoch = SECOND, version = 5, follows = at(4), changes = host.array(changes) })
          else
            far:respond(request, 200, far:whole { follows = at(4) })
          end
        end
        digest(SECOND, 5, at(4))
        world:run(5)
        assert.same({ SECOND, 5, 5, "live" }, position(), i)
        local reads = far:got "read"
        assert.same({ true, false }, { reads[1].body.since ~= nil,
          reads[#reads].body.since ~= nil })
        assert.is_true(#reads <= 3)
      end
    end)
  end)

  describe("ignores", function()
    it("what a lower epoch says, and does not take it for a sign of life", function()
      digest(SECOND, 3, at(3))
      heard()
      far.on_read = function() end
      for _ = 1, 4 do
        world:run(10)
        digest(FIRST, 9, { epoch = "0-0", version = 1 })
        far:publish("update", change(FIRST, 4))
      end
      assert.same({ SECOND, 3, 3, "lagging" }, position())
      assert.equal(3, ben:eval "return self.room:status().head")
    end)

    it("a whole object of a lower epoch, or below its position", function()
      whole(FIRST, 2)
      digest(FIRST, 5)
      world:run(20)
      assert.same({ FIRST, 3, 3, "lagging" }, position())
      assert.is_true(#far:got "read" < 10)
      whole("0-ffffffff", 7)
      world:run(20)
      assert.same({ FIRST, 3, 3, "lagging" }, position())
      whole(FIRST, 5)
      world:run(60)
      assert.same({ FIRST, 5, 5, "live" }, position())
    end)

    it("changes since a position in a lower epoch", function()
      answer("0-ffffffff", 4, nil, change("0-ffffffff", 4))
      digest(FIRST, 4)
      world:run(5)
      assert.same({ FIRST, 3, 3, "lagging" }, position())
      answer(FIRST, 4, nil, change(FIRST, 4))
      world:run(60)
      assert.same({ FIRST, 4, 4, "live" }, position())
    end)
  end)

  it("is not live again while what it lost has not been read", function()
    far.on_read = function(request) far:respond(request, 503) end
    far:publish("event", { value = { lost = 1 } })
    heard()
    assert.equal("lagging", position()[4])
    digest(FIRST, 3)
    world:run()
    assert.equal("lagging", position()[4])
    answer(FIRST, 3, nil)
    world:run(60)
    assert.equal("live", position()[4])
  end)
end)

describe("a reporter", function()
  local world, anna, url, far

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe()
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function read(since)
    return select(2, far:request("read", url, { since = since }))
  end

  it("answers who claims a version from the future with the whole object", function()
    local epoch = anna:eval "return self.room.epoch"
    local value = read { epoch = epoch, version = 1000 }
    assert.same({ { n = 1 }, 0 }, { value.data, value.version })
  end)

  -- The address is another session's by then; what that one says reaches who observes here.
  for name, body in pairs {
    digest = { "event", { value = { digest = { epoch = "9-0", version = 5 } } } },
    update = { "update", { epoch = "9-0", version = 6, attribute = "n", value = 5 } },
    stamp = { "event", { value = { epoch = "9-0", version = 6, child = {
      op = "create", collection = "items", resource = "eve#1", version = 0,
      reporter = "hyperty://localhost/eve" } } } },
  } do
    it("that hears a " .. name .. " of a higher epoch writes no more", function()
      world:finish()
      local net = network.world { "anna", "ben" }
      local object = net:room({ n = 1 }, net.anna)
      local rt = net.runtimes.anna
      local carl = require("spec.support.objects").load(rt, "carl")
      net:join(carl, object)
      net:settle()
      net.anna:eval [[
        self.heard = {}
        self.room:on("status", function(status) table.insert(self.heard, status.state) end)]]
      assert(rt:receive { type = body[1], from = object, to = object .. "/changes",
        body = body[2] })
      net:run(1)
      assert.same({ "replaced" }, net.anna:eval "return self.heard")
      wire.has("reported by another session", wire.raised(net.anna, "self.room.data.n = 2"))
      net:finish()
      world = wire.world { "anna" }
    end)
  end

  it("is not impressed by its own epoch, or a lower one", function()
    local epoch = anna:eval "return self.room.epoch"
    for _, heard in ipairs { epoch, "0-ffffffff" } do
      world.rt:receive { type = "event", from = url, to = url .. "/changes",
        body = { value = { digest = { epoch = heard, version = 0 } } } }
    end
    world:run()
    anna:eval "self.room.data.n = 2"
    assert.equal(2, anna:eval "return self.room.data.n")
  end)
end)
