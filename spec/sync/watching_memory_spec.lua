-- Who watches the registry while memory runs out: it may be told late, but of everything, once, and
-- nothing is left over.
local host = require "hyperty.host"
local network = require "spec.support.network"

local FIRST, LAST, STEP = 1, 300, 4

local WATCH = [[
  self.there = self.there or {}
  self.syncher:on("registration", { name = "room" }, function(event)
    local was, is = self.there[event.entry.url], event.kind
    assert(was ~= is, is .. " is told twice")
    self.there[event.entry.url] = is ~= "deleted" and is or nil
  end)]]

local COUNT = [[
  local count = 0
  for _, kind in pairs(self.there) do
    assert(kind == "live", kind)
    count = count + 1
  end
  return count]]

describe("the registry, watched while memory runs out,", function()
  -- What cannot be done for want of memory is not done by the hyperties themselves here; so they
  -- may raise, and what they see afterwards is what the registry has.
  local function story(n, act)
    local world = network.world { delay = { 0, 0 }, "anna", "ben" }
    local anna, ben = world.anna, world.ben
    anna:eval [[self.first = self.syncher:create { schema = "Resource", name = "room" }]]
    ben:eval(WATCH)
    world:settle()
    host.fail_after(n)
    pcall(act, world)
    pcall(world.run, world, 0.5)
    host.fail_after(-1)
    for _, name in ipairs { "anna", "ben" } do world:connect(name) end
    world:run(120)
    local list = anna:eval [[return self.syncher:discover { name = "room" }]]
    -- It was told, where it had no memory itself to hear it.
    local is_deaf = table.concat(world.logged, "\n"):find("handler of registration", 1, true)
    if not is_deaf then assert.equal(#list, ben:eval(COUNT), n) end
    world.logged = {}
    world:finish()
  end

  it("tells of one that comes", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world)
        world.anna:eval [[self.syncher:create { schema = "Resource", name = "room", new = true }]]
      end)
    end
  end)

  it("tells of one that goes", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world) world.anna:eval "self.first:delete()" end)
    end
  end)

  it("is asked again in a new session", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world) world:reconnect "ben" end)
    end
  end)

  it("begins", function()
    for n = FIRST, LAST, STEP do
      story(n, function(world)
        world.ben:eval [[
          self.handler = self.syncher:on("registration", { name = "room" }, function() end)
          self.handler:cancel()]]
      end)
    end
  end)
end)
