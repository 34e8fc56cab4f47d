-- PROTOCOL.md section 6: child operations at the parent's reporter: answers, marks and stamps. A
-- raw port asks. What observers do with them is in children_copy_spec.
local wire = require "spec.support.wire"

describe("the reporter of children", function()
  local world, anna, url, far

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe { identity = { user = "user://localhost/far", verified = false } }
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function children()
    return anna:eval [[
      local all = {}
      for i, child in ipairs(self.room:children("items")) do
        all[i] = { id = child.id, data = child.data, order = child.order, user = child.user }
      end
      return all]]
  end

  local function marks()
    return anna:eval [[return self.syncher:read(self.room.url).childMarks]]
  end

  describe("answers", function()
    it("200 to what it keeps", function()
      assert.equal(200, (far:create(1, { text = "hi" })))
      assert.equal(200, (far:change(1, 1, "text", "ho")))
      assert.same({ { id = "far#1", data = { text = "ho" }, order = 1,
        user = "user://localhost/far" } }, children())
      assert.equal(200, (far:delete(1, 2)))
      assert.same({}, children())
    end)

    it("400 to an id that is not the creator's own", function()
      for _, id in ipairs { "other#1", "far", "far#", "far#0", "far#01", "far#x", "far#-1", "#1",
          "far#99999999999999999999", "far#1#2" } do
        local code, _, desc = far:op("create", { resource = id, value = { data = {} } })
        assert.same({ 400, ('child id "%s" is not of hyperty://localhost/far'):format(id) },
          { code, desc })
      end
      assert.same({}, children())
      assert.equal(0, anna:eval "return self.room.version")
    end)

    it("403 to an update or a delete of somebody else's child", function()
      local id = world.ben:eval [[
        local child = self.room:add_child("items", { text = "mine" })
        child:wait()
        return child.id]]
      local code, _, desc = far:op("update",
        { resource = id, version = 1, attribute = "text", value = "yours" })
      assert.same({ 403, "child " .. id .. " is not of hyperty://localhost/far" }, { code, desc })
      assert.equal(403, (far:op("delete", { resource = id, version = 1 })))
      assert.equal("mine", children()[1].data.text)
    end)

    it("404 for a collection that the schema does not have", function()
      for _, type_ in ipairs { "create", "update", "delete" } do
        local code, _, desc = far:op(type_, { resource = "far#1", version = 1,
          attribute = "a", value = { data = {} } }, "nothing")
        assert.same({ 404, "the schema of the object has no such collection" }, { code, desc })
      end
    end)

    it("403 to who does not observe the object", function()
      local stranger = wire.observer(world, "hyperty://localhost/stranger", url)
      local code, _, desc = stranger:create(1)
      assert.same({ 403, "only observers of the object write children" }, { code, desc })
    end)

    it("403 to who says it is another user than it subscribed as", function()
      local code, _, desc = far:op("create", { resource = "far#1",
        value = { data = {}, user = "user://localhost/anna" } })
      assert.same({ 403,
        "hyperty://localhost/far subscribed as another user than user://localhost/anna" },
        { code, desc })
    end)

    it("400 to what is malformed", function()
      for desc, message in pairs {
        ['malformed child operation: no "resource"'] = { "create", { value = { data = {} } } },
        ['malformed create of far#1: no "value"'] = { "create", { resource = "far#1" } },
        ['malformed create of far#1: "data" is no object or array'] =
          { "create", { resource = "far#1", value = { data = "text" } } },
        ['malformed update of far#1: no "version" from 1'] =
          { "update", { resource = "far#1", attribute = "a", value = 1 } },
        ['malformed delete of far#1: no "version" from 1'] =
          { "delete", { resource = "far#1", version = 0 } },
        ['malformed update: "attribute" is neither text nor a list of keys'] =
          { "update", { resource = "far#1", version = 1, value = 1 } },
        ["children take create, update, delete and event"] = { "read", {} },
      } do
        local code, _, got = far:op(message[1], message[2])
        assert.same({ 400, desc }, { code, got })
      end
      assert.equal(0, anna:eval "return self.room.version")
    end)

    it("409 with the version that is there when something between is missing", function()
      local missing = "operations before this one are missing"
      assert.same({ 409, { version = -1 }, missing }, { far:change(1, 1, "a", 1) })
      far:create(1)
      assert.same({ 409, { version = 0 }, missing }, { far:change(1, 2, "a", 2) })
      assert.equal(200, (far:change(1, 1, "a", 1)))
      assert.same({ 409, { version = 1 }, missing }, { far:delete(1, 3) })
      assert.equal(200, (far:change(1, 2, "a", 2)))
      assert.equal(2, children()[1].data.a)
    end)

    it("422 to an update that does not fit, and refuses it", function()
      far:create(1)
      local code = far:change(1, 1, "no.such.path", 1)
      assert.equal(422, code)
      assert.same({ "1 create far#1 0", "2 refuse far#1 1" }, far:stamps())
      assert.equal(200, (far:change(1, 2, "a", 1)))
    end)

    it("410 to an update after the delete", function()
      far:create(1)
      far:delete(1, 1)
      assert.same({ 410, nil, "the child was deleted" }, { far:change(1, 2, "a", 1) })
    end)
  end)

  describe("does nothing twice:", function()
    it("what was seen is answered as before", function()
      for _ = 1, 3 do assert.equal(200, (far:create(1, { a = 0 }))) end
      for _ = 1, 3 do assert.equal(200, (far:change(1, 1, "a", 1))) end
      assert.equal(1, #children())
      assert.same({ "1 create far#1 0", "2 update far#1 1" }, far:stamps())
    end)

    it("also after a delete", function()
      far:create(1, { a = 0 })
      far:change(1, 1, "a", 1)
      far:delete(1, 2)
      assert.equal(200, (far:create(1, { a = 0 })))
      assert.equal(200, (far:change(1, 1, "a", 1)))
      assert.equal(200, (far:delete(1, 2)))
      assert.same({}, children())
      assert.equal(3, anna:eval "return self.room.version")
    end)

    it("also what was refused", function()
      anna:eval [[self.room:on("child", function(event)
        self.asked = (self.asked or 0) + 1
        event:refuse("no")
      end)]]
      assert.same({ 403, nil, "no" }, { far:create(1) })
      assert.equal(403, (far:create(1)))
      assert.same({ 1, 1 }, { anna:eval "return self.asked, self.room.version" })
    end)

    it("409 when it is seen with other content", function()
      far:create(1, { a = 0 })
      far:change(1, 1, "a", 1)
      local other = "that operation was seen with other content"
      assert.same({ 409, nil, other }, { far:create(1, { a = 5 }) })
      assert.same({ 409, nil, other }, { far:change(1, 1, "a", 5) })
      assert.same({ { 1 } }, { { children()[1].data.a } })
    end)

    it("also when more were answered since than are remembered", function()
      for n = 1, 1100 do far:create(n) end
      assert.equal(200, (far:create(1)))
      assert.equal(1100, #children())
    end)
  end)

  describe("keeps marks:", function()
    it("the highest without a hole, and those above one", function()
      for _, n in ipairs { 1, 2, 5, 7, 6, 12 } do far:create(n) end
      assert.same({ [far.url] = { n = 2, above = { { 5, 7 }, { 12, 12 } } } }, marks())
      far:create(3)
      far:create(4)
      assert.same({ [far.url] = { n = 7, above = { { 12, 12 } } } }, marks())
    end)

    it("also of the deleted and the refused", function()
      anna:eval [[self.room:on("child", function(event)
        if event.child.data.bad then event:refuse() end
      end)]]
      far:create(1)
      far:delete(1, 1)
      far:create(2, { bad = true })
      assert.equal(2, marks()[far.url].n)
    end)

    it("of its own", function()
      anna:eval [[self.room:add_child("items", {}) self.room:add_child("items", {})]]
      assert.equal(2, marks()[anna.url].n)
    end)
  end)

  describe("stamps", function()
    it("each with the next version of the object, from it, to /changes", function()
      anna:eval "self.room.data.n = 2"
      far:create(1)
      anna:eval "self.room.data.n = 3"
      local message = world:only { type = "event", to = "/changes" }
      assert.same({ url, url .. "/changes" }, { message.from, message.to })
      assert.same({ value = { epoch = anna:eval "return self.room.epoch", version = 2, child = {
        op = "create", collection = "items", resource = "far#1", reporter = far.url, version = 0,
      } } }, message.body)
      assert.equal(3, anna:eval "return self.room.version")
    end)

    it("so that all see one order", function()
      anna:eval [[self.room:add_child("items", { text = "a" })]]
      far:create(1, { text = "b" })
      world.ben:eval [[self.room:add_child("items", { text = "c" }):wait()]]
      far:create(2, { text = "d" })
      world:run()
      local texts = [[
        local texts = {}
        for i, child in ipairs(self.room:children("items")) do
          texts[i] = child.order .. child.data.text
        end
        return texts]]
      assert.same({ "1a", "2b", "3c", "4d" }, anna:eval(texts))
      assert.same({ "1a", "2b", "3c", "4d" }, world.ben:eval(texts))
    end)

    it("its own operations too: it announces them and does not answer itself", function()
      anna:eval [[
        local child = self.room:add_child("items", { text = "a" })
        child.data.text = "b"
        child:delete()]]
      world:run()
      local id = anna.url:match "[^/]+$" .. "#1"
      assert.same({ "1 create " .. id .. " 0", "2 update " .. id .. " 1",
        "3 delete " .. id .. " 2" }, far:stamps())
      local types = {}
      for i, message in ipairs(far.ops) do
        types[i] = message.type .. " " .. message.body.resource
        assert.equal(anna.url, message.from)
      end
      assert.same({ "create " .. id, "update " .. id, "delete " .. id }, types)
      assert.same({}, world:sent { type = "response", to = anna.url })
    end)

    it("are in the whole answer as what they made", function()
      far:create(1, { text = "hi" })
      far:change(1, 1, "text", "ho")
      local value = select(2, far:request("read", url, {}))
      local entry = value.childrenObjects.items[1]
      assert.same({ "far#1", far.url, 1, 1, { text = "ho" } },
        { entry.resource, entry.reporter, entry.version, entry.order, entry.value.data })
    end)
  end)

  it("passes events on to all and keeps none", function()
    anna:eval [[
      self.heard = {}
      self.room:on("event", function(event) table.insert(self.heard, event.value) end)]]
    far.port:send { type = "event", to = url .. "/children/items", body = { value = "typing" } }
    far.port:send { type = "event", to = url .. "/children/nothing", body = { value = "lost" } }
    world:run()
    assert.same({ "typing" }, anna:eval "return self.heard")
    assert.equal(0, anna:eval "return self.room.version")
  end)
end)
