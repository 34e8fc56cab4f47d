-- PROTOCOL.md section 5, Evict: rights are per hyperty.
local wire = require "spec.support.wire"

local NODE = "domain://msg-node.localhost"

describe("evicting", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = wire.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room { n = 1 }
    world:join("carl", url)
    for _, instance in ipairs { ben, carl } do
      instance:eval [[
        self.heard = {}
        self.room:on("change", function(change) table.insert(self.heard, change.value) end)
        self.room:on("delete", function() table.insert(self.heard, "out") end)]]
    end
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function evict(who)
    return anna:eval("return self.room:evict(...)", who)
  end

  it("expels at the node, then tells the hyperty", function()
    assert.is_true(evict(ben.url))
    world:run()
    local order = {}
    for _, message in ipairs(world.messages) do
      if message.type ~= "response" then
        order[#order + 1] = message.type .. " " .. message.to:match "^%a+"
      end
    end
    assert.same({ "execute domain", "unsubscribe hyperty", "unsubscribe domain" }, order)
    assert.same({ method = "expel", params = { url, ben.url } },
      world:only { type = "execute", to = NODE .. "/sm" }.body)
    local told = world:only { type = "unsubscribe", to = ben.url }
    assert.same({ url .. "/subscription", url }, { told.from, told.body.resource })
    assert.equal(ben.url, world:only { type = "unsubscribe", to = NODE .. "/sm" }.body.source)
  end)

  it("closes that hyperty's handles; the others of its runtime go on", function()
    ben:eval "self.data = self.room.data"
    evict(ben.url)
    anna:eval "self.room.data.n = 2"
    world:run()
    assert.same({ "out" }, ben:eval "return self.heard")
    assert.same({ 2 }, carl:eval "return self.heard")
    assert.same({ nil, url .. " is closed", "closed" }, { ben:eval "return self.room:status()" })
    wire.has("is closed", wire.raised(ben, "return self.data.n"))
    assert.equal(2, carl:eval "return self.room.data.n")
    assert.same({ carl.url }, anna:eval "return self.room.observers")
  end)

  it("refuses what it may still try", function()
    local far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe()
    far:create(1)
    evict(far.url)
    assert.same({ 403, 403, 403, 401 }, {
      (far:create(2)), (far:change(1, 1, "a", 1)), (far:request("execute", url, { method = "x" })),
      (far:request("read", url, {})),
    })
  end)

  it("has the reporter asked again when the hyperty comes back", function()
    anna:eval "self.asked = 0"
    anna:eval [[self.room:on("subscribe", function() self.asked = self.asked + 1 end)]]
    evict(ben.url)
    world:join("ben", url)
    assert.equal(1, anna:eval "return self.asked")
  end)

  it("strikes off also who was invited and has not come", function()
    local dora = assert(world.rt:load_text "return { name = 'Dora' }")
    anna:eval "self.asked = 0"
    anna:eval [[self.room:on("subscribe", function() self.asked = self.asked + 1 end)]]
    anna:eval("self.room:invite { ... }", dora.url)
    assert.is_true(evict(dora.url))
    world.dora = dora
    wire.observer(world, "hyperty://localhost/far", url):subscribe()
    assert.equal(1, anna:eval "return self.asked")
    assert.equal("not_found", (select(3, evict(dora.url))))
  end)

  it("of who does not observe tells so", function()
    local gave, text, code = evict "hyperty://localhost/nobody"
    assert.same({ nil, "hyperty://localhost/nobody does not observe " .. url, "not_found" },
      { gave, text, code })
    evict(ben.url)
    assert.equal("not_found", (select(3, evict(ben.url))))
  end)

  it("ends while the hyperty reads, and does not touch the others", function()
    local held
    world.rule = function(message)
      if message.type == "update" and not held then
        held = true
        return "drop"
      end
    end
    anna:eval "self.room.data.n = 2 self.room.data.n = 3"
    evict(ben.url)
    world:run(60)
    assert.same({ 2, 3 }, carl:eval "return self.heard")
    assert.same({ 3, "live" }, { carl:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("is not believed from anybody but the object's sync manager", function()
    local far = world.rt:port "hyperty://localhost/far"
    far:send { type = "unsubscribe", to = ben.url, body = { resource = url } }
    world.rt:port "resource://localhost/other/subscription":send {
      type = "unsubscribe", to = ben.url, body = { resource = url } }
    anna:eval "self.room.data.n = 2"
    world:run()
    assert.same({ 2 }, ben:eval "return self.heard")
  end)
end)
