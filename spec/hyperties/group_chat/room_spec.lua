-- group_chat: what everybody in a room does and hears.
local chats = require "spec.support.chats"

local refused = chats.refused

local NOWHERE = "comm://localhost/nowhere"

describe("in a room", function()
  local world, anna, bob, carl

  before_each(function()
    world = chats.world { "anna", "bob", "carl" }
    anna, bob, carl = world.anna, world.bob, world.carl
  end)

  after_each(function() world:stop() end)

  describe("send", function()
    it("gives the message's id, and everybody hears it once", function()
      local room = world:open(anna, bob, carl)
      local id = assert(bob.send(room, "hello"))
      assert.equal(bob.url:match "[^/]+$" .. "#1", id)
      world:run()
      for _, person in ipairs { anna, bob, carl } do
        local events = person:events()
        assert.same({ { event = "message", room = room, id = id, from = bob.user, text = "hello",
          at = events[1].at } }, events)
        assert.truthy(events[1].at > 1600000000) -- Unix time
      end
    end)

    it("keeps any text as it is", function()
      local room = world:open(anna, bob)
      local texts = { "", " \t\r\n", "null", "“日本語” 👋", "\0\1", ("long "):rep(10000) }
      for _, text in ipairs(texts) do assert(anna.send(room, text)) end
      world:run()
      assert.same(texts, bob:reads(room))
    end)

    it("fails without a text, outside of a room, and when the text is too long", function()
      local room = world:open(anna, bob)
      refused("invalid", "send needs a text", bob.send(room))
      refused("invalid", "send needs a text", bob.send(room, { "hello" }))
      refused("not_found", "not in a room " .. room .. ": create or join it first",
        carl.send(room, "hello"))
      refused("not_found", "not in a room nil", carl.send())
      refused("too_large", "does not fit into a message", bob.send(room, ("x"):rep(1048000)))
      assert(bob.send(room, "here"))
      world:all_hear({ "message bob: here" }, anna, bob)
    end)

    it("keeps one order for everybody, whoever writes at the same moment", function()
      local room = world:open(anna, bob, carl)
      for round = 1, 5 do
        for _, person in ipairs { carl, anna, bob } do
          person.instance:eval([[
            local self, room, text = ...
            require("hyperty").spawn(function() assert(self.api.send(self, room, text)) end)]],
            room, person.name .. round)
        end
      end
      world:run()
      local texts = anna:reads(room)
      assert.equal(15, #texts)
      assert.same(texts, bob:reads(room))
      assert.same(texts, carl:reads(room))
      local heard = anna:heard()
      assert.equal(15, #heard)
      for i, text in ipairs(texts) do assert.truthy(heard[i]:find(": " .. text .. "$")) end
      world:all_hear(heard, bob, carl)
    end)
  end)

  describe("edit", function()
    local room, id

    before_each(function()
      room = world:open(anna, bob, carl)
      id = assert(bob.send(room, "helo"))
      world:run()
      for _, person in ipairs { anna, bob, carl } do person:heard() end
    end)

    it("changes an own message, and everybody hears it once", function()
      assert.is_true(bob.edit(room, id, "hello"))
      assert.same({ "hello" }, bob:reads(room))
      world:all_hear({ "edited bob: hello" }, anna, bob, carl)
      assert.same({ "hello" }, carl:reads(room))
      assert.is_true(carl.history(room)[1].edited)
      assert.is_true(bob.edit(room, id, "hello!"))
      world:all_hear({ "edited bob: hello!" }, anna, bob, carl)
    end)

    it("tells which message it was", function()
      bob.edit(room, id, "hello")
      world:run()
      local event = anna:events()[1]
      assert.same({ event = "edited", room = room, id = id, from = bob.user, text = "hello",
        at = event.at, edited = true }, event)
    end)

    it("leaves the message in its place", function()
      assert(anna.send(room, "hi"))
      bob.edit(room, id, "hello")
      world:run()
      assert.same({ "hello", "hi" }, carl:reads(room))
    end)

    it("is for who wrote it: not for others, nor for who opened the room", function()
      refused("forbidden", "is not yours: only user://localhost/bob may edit it",
        carl.edit(room, id, "x"))
      refused("forbidden", "is not yours", anna.edit(room, id, "x"))
      world:all_hear({}, anna, bob, carl)
    end)

    it("fails on what is no message, and without a text", function()
      refused("not_found", "there is no message x#1 in this room", bob.edit(room, "x#1", "x"))
      refused("not_found", "there is no message nil", bob.edit(room))
      refused("invalid", "edit needs the new text", bob.edit(room, id))
      refused("not_found", "not in a room", bob.edit(NOWHERE, id, "x"))
    end)
  end)

  describe("remove", function()
    local room, id

    before_each(function()
      room = world:open(anna, bob, carl)
      id = assert(bob.send(room, "oops"))
      world:run()
      for _, person in ipairs { anna, bob, carl } do person:heard() end
    end)

    it("takes an own message away, and everybody hears it once", function()
      assert.is_true(bob.remove(room, id))
      world:all_hear({ "removed " .. id }, anna, bob, carl)
      for _, person in ipairs { anna, bob, carl } do assert.same({}, person:reads(room)) end
    end)

    it("takes any message away for who opened the room", function()
      assert.is_true(anna.remove(room, id))
      world:all_hear({ "removed " .. id }, anna, bob, carl)
      local own = assert(anna.send(room, "mine"))
      assert.is_true(anna.remove(room, own))
      world:all_hear({ "message anna: mine", "removed " .. own }, anna, bob, carl)
      assert.same({}, carl:reads(room))
    end)

    it("is not for the other members", function()
      refused("forbidden", "is not yours: only user://localhost/bob and the owner of the room",
        carl.remove(room, id))
      assert.same({ "oops" }, carl:reads(room))
    end)

    it("fails on what is no message any more", function()
      bob.remove(room, id)
      world:run()
      refused("not_found", "there is no message " .. id, bob.remove(room, id))
      refused("not_found", "there is no message " .. id, anna.remove(room, id))
      refused("not_found", "there is no message " .. id, bob.edit(room, id, "x"))
      assert.truthy(bob.send(room, "next"):find "#2$")
    end)
  end)

  describe("history", function()
    local room

    before_each(function()
      room = world:open(anna, bob)
      for i = 1, 5 do assert((i % 2 == 0 and anna or bob).send(room, "text " .. i)) end
      world:run()
    end)

    it("gives all messages, the oldest first", function()
      local history = anna.history(room)
      assert.equal(5, #history)
      assert.same({ id = history[2].id, from = anna.user, text = "text 2", at = history[2].at },
        history[2])
      assert.same(history, bob.history(room))
    end)

    it("gives the latest n", function()
      assert.same({ "text 4", "text 5" }, bob:reads(room, 2))
      assert.same({}, bob:reads(room, 0))
      assert.equal(5, #bob:reads(room, 5))
      assert.equal(5, #bob:reads(room, 100))
    end)

    it("fails on what is no number of messages", function()
      for _, n in ipairs { -1, 1.5, "2", false } do
        refused("invalid", "history takes how many messages to give", bob.history(room, n))
      end
      refused("not_found", "not in a room", carl.history(room))
    end)
  end)

  describe("members", function()
    it("are listed in the order in which they came, the same for everybody", function()
      local room = world:open(anna, carl, bob)
      for _, person in ipairs { anna, bob, carl } do
        assert.same({ "anna", "carl", "bob" }, person:sees(room))
      end
      carl.leave(room)
      world:run()
      carl.join(room)
      world:run()
      assert.same({ "anna", "bob", "carl" }, anna:sees(room))
      assert.same(anna.members(room), bob.members(room))
    end)

    it("may be several of one user", function()
      local room = world:open(anna, bob)
      local phone = world:add("bob", world.rt, "bobs_phone")
      assert(phone.join(room))
      assert.same({ "anna", "bob", "bob" }, phone:sees(room))
      assert.not_equal(anna.members(room)[2].hyperty, anna.members(room)[3].hyperty)
    end)
  end)

  describe("typing", function()
    it("is told to everybody else, and kept by nobody", function()
      local room = world:open(anna, bob, carl)
      assert.is_true(bob.typing(room))
      world:run()
      assert.same({ { event = "typing", room = room, from = bob.user } }, anna:events())
      assert.same({ "typing bob" }, carl:heard())
      assert.same({}, bob:heard())
      assert.is_true(anna.typing(room))
      world:run()
      assert.same({ "typing anna" }, bob:heard())
      assert.same({}, anna:heard())
      assert.same({}, anna.history(room))
    end)

    it("fails outside of a room", function()
      refused("not_found", "not in a room", bob.typing(NOWHERE))
    end)
  end)

  describe("leave", function()
    it("takes a member out, and the others are told", function()
      local room = world:open(anna, bob, carl)
      assert.is_true(bob.leave(room))
      world:run()
      assert.same({ { event = "left", room = room, user = bob.user, hyperty = bob.url } },
        anna:events())
      assert.same({ "left bob" }, carl:heard())
      assert.same({}, bob:heard())
      assert.same({}, bob.rooms())
      assert.same({ "anna", "carl" }, anna:sees(room))
      refused("not_found", "not in a room", bob.leave(room))
    end)

    it("lets come back, and read what was said meanwhile", function()
      local room = world:open(anna, bob)
      bob.send(room, "bye")
      bob.leave(room)
      anna.send(room, "gone")
      assert.equal(room, bob.join(room))
      assert.same({ "bye", "gone" }, bob:reads(room))
      assert.truthy(bob.send(room, "back"):find "#2$")
      world:run()
      assert.same({ "bye", "gone", "back" }, anna:reads(room))
    end)

    it("is what happens to a chat that is unloaded", function()
      local room = world:open(anna, bob, carl)
      bob:quits()
      world:all_hear({ "left bob" }, anna, carl)
      assert.same({ "anna", "carl" }, carl:sees(room))
    end)

    it("closes the room when who opened it is alone", function()
      local room = world:open(anna, bob)
      bob.leave(room)
      world:run()
      assert.is_true(anna.leave(room))
      world:run()
      assert.same({ "left bob", "closed: closed" }, anna:heard())
      assert.same({}, anna.rooms())
      refused("deleted", "", carl.join(room))
    end)

    it("of its owner gives the room to who has been in it for longest", function()
      local room = world:open(anna, bob, carl)
      assert(anna.send(room, "bye"))
      world:run()
      for _, person in ipairs { anna, bob, carl } do person:heard() end
      assert.is_true(anna.leave(room))
      world:all_hear({ "left anna" }, bob, carl)
      assert.same({}, anna:heard())
      assert.same({}, anna.rooms())
      assert.same({ "bob", "carl" }, carl:sees(room))
      assert(bob.send(room, "she is gone"))
      assert(carl.send(room, "yes"))
      assert.same({ "bye", "she is gone", "yes" }, carl:reads(room))
      refused("forbidden", "only the owner of the room may close it", carl.close(room))
      world:run()
      assert.is_true(bob.kick(room, carl.user))
      assert.equal(room, anna.join "team")
      world:run()
      assert.same({ "bob", "anna" }, bob:sees(room))
      assert.is_true(bob.close(room))
    end)

    it("of its owner does not let in the kicked, nor anybody into a closed room", function()
      local room = assert(anna.create("team", { bob.user }, { closed = true }))
      assert(anna.invite(room, carl.user))
      world:run()
      assert(anna.kick(room, carl.user))
      assert.is_true(anna.leave(room))
      world:run()
      refused("forbidden", "you were removed from this room", carl.join(room))
      refused("forbidden", "this room is closed: ask to be invited", anna.join(room))
      assert.is_true(bob.invite(room, anna.user))
      world:run()
      assert.same({ "bob", "anna" }, bob:sees(room))
      assert(bob.invite(room, carl.user))
      world:run()
      assert.same({ "bob", "anna", "carl" }, carl:sees(room))
    end)

    it("of its owner goes on with the next one if the first does not take the room", function()
      local room = world:open(anna, bob, carl)
      bob.instance:eval [[
        local self = ...
        self.take_over = function(_, offer) offer:decline("not me") end]]
      assert.is_true(anna.leave(room))
      world:all_hear({ "left anna" }, bob, carl)
      refused("forbidden", "only the owner of the room may close it", bob.close(room))
      assert.is_true(carl.close(room))
    end)

    it("of its owner fails if nobody takes the room", function()
      local room = world:open(anna, bob)
      bob.instance:eval [[
        local self = ...
        self.take_over = function(_, offer) offer:decline("not me") end]]
      refused("forbidden", "nobody takes over this room: " .. bob.url .. " does not take over " ..
        room .. ": not me", anna.leave(room))
      world:all_hear({}, anna, bob)
      assert(anna.send(room, "still here"))
      assert.is_true(anna.close(room))
    end)
  end)

  describe("close", function()
    it("ends the room for everybody", function()
      local room = world:open(anna, bob, carl)
      assert.is_true(anna.close(room))
      world:run()
      for _, person in ipairs { anna, bob, carl } do
        assert.same({ { event = "closed", room = room, reason = "closed" } }, person:events())
        assert.same({}, person.rooms())
        refused("not_found", "not in a room", person.send(room, "?"))
      end
      refused("not_found", 'there is no room named "team"', bob.join "team")
      assert.same({}, world.rt:objects())
    end)

    it("is for who opened the room", function()
      local room = world:open(anna, bob)
      refused("forbidden", "only the owner of the room may close it", bob.close(room))
      world:all_hear({}, anna, bob)
    end)

    it("happens when the chat of who opened it is unloaded", function()
      local room = world:open(anna, bob, carl)
      anna:quits()
      world:all_hear({ "closed: closed" }, bob, carl)
      assert.same({}, bob.rooms())
      refused("deleted", "", bob.join(room))
    end)
  end)
end)
