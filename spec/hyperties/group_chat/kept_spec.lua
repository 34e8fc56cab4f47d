-- group_chat in runtimes with disks: what of a room is there again after a restart.
local chats = require "spec.support.chats"

local refused = chats.refused

describe("a room that is stored", function()
  local world, anna, bob, room

  -- What people hold of it is new after a restart.
  local function back(...)
    for _, name in ipairs { ... } do
      world:crash(name)
      world:start(name)
    end
    anna, bob = world.anna, world.bob
    world:run(5)
  end

  before_each(function()
    world = chats.network({ "anna", "bob", "carl" }, { delay = { 0.001, 0.01 }, disks = true })
    anna, bob = world.anna, world.bob
    room = world:open(anna, bob)
    assert(anna.send(room, "one"))
    assert(bob.send(room, "two"))
    world:run()
    anna:heard()
    bob:heard()
  end)

  after_each(function() world:stop() end)

  it("is there for who opened it", function()
    local url = anna.url
    back "anna"
    assert.equal(url, anna.url)
    assert.same({ { url = room, name = "team", members = 2, state = "live" } }, anna.rooms())
    assert.same({ "one", "two" }, anna:reads(room))
    assert.same({ "anna", "bob" }, anna:sees(room))
    assert(anna.send(room, "three"))
    assert(bob.send(room, "four"))
    world:run()
    assert.same({ "one", "two", "three", "four" }, anna:reads(room))
    assert.same({ "one", "two", "three", "four" }, bob:reads(room))
  end)

  it("is there for who joined it", function()
    world:crash "bob"
    assert(anna.send(room, "three"))
    world:run(1)
    world:start "bob"
    world:run(5)
    assert.same({ { url = room, name = "team", members = 2, state = "live" } }, world.bob.rooms())
    assert.same({ "one", "two", "three" }, world.bob:reads(room))
    assert(world.bob.send(room, "four"))
    world:run()
    assert.same({ "one", "two", "three", "four" }, anna:reads(room))
    assert.same({ "message anna: three", "message bob: four" }, anna:heard())
  end)

  it("is there for who was invited", function()
    assert(anna.invite(room, world.carl.user))
    world:run()
    world:crash "carl"
    world:start "carl"
    world:run(5)
    assert.equal(room, world.carl.rooms()[1].url)
    assert(world.carl.send(room, "three"))
    assert.same({ "one", "two", "three" }, world.carl:reads(room))
  end)

  it("is only paused for the others, who hear of everything once", function()
    world:crash "anna"
    world:run(40)
    assert.same({ "status disconnected" }, bob:heard())
    assert.same({ "one", "two" }, bob:reads(room))
    refused("timeout", "not confirmed yet", bob.send(room, "three"))
    world:start "anna"
    world:run(20)
    assert.same({ "status live", "message bob: three" }, bob:heard())
    assert.same({ "one", "two", "three" }, world.anna:reads(room))
    assert.same({ "anna", "bob" }, bob:sees(room))
  end)

  it("is there after a proper end, too", function()
    world:halt "anna"
    world:halt "bob"
    world:run(1)
    world:start "anna"
    world:start "bob"
    world:run(5)
    for _, person in ipairs { world.anna, world.bob } do
      assert.same({ "anna", "bob" }, person:sees(room))
      assert.same({ "one", "two" }, person:reads(room))
    end
    assert(world.bob.send(room, "three"))
    assert(world.anna.send(room, "four"))
    world:run()
    assert.same({ "one", "two", "three", "four" }, world.anna:reads(room))
    assert.same({ "one", "two", "three", "four" }, world.bob:reads(room))
  end)

  it("takes back who was away for longer than the node waits", function()
    world:crash "bob"
    world:run(40)
    assert.same({ "anna" }, anna:sees(room))
    world:start "bob"
    world:run(5)
    assert.same({ "anna", "bob" }, anna:sees(room))
    assert.same({ "anna", "bob" }, world.bob:sees(room))
  end)

  it("keeps out the kicked", function()
    assert(anna.kick(room, bob.user))
    world:run()
    back("anna", "bob")
    assert.same({}, bob.rooms())
    refused("forbidden", "you were removed from this room", bob.join(room))
    assert(anna.invite(room, bob.user))
    world:run()
    assert.same({ "anna", "bob" }, bob:sees(room))
  end)

  it("keeps out the kicked once kick has returned, however slow the disk is", function()
    world.disks.anna:delay(0.3)
    assert(anna.kick(room, bob.user))
    back "anna"
    refused("forbidden", "you were removed from this room", bob.join(room))
    assert.same({ "anna" }, anna:sees(room))
  end)

  it("lists nobody who is out, whenever its owner is killed while kicking", function()
    for step = 1, 20 do
      anna.instance:eval([[
        local self, room, who = ...
        require("hyperty").spawn(function() self.api.kick(self, room, who) end)]], room, bob.user)
      world:run(step * 0.002)
      back "anna"
      assert.same(bob.rooms()[1] and { "anna", "bob" } or { "anna" }, anna:sees(room))
      assert(anna.invite(room, bob.user))
      world:run(1)
      assert(anna.send(room, "round " .. step))
      assert.same({ "anna", "bob" }, bob:sees(room))
    end
  end)

  it("keeps out who was kicked while away", function()
    world:crash "bob"
    assert(anna.kick(room, "user://localhost/bob"))
    back "anna"
    world:start "bob"
    world:run(5)
    assert.same({}, world.bob.rooms())
    assert.same({ "anna" }, anna:sees(room))
    refused("forbidden", "you were removed from this room", world.bob.join(room))
  end)

  it("knows whom its owner may kick, and who is invited", function()
    local closed = assert(anna.create("closed", { bob.user }, { closed = true }))
    world:run()
    back "anna"
    refused("forbidden", "this room is closed", world.carl.join(closed))
    assert(anna.invite(closed, world.carl.user))
    world:run()
    assert.same({ "anna", "bob", "carl" }, world.carl:sees(closed))
    assert(anna.kick(closed, bob.user))
    world:run()
    assert.same({ "anna", "carl" }, anna:sees(closed))
  end)

  it("goes, with its order of members and its kicked, to who takes it over", function()
    assert(world.carl.join(room))
    assert(anna.kick(room, world.carl.user))
    assert(anna.leave(room))
    world:run(2)
    back("anna", "bob")
    assert.same({}, anna.rooms())
    assert.same({ "bob" }, bob:sees(room))
    refused("forbidden", "you were removed from this room", world.carl.join(room))
    assert(anna.join(room))
    assert.same({ "bob", "anna" }, anna:sees(room))
    assert(bob.kick(room, anna.user))
    world:run()
    assert.same({ "bob" }, bob:sees(room))
  end)

  it("is gone when it was closed, and when it was left", function()
    local other = assert(anna.create "other")
    assert(bob.join(other))
    assert(bob.leave(room))
    assert(anna.close(other))
    world:run()
    back("anna", "bob")
    assert.same({}, bob.rooms())
    assert.same({ { url = room, name = "team", members = 1, state = "live" } }, anna.rooms())
    assert.same({ [room] = true }, anna.instance:eval [[
      local urls = {}
      for url in pairs((...).state.moderated) do urls[url] = true end
      return urls]])
  end)

  it("has nobody in it who left while its owner was away", function()
    world:crash "anna"
    world:run(1)
    world:crash "bob"
    world.disks.bob:close()
    world.disks.bob = nil
    world:run(40)
    world:start "anna"
    world:run(40)
    assert.same({ "anna" }, world.anna:sees(room))
  end)
end)

