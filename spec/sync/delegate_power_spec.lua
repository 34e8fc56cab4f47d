-- PROTOCOL.md sections 5 and 8: a stored object was handed over, and a disk is slow, or loses what
-- was not synced. Whatever it loses, it must not be that the object is another's now: whoever asks
-- finds one reporter, and none goes on in an older state.
local durable = require "spec.support.durable"
local objects = require "spec.support.objects"

describe("a stored object that was handed over", function()
  local world, url

  local WILLING = [[
    self.syncher:on("delegate", function(offer)
      self.room = offer:accept()
      if not self.room then return end
      self.begins = { self.room.version, #self.room:children "items" }
      self.room:on("subscribe", function(request) request:accept() end)
      self.room:on("execute", function(request) request:accept(request.method) end)
    end)]]

  -- As the instance would at its start: nothing else is made.
  local RESUME = [[
    local list, why, code = self.syncher:resume { schema = "Resource", name = "room" }
    if not list then return nil, code end
    self.room = list[1]
    return self.room ~= nil, self.room and self.room.data.n]]

  local CREATE = [[
    self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
      data = { n = 1 } })
    self.room:on("subscribe", function(request) request:accept() end)
    return self.room.url]]

  local function begin(options)
    options[1], options[2], options[3] = "anna", "ben", "carl"
    world = durable.world(options)
    url = world.anna:eval(CREATE)
    world.ben:eval(WILLING)
    world.carl:eval(WILLING)
    world:run(1)
  end

  after_each(function() world:finish() end)

  local function delegate(from, to)
    assert.is_true(world[from]:eval("return self.room:delegate(...)", world[to].url))
    world:run(1)
  end

  -- What the runtime sends or gets of that method is lost.
  local function drop(name, method)
    world.runtimes[name]:intercept(function(message)
      local is_it = message.type == "execute" and message.body.method == method
      return is_it and "drop" or "pass"
    end)
  end

  local function resume(name)
    return { world[name]:eval(RESUME) }
  end

  -- Killed, its disk with it; the node forgets all, and of the others only those are there.
  local function lose_power(name, ...)
    world:crash(name)
    world.disks[name]:power_loss()
    world:restart_node(...)
    world:start(name)
  end

  -- A disk may lose more or less of what was not synced.
  local function on_disks(fn)
    for seed = 1, 16 do
      begin { delay = { 0, 0.01 }, disk_delay = 0.005, disk_seed = seed }
      fn()
      if seed < 16 then world:finish() end
    end
  end

  it("is known to be another's by who gave it, after a loss of power", function()
    on_disks(function()
      drop("anna", "delegated")
      delegate("anna", "ben")
      lose_power("anna")
      assert.same({ nil, "unreachable" }, resume "anna")
      world:connect "ben"
      world:run(5)
      world.ben:eval "self.room.data.n = 2 assert(self.room:saved())"
      assert.not_equal(true, resume("anna")[1])
    end)
  end)

  it("is forgotten for good by who gave it, though it was handed on meanwhile", function()
    on_disks(function()
      delegate("anna", "ben")
      delegate("ben", "carl")
      lose_power("anna", "ben")
      assert.same({ false }, resume "anna")
    end)
  end)

  it("is not resumed by who gave it while its new reporter hands it on", function()
    begin { delay = { 0, 0.01 }, disk_delay = 0.005 }
    drop("anna", "delegated")
    delegate("anna", "ben")
    world:crash "anna"
    drop("ben", "move")
    world.ben:eval([[
      local to = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(to) end)]],
      world.carl.url)
    world:run(1)
    world:restart_node("ben")
    world:start "anna"
    assert.is_nil((resume "anna")[1])
    world:connect "carl"
    world:run(60)
    assert.is_nil(world.ben:eval "return self.gave")
    world.ben:eval "self.room.data.n = 2 assert(self.room:saved())"
    assert.same({ false }, resume "anna")
  end)

  it("is not resumed by who gave it after its new reporter has handed it on", function()
    begin { delay = { 0, 0.01 }, disk_delay = 0.005 }
    drop("anna", "delegated")
    delegate("anna", "ben")
    world:crash "anna"
    delegate("ben", "carl")
    world.carl:eval "self.room.data.n = 2 assert(self.room:saved())"
    world:crash "ben"
    world:start "ben"
    world:restart_node("ben")
    world:start "anna"
    assert.same({ nil, "conflict" }, resume "anna")
    world:run(5)
    assert.same({ false }, resume "anna")
    world:connect "carl"
    world:run(5)
    assert.equal(2, world.carl:eval "return self.room.data.n")
    world.carl:eval "self.room.data.n = 3 assert(self.room:saved())"
  end)

  it("is not resumed by who gave it after its new reporter has deleted it", function()
    begin { delay = { 0, 0.01 }, disk_delay = 0.005 }
    drop("anna", "delegated")
    delegate("anna", "ben")
    world:crash "anna"
    assert.is_true(world.ben:eval "return self.room:delete()")
    world:restart_node()
    world:start "anna"
    assert.same({ nil, "unreachable" }, resume "anna")
    world:connect "ben"
    world:run(30)
    assert.not_equal(true, resume("anna")[1])
    world:run(5)
    assert.same({ false }, resume "anna")
  end)

  it("is its new reporter's after a loss of power", function()
    on_disks(function()
      delegate("anna", "ben")
      lose_power("ben", "anna")
      assert.same({ true, 1 }, resume "ben")
      assert.same({ false }, resume "anna")
    end)
  end)

  it("goes on above the epoch in which it has come back, after a loss of power", function()
    on_disks(function()
      drop("anna", "move")
      world.anna:eval([[
        local to = ...
        require("hyperty").spawn(function() self.room:delegate(to) end)]], world.ben.url)
      world:run(60)
      local epoch = world.anna:eval "return self.room.epoch"
      assert.equal("3", epoch:match "^%d+")
      lose_power("anna", "ben")
      assert.is_true(resume("anna")[1])
      assert.equal("4", world.anna:eval "return self.room.epoch":match "^%d+")
    end)
  end)

  it("stands that the connection is lost while it is written down where it goes", function()
    begin { disk_delay = 0.3 }
    local offers = 0
    world.runtimes.ben:intercept(function(message)
      local is_offer = message.type == "execute" and message.body.method == "delegate"
      if is_offer then offers = offers + 1 end
      return "pass"
    end)
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(to) end)]], world.ben.url)
    world:run(0.45)
    world.net:break_off(world.runtimes.anna)
    world:run(60)
    assert.equal(1, offers)
    assert.is_true(world.anna:eval "return self.gave")
    world.ben:eval "self.room.data.n = 2 assert(self.room:saved())"
  end)

  it("is back once that is committed", function()
    begin { disk_delay = 0.2 }
    drop("anna", "move")
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.room:delegate(to) self.is_back = true end)]],
      world.ben.url)
    for _ = 1, 10000 do
      if world.anna:eval "return self.is_back" then break end
      world:run(0.01)
    end
    local epoch = world.anna:eval "return self.room.epoch"
    assert.equal("3", epoch:match "^%d+")
    world:crash "anna"
    world:start "anna"
    assert.is_true(resume("anna")[1])
    assert.equal("4", world.anna:eval "return self.room.epoch":match "^%d+")
  end)

  -- --- within one runtime ------------------------------------------------------------------------

  local function load_eve()
    world.eve = objects.load(world.runtimes.anna, "eve")
    return world.eve
  end

  local function begin_within()
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(to) end)]], world.eve.url)
  end

  it("takes nothing from its new reporter, who observes it, before that one is told", function()
    begin { disk_delay = 1 }
    world.ben:eval("self.copy = assert(self.syncher:subscribe(...))", url)
    local version = world.anna:eval "return self.room.version"
    world.anna:eval([[
      local heir = ...
      require("hyperty").spawn(function() self.done = self.room:delegate(heir) end)]],
      world.ben.url)
    world:run(1.5) -- all is on its way
    world.ben:eval [[self.child = self.copy:add_child("items", { text = "own" })]]
    world:run(30)
    assert.same({ version + 1, 0 }, world.ben:eval "return self.begins")
    assert.is_true(world.ben:eval "return self.child:wait()")
    assert.equal("own", world.ben:eval [[return self.room:children("items")[1].data.text]])
  end)

  it("within a runtime is so for both once that is committed", function()
    begin { disk_delay = 0.2 }
    load_eve():eval(WILLING)
    world:run(1)
    begin_within()
    world:run(0.1)
    assert.is_nil(world.anna:eval "return self.gave")
    assert.is_nil(world.eve:eval "return self.room")
    world:crash "anna"
    world:start "anna"
    load_eve():eval(WILLING)
    assert.same({ true, 1 }, resume "anna")
    assert.same({ false }, resume "eve")
    world:run(1)
    begin_within()
    world:run(0.5)
    assert.is_true(world.anna:eval "return self.gave")
    assert.is_true(world.eve:eval "return self.room ~= nil")
    world:crash "anna"
    world:start "anna"
    load_eve()
    assert.same({ false }, resume "anna")
    assert.same({ true, 1 }, resume "eve")
  end)

  it("within a runtime nobody is refused before its reporter is told", function()
    begin { disk_delay = 0.2 }
    load_eve():eval(WILLING)
    world:join(world.ben, url)
    begin_within()
    world:run(0.1)
    assert.equal("ask", world.ben:eval [[return assert(self.room:execute "ask")]])
  end)

  it("within a runtime nobody is refused as an observer before its reporter is told", function()
    begin { disk_delay = 0.2 }
    load_eve():eval(WILLING)
    world:run(1)
    begin_within()
    world:run(0.1)
    world:join(world.carl, url)
    assert.equal(1, world.carl:eval "return self.room.data.n")
  end)

  it("is not resumed by who gave it where another of its runtime has it by now", function()
    begin { delay = { 0, 0.01 }, disk_delay = 0.005 }
    load_eve():eval(WILLING)
    drop("anna", "delegated")
    delegate("anna", "ben")
    delegate("ben", "eve")
    world.eve:eval "self.room.data.n = 2 assert(self.room:saved())"
    world:run(10)
    world:crash "anna"
    world:start "anna"
    load_eve()
    assert.same({ false }, resume "anna")
    assert.same({ true, 2 }, resume "eve")
  end)
end)
