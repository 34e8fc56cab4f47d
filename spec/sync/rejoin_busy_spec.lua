-- A node that answers 429, because too much comes at once, has done nothing: what is to be set up
-- or given back there is said again.
local network = require "spec.support.network"

describe("while the node is too busy", function()
  local world, anna, ben, url

  -- What that runtime asks the node within some seconds, of that type (nil: any), is not done, and
  -- answered 429.
  local function is_busy_for(name, seconds, type)
    local till, refused = world.net:now() + seconds, {}
    world.runtimes[name]:intercept(function(message)
      if message.type == "response" then
        if not refused[message.id] then return "pass" end
        return { type = "response", id = message.id, from = message.from, to = message.to,
          body = { code = 429, desc = "too fast" } }
      end
      local is_asked = message.to:find "^domain://" and (not type or message.type == type)
      if world.net:now() >= till or not is_asked then return "pass" end
      refused[message.id] = true
      return { type = "execute", id = message.id, from = message.from, to = message.to,
        body = { method = "nothing" } }
    end)
  end

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    anna, ben = world.anna, world.ben
    url = world:room({ n = 0 }, anna, ben)
    world:settle()
  end)

  after_each(function() world:finish() end)

  local function found()
    local entries = ben:eval [[return self.syncher:discover { name = "room" }]]
    return entries[1] and entries[1].url, entries[1] and entries[1].status
  end

  for _, type in ipairs { "subscribe", "execute", "create" } do
    it("a reporter is set up again, if it refuses to " .. type, function()
      is_busy_for("anna", 3, type)
      world:reconnect "anna"
      world:run(60)
      anna:eval "self.room.data.n = 1"
      world:run(1)
      assert.same({ 1, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
      assert.same({ url, "live" }, { found() })
    end)
  end

  it("an observer is set up again", function()
    is_busy_for("ben", 3)
    world:reconnect "ben"
    world:run(60)
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.same({ 1, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("who is let in hears of it", function()
    is_busy_for("anna", 3, "execute")
    world:join(world.carl, url)
    world:run(60)
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.same({ 1, "live" },
      { world.carl:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("what is given back is given back", function()
    is_busy_for("anna", 3)
    anna:unload()
    world:run(60)
    assert.same({}, { found() })
  end)
end)
