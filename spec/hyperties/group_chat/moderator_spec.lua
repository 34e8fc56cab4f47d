-- group_chat: who may come into a room, and who must leave it.
local chats = require "spec.support.chats"

local refused = chats.refused

describe("who opened a room", function()
  local world, anna, bob, carl

  before_each(function()
    world = chats.world { "anna", "bob", "carl" }
    anna, bob, carl = world.anna, world.bob, world.carl
  end)

  after_each(function() world:stop() end)

  it("is its owner until it is handed over, and the room says so", function()
    local room = assert(anna.create "team")
    local function said()
      local data = carl.instance:eval([[
        local self, url = ...
        return require("hyperty").copy(self.rooms[url].object.data)]], room)
      return { data.owner, data.resources[1].type, data.lastModified }
    end
    assert(carl.join(room))
    world:run()
    local before = said()
    assert.same({ anna.user, "chat" }, { before[1], before[2] })
    assert(bob.join(room))
    world:run()
    assert.truthy(said()[3] > before[3])
    before = said()
    assert(anna.leave(room))
    world:run()
    assert.same({ carl.user, "chat" }, { said()[1], said()[2] })
    assert.truthy(said()[3] > before[3])
  end)

  it("knows whom the host's rules let in, and who is struck off by them leaves the list", function()
    local function rules(...) assert(world.rt:policy { rules = { ... } }) end
    rules { name = "all", effect = "allow", target = { action = "observe" } }
    local room = assert(anna.create "team")
    assert(bob.join(room))
    assert(carl.join(room))
    world:run()
    assert.same({ "anna", "bob", "carl" }, anna:sees(room))
    assert(anna.kick(room, bob.user))
    world:run()
    assert.same({ "anna", "carl" }, anna:sees(room))
    rules { name = "no Carl", effect = "deny", condition = { source = carl.user } }
    world:run()
    assert.same({ "anna" }, anna:sees(room))
  end)

  describe("a closed room", function()
    local room

    before_each(function() room = assert(anna.create("team", { bob.user }, { closed = true })) end)

    it("lets in the invited, and nobody else", function()
      refused("forbidden", "this room is closed: ask to be invited", carl.join "team")
      refused("forbidden", "this room is closed: ask to be invited", carl.join(room))
      world:run()
      assert.same({ "anna", "bob" }, bob:sees(room))
      assert.same({}, carl.rooms())
    end)

    it("lets in an invited user who comes with another chat", function()
      local other = world:add("bob", world.rt, "bobs_phone")
      assert.equal(room, other.join "team")
      assert.same({ "anna", "bob", "bob" }, other:sees(room))
    end)

    it("lets back in who was invited and left", function()
      world:run()
      assert(bob.leave(room))
      assert.equal(room, bob.join "team")
      world:run()
      assert.same({ "anna", "bob" }, anna:sees(room))
    end)

    it("lets in whom a member invites", function()
      world:run()
      assert(bob.invite(room, carl.user))
      world:run()
      assert.same({ "anna", "bob", "carl" }, carl:sees(room))
    end)

    it("is asked in vain by who stands outside", function()
      local spy = assert(world.rt:load_text("return { name = 'Spy' }", nil, "spy.lua"))
      refused("forbidden", "only observers", spy:eval([[
        local _, room, who = ...
        return require("hyperty").call(room, "invite", who)]], room, carl.url))
      refused("forbidden", "only observers", spy:eval([[
        local _, room = ...
        return require("hyperty").call(room, "enter")]], room))
      world:run()
      assert.same({ "anna", "bob" }, anna:sees(room))
      assert.same({}, carl.rooms())
    end)
  end)

  describe("invite", function()
    it("brings a user in, asked by who opened the room", function()
      local room = world:open(anna)
      assert.is_true(anna.invite(room, bob.user))
      world:all_hear({ "joined bob" }, anna, bob)
      assert.same({ "anna", "bob" }, bob:sees(room))
    end)

    it("brings a hyperty in, asked by a member", function()
      local room = world:open(anna, bob)
      assert.is_true(bob.invite(room, carl.url))
      world:all_hear({ "joined carl" }, anna, bob, carl)
    end)

    it("brings all chats of a user in", function()
      world:add("bob", world.rt, "bobs_phone")
      local room = world:open(anna)
      anna.invite(room, bob.user)
      world:run()
      assert.same({ "anna", "bob", "bob" }, world.bobs_phone:sees(room))
    end)

    it("changes nothing for who is in already", function()
      local room = world:open(anna, bob)
      assert.is_true(anna.invite(room, bob.user))
      assert.is_true(bob.invite(room, anna.url))
      world:all_hear({}, anna, bob)
    end)

    it("fails on who is not there", function()
      local room = world:open(anna, bob)
      refused("not_found", "user://localhost/dora has no chat running",
        anna.invite(room, "user://localhost/dora"))
      refused("forbidden", "user://localhost/dora has no chat running",
        bob.invite(room, "user://localhost/dora"))
      refused("not_found", "hyperty://localhost/x has no chat running",
        anna.invite(room, "hyperty://localhost/x"))
      refused("invalid", "carl is no person", anna.invite(room, "carl"))
      refused("forbidden", "null is no person", bob.invite(room))
      refused("not_found", "not in a room", carl.invite(room, carl.url))
    end)

    it("fails on a hyperty that does not chat", function()
      local room = world:open(anna)
      local counter = assert(world.rt:load "counter")
      refused("not_found", "has no chat running", anna.invite(room, counter.url))
    end)
  end)

  describe("kick", function()
    it("removes a user, who is told and knows the room no more", function()
      local room = world:open(anna, bob, carl)
      assert.is_true(anna.kick(room, bob.user))
      world:all_hear({ "left bob" }, anna, carl)
      assert.same({ { event = "closed", room = room, reason = "kicked" } }, bob:events())
      assert.same({}, bob.rooms())
      refused("not_found", "not in a room", bob.send(room, "but"))
      assert.same({ "anna", "carl" }, carl:sees(room))
    end)

    it("removes a hyperty", function()
      local room = world:open(anna, bob)
      local phone = world:add("bob", world.rt, "bobs_phone")
      phone.join(room)
      assert.is_true(anna.kick(room, phone.url))
      world:run()
      assert.same({ "anna", "bob" }, anna:sees(room))
      assert.same({}, phone.rooms())
      assert.equal(1, #bob.rooms())
    end)

    it("removes all chats of a user, and keeps out those to come", function()
      local room = world:open(anna, bob)
      world:add("bob", world.rt, "bobs_phone").join(room)
      assert.is_true(anna.kick(room, bob.user))
      world:run()
      assert.same({ "anna" }, anna:sees(room))
      refused("forbidden", "you were removed from this room",
        world:add("bob", world.rt, "bobs_watch").join(room))
    end)

    it("keeps out: by address, by name, and by invitation of a member", function()
      local room = world:open(anna, bob, carl)
      anna.kick(room, bob.user)
      refused("forbidden", "you were removed from this room", bob.join(room))
      refused("forbidden", "you were removed from this room", bob.join "team")
      refused("forbidden", "was removed from this room: only its owner may invite them",
        carl.invite(room, bob.user))
      refused("forbidden", "was removed from this room", carl.invite(room, bob.url))
      world:run()
      assert.same({ "anna", "carl" }, anna:sees(room))
    end)

    it("keeps out who does not say for whom it comes", function()
      local room = world:open(anna, bob)
      local nobody = "hyperty://localhost/nobody"
      local port = world.rt:port(nobody)
      local function subscribe()
        local answer = assert(port:request { type = "subscribe", to = room .. "/subscription",
          body = { subscriber = nobody, source = nobody, ext = 1 } })
        return answer.body.code, answer.body.desc
      end
      assert.equal(200, (subscribe()))
      anna.kick(room, bob.user)
      assert(port:request { type = "unsubscribe", to = room .. "/subscription",
        body = { source = nobody } })
      local code, desc = subscribe()
      assert.equal(403, code)
      assert.equal("somebody was removed from this room: it must know for whom you come", desc)
    end)

    it("keeps out who was invited and has not come yet", function()
      local room = world:open(anna, bob)
      local shy = assert(world.rt:load_text("return { name = 'GroupChat' }",
        { user = "user://localhost/shy" }, "shy.lua"))
      assert(anna.invite(room, shy.url))
      assert.is_true(anna.kick(room, "user://localhost/shy"))
      refused("forbidden", "you were removed from this room",
        shy:eval("local self, room = ... return self.syncher:subscribe(room)", room))
    end)

    it("removes who observes without taking part", function()
      local room = world:open(anna, bob)
      local lurker = assert(world.rt:load_text("return { name = 'Lurker' }",
        { user = "user://localhost/lurker" }, "lurker.lua"))
      lurker:eval([[
        local self, room = ...
        self.copy = assert(self.syncher:subscribe(room))
        self.copy:on("delete", function(reason) self.reason = reason end)]], room)
      assert.is_true(anna.kick(room, "user://localhost/lurker"))
      world:run()
      assert.equal("evicted", (lurker:eval "return (...).reason"))
      world:all_hear({}, anna, bob)
    end)

    it("is taken back by an invitation of who opened the room", function()
      local room = world:open(anna, bob, carl)
      anna.kick(room, bob.user)
      world:run()
      assert.is_true(anna.invite(room, bob.user))
      world:run()
      assert.same({ "anna", "carl", "bob" }, bob:sees(room))
      assert.is_true(anna.kick(room, bob.url))
      refused("forbidden", "you were removed", bob.join(room))
      assert.is_true(anna.invite(room, bob.user))
      world:run()
      assert.same({ "anna", "carl", "bob" }, bob:sees(room))
    end)

    it("stops what the kicked person would hear", function()
      local room = world:open(anna, bob, carl)
      anna.kick(room, bob.user)
      world:run()
      bob:heard()
      assert(anna.send(room, "he is gone"))
      assert(carl.typing(room))
      world:all_hear({}, bob)
    end)

    it("is for who opened the room, and not for them", function()
      local room = world:open(anna, bob, carl)
      refused("forbidden", "only the owner of the room may kick", bob.kick(room, carl.user))
      refused("forbidden", "only the owner of the room may kick", bob.kick(room, anna.user))
      refused("forbidden", "this room is yours and you cannot kick yourself",
        anna.kick(room, anna.user))
      refused("forbidden", "cannot kick yourself", anna.kick(room, anna.url))
      refused("not_found", "user://localhost/dora is not in this room",
        anna.kick(room, "user://localhost/dora"))
      refused("not_found", "nil is not in this room", anna.kick(room))
      world:all_hear({}, anna, bob, carl)
    end)
  end)
end)
