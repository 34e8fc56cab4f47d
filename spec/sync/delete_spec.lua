-- PROTOCOL.md section 5, Delete.
local wire = require "spec.support.wire"

local NODE = "domain://msg-node.localhost"

describe("deleting", function()
  local world, anna, ben, url, sm

  before_each(function()
    world = wire.world { "anna", "ben", "carl" }
    anna, ben = world.anna, world.ben
    sm = world.rt:url() .. "/sm"
    url = world:room { n = 1 }
    world:join("carl", url)
    for _, instance in ipairs { ben, world.carl } do
      instance:eval [[
        self.heard = {}
        self.room:on("delete", function() table.insert(self.heard, "delete") end)
        self.room:on("change", function() table.insert(self.heard, "change") end)]]
    end
    world:forget()
  end)

  after_each(function() world:finish() end)

  describe("by the reporter", function()
    before_each(function()
      assert.is_true(anna:eval "return self.room:delete()")
      world:run()
    end)

    it("is asked of the sync manager, which answers 200", function()
      local request = world:only { type = "delete", to = sm }
      assert.same({ anna.url, { resource = url } }, { request.from, request.body })
      world:only { type = "response", from = sm, to = anna.url, code = 200 }
    end)

    it("is told from /subscription to /changes", function()
      local message = world:only { type = "delete", to = url .. "/changes" }
      assert.same({ url .. "/subscription", { resource = url } }, { message.from, message.body })
    end)

    it("ends every observer, which unsubscribes", function()
      assert.same({ { "delete" }, { "delete" } },
        { ben:eval "return self.heard", world.carl:eval "return self.heard" })
      assert.equal("closed", ben:eval "return select(3, self.room:status())")
      local sources = {}
      for _, message in ipairs(world:sent { type = "unsubscribe", to = NODE .. "/sm" }) do
        if message.body.source then sources[message.body.source] = message.body.resources end
      end
      local routes = { url .. "/changes", url .. "/children/", url .. "/registration" }
      assert.same({ [ben.url] = routes, [world.carl.url] = routes }, sources)
    end)

    it("releases routes, registration and address", function()
      assert.same({ resource = url },
        world:only { type = "delete", to = "domain://registry.localhost" }.body)
      assert.same({ childrenResources = { url } },
        world:only { type = "delete", to = NODE .. "/address-allocation" }.body)
      assert.same({}, world.rt:routes())
      assert.same({}, world.rt:objects())
      assert.same({}, ben:eval [[return self.syncher:discover { name = "room" }]])
    end)

    it("closes the reporter", function()
      assert.same({ nil, url .. " is closed", "closed" }, { anna:eval "return self.room:delete()" })
      wire.has("is closed", wire.raised(anna, "self.room.data.n = 2"))
    end)

    it("has the node answer 410 for a day", function()
      for _ = 1, 2 do
        assert.equal("deleted", ben:eval("return select(3, self.syncher:read(...))", url))
        assert.equal("deleted", ben:eval("return select(3, self.syncher:subscribe(...))", url))
        world:run(23 * 3600 / 2)
      end
      world:run(2 * 3600)
      assert.equal("not_found", ben:eval("return select(3, self.syncher:read(...))", url))
    end)

    it("lets the name be used again, for another object", function()
      local again = anna:eval [[
        self.room = self.syncher:create { schema = "Resource", name = "room" }
        return self.room.url]]
      assert.not_equal(url, again)
    end)
  end)

  it("is what becomes of a reporter's objects when it stops", function()
    anna:unload()
    world:run()
    assert.same({ "delete" }, ben:eval "return self.heard")
    assert.same({}, world.rt:routes())
  end)

  it("is for its reporter alone", function()
    local nothing = "resource://localhost/nothing"
    for id, body in ipairs { { resource = url }, { resource = nothing }, {} } do
      world.rt:receive { type = "delete", id = id, from = ben.url, to = sm, body = body }
    end
    world:run()
    assert.equal("only its reporter deletes it",
      world:only { type = "response", to = ben.url, code = 403 }.body.desc)
    assert.equal(2, #world:sent { type = "response", to = ben.url, code = 404 })
    assert.same({}, ben:eval "return self.heard")
  end)

  it("is not believed from anybody but the object's sync manager", function()
    local far = world.rt:port "hyperty://localhost/far"
    far:send { type = "delete", to = url .. "/changes", body = { resource = url } }
    far:send { type = "delete", to = url, body = { resource = url } }
    anna:eval "self.room.data.n = 2"
    world:run()
    assert.same({ "change" }, ben:eval "return self.heard")
  end)

  it("in a handler, of one's own object, does no harm", function()
    anna:eval [[self.room:on("execute", function(request)
      self.room:delete()
      request:accept("gone")
    end)]]
    ben:eval [[self.room:on("change", function() self.room:unsubscribe() end)]]
    anna:eval "self.room.data.n = 2 self.room.data.n = 3"
    assert.equal("gone", world.carl:eval [[return self.room:execute("delete")]])
    world:run()
    assert.same({}, world.rt:routes())
  end)
end)
