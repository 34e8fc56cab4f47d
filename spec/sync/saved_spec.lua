-- PROTOCOL.md section 8: what belongs to a position leaves only after the commit that holds it.
local durable = require "spec.support.durable"

local CREATE = [[
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0 } })
  self.room:on("subscribe", function(request) request:accept() end)
  return self.room.url]]

describe("on a slow disk", function()
  local world, url

  before_each(function()
    world = durable.world { disk_delay = 0, without = { ben = true }, "anna", "ben" }
    url = world.anna:eval(CREATE)
    world:join(world.ben, url)
    world:listen "ben"
    world.disks.anna:delay(1)
  end)

  after_each(function()
    world:finish()
  end)

  it("a change is heard once it is committed, not before", function()
    world.anna:eval "self.room.data.n = 1"
    world:run(0.9)
    assert.same({}, world:heard "ben")
    world:run(0.2)
    assert.same({ "n=1" }, world:heard "ben")
  end)

  it("what was not committed was heard by nobody, and is not there after a crash", function()
    world.anna:eval "self.room.data.n = 1 self.room:saved()"
    world.anna:eval [[self.room.data.n = 2 self.room:add_child("items", { text = "a" })]]
    world:run(0.5)
    assert.same({ "n=1" }, world:heard "ben")
    world:crash "anna"
    world:run(1)
    world:start "anna"
    world.anna:eval(CREATE)
    assert.same({ data = { n = 1 }, items = {} }, world:state "anna")
    world:run(3)
    assert.same(world:state "anna", world:state "ben")
  end)

  it("saved waits for it, and gives the version", function()
    local before, after, version, saved = world.anna:eval [[
      local hyperty = require "hyperty"
      self.room.data.n = 1
      self.room.data.n = 2
      local before = hyperty.now()
      local saved = self.room:saved()
      return before, hyperty.now(), self.room.version, saved]]
    assert.is_true(after - before > 0.9)
    assert.equal(version, saved)
    assert.equal(version, world.anna:eval "return self.room:saved()")
  end)

  it("saved has a deadline", function()
    local saved, why, code = world.anna:eval "self.room.data.n = 1 return self.room:saved(0.5)"
    assert.is_nil(saved)
    assert.equal("timeout", code)
    assert.truthy(why)
  end)

  it("creating waits for it", function()
    local before, after = world.anna:eval [[
      local hyperty = require "hyperty"
      local before = hyperty.now()
      assert(self.syncher:create { schema = "Resource", name = "other", store = true })
      return before, hyperty.now()]]
    assert.is_true(after - before > 0.9)
  end)

  it("an object that is being created is given by nobody else before that", function()
    local before, after = world.anna:eval [[
      local hyperty = require "hyperty"
      local before = #assert(self.syncher:resume {})
      hyperty.spawn(function()
        self.other = assert(self.syncher:create { schema = "Resource", name = "other",
          store = true })
      end)
      hyperty.sleep(0.5)
      return before, #assert(self.syncher:resume {})]]
    assert.equal(before, after)
    world:run(1)
    assert.equal(before + 1, world.anna:eval "return #assert(self.syncher:resume {})")
  end)

  it("a child is acknowledged when it is kept for good", function()
    world.ben:eval [[self.child = self.room:add_child("items", { text = "a" })]]
    world:run(0.5)
    assert.equal("pending", world.ben:eval "return self.child.state")
    world:run(0.6)
    assert.equal("kept", world.ben:eval "return self.child.state")
  end)

  it("a child of the reporter's own, too", function()
    local before, after = world.anna:eval [[
      local hyperty = require "hyperty"
      local before = hyperty.now()
      assert(self.room:add_child("items", { text = "a" }):wait())
      return before, hyperty.now()]]
    assert.is_true(after - before > 0.9)
  end)

  it("an execute is answered after the commit of what its handler wrote", function()
    world.anna:eval [[
      self.room:on("execute", function(request)
        self.room.data.n = self.room.data.n + 1
        request:accept(self.room.data.n)
      end)]]
    local before, after, value = world.ben:eval [[
      local hyperty = require "hyperty"
      local before = hyperty.now()
      local value = assert(self.room:execute("add"))
      return before, hyperty.now(), value]]
    assert.equal(1, value)
    assert.is_true(after - before > 0.9)
  end)

  it("who reads or subscribes gets a committed state", function()
    world.anna:eval "self.room.data.n = 1"
    local before, after, n = world.ben:eval([[
      local hyperty = require "hyperty"
      local before = hyperty.now()
      local whole = assert(self.syncher:read(...))
      return before, hyperty.now(), whole.data.n]], url)
    assert.equal(1, n)
    assert.is_true(after - before > 0.9)
  end)

  it("deleting waits for it: the object cannot come back to life", function()
    local before, after = world.anna:eval [[
      local hyperty = require "hyperty"
      local before = hyperty.now()
      assert(self.room:delete())
      return before, hyperty.now()]]
    assert.is_true(after - before > 0.9)
    world:crash "anna"
    world:start "anna"
    assert.not_equal(url, world.anna:eval(CREATE))
  end)

  it("while it is being deleted nobody is told what was written and is not kept", function()
    world.anna:eval [[
      self.room.data.n = 1
      require("hyperty").spawn(function() self.room:delete() end)]]
    world:run(0.1)
    assert.is_false((pcall(world.anna.eval, world.anna, "self.room.data.n = 2")))
    world.ben:eval [[
      require("hyperty").spawn(function() self.read = { self.syncher:read(self.room.url) } end)]]
    world:run(0.5)
    assert.is_nil(world.ben:eval "return self.read and self.read[1]")
    assert.equal(0, world.ben:eval "return self.room.data.n")
    world:run(5)
    assert.is_nil(world.ben:eval "return self.read and self.read[1]")
  end)

  for _, how in ipairs { "connected", "cut off" } do
    it("evicting waits for it, also " .. how .. ": a restart lets nobody in again", function()
      if how == "cut off" then world:disconnect "anna" end
      local before, after = world.anna:eval([[
        local hyperty = require "hyperty"
        local before = hyperty.now()
        assert(self.room:evict(...))
        return before, hyperty.now()]], world.ben.url)
      assert.is_true(after - before > 0.9)
      world:crash "anna"
      world:start "anna"
      world.anna:eval(CREATE)
      world:run(60)
      assert.same({}, world.anna:eval "return self.room.observers")
    end)
  end

  for _, who in ipairs { "ben", "anna" } do
    it("who is struck off before the yes has left is not let in: " .. who, function()
      world.ben:eval "self.room:unsubscribe()"
      world:run(3)
      world[who]:eval([[
        local url = ...
        require("hyperty").spawn(function() self.got = { self.syncher:subscribe(url) } end)]], url)
      world:run(0.3)
      world.anna:eval("self.room:evict(...)", world[who].url)
      world:run(3)
      assert.same({ nil, "evicted", "forbidden" },
        { world[who]:eval "return table.unpack(self.got, 1, 3)" })
      assert.same({}, world.anna:eval "return self.room.observers")
    end)
  end

  it("evicting takes back also the answers that wait for it", function()
    local came = {}
    world.runtimes.ben:intercept(function(message)
      if message.type == "response" and message.from == url then
        table.insert(came, message.body.code)
      end
      return "pass"
    end)
    world:stall("ben", true)
    world.ben:eval([[
      local url = ...
      require("hyperty").spawn(function() self.got = { self.syncher:read(url) } end)]], url)
    world.anna:eval "self.room.data.n = 1"
    world:run(0.2)
    assert.is_true(world.anna:eval("return self.room:evict(...)", world.ben.url))
    world:stall("ben", false)
    world:run(30)
    assert.same({}, came)
    assert.same({ "evicted" }, world:heard "ben")
  end)

  it("objects that are not stored do not wait", function()
    local other = world.anna:eval [[
      self.other = assert(self.syncher:create { schema = "Resource", name = "other" })
      self.other:on("subscribe", function(request) request:accept() end)
      return self.other.url]]
    world.ben:eval("self.other = assert(self.syncher:subscribe(...))", other)
    world.anna:eval "self.room.data.n = 1 self.other.data.m = 2"
    world:run(0.1)
    assert.equal(2, world.ben:eval "return self.other.data.m")
    assert.equal(0, world.ben:eval "return self.room.data.n")
  end)
end)

describe("on a full disk", function()
  local world, url

  before_each(function()
    world = durable.world { without = { ben = true }, "anna", "ben" }
    url = world.anna:eval(CREATE)
    world:join(world.ben, url)
    world:listen "ben"
    world.disks.anna:full(true)
  end)

  after_each(function() world:finish() end)

  it("what is written waits, and goes on when there is room", function()
    world.anna:eval "self.room.data.n = 1"
    world:run(10)
    assert.equal(0, world.ben:eval "return self.room.data.n")
    world.disks.anna:full(false)
    world:run(3)
    assert.equal(1, world.ben:eval "return self.room.data.n")
    assert.truthy(url)
    world.logged = {} -- of the disk
  end)

  it("writing ends with full, and begins again", function()
    local n, why, code = world.anna:eval [[
      local big = ("x"):rep(500000)
      for i = 1, 200 do
        local ok, err = pcall(function() self.room.data["k" .. i % 10] = big .. i end)
        if not ok then return i, tostring(err) end
      end
      return 0]]
    assert.truthy(n > 10 and n < 200, n)
    assert.truthy(why:find("cannot follow", 1, true), why)
    assert.is_nil(code)
    local ok, text = world.ben:eval [[
      local child = self.room:add_child("items", { text = "a" })
      local ok, text = child:wait(3)
      return ok, text]]
    assert.is_falsy(ok, text)
    world.disks.anna:full(false)
    world:run(40)
    world.anna:eval "self.room.data.n = 1 assert(self.room:saved())"
    world:run(40)
    assert.equal(1, #world:state("ben").items)
    assert.same(world:state "anna", world:state "ben")
    world.logged = {}
  end)
end)

describe("when the machine loses power", function()
  -- How many of 20 times what was saved at that level is there afterwards.
  local function survived(level)
    local count = 0
    for seed = 1, 20 do
      local world = durable.world { seed = seed, "anna" }
      local code = CREATE:gsub("store = true", "store = " .. level)
      world.anna:eval(code)
      world.anna:eval "self.room.data.n = 1 assert(self.room:saved())"
      world:crash "anna"
      for _ = 1, seed do world.disks.anna:power_loss() end
      world:start "anna"
      world.anna:eval(code)
      if world.anna:eval "return self.room.data.n" == 1 then count = count + 1 end
      world:finish()
    end
    return count
  end

  it("what was saved synced is there, what was only kept may not be", function()
    assert.equal(20, survived [["sync"]])
    assert.is_true(survived "true" < 20)
  end)

  it("each turn is there as a whole or not at all: objects, children, own state", function()
    local code = CREATE .. ", self.state.n or 0, self.room.data.n, #self.room:children 'items'"
    local partly = 0 -- times when some of the turns are there
    for turns = 3, 14 do
      local world = durable.world { "anna" }
      world.anna:eval(code)
      for i = 1, turns do
        world.anna:eval([[
          self.state.n = ...
          self.room.data.n = ...
          self.room:add_child("items", { n = ... })]], i)
        world:run(0.1)
      end
      world:crash "anna"
      world.disks.anna:power_loss()
      world:start "anna"
      local _, n, of_object, children = world.anna:eval(code)
      assert.same({ n, n }, { of_object, children }, turns .. " turns")
      if n > 0 and n < turns then partly = partly + 1 end
      world:finish()
    end
    assert.is_true(partly > 3, partly)
  end)
end)
