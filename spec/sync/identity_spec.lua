-- PROTOCOL.md section 10: who it is that asks, where nobody checks that. With tokens:
-- spec/scenario/who_is_who_spec.
local wire = require "spec.support.wire"

local BOB, EVE = "user://localhost/bob", "user://localhost/eve"

describe("whoever asks", function()
  local world, anna, url, far

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    url = anna:eval [[
      self.room = self.syncher:create { schema = "Resource", name = "room", data = { n = 1 } }
      self.asked, self.unwanted = {}, ""
      for _, event in ipairs { "subscribe", "read", "execute" } do
        self.room:on(event, function(request)
          local identity = request.identity
          table.insert(self.asked, { event, identity.user or "nobody", identity.verified })
          if identity.user == self.unwanted then
            request:reject("not you")
          else
            request:accept()
          end
        end)
      end
      return self.room.url]]
    far = wire.observer(world, "hyperty://localhost/far", url)
  end)

  after_each(function() world:finish() end)

  local function asked()
    return anna:eval [[
      local asked = self.asked
      self.asked = {}
      return asked]]
  end

  it("is not verified by saying so itself", function()
    local identity = { user = BOB, verified = true }
    far:request("read", url, { identity = identity })
    assert.equal(200, (far:subscribe { identity = identity }))
    far:request("execute", url, { method = "m", identity = identity })
    assert.same({ { "read", BOB, false }, { "subscribe", BOB, false }, { "execute", BOB, false } },
      asked())
  end)

  it("has an identity without a user if it tells none", function()
    for _, identity in ipairs { false, 5, {}, { user = 5 }, { user = {}, verified = true } } do
      far:request("read", url, { identity = identity or nil })
    end
    far:request("read", url, { identity = { { user = BOB } } })
    for _, one in ipairs(asked()) do assert.same({ "read", "nobody", false }, one) end
  end)

  it("is, as a guest, who it subscribed as", function()
    far:subscribe { identity = { user = BOB } }
    far:request("execute", url, { method = "m", identity = { user = EVE, verified = true } })
    far:request("execute", url, { method = "m" })
    local executed = { "execute", BOB, false }
    assert.same({ { "subscribe", BOB, false }, executed, executed }, asked())
  end)

  it("is not asked about again when it comes back as who it was", function()
    far:subscribe { identity = { user = BOB } }
    assert.equal(200, (far:subscribe { identity = { user = BOB } }))
    assert.equal(1, #asked())
  end)

  it("is asked about again when it comes back as another user", function()
    anna:eval [[
      self.room:on("unsubscribe", function(left)
        table.insert(self.asked, { "left", left.from })
      end)]]
    far:subscribe { identity = { user = BOB } }
    assert.equal(200, (far:subscribe { identity = { user = EVE } }))
    assert.equal(200, (far:subscribe()))
    assert.same({ { "subscribe", BOB, false }, { "left", far.url }, { "subscribe", EVE, false },
      { "left", far.url }, { "subscribe", "nobody", false } }, asked())
    assert.same({ far.url }, anna:eval "return self.room.observers")
  end)

  it("stays out as another user if that one is refused", function()
    anna:eval("self.unwanted = ...", EVE)
    assert.equal(200, (far:subscribe { identity = { user = BOB } }))
    assert.same({ 403, nil, "not you" }, { far:subscribe { identity = { user = EVE } } })
    assert.same({}, anna:eval "return self.room.observers")
    assert.equal(403, (far:request("execute", url, { method = "m", identity = { user = BOB } })))
    assert.equal(403, (far:create(1)))
  end)

  it("gives a child no user but its own", function()
    local function create(n, user)
      return far:op("create", { resource = far:id(n), value = { data = {}, user = user } })
    end
    far:subscribe { identity = { user = BOB } }
    assert.equal(200, (create(1, BOB)))
    assert.equal(200, (create(2)))
    assert.equal(403, (create(3, EVE)))
    far:subscribe()
    assert.equal(403, (create(4, BOB)))
    assert.equal(200, (create(5)))
    local users = anna:eval [[
      local users = {}
      for i, child in ipairs(self.room:children("items")) do users[i] = child.user or "nobody" end
      return users]]
    assert.same({ BOB, BOB, "nobody" }, users)
  end)

  it("is told who invites", function()
    local invited
    far.port:listen(far.url, function(message) invited = message end)
    world.ben:eval [[self.syncher:on("invite", function(invitation)
      self.by = invitation.identity
    end)]]
    anna:eval("self.room:invite { ... }", far.url, world.ben.url)
    world:run()
    assert.same({ user = "user://localhost/me", verified = false }, invited.body.identity)
    assert.same({ user = "user://localhost/me", verified = false }, world.ben:eval "return self.by")
  end)
end)
