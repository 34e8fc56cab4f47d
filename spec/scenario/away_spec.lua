-- People who are away for a while, or read slowly: what they are told, and that they come level.
local network = require "spec.support.network"

local TEXT = ("word "):rep(200)

describe("somebody who", function()
  local world, anna, ben

  local function begin(options)
    options[1], options[2] = "anna", "ben"
    options.delay = { 0, 0.01 }
    world = network.world(options)
    anna, ben = world.anna, world.ben
    world:room({ n = 0 }, anna, ben)
    world:settle()
    world:listen "ben"
  end

  after_each(function() world:finish() end)

  local function write(from, to)
    anna:eval(([[
      for n = %d, %d do
        self.room:batch(function(data) self.room.data.text = %q .. n self.room.data.n = n end)
      end]]):format(from, to, TEXT))
  end

  -- The numbers that ben heard of, and whatever else he did.
  local function heard()
    local numbers, rest = {}, {}
    for _, text in ipairs(world:heard "ben") do
      local n = text:match "^n=(%d+)$"
      if n then
        table.insert(numbers, tonumber(n))
      elseif not text:find "^text=" then
        table.insert(rest, text)
      end
    end
    return numbers, rest
  end

  local function is_level()
    assert.same(anna:eval "return self.room.data.n, self.room.version, self.room.data.text",
      ben:eval "return self.room.data.n, self.room.version, self.room.data.text")
    assert.equal("live", ben:eval "return self.room:status().state")
  end

  local function up_to(count)
    local list = {}
    for n = 1, count do list[n] = n end
    return list
  end

  it("reads slowly is told what it lost, and hears of each change once", function()
    begin { queue_bytes = 20000 }
    local lost = 0
    world.runtimes.ben:intercept(function(message)
      local value = message.type == "event" and message.body.value
      if type(value) == "table" and value.lost then lost = lost + value.lost end
    end)
    world:stall("ben", true)
    write(1, 25)
    world:run(1)
    world:stall("ben", false)
    world:run(5)
    assert.truthy(lost > 5)
    local numbers, rest = heard()
    assert.same(up_to(25), numbers)
    assert.same({ "lagging", "live" }, rest)
    is_level()
  end)

  it("is away for longer than changes are kept starts over, and knows it", function()
    begin {}
    world:disconnect "ben"
    write(1, 1200) -- more than a megabyte
    world:run(1)
    world:connect "ben"
    world:run(5)
    local numbers, rest = heard()
    assert.same({ 1200 }, numbers)
    assert.same({ "disconnected", "resync reconnected", "live" }, rest)
    is_level()
  end)

  it("is away for longer than fewer changes are kept starts over, too", function()
    begin { history_bytes = 20000 }
    world:disconnect "ben"
    write(1, 10)
    world:connect "ben"
    world:run(5)
    assert.same({ up_to(10), { "disconnected", "live" } }, { heard() })
    world:disconnect "ben"
    write(11, 40)
    world:connect "ben"
    world:run(5)
    assert.same({ { 40 }, { "disconnected", "resync reconnected", "live" } }, { heard() })
    is_level()
  end)

  it("observes what a reporter wrote who was away for 40 s hears all of it", function()
    begin {}
    world:interrupt("anna", true)
    write(1, 3)
    world:run(20)
    assert.same({ {}, {} }, { heard() }) -- the node gives it time
    world:run(20)
    assert.same({ {}, { "disconnected" } }, { heard() })
    world:interrupt("anna", false)
    world:run(5)
    assert.same({ { 1, 2, 3 }, { "live" } }, { heard() })
    is_level()
  end)
end)
