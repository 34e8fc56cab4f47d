-- PROTOCOL.md section 7: what an observer does with what arrives, by its position: gaps, reads,
-- epochs, losses, and changes that do not apply. The reporter is a raw port, so that it can say
-- anything.
local host = require "hyperty.host"
local wire = require "spec.support.wire"

local URL = "resource://localhost/far"

describe("an observer at a position", function()
  local world, ben, far

  before_each(function()
    world = wire.world { "ben", "carl" }
    ben = world.ben
    far = wire.reporter(world, URL, { data = { n = 0, list = { "a", "b" } } })
    world:join("ben", URL)
    ben:eval [[
      self.heard, self.states, self.resyncs = {}, {}, {}
      local function note(text) table.insert(self.heard, text) end
      self.room:on("change", function(c)
        note(("%d %s %s %s"):format(c.version, c.kind, c.path, tostring(c.value)))
      end)
      self.room:on("child", function(e) note(e.kind .. " " .. tostring(e.child.data.text)) end)
      self.room:on("resync", function(from, to, reason)
        note(("resync %d %d %s"):format(from, to, reason))
      end)
      self.room:on("status", function(status) table.insert(self.states, status.state) end)
      self.room:on("delete", function() note("delete") end)]]
  end)

  after_each(function() world:finish() end)

  local function heard()
    world:run()
    return ben:eval "local heard = self.heard self.heard = {} return heard"
  end

  local function state() return ben:eval "return self.room:status().state" end

  -- Answers a read with the updates of these bodies.
  local function answer_since(...)
    local changes = { ... }
    far.on_read = function(request)
      far:respond(request, 200, { epoch = far.epoch, version = far.version, changes = changes })
    end
  end

  it("applies the next version", function()
    far:update("n", 1)
    far:update("n", 2)
    assert.same({ "1 update n 1", "2 update n 2" }, heard())
    assert.same({}, far:got "read")
  end)

  it("ignores what it has", function()
    far:update("n", 1)
    far:update("n", 5, { version = 1 })
    far:update("n", 5, { version = 0 })
    assert.same({ "1 update n 1" }, heard())
    assert.equal(1, ben:eval "return self.room.data.n")
    assert.same({}, far:got "read")
  end)

  it("ignores every lower epoch", function()
    far:update("n", 5, { epoch = "1-00000000", version = 7 })
    far:update("n", 5, { epoch = "0-ffffffff", version = 1 })
    assert.same({}, heard())
    assert.same({}, far:got "read")
  end)

  it("keeps aside what is further ahead, and reads what is between", function()
    local first = far:update("n", 1, { version = 99, epoch = "0-0" }) -- not heard of
    first.version, first.epoch = 1, far.epoch
    answer_since(first)
    far:update("n", 2)
    assert.same({ "1 update n 1", "2 update n 2" }, heard())
    assert.same({ since = { epoch = far.epoch, version = 0 }, window = 8 },
      far:got "read"[1].body)
    assert.same({ "lagging", "live" }, ben:eval "return self.states")
    assert.equal("live", state())
  end)

  it("needs no answer when the missing comes by itself", function()
    local late
    far.on_read = function(request) late = request end
    far.version = 1
    far:update("n", 2)
    far.version = 0
    far:update("n", 1)
    assert.same({ "1 update n 1", "2 update n 2" }, heard())
    far.version = 2
    far:respond(late, 200, { epoch = far.epoch, version = 2, changes = host.array {} })
    far:update("n", 3)
    assert.same({ "3 update n 3" }, heard())
    assert.equal("live", state())
  end)

  it("sorts what it keeps aside", function()
    far.on_read = function() end
    for _, version in ipairs { 4, 2, 3, 2 } do
      far.version = version - 1
      far:update("n", version)
    end
    assert.same({}, heard())
    far.version = 0
    far:update("n", 1)
    assert.same({ "1 update n 1", "2 update n 2", "3 update n 3", "4 update n 4" }, heard())
  end)

  it("has one read in flight, repeated with backoff while there is no answer", function()
    far.on_read = function() end
    far.version = 1
    for _ = 1, 10 do far:update("n", 2) end
    world:run(1)
    assert.equal(1, #far:got "read")
    assert.equal("lagging", state())
    world:run(120)
    local count = #far:got "read"
    assert.truthy(count >= 5 and count <= 14, count)
    far.on_read, far.data = nil, { n = 9 }
    world:run(60)
    assert.equal(9, ben:eval "return self.room.data.n")
    assert.equal("live", state())
  end)

  it("asks again after an answer that makes no sense", function()
    local answers = {
      "nothing", {}, { data = 5 }, { epoch = far.epoch, version = 2, changes = { 5 } },
      { epoch = "0-0", version = 2, changes = { { version = 1 } } },
      { epoch = far.epoch, version = "two", data = {} },
      { epoch = far.epoch, version = 2, data = {}, childrenObjects = { items = { 1 } } },
    }
    far.on_read = function(request)
      far:respond(request, 200, table.remove(answers, 1) or far:whole { data = { n = 8 } })
    end
    far.version = 1
    far:update("n", 2)
    world:run(300)
    assert.same({}, answers)
    assert.equal(8, ben:eval "return self.room.data.n")
    assert.equal("live", state())
  end)

  it("does not spin on an answer that does not help", function()
    far.on_read = function(request)
      far:respond(request, 200, { epoch = far.epoch, version = 0, changes = host.array {} })
    end
    far.version = 1
    far:update("n", 2)
    world:run(60)
    assert.truthy(#far:got "read" < 12, #far:got "read")
    assert.equal("lagging", state())
  end)

  describe("that gets a whole object", function()
    it("is brought level, and told so, then of each difference", function()
      far.version, far.data = 5, { n = 5, list = { "a", "c", "d" }, new = true }
      far:update("n", 6)
      far.version, far.data.n = 6, 6
      local list = heard()
      assert.equal("resync 0 6 gap", table.remove(list, 1))
      table.sort(list)
      assert.same({ "6 add list.3 d", "6 add new true", "6 update list.2 c", "6 update n 6" }, list)
    end)

    it("keeps the handles of what is equal", function()
      far.data = { n = 0, keep = { deep = { 1 } }, list = { { id = 1 }, { id = 2 } } }
      far:update(host.array {}, far.data)
      world:run()
      ben:eval [[
        local data = self.room.data
        self.keep, self.deep, self.one = data.keep, data.keep.deep, data.list[1] ]]
      far.data = { n = 3, keep = { deep = { 1 }, more = 1 }, list = { { id = 1 }, { id = 3 } } }
      far.version = 8
      far:update("n", 3)
      world:run()
      assert.same({ true, true, true, 1, 3 }, { ben:eval [[
        local data = self.room.data
        return self.keep == data.keep, self.deep == data.keep.deep, self.one == data.list[1],
          self.keep.more, data.list[2].id]] })
    end)

    it("ignores it below its position", function()
      far.on_read = function(request)
        far:update("n", 3, { version = 1 })
        far:update("n", 4, { version = 2 })
        far:respond(request, 200, far:whole { version = 1, data = { n = -1 } })
      end
      far:publish("event", { value = { lost = 3 } })
      assert.same({ "1 update n 3", "2 update n 4" }, heard())
      assert.equal(4, ben:eval "return self.room.data.n")
    end)
  end)

  describe("that hears of a higher epoch", function()
    it("reads, and is told from where to where", function()
      far:update("n", 1)
      heard()
      far.epoch, far.version, far.data = "2-00000000", 0, { n = 7, list = { "a", "b" } }
      far:update("n", 8)
      far.data.n = 8
      assert.same({ "resync 1 1 new epoch", "1 update n 8" }, heard())
      assert.equal("2-00000000", ben:eval "return self.room.epoch")
      far:update("n", 9)
      assert.same({ "2 update n 9" }, heard())
    end)

    it("compares by number, then by the random part", function()
      far.epoch = "1-ab000000"
      far:update("n", 1)
      heard()
      assert.equal("1-ab000000", ben:eval "return self.room.epoch")
      far.epoch = "10-00000000"
      far:update("n", 2)
      heard()
      far.epoch = "9-ffffffff"
      far:update("n", 3, { version = 50 })
      heard()
      assert.equal("10-00000000", ben:eval "return self.room.epoch")
    end)

    it("never goes back to the one before", function()
      far.epoch, far.data = "2-00000000", { n = 1 }
      far:update("n", 1)
      heard()
      far:publish("update", { epoch = "1-aaaaaaaa", version = 2, attribute = "n", value = 99 })
      assert.same({}, heard())
      assert.equal(1, ben:eval "return self.room.data.n")
    end)
  end)

  describe("that is told of a loss", function()
    it("reads", function()
      local body = { epoch = far.epoch, version = 1, attribute = "n", value = 1 }
      far.version = 1
      answer_since(body)
      far:publish("event", { value = { lost = 1 } })
      assert.same({ "1 update n 1" }, heard())
    end)

    it("reads once more if it is reading already", function()
      local late
      far.on_read = function(request)
        far.on_read = nil
        late = request
      end
      far:publish("event", { value = { lost = 1 } })
      world:run()
      far:publish("event", { value = { lost = 1 } })
      world:run()
      far:respond(late, 200, { epoch = far.epoch, version = 0, changes = host.array {} })
      far.version, far.data = 3, { n = 3, list = { "a", "b" } }
      assert.same({ "resync 0 3 gap", "3 update n 3" }, heard())
      assert.equal(2, #far:got "read")
    end)

    it("before its first answer reads once", function()
      far.on_subscribe = function(request)
        far:publish("event", { value = { lost = 2 } })
        far:respond(request, 200, far:whole())
      end
      ben:eval "self.room:unsubscribe()"
      world:join("carl", URL)
      world:run(30)
      assert.equal(1, #far:got "read")
      assert.equal("live", world.carl:eval "return self.room:status().state")
    end)
  end)

  describe("that gets a change which does not apply", function()
    it("reads since, then the whole, and goes on", function()
      local body = far:update("nowhere.at.all", 1)
      answer_since(body)
      local asked = 0
      local since = far.on_read
      far.on_read = function(request)
        asked = asked + 1
        if request.body.since then since(request) else
          far:respond(request, 200, far:whole { data = { n = 0, list = { "a" } } })
        end
      end
      assert.same({ "resync 0 1 a change that does not apply", "1 remove list.2 nil" }, heard())
      assert.equal(2, asked)
      far.data = nil
      far:update("n", 2)
      assert.same({ "2 update n 2" }, heard())
    end)

    it("applies nothing of a batch of which one part does not fit", function()
      far.on_read = function() end
      far:update(nil, nil, { changes = {
        { attribute = "n", value = 1 }, { attribute = "list.9", value = 1 } } })
      assert.same({}, heard())
      assert.equal(0, ben:eval "return self.room.data.n")
      assert.equal("lagging", state())
    end)

    it("in each of its forms", function()
      for _, body in ipairs {
        { attribute = "list.2", value = "x" }, { attribute = "list.01", value = "x" },
        { attribute = "list.-1", value = "x" }, { attribute = "list.x", value = "x" },
        { attribute = "list.3", attributeType = "array", operation = "add", value = { 1 } },
        { attribute = "list.1", attributeType = "array", operation = "remove", value = 2 },
        { attribute = "list.0" }, { attribute = "gone" }, { attribute = "n.deep", value = 1 },
        { attribute = "n.0", attributeType = "array", operation = "add", value = { 1 } },
        { attribute = host.array {}, value = 5 }, { attribute = host.array {} },
      } do
        far.asked = {}
        far:update(nil, nil, body)
        world:run()
        assert.equal(1, #far:got "read")
      end
      assert.same({ "a", "b" }, ben:eval "return self.room.data.list")
    end)

    it("ignores what is malformed, and finds the hole with the next", function()
      for _, body in ipairs {
        { attribute = 5, value = 1 }, { attribute = "n", version = "x", value = 1 },
        { attribute = "a..b", value = 1 }, { attribute = "", value = 1 },
        { attribute = "list.0", operation = "add", value = 5 },
        { attribute = "list.0", operation = "remove", value = "all" },
        { attribute = "list.0", operation = "remove", value = 0 },
        { attribute = "list.0", operation = "swap", value = 1 },
        { changes = { 5 } }, { attribute = { {} }, value = 1 },
      } do
        far:update(nil, nil, body)
      end
      assert.same({}, heard())
      assert.same({}, far:got "read")
      far.data.n = 1
      far:update("n", 1)
      assert.same({ "resync 0 11 gap", "11 update n 1" }, heard())
    end)
  end)

  describe("whose read is answered", function()
    before_each(function()
      far.version = 1
      far:update("n", 1, { version = 0 }) -- not heard of
    end)

    local function gap(code, desc)
      far.on_read = function(request) far:respond(request, code, nil, desc) end
      far:update("n", 3)
    end

    it("with 404 is disconnected, and asks on", function()
      gap(404, "nobody")
      world:run(1)
      assert.equal("disconnected", state())
      far.on_read = nil
      world:run(60)
      assert.equal("live", state())
    end)

    it("with 410 hears that the object was deleted", function()
      gap(410, "deleted")
      assert.same({ "delete" }, heard())
      assert.same({}, world.rt:routes())
    end)

    it("with 403 is out", function()
      gap(403, "not you")
      assert.same({ "delete" }, heard())
      assert.same({}, world.rt:routes())
    end)

    it("with 401 subscribes again, which decides", function()
      gap(401, "not an observer")
      far.on_read = nil
      world:run(5)
      assert.equal("live", state())
      assert.is_nil(table.concat(heard(), " "):find "delete")
    end)

    it("with 403 leaves the others in, who ask for themselves", function()
      far.version = 0
      world:join("carl", URL)
      far.version = 2
      far.on_read = function(request)
        if request.from == ben.url then far:respond(request, 403) else
          far:respond(request, 200, far:whole { data = { n = 3 } })
        end
      end
      far:update("n", 3)
      assert.same({ "delete" }, heard())
      assert.same({ 3, "live" },
        { world.carl:eval "return self.room.data.n, self.room:status().state" })
    end)
  end)

  it("that reads a new epoch in the first copy of a fellow subscribes again",
    function()
      far.epoch, far.version, far.asked = "2-bbbbbbbb", 0, {}
      world:join("carl", URL)
      world:run(1)
      local who = {}
      for i, request in ipairs(far:got "subscribe") do who[i] = request.body.subscriber end
      assert.same({ world.carl.url, ben.url }, who)
      assert.equal("live", state())
    end)

  it("that reads a new epoch when a fellow subscribes again does so, too", function()
    world:join("carl", URL)
    far.epoch, far.asked = "2-bbbbbbbb", {}
    far.on_read = function(request)
      far.on_read = nil
      far:respond(request, 401, nil, "not an observer")
    end
    far:update("n", 3, { epoch = "1-aaaaaaaa", version = 3 })
    world:run(5)
    local who = {}
    for i, request in ipairs(far:got "subscribe") do who[i] = request.body.subscriber end
    assert.same({ ben.url, world.carl.url }, who)
    assert.equal("live", state())
  end)

  it("tells its version and the highest that it heard of", function()
    far.on_read = function() end
    far.version = 4
    far:update("n", 1)
    world:run(2)
    local status = ben:eval "return self.room:status()"
    assert.same({ "lagging", 0, 5, 0, 2 },
      { status.state, status.version, status.head, status.pending, math.floor(status.age) })
  end)

  describe("hears one writer:", function()
    it("nobody else on /changes", function()
      local other = world.rt:port "hyperty://localhost/other"
      assert.truthy(other:send { type = "update", to = URL .. "/changes",
        body = { epoch = far.epoch, version = 1, attribute = "n", value = 666 } })
      other:send { type = "event", to = URL .. "/changes", body = { value = { lost = 1 } } }
      other:send { type = "delete", to = URL .. "/changes", body = { resource = URL } }
      assert.same({}, heard())
      assert.equal(0, ben:eval "return self.room.data.n")
    end)

    it("and of messages that make no sense there, nothing", function()
      for _, body in ipairs { {}, { value = 5 }, { value = {} }, { value = { stamps = { 5 } } },
          { value = { stamps = 5 } }, { value = { child = {} } }, { value = { lost = "x" } } } do
        far:publish("event", body)
      end
      far:publish("create", { value = {} })
      far:publish("execute", { method = "x" })
      assert.same({}, heard())
      far:update("n", 1)
      assert.same({ "1 update n 1" }, heard())
    end)
  end)
end)
