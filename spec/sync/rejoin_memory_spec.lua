-- A lost session is set up again although memory runs out in the middle of it: something is late
-- then, but nothing is missing in the end, and nothing is left over.
local host = require "hyperty.host"
local network = require "spec.support.network"

local FIRST, LAST, STEP = 1, 400, 3

describe("a session that is set up again while memory runs out", function()
  local function story(n, act)
    local world = network.world { delay = { 0, 0 }, { "anna", "dora" }, "ben" }
    local anna, ben = world.anna, world.ben
    local url = world:room({ n = 0 }, anna, ben)
    world:join(world.dora, url)
    ben:eval([[require("hyperty").follow(..., "news", function(n) self.news = n end)]], anna.url)
    world:settle()
    host.fail_after(n)
    pcall(act, world)
    pcall(world.run, world, 0.5)
    host.fail_after(-1)
    for _, name in ipairs { "anna", "ben" } do world:connect(name) end
    world:run(40)
    anna:eval [[self.room.data.n = 1 require("hyperty").emit("news", 5)]]
    world:run(80)
    assert.same({ 1, "live", 5 },
      { ben:eval "return self.room.data.n, self.room:status().state, self.news" }, n)
    assert.same({ 1, "live" }, { world.dora:eval [[
      return self.room.data.n, self.room:status().state]] }, n)
    world.logged = {}
    world:finish()
  end

  it("by an observer", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world) world:reconnect "ben" end)
    end
  end)

  it("by a reporter", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world) world:reconnect "anna" end)
    end
  end)
end)
