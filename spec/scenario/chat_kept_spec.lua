-- A room that outlives everybody in it: people whose runtimes are killed, with the store on a disk,
-- come back one by one, and talk on. Everybody hears of each message once.
local chats = require "spec.support.chats"

local refused = chats.refused

describe("a room whose people are killed and come back", function()
  local world, room, said

  before_each(function()
    world = chats.network({ "anna", "ben", "carl" }, { delay = { 0.001, 0.05 }, disks = true })
    room = world:open(world.anna, world.ben, world.carl)
    said = {}
  end)

  after_each(function()
    world:logged() -- lost connections
    world:stop()
  end)

  local function say(name, text)
    assert(world[name].send(room, text))
    said[#said + 1] = text
  end

  -- Everybody who is there has all that was said, once and in order.
  local function all_read(...)
    world:run(2)
    for _, name in ipairs { ... } do assert.same(said, world[name]:reads(room)) end
  end

  -- How often each text was told to that person since the last time.
  local function told(name)
    local counts = {}
    for _, event in ipairs(world[name]:events()) do
      if event.event == "message" then counts[event.text] = (counts[event.text] or 0) + 1 end
    end
    return counts
  end

  it("goes on while its owner comes back: the others only see the pause", function()
    say("anna", "one")
    say("ben", "two")
    all_read("anna", "ben", "carl")
    told "ben"
    world:crash "anna"
    world:run(35)
    assert.same({ "status disconnected" }, world.ben:heard())
    refused("timeout", "not confirmed yet", world.ben.send(room, "three"))
    said[#said + 1] = "three"
    world:start "anna"
    world:run(10)
    say("anna", "four")
    all_read("anna", "ben", "carl")
    assert.same({ "status live", "message ben: three", "message anna: four" }, world.ben:heard())
    assert.same({ "anna", "ben", "carl" }, world.carl:sees(room))
  end)

  it("tells a member who comes back what was missed", function()
    say("ben", "one")
    all_read("anna", "ben", "carl")
    world:crash "ben"
    say("anna", "two")
    world:run(1)
    world:start "ben"
    world:run(5)
    say("ben", "three")
    all_read("anna", "ben", "carl")
    assert.same({ one = 1, two = 1, three = 1 }, told "carl")
    assert.same({ "anna", "ben", "carl" }, world.anna:sees(room))
  end)

  it("is whole after all were killed at once, twice, and its kicked stay out", function()
    for _, text in ipairs { "one", "two", "three" } do say("ben", text) end
    assert(world.anna.kick(room, world.carl.user))
    for round = 1, 2 do
      for _, name in ipairs { "anna", "ben", "carl" } do world:crash(name) end
      world:run(round * 20)
      for _, name in ipairs { "carl", "ben", "anna" } do world:start(name) end
      world:run(10)
      assert.same({}, world.carl.rooms())
      refused("forbidden", "you were removed from this room", world.carl.join(room))
      say("ben", "after " .. round)
      say("anna", "and after " .. round)
      all_read("anna", "ben")
      assert.same({ "anna", "ben" }, world.ben:sees(room))
      assert.equal(1, told("anna")["after " .. round])
    end
  end)

  it("is handed over by who leaves, and is there for the heir after the next kill", function()
    say("anna", "one")
    assert(world.anna.kick(room, world.carl.user))
    assert(world.anna.leave(room))
    world:run(1)
    world:crash "ben"
    world:crash "anna"
    world:start "anna"
    world:start "ben"
    world:run(5)
    assert.same({}, world.anna.rooms())
    say("ben", "two")
    refused("forbidden", "you were removed from this room", world.carl.join(room))
    assert(world.anna.join(room))
    say("anna", "three")
    all_read("anna", "ben")
    assert.same({ "ben", "anna" }, world.anna:sees(room))
  end)

  it("loses nothing that was confirmed, whenever its owner is killed", function()
    for round = 1, 8 do
      local name = round % 2 == 0 and "anna" or "ben"
      world.carl.instance:eval([[
        local self, room, from = ...
        local hyperty = require "hyperty"
        self.confirmed = self.confirmed or {}
        hyperty.spawn(function()
          for i = from, from + 9 do
            if self.api.send(self, room, "n" .. i) then table.insert(self.confirmed, "n" .. i) end
          end
        end)]], room, round * 10)
      world:run(round * 0.037)
      world:crash(name)
      world:run(1)
      world:start(name)
      world:run(30)
    end
    local confirmed = world.carl.instance:eval "return (...).confirmed"
    assert.equal(80, #confirmed)
    for _, name in ipairs { "anna", "ben", "carl" } do
      assert.same(confirmed, world[name]:reads(room))
    end
    for text, count in pairs(told "carl") do assert.equal(1, count, text) end
  end)
end)
