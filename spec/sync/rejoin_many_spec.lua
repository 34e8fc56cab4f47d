-- Many objects are set up again without a flood: a bounded number at a time, also in hyperties.
local network = require "spec.support.network"

local OBJECTS, IN_FLIGHT_MAX = 100, 64

describe("a runtime with many objects", function()
  local world, anna, ben

  before_each(function()
    world = network.world { delay = { 0.01, 0.02 }, "anna", "ben" }
    anna, ben = world.anna, world.ben
    local urls = anna:eval([[
      self.rooms = {}
      local urls = {}
      for i = 1, ... do
        self.rooms[i] = assert(self.syncher:create { schema = "Resource", name = "room " .. i,
          data = { n = 0 }, public = true })
        urls[i] = self.rooms[i].url
      end
      return urls]], OBJECTS)
    ben:eval([[
      self.rooms = {}
      for i, url in ipairs(...) do self.rooms[i] = assert(self.syncher:subscribe(url)) end]], urls)
    world:settle()
  end)

  after_each(function() world:finish() end)

  -- The most requests that were under way in that runtime.
  local function most(name)
    local count = 0
    for _ = 1, 1000 do
      world:run(0.01)
      count = math.max(count, world.runtimes[name]:stats().requests)
    end
    return count
  end

  local function level()
    return ben:eval [[
      local count = 0
      for i, room in ipairs(self.rooms) do
        if room.data.n == i and room:status().state == "live" then count = count + 1 end
      end
      return count]]
  end

  local function write()
    anna:eval "for i, room in ipairs(self.rooms) do room.data.n = i end"
  end

  it("observes them again, so many at a time", function()
    world:disconnect "ben"
    write()
    world:connect "ben"
    local count = most "ben"
    assert.truthy(count > 10 and count <= IN_FLIGHT_MAX, count)
    assert.equal(OBJECTS, level())
  end)

  it("reads what it missed in the same session, so many at a time", function()
    world:interrupt("ben", true)
    write()
    world:run(1)
    world:interrupt("ben", false)
    local count = most "ben"
    assert.truthy(count > 10 and count <= IN_FLIGHT_MAX, count)
    assert.equal(OBJECTS, level())
  end)

  it("reports them again, so many at a time", function()
    world:disconnect "anna"
    write()
    world:run(1)
    world:connect "anna"
    local count = most "anna"
    assert.truthy(count > 10 and count <= IN_FLIGHT_MAX, count)
    assert.equal(OBJECTS, level())
  end)
end)
