-- group_chat between runtimes that lose their connection, or never come back.
local chats = require "spec.support.chats"

describe("a room", function()
  local world, anna, bob, room

  before_each(function()
    world = chats.network({ "anna", "bob" }, { delay = { 0.001, 0.01 } })
    anna, bob = world.anna, world.bob
    room = world:open(anna, bob)
  end)

  -- Lost connections are logged as warnings.
  after_each(function()
    world:logged()
    world:stop()
  end)

  local function runtime_of(person) return world.runtimes[person.name] end

  it("has nobody in it who died, once that is known", function()
    world.net:interrupt(runtime_of(bob), true)
    world:run(20)
    assert.same({ "anna", "bob" }, anna:sees(room))
    world:run(20)
    assert.same({ "anna" }, anna:sees(room))
    assert.same({ "left bob" }, anna:heard())
  end)

  it("takes back who was away for long", function()
    world.net:interrupt(runtime_of(bob), true)
    world:run(40)
    anna.send(room, "are you there?")
    world:run(1)
    assert.same({ "left bob", "message anna: are you there?" }, anna:heard())
    world.net:interrupt(runtime_of(bob), false)
    world:run(5)
    assert.same({ "anna", "bob" }, anna:sees(room))
    assert.same({ "anna", "bob" }, bob:sees(room))
    assert.same({ "joined bob" }, anna:heard())
    local heard = table.concat(bob:heard(), "\n")
    assert.truthy(heard:find("status disconnected", 1, true), heard)
    assert.truthy(heard:find("message anna: are you there?", 1, true), heard)
    assert.truthy(heard:find("status live", 1, true), heard)
  end)

  it("takes back who was away from a closed one, too", function()
    local closed = assert(anna.create("closed", { bob.user }, { closed = true }))
    world:run(1)
    world.net:interrupt(runtime_of(bob), true)
    world:run(40)
    assert.same({ "anna" }, anna:sees(closed))
    world.net:interrupt(runtime_of(bob), false)
    world:run(5)
    assert.same({ "anna", "bob" }, anna:sees(closed))
  end)

  it("is quiet about who was away for a moment", function()
    world.net:interrupt(runtime_of(bob), true)
    world:run(3)
    world.net:interrupt(runtime_of(bob), false)
    world:run(3)
    assert.same({}, anna:heard())
    assert.same({ "status disconnected", "status live" }, bob:heard())
  end)

  it("says that what is written while it is away is not confirmed yet", function()
    world.net:interrupt(runtime_of(bob), true)
    world:run(1)
    chats.refused("timeout", "not confirmed yet (the room is disconnected)",
      bob.send(room, "later"))
    world.net:interrupt(runtime_of(bob), false)
    world:run(10)
    assert.same({ "message bob: later" }, anna:heard())
    assert.same({ "later" }, bob:reads(room))
  end)

  it("goes by its name, too, for those who are in it", function()
    assert(bob.send("team", "by name"))
    world:run(1)
    assert.same({ "by name" }, anna:reads "team")
    chats.refused("not_found", "not in a room club: create or join it first", bob.send("club", "x"))
    assert(anna.create "team")
    chats.refused("conflict", 'in two rooms named "team": say which by its url',
      anna.send("team", "x"))
  end)
end)
