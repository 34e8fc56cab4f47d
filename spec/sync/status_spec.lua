-- PROTOCOL.md section 7: live means no known gap, and something heard of the object lately; never
-- live while behind. The reporter is a raw port, so that it can be silent.
local host = require "hyperty.host"
local wire = require "spec.support.wire"

local URL = "resource://localhost/far"

describe("the status of an observed object", function()
  local world, ben, far

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL, { data = { n = 0 } })
    world:join("ben", URL)
    world:run()
    far.on_read = function() end -- it keeps silent
    ben:eval [[
      self.told = {}
      self.room:on("status", function(status) table.insert(self.told, status.state) end)]]
  end)

  after_each(function() world:finish() end)

  local function status()
    return ben:eval [[
      local s = self.room:status()
      return { s.state, s.version, s.head, math.floor(s.age + 0.01) }]]
  end

  local function digest(version, epoch)
    far:publish("event", { value = { digest = { epoch = epoch or far.epoch, version = version } } })
    world:run()
  end

  it("is live at the head, and says how long ago something was heard", function()
    assert.same({ "live", 0, 0, 0 }, status())
    world:run(7)
    assert.same({ "live", 0, 0, 7 }, status())
    far:update("n", 1)
    world:run()
    assert.same({ "live", 1, 1, 0 }, status())
  end)

  it("is not of age through what others say", function()
    world:run(20)
    world.rt:port("hyperty://localhost/other"):send { type = "event",
      to = URL .. "/children/items", body = { value = 5 } }
    far:publish("event", { value = { digest = { epoch = "0-0", version = 0 } } })
    world:run()
    assert.equal(20, status()[4])
  end)

  for name, gap in pairs {
    ["a version is missing"] = function() far:update("n", 3, { version = 3 }) end,
    ["a digest tells of more"] = function() digest(3) end,
    ["a digest tells of another epoch"] = function() digest(0, "2-0") end,
    ["the node has dropped something"] = function()
      far:publish("event", { value = { lost = 1 } })
    end,
    ["a change does not apply"] = function()
      far:update("a.b.c", 1)
    end,
    ["a stamp has no operation"] = function()
      far:stamp("create", "hyperty://localhost/eve", 1)
    end,
  } do
    it("is lagging when " .. name .. ", until it has been read", function()
      gap()
      world:run()
      assert.equal("lagging", status()[1])
      for _ = 1, 8 do -- reads that are not answered, or refused
        world:run(9)
        assert.equal("lagging", status()[1])
        far.on_read = function(request) far:respond(request, 503) end
        far:publish("event", { value = { nothing = 1 } })
      end
      assert.same({ "lagging" }, ben:eval "return self.told")
      far.epoch, far.version, far.data, far.on_read = "2-1", 9, { n = 9 }, nil
      world:run(35) -- longer than the longest pause between two tries, shorter than silence
      assert.same({ "live", 9, 9 }, { table.unpack(status(), 1, 3) })
      assert.same({ "lagging", "live" }, ben:eval "return self.told")
    end)
  end

  it("tells the highest version that was heard of", function()
    digest(7)
    far:update("n", 5, { version = 5 })
    world:run()
    assert.same({ "lagging", 0, 7 }, { table.unpack(status(), 1, 3) })
  end)

  it("is lagging after silence, and live when it hears that all is well", function()
    world:run(39)
    assert.same({ "lagging", 0, 0, 39 }, status())
    far.on_read = function(request)
      far:respond(request, 200, { epoch = far.epoch, version = 0, changes = host.array {} })
    end
    world:run(60)
    assert.equal("live", status()[1])
  end)

  it("is disconnected when there is no holder, and live when one answers", function()
    far.on_read = function(request) far:respond(request, 404) end
    digest(1)
    assert.equal("disconnected", status()[1])
    far.version, far.data, far.on_read = 1, { n = 1 }, nil
    world:run(60)
    assert.same({ "live", 1, 1 }, { table.unpack(status(), 1, 3) })
  end)
end)
