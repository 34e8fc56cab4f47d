-- An object in parts is read although memory runs out in the middle of it: it may take longer or
-- fail with a reason, but then it is read again, and nothing is left over.
local host = require "hyperty.host"
local network = require "spec.support.network"

local FIRST, LAST, STEP = 1, 6000, 241

describe("an object in parts while memory runs out", function()
  local function story(n, act)
    local world = network.world { delay = { 0, 0 }, "anna", "ben" }
    local anna, ben = world.anna, world.ben
    local url = world:room({ n = 0 }, anna)
    anna:eval [[
      for i = 1, 1200 do self.room:add_child("items", { text = ("x"):rep(100) }) end]]
    world:settle()
    act(world, url, function(fn)
      host.fail_after(n)
      pcall(fn)
      pcall(world.run, world, 0.3)
      host.fail_after(-1)
    end)
    anna:eval "self.room.data.n = 1"
    world:run(80)
    assert.same({ 1, 1200, "live" }, { ben:eval [[
      return self.room.data.n, #self.room:children "items", self.room:status().state]] }, n)
    world.logged = {}
    world:finish()
  end

  it("is subscribed to", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world, url, while_failing)
        world.ben:eval "self.room = nil"
        while_failing(function()
          world.ben:eval([[
            local url = ...
            require("hyperty").spawn(function() self.room = self.syncher:subscribe(url) end)]], url)
        end)
        world:run(20)
        if not world.ben:eval "return self.room ~= nil" then world:join(world.ben, url) end
      end)
    end
  end)

  it("is read again after it was away for too long", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world, url, while_failing)
        world:join(world.ben, url)
        world:disconnect "ben"
        world.anna:eval "for i = 1, 4200 do self.room.data.n = -i end"
        world:settle()
        while_failing(function() world:connect "ben" end)
        world:connect "ben"
      end)
    end
  end)
end)
