-- PROTOCOL.md sections 6 to 8: what observers and reporters of a stored object owe each other when
-- the reporter's process is killed at the worst moment, or its disk loses what was not synced.
local durable = require "spec.support.durable"

local CREATE = [[
  local level = ... or true
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = level,
    data = { n = 0 } })
  self.asked = 0
  self.room:on("subscribe", function(request)
    self.asked = self.asked + 1
    if not self.is_closed then request:accept() end
  end)
  self.room:on("child", function(event)
    if self.refuses and event.child.state ~= "deleted" then event:refuse "not here" end
  end)
  return self.room.url]]

describe("a stored object", function()
  local world, url

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, disk_seed = 7,
      without = { ben = true }, "anna", "ben" }
    url = world.anna:eval(CREATE)
  end)

  after_each(function() world:finish() end)

  local function join()
    world:join(world.ben, url)
    world:listen "ben"
  end

  local function start(...)
    world:start "anna"
    assert.equal(url, world.anna:eval(CREATE, ...))
  end

  local function observers() return world.anna:eval "return #self.room.observers" end

  -- From here on nothing survives a loss of power.
  local function sync()
    world.anna:eval [[
      local other = assert(self.syncher:create { schema = "Resource", store = "sync" })
      assert(other:saved())]]
  end

  local function lose_power()
    world:crash "anna"
    world.disks.anna:power_loss()
  end

  -- --- deleted -------------------------------------------------------------------------------

  it("that was deleted while there was no node is so for its observers, after a kill, too",
    function()
      join()
      world:disconnect "anna"
      assert.is_true(world.anna:eval "return self.room:delete()")
      world:crash "anna"
      world:run(40)
      assert.same({ "disconnected" }, world:heard "ben")
      world:start "anna"
      world:run(40)
      assert.same({ "deleted" }, world:heard "ben")
    end)

  it("that was deleted is so for who was away, after a kill and with another node", function()
    join()
    world:disconnect "ben"
    assert.is_true(world.anna:eval "return self.room:delete()")
    world:run(1)
    world:crash "anna"
    world.net:restart_node()
    world:start "anna"
    world:run(1)
    world:connect "ben"
    world:run(40)
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
  end)

  it("that is synced and was deleted does not come back after a loss of power", function()
    world.anna:eval [[self.other = assert(self.syncher:create { schema = "Resource",
      name = "other", store = "sync" })]]
    assert.is_true(world.anna:eval "return self.other:delete()")
    lose_power()
    world:start "anna"
    assert.equal(0, world.anna:eval [[return #assert(self.syncher:resume { name = "other" })]])
  end)

  -- --- what was done to children --------------------------------------------------------------

  it("that has lost what was done to a child takes what its creator does to it from then on",
    function()
      join()
      world.ben:eval [[
        self.child = self.room:add_child("items", { text = "a", list = { "first" } })
        assert(self.child:wait())]]
      sync()
      world.ben:eval [[self.child.data.text = "lost"]]
      world:run(1)
      lose_power()
      world.ben:eval [[table.insert(self.child.data.list, "on its way")]]
      start()
      world:run(60)
      world.ben:eval [[self.child.data.text = "b"]]
      world:run(60)
      assert.same({ 0, "b", { "first", "on its way" } }, { world.ben:eval [[
        return self.room:status().pending, self.child.data.text, self.child.data.list]] })
      assert.same(world:state "anna", world:state "ben")
    end)

  -- --- who observes --------------------------------------------------------------------------

  it("that has lost who observes it asks again, and goes on with them", function()
    sync()
    join()
    lose_power()
    start()
    assert.equal(0, observers())
    world:run(60)
    assert.equal(1, observers())
    assert.equal(1, world.anna:eval "return self.asked")
    world:heard "ben"
    world.anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.same({ "n=1" }, world:heard "ben")
  end)

  it("that has lost who observes it may refuse them, and they are told", function()
    sync()
    join()
    lose_power()
    world:start "anna"
    world.anna:eval "self.is_closed = true"
    world.anna:eval(CREATE)
    world.anna:eval [[self.room:on("read", function(request) request:accept() end)]]
    world:run(60)
    local heard = world:heard "ben"
    assert.equal("evicted", heard[#heard])
  end)

  it("that has lost who left it finds that out", function()
    join()
    sync()
    world.ben:eval "assert(self.room:unsubscribe())"
    world:run(1)
    assert.equal(0, observers())
    lose_power()
    start()
    assert.equal(1, observers())
    world:run(60)
    assert.equal(0, observers())
  end)

  it("doubts none of those who go on observing", function()
    join()
    world:crash "anna"
    start()
    world.anna:eval [[self.left = 0
      self.room:on("unsubscribe", function() self.left = self.left + 1 end)]]
    world:run(60)
    assert.equal(1, observers())
    assert.equal(0, world.anna:eval "return self.left")
  end)

  it("hears once more from who left if it was killed before that was stored", function()
    join()
    world.disks.anna:delay(0.1)
    world.ben:eval "assert(self.room:unsubscribe())"
    world:run(0.05)
    assert.equal(0, observers())
    world:crash "anna"
    world.disks.anna:delay(0)
    start()
    world:run(10)
    assert.equal(0, observers())
  end)

  it("whose letting in waits for the disk can be shut meanwhile", function()
    world.disks.anna:delay(0.1)
    world.ben:eval([[
      require("hyperty").spawn(function(url)
        self.room = self.syncher:subscribe(url)
        if self.room then self.room:on("delete", function(reason) self.ended = reason end) end
      end, ...)]], url)
    world:run(0.05)
    assert.equal(1, observers())
    world.anna:eval([[require("hyperty").spawn(function(url) self.room:evict(url) end, ...)]],
      world.ben.url)
    world:run(10)
    assert.equal(0, observers())
    assert.is_true(world.ben:eval "return not self.room or not self.room.epoch")
  end)

  it("never comes back in an epoch below one that observers know, with a node that knows none",
    function()
      sync()
      join()
      local heard = 0
      for i = 1, 8 do
        world:crash "anna"
        start()
        world:run(1)
        local before = world.ben:eval "return self.room.epoch"
        lose_power()
        world.net:restart_node()
        start()
        world:connect "ben"
        world:run(60)
        assert.equal(world.anna:eval "return self.room.epoch",
          world.ben:eval "return self.room.epoch")
        assert.not_equal(before, world.ben:eval "return self.room.epoch")
        world.anna:eval("self.room.data.n = ...", i)
        world:run(1)
        if world.ben:eval "return self.room.data.n" == i then heard = heard + 1 end
      end
      assert.equal(8, heard)
    end)

  -- --- while it is being resumed -------------------------------------------------------------

  it("decides about no child before its hyperty has it", function()
    join()
    for step = 0, 10 do
      world:crash "anna"
      world:start "anna"
      world.disks.anna:delay(0.05)
      world.anna:eval "self.refuses = true"
      world.anna:eval("require('hyperty').spawn(function() " .. CREATE:gsub("%.%.%.", "nil")
        .. " end)")
      world:run(step * 0.01)
      world.ben:eval("self.child = self.room:add_child('items', { text = 'x' })")
      world:run(0.1)
      world.disks.anna:delay(0)
      world:run(30)
      assert.equal(0, #world:state("anna").items, "step " .. step)
      assert.equal("refused", world.ben:eval "return self.child.state")
    end
  end)

  it("ends each operation that was under way when its reporter lost what it was about", function()
    join()
    sync()
    world.ben:eval [[
      self.child = self.room:add_child("items", { text = "a" })
      assert(self.child:wait())]]
    world:run(1)
    world.anna:eval "self.room.data.n = 5"
    world:run(1)
    world:disconnect "anna"
    world.ben:eval "self.child.data.text = 'b'"
    lose_power()
    start()
    world:run(90)
    assert.equal(0, world.ben:eval "return self.room:status().pending")
    assert.same(world:state "anna", world:state "ben")
  end)

  it("gets no child under a number that a life has used which its creator's disk has forgotten",
    function()
      world:finish()
      world = durable.world { disk_seed = 7, "anna", "carl" }
      url = world.anna:eval(CREATE)
      local JOIN = [[self.room = assert(self.syncher:subscribe(..., { store = true }))]]
      local ADD = [[return self.room:add_child("items", {}).id]]
      local ids = {}
      world.carl:eval(JOIN, url)
      world.carl:eval [[
        assert(self.syncher:create { schema = "Resource", store = "sync" }:saved())]]
      world:run(1)
      for life = 1, 8 do
        world:crash "carl"
        if life > 1 then world.disks.carl:power_loss() end
        world:start "carl"
        world.carl:eval(JOIN, url)
        local id = world.carl:eval(ADD)
        assert.is_nil(ids[id])
        ids[id] = true
        world:run(1)
      end
    end)
end)