describe("a room of somebody with a store and somebody without", function()
  local world, anna, bob, room

  before_each(function()
    world = chats.network({ "anna", "bob", "carl" },
      { delay = { 0.001, 0.01 }, disks = true, without = { bob = true } })
    anna, bob = world.anna, world.bob
  end)

  after_each(function()
    world:logged() -- who did not get a room says so
    world:stop()
  end)

  it("is handed over by who has one to who has one, too", function()
    room = world:open(anna, bob, world.carl)
    assert(anna.leave(room))
    world:run(1)
    assert(world.carl.kick(room, bob.user))
    world:run(1)
    assert.same({ "carl" }, world.carl:sees(room))
  end)

  it("stays where it is if nobody else has one", function()
    room = world:open(anna, bob)
    local _, text = anna.leave(room)
    assert.truthy(text:find("^nobody takes over this room: .* this runtime has no store "
      .. "%(%-%-store%); close ends it$"), text)
    assert(anna.send(room, "still here"))
    world:run(1)
    assert.same({ "still here" }, bob:reads(room))
    assert.same({ "anna", "bob" }, bob:sees(room))
    world:crash "anna"
    world:start "anna"
    world:run(5)
    assert.same({ "still here" }, world.anna:reads(room))
    assert.is_nil(world.anna.instance:eval [[
      local _, room = next((...).rooms)
      return room.object.data.handover]])
  end)

  it("goes on with who has one after the other was killed", function()
    room = world:open(bob, anna)
    assert(bob.send(room, "one"))
    assert(bob.leave(room))
    world:run(1)
    world:crash "anna"
    world:start "anna"
    world:run(5)
    assert.same({ "one" }, world.anna:reads(room))
    assert(world.anna.send(room, "two"))
  end)

  it("is gone from who had none, and is joined again", function()
    room = world:open(anna, bob)
    assert(anna.send(room, "one"))
    world:crash "bob"
    world:start "bob"
    world:run(5)
    assert.same({}, world.bob.rooms())
    assert(world.bob.join(room))
    assert.same({ "one" }, world.bob:reads(room))
  end)
end)
