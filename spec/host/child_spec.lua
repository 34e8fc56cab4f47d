-- Children as scripts see them: adding, hearing of others', waiting for the stamp, moderation.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a child", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = objects.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room()
    world:join("carl", url)
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  -- The instance keeps what it hears of children as "kind text state".
  local function listen(instance)
    instance:eval [[
      self.heard = {}
      self.room:on("child", function(event)
        table.insert(self.heard, event.kind .. " " .. tostring(event.child.data.text) .. " " ..
          event.child.state)
      end)]]
  end

  describe("of an observer", function()
    it("is there at once, pending, and kept when the reporter has seen it", function()
      assert.same({ true, "pending", true, "kept" }, { ben:eval [[
        local child = self.room:add_child("items", { text = "hi" })
        local order, state = child.order, child.state
        return order == nil, state, child:wait(), child.state]] })
    end)

    it("shows what it is", function()
      local it = ben:eval [[
        local child = self.room:add_child("items", { text = "hi" })
        child:wait()
        self.child = child
        return { id = child.id, collection = child.collection, data = child.data,
          reporter = child.reporter, user = child.user, created = child.created,
          order = child.order, text = tostring(child) }]]
      assert.equal(ben.url:match "([^/]+)$" .. "#1", it.id)
      assert.equal("items", it.collection)
      assert.same({ text = "hi" }, it.data)
      assert.equal(ben.url, it.reporter)
      assert.truthy(it.user == nil or it.user:find "^user://")
      assert.truthy(it.created > 1700000000)
      assert.equal(1, it.order)
      assert.equal("child " .. it.id, it.text)
      has('a child has no "nothing" (it has: id, collection',
        raised(ben, "return self.child.nothing"))
      has("is read-only", raised(ben, "self.child.state = 1"))
    end)

    it("is the same object as long as one is held", function()
      assert.same({ true, true }, { ben:eval [[
        local child = self.room:add_child("items", {})
        child:wait()
        local list = self.room:children("items")
        return list[1] == child, self.room:children("items")[1] == child]] })
    end)

    it("is seen by all in one order", function()
      ben:eval [[self.room:add_child("items", { text = "b" }):wait()]]
      carl:eval [[self.room:add_child("items", { text = "c" }):wait()]]
      anna:eval [[self.room:add_child("items", { text = "a" })]]
      world:run()
      for _, instance in ipairs { anna, ben, carl } do
        assert.same({ "b", "c", "a" }, instance:eval [[
          local texts, last = {}, 0
          for _, child in ipairs(self.room:children("items")) do
            texts[#texts + 1] = child.data.text
            assert(child.order > last)
            last = child.order
          end
          return texts]])
      end
    end)

    it("is changed by its reporter alone, at once for itself", function()
      ben:eval [[
        self.child = self.room:add_child("items", { text = "hi" })
        self.child:wait()
        self.child.data.text = "ho"
        assert(self.child.data.text == "ho")]]
      world:run()
      assert.equal("ho", carl:eval [[
        self.child = self.room:children("items")[1]
        return self.child.data.text]])
      has("read-only", raised(carl, [[self.child.data.text = "mine"]]))
    end)

    it("that is changed by more than a message holds raises, and nothing has changed", function()
      for _, writer in ipairs { anna, ben } do
        writer:eval [[
          self.child = self.room:add_child("items", { text = "hi" })
          self.child:wait()]]
        has("does not fit into a message", raised(writer, [[
          self.child.data.text = ("x"):rep(1 << 20)]]))
        assert.equal("hi", writer:eval "return self.child.data.text")
        writer:eval [[self.child.data.text = "ho"]]
        world:run()
        assert.equal("ho", carl:eval [[
          local children = self.room:children("items")
          return children[#children].data.text]])
      end
    end)

    it("is deleted by its reporter", function()
      assert.is_true(ben:eval [[
        self.child = self.room:add_child("items", {})
        self.child:wait()
        return self.child:delete()]])
      world:run()
      assert.same({ 0, "deleted" },
        { ben:eval [[return #self.room:children("items"), self.child.state]] })
      assert.equal(0, carl:eval [[return #self.room:children("items")]])
      assert.same({ nil, "deleted" },
        { ben:eval "local gave, _, code = self.child:delete() return gave, code" })
    end)

    it("may be deleted by the object's reporter, and by nobody else", function()
      ben:eval [[self.room:add_child("items", {}):wait()]]
      assert.same({ nil, "forbidden" }, { carl:eval [[
        local gave, _, code = self.room:children("items")[1]:delete()
        return gave, code]] })
      assert.is_true(anna:eval [[return self.room:children("items")[1]:delete()]])
      world:run()
      assert.equal(0, carl:eval [[return #self.room:children("items")]])
    end)

    it("that has no data, or none that is JSON, raises", function()
      has("value expected", raised(ben, [[self.room:add_child("items")]]))
      has("object or a list", raised(ben, [[self.room:add_child("items", "text")]]))
      has("add_child: data: a.b: a function is not JSON",
        raised(ben, [[self.room:add_child("items", { a = { b = print } })]]))
      has("string expected", raised(ben, [[self.room:add_child(1, {})]]))
    end)

    it("needs a collection that the schema has", function()
      for _, call in ipairs { [[add_child("nothing", {})]], [[children("nothing")]],
          [[send_event("nothing", 1)]] } do
        local gave, text, code = ben:eval("return self.room:" .. call)
        assert.same({ nil, "not_found" }, { gave, code })
        has('no collection "nothing"', text)
      end
    end)

    it("closes with the object", function()
      ben:eval [[
        self.child = self.room:add_child("items", { text = "hi" })
        self.child:wait()]]
      anna:eval "self.room:delete()"
      world:run()
      has("is closed", raised(ben, "return self.child.data"))
      assert.equal("closed", ben:eval "return select(3, self.child:delete())")
      assert.equal("closed", ben:eval "return select(3, self.child:wait())")
      assert.equal("items", ben:eval "return self.child.collection")
    end)
  end)

  describe("of the reporter", function()
    it("is kept at once, and comes to its own handlers, too", function()
      listen(anna)
      listen(ben)
      assert.same({ "kept", 1, true }, { anna:eval [[
        local child = self.room:add_child("items", { text = "a" })
        return child.state, child.order, child:wait()]] })
      world:run()
      assert.same({ "create a kept" }, anna:eval "return self.heard")
      assert.same({ "create a kept" }, ben:eval "return self.heard")
    end)
  end)

  describe("is told of", function()
    it("when it comes, changes and goes", function()
      listen(carl)
      ben:eval [[
        local child = self.room:add_child("items", { text = "1" })
        child:wait()
        child.data.text = "2"]]
      world:run()
      ben:eval [[self.room:children("items")[1]:delete()]]
      world:run()
      assert.same({ "create 1 kept", "update 2 kept", "delete 2 deleted" },
        carl:eval "return self.heard")
    end)

    it("with what changed", function()
      carl:eval [[
        self.changes = {}
        self.room:on("child", function(event)
          local change = event.change
          table.insert(self.changes, change
            and { change.kind, change.path, change.value, change.version, #event.changes }
            or { event.kind, tostring(event) })
        end)]]
      local id = ben:eval [[
        local child = self.room:add_child("items", { list = { 1 } })
        child:wait()
        child.data.list[1] = { 5 }
        table.insert(child.data.list, 1, 7)
        return child.id]]
      world:run()
      assert.same({
        { "create", "child event: create " .. id },
        { "update", "list.1", { 5 }, 1, 1 },
        { "add", "list.1", 7, 2, 1 },
      }, carl:eval "return self.changes")
    end)

    it("to its writer, who has done it, once", function()
      listen(ben)
      ben:eval [[self.room:add_child("items", { text = "1" }):wait()]]
      world:run()
      assert.same({ "create 1 kept" }, ben:eval "return self.heard")
    end)
  end)

  describe("is judged by the object's reporter:", function()
    it("kept without a handler, or by one that says nothing", function()
      assert.is_true(ben:eval [[return self.room:add_child("items", {}):wait()]])
      listen(anna)
      assert.is_true(ben:eval [[return self.room:add_child("items", { text = "b" }):wait()]])
      world:run()
      assert.same({ "create b pending" }, anna:eval "return self.heard")
    end)

    it("refused with a reason", function()
      anna:eval [[self.room:on("child", function(event)
        if event.child.data.text == "bad" then self.done = { event:refuse("mind your words") } end
      end)]]
      listen(ben)
      listen(carl)
      assert.same({ nil, "mind your words", "forbidden", "refused" }, { ben:eval [[
        local child = self.room:add_child("items", { text = "bad" })
        local gave, text, code = child:wait()
        return gave, text, code, child.state]] })
      world:run()
      assert.same({ true }, anna:eval "return self.done")
      assert.same({ "refused bad refused" }, ben:eval "return self.heard")
      assert.same({ "refused bad refused" }, carl:eval "return self.heard")
      assert.equal(0, carl:eval [[return #self.room:children("items")]])
    end)

    it("a refused update is undone", function()
      anna:eval [[self.room:on("child", function(event)
        if event.kind == "update" then
          self.change = { event.change.path, event.change.value }
          event:refuse()
        end
      end)]]
      ben:eval [[
        self.child = self.room:add_child("items", { text = "a" })
        self.child:wait()
        self.child.data.text = "b"]]
      world:run()
      assert.same({ "text", "b" }, anna:eval "return self.change")
      assert.equal("a", ben:eval "return self.child.data.text")
      assert.equal("a", carl:eval [[return self.room:children("items")[1].data.text]])
    end)

    it("as long as the handler thinks, it is pending", function()
      anna:eval [[self.room:on("child", function(event)
        require("hyperty").sleep(3)
        self.late = table.pack(event:refuse("no"))
      end)]]
      assert.same({ nil, "timeout", "pending" }, { ben:eval [[
        self.child = self.room:add_child("items", {})
        local gave, _, code = self.child:wait(1)
        return gave, code, self.child.state]] })
      assert.same({ nil, "no", "forbidden" }, { ben:eval "return self.child:wait(10)" })
      assert.is_true(anna:eval "return self.late[1]")
    end)

    it("kept when the handler raises, which is logged once", function()
      anna:eval [[self.room:on("child", function() error("oops") end)]]
      assert.is_true(ben:eval [[return self.room:add_child("items", {}):wait()]])
      local logged = world:errors()
      assert.equal(1, #logged)
      has("handler of child", logged[1])
    end)

    it("what has happened cannot be refused", function()
      carl:eval [[self.room:on("child", function(event)
        self.refused = table.pack(event:refuse())
      end)]]
      anna:eval [[self.room:add_child("items", {})]]
      world:run()
      assert.same({ nil, "conflict" }, { carl:eval "return self.refused[1], self.refused[3]" })
    end)
  end)

  it("waits only as long as it is told", function()
    has("number", raised(ben, [[self.room:add_child("items", {}):wait("long")]]))
    assert.is_true(ben:eval [[return self.room:add_child("items", {}):wait(5)]])
  end)
end)
