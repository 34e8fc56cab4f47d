-- Every hyperty that comes with the program can be reloaded by itself while it runs, without a
-- store, and goes on with what it has.
local chats = require "spec.support.chats"
local host = require "hyperty.host"

describe("reloading", function()
  local rt, blocks, logged

  before_each(function()
    blocks, logged = host.blocks(), {}
    rt = host.runtime { clock = "virtual", seed = 1, log = function(level, who, text)
      if level ~= "info" then table.insert(logged, who .. ": " .. text) end
    end }
  end)

  after_each(function()
    rt:stop()
    assert.same({}, logged)
    assert.equal(blocks, host.blocks())
  end)

  it("hello", function()
    assert(rt:load "hello")
    assert.is_true(rt:reload "hello")
  end)

  it("counter, on either side", function()
    local a = assert(rt:load("counter", { as = "a" }))
    local b = assert(rt:load("counter", { as = "b", url = a.api.url() }))
    assert.equal(5, b.api.add(5))
    assert.is_true(rt:reload "a")
    assert.equal(7, b.api.add(2))
    assert.is_true(rt:reload "b")
    assert.equal(8, b.api.add(1))
    assert.equal(8, a.api.count())
  end)

  it("shopping, who reports the list and who observes it", function()
    local mine = assert(rt:load("shopping", { as = "mine" }))
    local yours = assert(rt:load("shopping", { as = "yours", user = "user://localhost/bob" }))
    yours.api.add "milk"
    assert.is_true(rt:reload "mine")
    yours.api.add "bread"
    assert.is_true(yours.api.remark "the blue one")
    assert.is_true(rt:reload "yours")
    assert.same({ "milk", "bread" }, mine.api.items())
    assert.same({ "milk", "bread" }, yours.api.items())
    assert.same({ { text = "the blue one", by = "user://localhost/bob" } }, mine.api.remarks())
  end)
end)

describe("a group chat that is reloaded", function()
  it("has its rooms, members, messages and rights as before", function()
    local world = chats.world { "anna", "bob", "carl" }
    local anna, bob, carl = world.anna, world.bob, world.carl
    local room = world:open(anna, bob, carl)
    local id = assert(bob.send(room, "hi"))
    assert(anna.kick(room, carl.user))
    world:run()
    for _, person in ipairs(world.people) do person:heard() end
    for _, name in ipairs { "anna", "bob", "carl" } do
      assert.is_true(world.rt:reload(name))
      assert.is_true(world.rt:reload(name))
    end
    assert.same({ "anna", "bob" }, anna:sees(room))
    assert.equal(1, #bob.rooms())
    assert.equal(0, #carl.rooms())
    chats.refused("forbidden", "removed from this room", carl.join(room))
    assert(bob.edit(room, id, "hello"))
    world:all_hear({ "edited bob: hello" }, anna, bob)
    assert(anna.remove(room, id))
    assert(anna.invite(room, carl.user))
    world:run()
    assert.same({ "anna", "bob", "carl" }, anna:sees(room))
    assert(anna.leave(room))
    world:run()
    assert.is_true(world.rt:reload "bob")
    assert(bob.kick(room, carl.user))
    assert.same({ "bob" }, bob:sees(room))
    world:stop()
  end)
end)
