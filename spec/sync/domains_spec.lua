-- PROTOCOL.md section 5: what concerns an object is asked of its domain; addresses and registration
-- stay at the runtime's own. A port plays the node of the other domain.
local wire = require "spec.support.wire"

local URL = "resource://other/it"
local NODE, REGISTRY = "domain://msg-node.other/sm", "domain://registry.other"

describe("an object of another domain", function()
  local world, ben, far, node, registry

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL, { data = { n = 0 } })
    node = { url = NODE, port = world.rt:port(NODE), asked = {} }
    registry = { url = REGISTRY, port = world.rt:port(REGISTRY), asked = {} }
    for _, of in ipairs { node, registry } do
      of.port:listen(of.url, function(message)
        if message.type == "response" then return end
        table.insert(of.asked, message)
        assert(of.port:send { type = "response", id = message.id, to = message.from,
          body = { code = 200, value = of.value } })
      end)
    end
    world:join("ben", URL)
    ben:eval [[
      self.states = {}
      self.room:on("status", function(status) table.insert(self.states, status.state) end)]]
  end)

  after_each(function() world:finish() end)

  local function update(status, from)
    world.rt:receive { type = "update", from = from, to = URL .. "/registration",
      body = { resource = URL, attribute = "status", value = status } }
    world:run()
  end

  it("has its routes at its domain's node", function()
    assert.equal(1, #node.asked)
    assert.same({ "subscribe",
      { resources = { URL .. "/changes", URL .. "/children/", URL .. "/registration" },
        source = ben.url } }, { node.asked[1].type, node.asked[1].body })
    assert.same({}, world:sent { type = "subscribe", to = "domain://msg-node.localhost/sm" })
  end)

  it("is unsubscribed there", function()
    ben:eval "self.room:unsubscribe()"
    world:run()
    assert.equal("unsubscribe", node.asked[2].type)
    assert.same({}, world:sent { type = "unsubscribe", to = "domain://msg-node.localhost/sm" })
  end)

  it("hears from that node what was lost, not from its own", function()
    local function lost(from)
      far.asked = {}
      world.rt:receive { type = "event", from = from, to = URL .. "/changes",
        body = { value = { lost = 1 } } }
      world:run()
      return #far:got "read"
    end
    assert.equal(0, lost "domain://msg-node.localhost/sm")
    assert.equal(1, lost(NODE))
  end)

  it("hears of its status from that registry, not from its own", function()
    update("disconnected", "domain://registry.localhost")
    assert.same({}, ben:eval "return self.states")
    update("disconnected", REGISTRY)
    update("live", REGISTRY)
    assert.same({ "disconnected", "live" }, ben:eval "return self.states")
  end)

  it("is looked for by its address in that registry", function()
    registry.value = { { url = URL, name = "it" } }
    assert.same(registry.value, ben:eval("return (self.syncher:discover { url = ... })", URL))
    assert.same({ resource = URL }, registry.asked[1].body)
    ben:eval "self.syncher:discover { name = 'it' }"
    assert.equal(1, #registry.asked)
  end)

  it("as events of its hyperties are routed there", function()
    ben:eval [[require("hyperty").follow("hyperty://other/anna", "news", print)]]
    assert.same({ resources = { "hyperty://other/anna/events" }, source = ben.url },
      node.asked[2].body)
  end)
end)
