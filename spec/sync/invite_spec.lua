-- PROTOCOL.md section 5, Invite.
local wire = require "spec.support.wire"

local has, raised = wire.has, wire.raised

describe("inviting", function()
  local world, anna, ben, url, sm

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    sm = world.rt:url() .. "/sm"
    url = anna:eval [[
      self.room = self.syncher:create { schema = "Resource", name = "room", data = { n = 1 } }
      return self.room.url]]
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function invite(...)
    local gave, text, code = anna:eval("return self.room:invite { ... }", ...)
    world:run()
    return gave, text, code
  end

  it("is asked of the sync manager, with the metadata", function()
    assert.is_true(invite(ben.url))
    local request = world:only { type = "create", to = sm }
    assert.same({ anna.url, url, { ben.url } },
      { request.from, request.body.resource, request.body.authorise })
    assert.same({ "room", anna.url }, { request.body.value.name, request.body.value.reporter })
    has("dataschema/Resource", request.body.schema)
  end)

  it("sends each a create from the object's /subscription", function()
    local far = wire.observer(world, "hyperty://localhost/far", url)
    far.port:listen(far.url, function(message) far.invited = message end)
    invite(ben.url, far.url)
    local message = far.invited
    assert.same({ "create", url .. "/subscription", anna.url },
      { message.type, message.from, message.body.source })
    assert.truthy(message.id)
    assert.same({ "room", url }, { message.body.value.name, message.body.value.url })
    has("dataschema/Resource", message.body.schema)
    assert.equal(2, #world:sent { type = "create", from = url .. "/subscription" })
  end)

  it("lets them in without asking", function()
    anna:eval [[self.room:on("subscribe", function() self.asked = true end)]]
    invite(ben.url)
    assert.equal(1, ben:eval("return self.syncher:subscribe(...).data.n", url))
    assert.is_nil(anna:eval "return self.asked")
  end)

  it("is accepted by subscribing: the yes goes to the reporter", function()
    ben:eval [[self.syncher:on("invite", function(invitation)
      self.room = invitation:accept()
    end)]]
    invite(ben.url)
    assert.equal(1, ben:eval "return self.room.data.n")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
    local told = world:only { type = "forward", to = anna.url }.body
    assert.same({ "response", ben.url, url, 200 }, { told.type, told.from, told.to, told.code })
  end)

  it("is declined: that goes to the reporter, too", function()
    ben:eval [[self.syncher:on("invite", function(invitation) invitation:decline("no time") end)]]
    invite(ben.url)
    local answer = world:only { type = "response", to = url .. "/subscription" }
    assert.same({ code = 403, desc = "no time" }, answer.body)
    assert.same({ "response", 403 }, (function()
      local told = world:only { type = "forward", to = anna.url }.body
      return { told.type, told.code }
    end)())
  end)

  it("is declined where nobody listens", function()
    invite(ben.url)
    assert.equal(403, world:only { type = "response", to = url .. "/subscription" }.body.code)
  end)

  it("may be thought about, with a 100 every four seconds", function()
    ben:eval [[self.syncher:on("invite", function(invitation)
      require("hyperty").sleep(10)
      self.room = invitation:accept()
    end)]]
    invite(ben.url)
    world:run(11)
    assert.equal(1, ben:eval "return self.room.data.n")
    assert.equal(2, #world:sent { type = "response", to = url .. "/subscription", code = 100 })
  end)

  it("of nobody, and of who is not there, does no harm", function()
    assert.is_true(invite())
    assert.is_true(invite "hyperty://localhost/nobody")
  end)

  it("comes with creating for the observers named there", function()
    ben:eval [[self.syncher:on("invite", function(invitation) self.from = invitation.from end)]]
    anna:eval([[self.syncher:create { schema = "Resource", name = "two", observers = { ... } }]],
      ben.url)
    world:run()
    assert.equal(anna.url, ben:eval "return self.from")
  end)

  describe("is refused", function()
    it("with creating, for what is no address; then nothing is created", function()
      local text, code = anna:eval [[
        local _, text, code = self.syncher:create {
          schema = "Resource", name = "three", observers = { "somebody" },
        }
        return text, code
      ]]
      assert.equal("invalid", code)
      has('"somebody"', text)
      assert.same({}, anna:eval [[return self.syncher:discover { name = "three" }]])
    end)

    it("for what is no address", function()
      local _, text, code = invite(ben.url, "somebody")
      assert.equal("invalid", code)
      has("somebody", text)
      assert.same({}, world:sent { type = "create", from = url .. "/subscription" })
      has("a list of hyperty URLs expected", raised(anna, "self.room:invite { 5 }"))
    end)

    it("to who does not report the object", function()
      local code = ben:eval([[
        local _, text, code = require("hyperty").call(..., "x")
        return code]], sm)
      assert.equal("invalid", code)
      world.rt:receive { type = "create", id = 1, from = ben.url, to = sm,
        body = { resource = url, authorise = { ben.url } } }
      world:run()
      assert.equal("only its reporter invites",
        world:only { type = "response", to = ben.url, code = 403 }.body.desc)
      world.rt:receive { type = "create", id = 2, from = ben.url, to = sm,
        body = { resource = "resource://localhost/nothing", authorise = { ben.url } } }
      world:run()
      world:only { type = "response", to = ben.url, code = 404 }
    end)

    it("when it does not come from an object's /subscription, or from nobody", function()
      local far = wire.observer(world, "hyperty://localhost/far", url)
      assert.same({ 400, nil, "an invitation comes from <Object>/subscription" },
        { far:request("create", ben.url, { source = far.url, value = {} }) })
      local object = wire.reporter(world, "resource://localhost/far")
      local answer = object.subscription:request { type = "create", to = ben.url, body = {} }
      assert.same({ code = 400, desc = "the asker is missing" }, answer.body)
    end)
  end)
end)
