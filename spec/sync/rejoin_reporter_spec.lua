-- PROTOCOL.md section 7: a reporter's runtime loses its session with the node and comes back; and
-- all do, because the node was restarted and remembers nothing.
local network = require "spec.support.network"

describe("a reporter that was cut off", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, ben)
    world:settle()
    world:listen "anna"
    world:listen "ben"
  end)

  after_each(function() world:finish() end)

  it("is seen to be away by its observers, and to be back", function()
    world:disconnect "anna"
    world:run(1)
    assert.same({ "disconnected" }, world:heard "ben")
    world:connect "anna"
    world:run(1)
    assert.same({ "live" }, world:heard "ben")
    assert.same({}, world:heard "anna")
  end)

  it("goes on in its epoch: what it wrote meanwhile is heard once", function()
    local epoch = anna:eval "return self.room.epoch"
    world:disconnect "anna"
    anna:eval [[
      self.room.data.n = 1
      self.room:add_child("items", { text = "a" })
      self.room.data.n = 2]]
    world:run(5)
    world:connect "anna"
    world:run(5)
    assert.same({ "disconnected", "n=1", "create a", "n=2", "live" }, world:heard "ben")
    anna:eval "self.room.data.n = 3"
    world:run(1)
    assert.same({ "n=3" }, world:heard "ben")
    assert.equal(epoch, ben:eval "return self.room.epoch")
  end)

  it("keeps children that were made meanwhile", function()
    world:disconnect "anna"
    world:run(1)
    ben:eval [[self.child = self.room:add_child("items", { text = "mine" })]]
    world:run(10)
    assert.equal("pending", ben:eval "return self.child.state")
    world:connect "anna"
    world:run(60)
    assert.same({ "kept", "mine" }, { ben:eval "return self.child.state, self.child.data.text" })
    assert.same({ "create mine" }, world:heard "anna")
  end)

  it("has those invited whom it invited meanwhile", function()
    carl:eval [[
      self.syncher:on("invite", function(invitation) self.room = invitation:accept() end)]]
    world:disconnect "anna"
    assert.is_true(anna:eval("return self.room:invite { ... }", carl.url))
    world:run(3)
    world:connect "anna"
    world:run(5)
    assert.equal("live", carl:eval "return self.room:status().state")
  end)

  it("is asked by who is new", function()
    world:reconnect "anna"
    world:run(1)
    world:join(carl, url)
    assert.equal(2, #anna:eval "return self.room.observers")
  end)

  it("is found again by who looks for it", function()
    world:disconnect "anna"
    local function found(criteria)
      return carl:eval("return (self.syncher:discover(...))", criteria)[1].status
    end
    assert.equal("disconnected", found { name = "room" })
    assert.equal("disconnected", found { url = anna.url })
    world:connect "anna"
    world:run(1)
    assert.same({ "live", "live" }, { found { name = "room" }, found { url = anna.url } })
  end)

  it("that deleted the object meanwhile has deleted it", function()
    world:disconnect "anna"
    assert.is_true(anna:eval "return self.room:delete()")
    world:run(2)
    world:connect "anna"
    world:run(2) -- before anybody asks
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
    assert.same({}, carl:eval "return (self.syncher:discover { name = 'room' })")
  end)

  it("that stopped meanwhile is gone, with its object", function()
    world:disconnect "anna"
    anna:unload()
    world:connect "anna"
    world:run(60)
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
  end)

  it("has its observers among its own runtime's hear nothing of it", function()
    local dora = require("spec.support.objects").load(world.runtimes.anna, "dora")
    world.dora = dora
    world:join(dora, url)
    world:listen "dora"
    world:disconnect "anna"
    anna:eval "self.room.data.n = 1"
    world:run(20)
    assert.same({ "n=1" }, world:heard "dora")
    dora:eval [[self.room:add_child("items", { text = "d" })]]
    world:run(1)
    world:connect "anna"
    world:run(60)
    assert.same({ "create d" }, world:heard "dora")
    assert.same({ "create d" }, world:heard "anna")
    assert.same({ "disconnected", "n=1", "create d", "live" }, world:heard "ben")
  end)

  it("strikes off at once who is in its own runtime", function()
    local dora = require("spec.support.objects").load(world.runtimes.anna, "dora")
    world.dora = dora
    world:join(dora, url)
    world:listen "dora"
    world:disconnect "anna"
    assert.is_true(anna:eval("return self.room:evict(...)", dora.url))
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.same({ "evicted" }, world:heard "dora")
    world:connect "anna"
    world:run(20)
    assert.same({}, world:heard "dora")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  it("in the same session sends what it wrote meanwhile", function()
    world:interrupt("anna", true)
    anna:eval "self.room.data.n = 1"
    world:run(1)
    world:interrupt("anna", false)
    world:run(1)
    assert.same({ "n=1" }, world:heard "ben")
  end)

  it("in the same session says where it stands, as some of it may be lost", function()
    world.net:cut(world.runtimes.anna, true, false)
    anna:eval "self.room.data.n = 1"
    world:run(1)
    world.net:cut(world.runtimes.anna, false, false)
    world:interrupt("anna", true)
    world:interrupt("anna", false)
    world:run(1)
    assert.same({ "lagging", "n=1", "live" }, world:heard "ben")
  end)

  it("whose object is held by another writes no more", function()
    world.net:restart_node()
    local far = world.net:runtime { paths = {} }
    local port = far:port(far:url() .. "/x")
    assert.equal(200, port:request { type = "subscribe", to = "domain://msg-node.localhost/sm",
      body = { resources = { url }, epoch = "7-x" } }.body.code)
    world:connect "anna"
    world:run(1)
    assert.same({ "replaced" }, world:heard "anna")
    local objects = require "spec.support.objects"
    objects.has("replaced", objects.raised(anna, "self.room.data.n = 9"))
    assert.equal("conflict", (select(3, anna:eval [[return self.room:add_child("items", {})]])))
    assert.equal("conflict", (select(3, anna:eval("return self.room:invite { ... }", carl.url))))
    assert.same({ nil, url .. " is reported by another session now; this one is replaced",
      "conflict" }, { anna:eval("return self.room:delegate(...)", carl.url) })
    assert.is_true(anna:eval "return self.room:delete()")
    world:run(1)
    assert.equal(200, port:request { type = "execute", to = "domain://msg-node.localhost/sm",
      body = { method = "holder", params = { url } } }.body.code)
  end)
end)

describe("after the node was restarted", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, ben, carl)
    world:settle()
    for _, name in ipairs { "anna", "ben", "carl" } do world:listen(name) end
  end)

  after_each(function() world:finish() end)

  for _, order in ipairs {
    { "anna", "ben", "carl" }, { "ben", "anna", "carl" }, { "carl", "ben", "anna" },
  } do
    it("all goes on, whoever is back first: " .. table.concat(order, ", "), function()
      world.net:restart_node()
      anna:eval [[self.room.data.n = 1 self.room:add_child("items", { text = "a" })]]
      ben:eval [[self.child = self.room:add_child("items", { text = "b" })]]
      for _, name in ipairs(order) do
        world:connect(name)
        world:run(0.3)
      end
      world:run(60)
      assert.same({ "create a", "create b" }, world:heard "anna")
      for _, name in ipairs { "ben", "carl" } do
        local status, heard = {}, {}
        for _, text in ipairs(world:heard(name)) do
          table.insert(text:find "[ =]" and heard or status, text)
        end
        assert.same({ "disconnected", "live" }, status)
        assert.same({ "n=1", "create a", "create b" }, heard)
      end
      carl:eval [[self.room:add_child("items", { text = "c" })]]
      anna:eval "self.room.data.n = 2"
      world:run(1)
      local heard = world:heard "ben"
      table.sort(heard)
      assert.same({ "create c", "n=2" }, heard)
      assert.same(world:heard "carl" and 2, ben:eval "return self.room.data.n")
    end)
  end

  it("an object that was deleted meanwhile is known as deleted", function()
    world.net:restart_node()
    assert.is_true(anna:eval "return self.room:delete()")
    for _, name in ipairs { "ben", "anna", "carl" } do world:connect(name) end
    world:run(60)
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
    assert.same({ "disconnected", "deleted" }, world:heard "carl")
  end)

  it("an object that was deleted right before is known as deleted", function()
    world:disconnect "ben"
    assert.is_true(anna:eval "return self.room:delete()")
    world:settle() -- the node has heard, and is the only one who has
    world:restart_node("ben", "anna", "carl")
    world:run(60)
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
  end)

  it("who was struck off meanwhile is out, the others are not", function()
    world.net:restart_node()
    assert.is_true(anna:eval("return self.room:evict(...)", ben.url))
    for _, name in ipairs { "ben", "anna", "carl" } do world:connect(name) end
    world:run(60)
    assert.same({ "disconnected", "evicted" }, world:heard "ben")
    assert.same({ "disconnected", "live" }, world:heard "carl")
    anna:eval "self.room.data.n = 5"
    world:run(1)
    assert.same({ "n=5" }, world:heard "carl")
    assert.same({ carl.url }, anna:eval "return self.room.observers")
  end)

  it("hyperties have their addresses, and new ones get others", function()
    world:restart_node("anna", "ben", "carl")
    world:run(10)
    assert.equal("live", carl:eval("return self.syncher:discover { url = ... }[1].status", ben.url))
    local other = anna:eval [[return self.syncher:create({ schema = "Resource" }).url]]
    assert.not_equal(url, other)
    ben:eval [[self.syncher:on("invite", function(invitation) self.invited = invitation.url end)]]
    anna:eval("self.room:invite { ... }", ben.url)
    world:run(1)
    assert.equal(url, ben:eval "return self.invited")
  end)

  it("twice in a row", function()
    world:restart_node("anna", "ben", "carl")
    anna:eval "self.room.data.n = 1"
    world:restart_node("carl", "ben", "anna")
    anna:eval "self.room.data.n = 2"
    world:run(60)
    for _, name in ipairs { "ben", "carl" } do
      assert.same({ 2, "live" },
        { world[name]:eval "return self.room.data.n, self.room:status().state" })
    end
  end)
end)
