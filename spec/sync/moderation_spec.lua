-- PROTOCOL.md section 6: the parent's reporter decides about every child operation, in its own
-- time, and may delete what others made.
local wire = require "spec.support.wire"

describe("moderation", function()
  local world, anna, ben, url, far

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe()
    ben:eval [[
      self.heard = {}
      self.room:on("child", function(event)
        table.insert(self.heard, ("%s %s %s"):format(event.kind, tostring(event.child.data.text),
          event.child.state))
      end)]]
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function moderate(code)
    anna:eval(([[self.room:on("child", function(event)
      local hyperty, child = require "hyperty", event.child %s
    end)]]):format(code))
  end

  local function heard()
    world:run()
    return ben:eval "local heard = self.heard self.heard = {} return heard"
  end

  it("keeps what nobody refuses", function()
    moderate "self.asked = event.kind .. ' ' .. child.id .. ' ' .. child.reporter"
    assert.equal(200, (far:create(1)))
    assert.equal("create far#1 " .. far.url, anna:eval "return self.asked")
  end)

  it("refuses with a reason: 403 to the sender, a stamp for all", function()
    moderate [[event:refuse("mind your words")]]
    assert.same({ 403, nil, "mind your words" }, { far:create(1, { text = "bad" }) })
    assert.same({ "1 refuse far#1 0" }, far:stamps())
    assert.same({ "refused bad refused" }, heard())
    assert.equal(1, anna:eval "return self.room.version")
    assert.equal(1, ben:eval "return self.room.version")
    assert.equal(0, ben:eval [[return #self.room:children("items")]])
  end)

  it("refuses an update: it counts, and is done by nobody", function()
    far:create(1, { text = "a" })
    moderate [[if event.kind == "update" and event.change.value == "b" then event:refuse() end]]
    assert.same({ 403, nil, "refused by the reporter" }, { far:change(1, 1, "text", "b") })
    assert.equal(200, (far:change(1, 2, "more", true)))
    assert.same({ "1 create far#1 0", "2 refuse far#1 1", "3 update far#1 2" }, far:stamps())
    assert.same({ { "create a kept", "update a kept" }, { text = "a", more = true } },
      { heard(), ben:eval [[return self.room:children("items")[1].data]] })
  end)

  it("refuses a delete: the child stays", function()
    far:create(1, { text = "a" })
    moderate [[if event.kind == "delete" then event:refuse("it stays") end]]
    assert.same({ 403, nil, "it stays" }, { far:delete(1, 1) })
    world:run()
    assert.equal("a", ben:eval [[return self.room:children("items")[1].data.text]])
    assert.equal(200, (far:change(1, 2, "text", "b")))
  end)

  it("undoes at the writer what was refused, and keeps what came after it", function()
    ben:eval [[
      self.child = self.room:add_child("items", { text = "a" })
      self.child:wait()]]
    moderate [[if event.change and event.change.value == "b" then event:refuse("no") end]]
    ben:eval [[
      self.child.data.text = "b"
      self.child.data.more = 1]]
    assert.same({ "a", 1 }, (function()
      world:run()
      return { ben:eval "return self.child.data.text, self.child.data.more" }
    end)())
    assert.same({ "create a kept", "refused a kept", "update a kept" }, heard())
  end)

  it("of a create takes the writer's further operations with it", function()
    moderate [[if event.kind == "create" then event:refuse("no") end]]
    ben:eval [[
      self.child = self.room:add_child("items", { text = "a" })
      self.child.data.text = "b"
      self.child:delete()]]
    world:run(30)
    assert.equal("refused", ben:eval "return self.child.state")
    assert.same({ "refused b refused" }, heard())
    assert.equal(0, ben:eval "return self.room:status().pending")
  end)

  describe("that takes its time", function()
    it("gets the sender a 100 every four seconds", function()
      moderate "hyperty.sleep(10)"
      world:forget()
      assert.equal(200, (far:create(1)))
      assert.equal(2, #world:sent { type = "response", to = far.url, code = 100 })
    end)

    it("has operations of the same child wait in order, others not", function()
      moderate [[if child.id == "far#1" then hyperty.sleep(3) end]]
      local order = {}
      local function send(type_, body)
        body.resource = body.resource or "far#1"
        far.port:send { type = type_, id = #order + 1, to = url .. "/children/items", body = body }
        order[#order + 1] = type_
      end
      send("create", { value = { data = { text = "1" } } })
      send("update", { version = 1, attribute = "text", value = "2" })
      send("update", { version = 2, attribute = "text", value = "3" })
      send("create", { resource = "far#2", value = { data = { text = "other" } } })
      world:run(1)
      assert.same({ "1 create far#2 0" }, far:stamps())
      world:run(10)
      assert.same({ "1 create far#2 0", "2 create far#1 0", "3 update far#1 1",
        "4 update far#1 2" }, far:stamps())
      assert.same({ "create other kept", "create 1 kept", "update 2 kept", "update 3 kept" },
        heard())
    end)

    it("is not asked twice for one that is repeated meanwhile", function()
      moderate "self.asked = (self.asked or 0) + 1 hyperty.sleep(3)"
      for id = 1, 3 do
        far.port:send { type = "create", id = id, to = url .. "/children/items",
          body = { resource = "far#1", value = { data = {} } } }
      end
      world:forget()
      world:run(5)
      assert.equal(1, anna:eval "return self.asked")
      assert.equal(3, #world:sent { type = "response", to = far.url, code = 200 })
      assert.same({ "1 create far#1 0" }, far:stamps())
    end)

    it("answers 429 to more than it will keep waiting", function()
      moderate "hyperty.sleep(3)"
      world:forget()
      for n = 0, 70 do
        far.port:send { type = n == 0 and "create" or "update", id = n + 1,
          to = url .. "/children/items", body = n == 0 and
            { resource = "far#1", value = { data = {} } } or
            { resource = "far#1", version = n, attribute = "n", value = n } }
      end
      world:run(1)
      local refused = world:sent { type = "response", to = far.url, code = 429 }
      assert.equal(6, #refused)
      assert.equal("too many operations of this child wait for a decision", refused[1].body.desc)
      world:run(300)
      assert.equal(64, ben:eval [[return self.room:children("items")[1].data.n]])
    end)

    it("keeps it after a minute", function()
      moderate "hyperty.sleep(100) self.late = { event:refuse() }"
      local before = world.rt:now()
      assert.equal(200, (far:create(1)))
      assert.equal(60, world.rt:now() - before)
      world:run(60)
      assert.equal("conflict", anna:eval "return self.late[3]")
    end)

    it("and whose hyperty stops meanwhile, leaves nothing", function()
      moderate "hyperty.sleep(30)"
      far.port:send { type = "create", id = 1, to = url .. "/children/items",
        body = { resource = "far#1", value = { data = {} } } }
      far.port:send { type = "delete", id = 2, to = url .. "/children/items",
        body = { resource = "far#1", version = 1 } }
      world:run(1)
      anna:unload()
      world:run(1)
      assert.same({}, world.rt:routes())
    end)
  end)

  describe("by deleting", function()
    it("is done by the parent's reporter, for any child", function()
      far:create(1, { text = "a" })
      far:change(1, 1, "text", "b")
      anna:eval [[assert(self.room:children("items")[1]:delete())]]
      assert.same({ "create a kept", "update b kept", "delete b deleted" }, heard())
      assert.equal("3 delete far#1 2", far:stamps()[3])
      local value = far.heard[#far.heard].body.value
      assert.equal(far.url, value.child.reporter)
    end)

    it("ends what the writer still has on its way", function()
      ben:eval [[
        self.child = self.room:add_child("items", { text = "a" })
        self.child:wait()]]
      world:drop { type = "update", to = "/children/items" }
      ben:eval [[self.child.data.text = "b"]]
      anna:eval [[self.room:children("items")[1]:delete()]]
      world:run(30)
      assert.same({ "create a kept", "delete b deleted" }, heard())
      assert.equal(0, ben:eval "return self.room:status().pending")
    end)

    it("is done by nobody else", function()
      local id = ben:eval [[
        local child = self.room:add_child("items", { text = "a" })
        child:wait()
        return child.id]]
      assert.equal(403, (far:op("delete", { resource = id, version = 1 })))
    end)
  end)
end)
