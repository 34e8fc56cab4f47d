-- A story of three people, told in order: Anna opens a room, they talk, one misbehaves. It must go
-- the same in one runtime and in three that are joined by a slow network.
local chats = require "spec.support.chats"

local refused = chats.refused

local function story(open_world)
  local world, anna, bob, carl, room, hello

  setup(function()
    world = open_world { "anna", "bob", "carl" }
    anna, bob, carl = world.anna, world.bob, world.carl
  end)

  teardown(function() world:stop() end)

  it("Anna opens a room and is alone in it", function()
    room = assert(anna.create "kitchen")
    assert.same({ "anna" }, anna:sees(room))
    world:all_hear({ "joined anna" }, anna)
  end)

  it("Bob finds it by its name", function()
    assert.equal(room, bob.join "kitchen")
    world:all_hear({ "joined bob" }, anna, bob)
  end)

  it("they greet each other", function()
    hello = assert(anna.send(room, "helo bob"))
    world:run()
    assert(bob.typing(room))
    world:run()
    assert(bob.send(room, "hi anna"))
    world:all_hear({ "message anna: helo bob", "typing bob", "message bob: hi anna" }, anna)
    world:all_hear({ "message anna: helo bob", "message bob: hi anna" }, bob)
  end)

  it("Anna mends her spelling", function()
    assert(anna.edit(room, hello, "hello bob"))
    world:all_hear({ "edited anna: hello bob" }, anna, bob)
  end)

  it("Bob brings Carl in, who reads what was said", function()
    assert(bob.invite(room, carl.user))
    world:all_hear({ "joined carl" }, anna, bob, carl)
    assert.same({ "hello bob", "hi anna" }, carl:reads(room))
    assert.same(anna.history(room), carl.history(room))
    assert.same({ "anna", "bob", "carl" }, carl:sees(room))
  end)

  it("all talk at once, and all see the same order", function()
    for i = 1, 10 do
      for _, person in ipairs { carl, bob, anna } do
        person.instance:eval([[
          local self, room, text = ...
          require("hyperty").spawn(function() assert(self.api.send(self, room, text)) end)]],
          room, ("%s %d"):format(person.name, i))
      end
    end
    world:run()
    local texts = anna:reads(room, 30)
    assert.same(texts, bob:reads(room, 30))
    assert.same(texts, carl:reads(room, 30))
    local heard = {}
    for i, text in ipairs(texts) do
      heard[i] = ("message %s: %s"):format(text:match "%a+", text)
    end
    world:all_hear(heard, anna, bob, carl)
  end)

  it("what each one says stays in the order in which they said it", function()
    local last = { anna = 0, bob = 0, carl = 0 }
    for _, text in ipairs(anna:reads(room, 30)) do
      local name, number = text:match "(%a+) (%d+)"
      assert.equal(last[name] + 1, tonumber(number))
      last[name] = tonumber(number)
    end
    assert.same({ anna = 10, bob = 10, carl = 10 }, last)
  end)

  it("Carl is rude: Anna takes his words away, and then him", function()
    local rude = assert(carl.send(room, "#!?"))
    world:run()
    refused("forbidden", "is not yours", bob.remove(room, rude))
    assert(anna.remove(room, rude))
    world:run()
    refused("forbidden", "only the owner of the room may kick", bob.kick(room, carl.user))
    assert(anna.kick(room, carl.user))
    world:all_hear({ "message carl: #!?", "removed " .. rude, "left carl" }, anna, bob)
    world:all_hear({ "message carl: #!?", "removed " .. rude, "closed: kicked" }, carl)
    assert.same({}, carl.rooms())
  end)

  it("he does not get in again by himself", function()
    refused("forbidden", "you were removed from this room", carl.join "kitchen")
    refused("forbidden", "was removed from this room", bob.invite(room, carl.user))
    world:all_hear({}, anna, bob, carl)
  end)

  it("nor does he hear what they say without him", function()
    assert(bob.send(room, "peace"))
    world:all_hear({ "message bob: peace" }, anna, bob)
    world:all_hear({}, carl)
  end)

  it("Anna forgives him", function()
    assert(anna.invite(room, carl.user))
    world:all_hear({ "joined carl" }, anna, bob, carl)
    assert.equal("peace", carl:reads(room, 1)[1])
    assert(carl.send(room, "sorry"))
    world:all_hear({ "message carl: sorry" }, anna, bob, carl)
  end)

  it("Bob has to go, and comes back to find all that he missed", function()
    assert(bob.leave(room))
    world:run()
    assert(anna.send(room, "where is he?"))
    world:all_hear({ "left bob", "message anna: where is he?" }, anna, carl)
    assert.equal(room, bob.join(room))
    assert.same({ "sorry", "where is he?" }, bob:reads(room, 2))
    world:all_hear({ "joined bob" }, anna, bob, carl)
    assert.same({ "anna", "carl", "bob" }, bob:sees(room))
  end)

  it("Carl's chat stops without a word", function()
    carl:quits()
    world:all_hear({ "left carl" }, anna, bob)
  end)

  it("Anna leaves, and the room is Bob's", function()
    assert.is_true(anna.leave(room))
    world:all_hear({ "left anna" }, bob)
    assert.same({}, anna:heard())
    assert.same({ "bob" }, bob:sees(room))
    assert.equal(room, anna.join "kitchen")
    assert(anna.send(room, "hello again"))
    world:all_hear({ "joined anna", "message anna: hello again" }, anna, bob)
  end)

  it("so it is he who closes it", function()
    refused("forbidden", "only the owner of the room may close it", anna.close(room))
    assert(bob.close(room))
    world:all_hear({ "closed: closed" }, anna, bob)
    assert.same({}, anna.rooms())
    assert.same({}, bob.rooms())
    refused("not_found", 'there is no room named "kitchen"', bob.join "kitchen")
  end)
end

describe("three people in one runtime:", function() story(chats.world) end)

describe("three people in three runtimes, each message 5 to 200 ms on its way:", function()
  story(function(names) return chats.network(names, { seed = 7, delay = { 0.005, 0.2 } }) end)
end)

describe("three people in three runtimes that hear of each other at once:", function()
  story(function(names) return chats.network(names, { seed = 8, delay = { 0.01, 0.01 } }) end)
end)
