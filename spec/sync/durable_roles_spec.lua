-- PROTOCOL.md section 8: a hyperty that reports a stored object and observes it, too. Each part
-- ends on its own, and what is stored of the other one stays.
local durable = require "spec.support.durable"

describe("a hyperty that reports a stored object and stores what it observes of it", function()
  local world

  local RESUME = [[
    local roles = {}
    for _, party in ipairs(self.syncher:resume() or {}) do
      local role = tostring(party):match "^%a+"
      table.insert(roles, role)
      self[role] = party
      if role == "reporter" then
        party:on("subscribe", function(request) request:accept() end)
      end
    end
    table.sort(roles)
    return table.concat(roles, " ")]]

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.005, "anna", "ben" }
    world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
        data = { n = 1 } })
      self.room:on("subscribe", function(request) request:accept() end)
      self.copy = assert(self.syncher:subscribe(self.room.url, { store = true }))]]
    world.ben:eval [[
      self.syncher:on("delegate", function(offer)
        self.room = offer:accept()
        if self.room then
          self.room:on("subscribe", function(request) request:accept() end)
        end
      end)]]
    world:run(1)
  end)

  after_each(function() world:finish() end)

  local function restart(name)
    world:crash(name)
    world:run(1)
    world:start(name)
    return world[name]:eval(RESUME)
  end

  it("goes on to report it when it has left", function()
    assert.is_true(world.anna:eval "return self.copy:unsubscribe()")
    world:run(1)
    assert.equal("reporter", restart "anna")
    assert.equal(1, world.anna:eval "return self.reporter.data.n")
  end)

  it("keeps its copy when it has handed the object over", function()
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.ben.url))
    world:run(5)
    world.ben:eval "self.room.data.n = 2"
    world:run(1)
    world:crash "ben"
    assert.equal("observer", restart "anna")
    assert.equal(2, world.anna:eval "return self.observer.data.n")
    world:start "ben"
    assert.equal("reporter", world.ben:eval(RESUME))
    world.ben:eval "self.reporter.data.n = 3"
    world:run(60)
    assert.equal(3, world.anna:eval "return self.observer.data.n")
  end)

  it("keeps it also if it is killed before its heir has confirmed that", function()
    world.anna:eval([[
      local heir = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(heir) end)]],
      world.ben.url)
    for _ = 1, 1000 do
      if world.anna:eval "return self.gave" then break end
      world:run(0.001)
    end
    assert.is_true(world.anna:eval "return self.gave")
    assert.equal("", restart "anna") -- not here any more; and its heir is asked
    world:run(10)
    assert.equal("observer", world.anna:eval(RESUME))
    world.ben:eval "self.room.data.n = 4"
    world:run(20)
    assert.equal(4, world.anna:eval "return self.observer.data.n")
  end)

  it("has nothing of it if it has handed it over and left", function()
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.ben.url))
    assert.is_true(world.anna:eval "return self.copy:unsubscribe()")
    world:run(5)
    assert.equal("", restart "anna")
  end)
end)

describe("a stored object whose reporter comes back", function()
  it("and hands it over at once is not observed by an heir that only did before", function()
    local world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.005, "anna", "ben" }
    world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
        data = { n = 1 } })
      self.room:on("subscribe", function(request) request:accept() end)]]
    world.ben:eval("self.copy = assert(self.syncher:subscribe(...))",
      world.anna:eval "return self.room.url")
    world:run(1)
    world:crash "anna"
    world:crash "ben"
    world:start "ben"
    world.ben:eval [[
      self.syncher:on("delegate", function(offer) self.mine = offer:accept() end)]]
    world:start "anna"
    world.anna:eval "self.room = self.syncher:resume()[1]"
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.ben.url))
    world:run(60)
    assert.same({}, world.ben:eval "return self.mine.observers")
    world:finish()
  end)
end)
