-- group_chat: rooms are opened and found.
local chats = require "spec.support.chats"

local refused = chats.refused

local NOWHERE = "comm://localhost/nowhere"

describe("the rooms of a group chat", function()
  local world, anna, bob, carl

  before_each(function()
    world = chats.world { "anna", "bob", "carl" }
    anna, bob, carl = world.anna, world.bob, world.carl
  end)

  after_each(function() world:stop() end)

  describe("create", function()
    it("gives the address of a room, with its creator in it", function()
      local room = assert(anna.create("team"))
      assert.truthy(room:find "^comm://localhost/[%x-]+$")
      local members = anna.members(room)
      assert.same({ { user = "user://localhost/anna", hyperty = anna.url, status = "open",
        since = members[1].since } }, members)
      assert.truthy(members[1].since > 1600000000) -- Unix time
      assert.same({ "joined anna" }, anna:heard())
    end)

    it("has the people come in that it names, by user and by hyperty", function()
      local room = assert(anna.create("team", { bob.user, carl.url }))
      world:all_hear({ "joined anna", "joined bob", "joined carl" }, anna)
      assert.same({ "anna", "bob", "carl" }, bob:sees(room))
      assert.same({ "anna", "bob", "carl" }, carl:sees(room))
      assert.equal("team", carl.rooms()[1].name)
    end)

    it("makes a room of its own each time, also under the same name", function()
      assert.not_equal(assert(anna.create "team"), assert(anna.create "team"))
      assert.equal(2, #anna.rooms())
    end)

    it("opens no room when one of the people is not there", function()
      refused("not_found", "user://localhost/dora has no chat running",
        anna.create("team", { bob.user, "user://localhost/dora" }))
      refused("invalid", "dora is no person: give a user or hyperty url",
        anna.create("team", { "dora" }))
      world:run()
      assert.same({}, anna.rooms())
      assert.same({}, bob.rooms())
      refused("not_found", 'there is no room named "team"', carl.join "team")
    end)

    it("says what is wrong with what it is given", function()
      refused("invalid", "create needs the name of the room", anna.create())
      refused("invalid", "create needs the name of the room", anna.create "")
      refused("invalid", "a name, a list of people", anna.create("team", bob.user))
      refused("invalid", "a table of options", anna.create("team", {}, true))
      refused("invalid", "create knows no option close (known: closed, mutual)",
        anna.create("team", {}, { close = true }))
      assert.same({}, anna.rooms())
    end)
  end)

  describe("join", function()
    it("takes the address of a room", function()
      local room = assert(anna.create "team")
      assert.equal(room, bob.join(room))
      assert.same({ "anna", "bob" }, bob:sees(room))
      world:all_hear({ "joined anna", "joined bob" }, anna)
      world:all_hear({ "joined bob" }, bob)
    end)

    it("takes its name", function()
      local room = assert(anna.create "team")
      assert.equal(room, bob.join "team")
    end)

    it("changes nothing for who is in already", function()
      local room = world:open(anna, bob)
      assert.equal(room, bob.join "team")
      assert.equal(room, anna.join(room))
      assert.same({ "anna", "bob" }, anna:sees(room))
      world:all_hear({}, anna, bob)
    end)

    it("fails on a name that no room has", function()
      refused("not_found", 'there is no room named "team"', bob.join "team")
    end)

    it("takes no chat for a room, whatever that is named", function()
      local room = assert(anna.create "GroupChat")
      assert.equal(room, bob.join "GroupChat")
    end)

    it("fails on a name that several rooms have, and tells their addresses", function()
      local one, two = assert(anna.create "team"), assert(carl.create "team")
      local _, text, code = bob.join "team"
      assert.equal("conflict", code)
      assert.truthy(text:find("^2 rooms are named \"team\": join one by its url: comm://"))
      assert.truthy(text:find(one, 1, true) and text:find(two, 1, true))
      assert.equal(two, bob.join(two))
    end)

    it("fails on an address without a room, and on what is no address of one", function()
      refused("not_found", NOWHERE, bob.join(NOWHERE))
      refused("invalid", "join needs the url or the name of a room", bob.join())
      refused("invalid", "is not the address of a data object", bob.join(anna.url))
      assert.same({}, bob.rooms())
    end)

    it("fails on an object that is no conversation", function()
      local counter = assert(world.rt:load "counter")
      local url = counter.api.url()
      refused("invalid", url .. " is not of schema Communication", bob.join(url))
      assert.same({}, bob.rooms())
    end)

    it("shows what was said before", function()
      local room = world:open(anna)
      assert(anna.send(room, "one"))
      assert(anna.send(room, "two"))
      assert(bob.join(room))
      assert.same({ "one", "two" }, bob:reads(room))
      world:all_hear({ "joined bob" }, bob)
    end)
  end)

  describe("an invitation", function()
    it("to something else than a conversation is declined", function()
      local host = assert(world.rt:load_text("return { name = 'Host' }", nil, "host.lua"))
      host:eval([[
        local self, who = ...
        local object = assert(self.syncher:create { schema = "Resource", name = "x" })
        assert(object:invite { who })]], bob.url)
      world:run()
      assert.same({}, bob.rooms())
    end)
  end)

  describe("rooms", function()
    it("lists where one is: opened, joined or invited", function()
      assert.same({}, bob.rooms())
      local own = assert(bob.create "own")
      local team = assert(anna.create("team", { bob.user }))
      local other = assert(carl.create "other")
      assert(bob.join(other))
      world:run()
      local expected = {
        { url = own, name = "own", members = 1, state = "live" },
        { url = team, name = "team", members = 2, state = "live" },
        { url = other, name = "other", members = 2, state = "live" },
      }
      table.sort(expected, function(a, b) return a.url < b.url end)
      assert.same(expected, bob.rooms())
    end)
  end)

  it("keeps rooms apart", function()
    local one, two = assert(anna.create "one"), assert(anna.create "two")
    bob.join(one)
    carl.join(two)
    world:run()
    bob:heard() carl:heard()
    anna.send(one, "to bob")
    anna.send(two, "to carl")
    world:all_hear({ "message anna: to bob" }, bob)
    world:all_hear({ "message anna: to carl" }, carl)
    assert.same({ "to bob" }, anna:reads(one))
    anna.close(one)
    world:run()
    assert.same({ "to carl" }, carl:reads(two))
  end)
end)
