-- PROTOCOL.md section 8: an observer that stores its copy has it again after a restart, at once and
-- also without the reporter, and goes on from its position.
local durable = require "spec.support.durable"
local objects = require "spec.support.objects"

local CREATE = [[
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0 } })
  self.room:on("subscribe", function(request) request:accept() end)
  return self.room.url]]

local SUBSCRIBE = [[
  self.heard = {}
  self.room = assert(self.syncher:subscribe(..., { store = true }))
  local function note(text) table.insert(self.heard, text) end
  self.room:on("change", function(change) note(change.path .. "=" .. tostring(change.value)) end)
  self.room:on("child", function(event) note(event.kind .. " " .. event.child.data.text) end)
  self.room:on("resync", function(from, to, reason) note("resync " .. reason) end)
  self.room:on("delete", function() note "delete" end)
  return self.room.resumed, self.room:status().state]]

describe("an observer that stores its copy", function()
  local world, url

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, "anna", "ben" }
    url = world.anna:eval(CREATE)
    world.ben:eval(SUBSCRIBE, url)
    world.anna:eval [[
      self.room.data.n = 1
      self.room:add_child("items", { text = "a" })]]
    world:run(1)
  end)

  after_each(function() world:finish() end)

  local function restart()
    world:crash "ben"
    world:run(1)
    world:start "ben"
    return world.ben:eval(SUBSCRIBE, url)
  end

  it("has it at once after a restart, and goes on from its position", function()
    world:crash "ben"
    world.anna:eval [[self.room.data.n = 2 self.room:add_child("items", { text = "b" })]]
    world:run(1)
    world:start "ben"
    local resumed, state = world.ben:eval(SUBSCRIBE, url)
    assert.is_true(resumed)
    assert.equal("disconnected", state)
    world:run(5)
    assert.same({ "n=2", "create b" }, world:heard "ben")
    assert.equal("live", world.ben:eval "return self.room:status().state")
    assert.same(world:state "anna", world:state "ben")
  end)

  it("that is not up to date does to its children what it is told, behind what it did before",
    function()
      world.ben:eval [[
        self.child = self.room:add_child("items", { text = "b" })
        assert(self.child:wait())]]
      world:run(1)
      world.ben:eval [[for i = 1, 3 do self.child.data.text = i end]]
      world:run(0.005)
      world:crash "ben"
      world:run(1)
      assert.equal(3, world.anna:eval "return self.room:children('items')[2].data.text")
      world:disconnect "anna"
      world:start "ben"
      world.ben:eval(SUBSCRIBE, url)
      assert.equal("b", world.ben:eval [[
        self.child = self.room:children("items")[2]
        local text = self.child.data.text
        self.child.data.text = "new"
        self.room:children("items")[2].data.more = 1
        return text]])
      world:run(10)
      world:connect "anna"
      world:run(30)
      assert.equal("new", world.anna:eval "return self.room:children('items')[2].data.text")
      assert.equal(1, world.anna:eval "return self.room:children('items')[2].data.more")
      assert.equal(0, world.ben:eval "return self.room:status().pending")
      world.ben:eval "assert(self.child:delete())"
      world:run(5)
      assert.same(world:state "anna", world:state "ben")
      assert.equal(1, #world:state("anna").items)
    end)

  it("numbers what it does behind what is still being decided of what it did before", function()
    world.ben:eval [[
      self.child = self.room:add_child("items", { text = "b" })
      assert(self.child:wait())]]
    world:run(1)
    world.anna:eval [[
      self.room:on("child", function() require("hyperty").sleep(2) end)]]
    world.ben:eval [[self.child.data.text = "before"]]
    world:run(0.1)
    world:crash "ben"
    world:start "ben"
    world.ben:eval(SUBSCRIBE, url)
    world.ben:eval [[self.room:children("items")[2].data.text = "after"]]
    world:run(30)
    assert.equal("after", world.anna:eval "return self.room:children('items')[2].data.text")
    assert.same(world:state "anna", world:state "ben")
    assert.equal(0, world.ben:eval "return self.room:status().pending")
  end)

  it("has it also while the reporter is away", function()
    world:crash "anna"
    local resumed, state = restart()
    assert.is_true(resumed)
    assert.equal("disconnected", state)
    assert.equal(1, world.ben:eval "return self.room.data.n")
    assert.equal("a", world:state("ben").items[1].text)
    world:run(60)
    assert.equal("disconnected", world.ben:eval "return self.room:status().state")
    world:start "anna"
    world.anna:eval(CREATE)
    world.anna:eval "self.room.data.n = 9"
    world:run(60)
    assert.same({ "n=9" }, world:heard "ben")
    assert.equal("live", world.ben:eval "return self.room:status().state")
  end)

  it("goes on from the epoch in which it was, though nothing had been written in that", function()
    local function restart_anna()
      world:crash "anna"
      world:start "anna"
      world.anna:eval(CREATE)
      world:run(30)
    end
    restart_anna()
    world:crash "ben"
    restart_anna()
    world.anna:eval "self.room.data.n = 2"
    world:start "ben"
    world.ben:eval(SUBSCRIBE, url)
    world:run(5)
    assert.same({ "n=2" }, world:heard "ben")
  end)

  it("keeps what is written in the epoch that it has entered", function()
    world:crash "anna"
    world:start "anna"
    world.anna:eval(CREATE)
    world:run(30)
    world.anna:eval [[self.room.data.n = 5 self.room:add_child("items", { text = "b" })]]
    world:run(1)
    world:crash "anna"
    restart()
    assert.equal(5, world.ben:eval "return self.room.data.n")
    assert.equal(2, #world:state("ben").items)
  end)

  it("is found by resume", function()
    world:crash "ben"
    world:start "ben"
    assert.same({ { url, true } }, world.ben:eval [[
      local found = {}
      for i, room in ipairs(assert(self.syncher:resume())) do
        found[i] = { room.url, room.resumed }
      end
      return found]])
  end)

  it("is found by resume also while it subscribes and a fellow has the copy already", function()
    objects.load(world.runtimes.ben, "cara"):eval(SUBSCRIBE, url)
    world:run(1)
    world:crash "ben"
    world:start "ben"
    local cara = objects.load(world.runtimes.ben, "cara")
    assert.is_true(cara:eval(SUBSCRIBE, url))
    world.ben:eval([[
      local hyperty, url = require "hyperty", ...
      self.found = {}
      hyperty.spawn(function()
        self.room, self.why = self.syncher:subscribe(url, { store = true })
      end)
      hyperty.spawn(function() self.found = self.syncher:resume() end)]], url)
    world:run(5)
    assert.same({ true }, { world.ben:eval "return self.found[1] == self.room, self.why" })
    assert.equal("live", world.ben:eval "return self.room:status().state")
    assert.same(world:state "anna", world:state "ben")
    world:crash "ben"
    world:start "ben"
    assert.equal(1, world.ben:eval "return #assert(self.syncher:resume())")
  end)

  it("is resumed again and again", function()
    for i = 2, 6 do
      restart()
      world.anna:eval([[
        self.room.data.n = ...
        self.room:add_child("items", { text = "c" .. ... })]], i)
      world:run(5)
      assert.same(world:state "anna", world:state "ben")
    end
  end)

  it("writes children under numbers that its earlier life cannot have used", function()
    world.ben:eval [[assert(self.room:add_child("items", { text = "x" }):wait())]]
    restart()
    world:run(2)
    local id = world.ben:eval [[
      local child = self.room:add_child("items", { text = "y" })
      assert(child:wait())
      return child.id]]
    assert.is_true(tonumber(id:match "#(%d+)$") > 1 << 32)
    assert.same(world:state "anna", world:state "ben")
  end)

  it("gives no number of a child twice, however often it leaves and comes back", function()
    restart()
    world:run(1)
    world.net:interrupt(world.runtimes.ben, true)
    local first = world.ben:eval [[
      local id = self.room:add_child("items", { text = "b" }).id
      self.room:unsubscribe()
      return id]]
    world.net:interrupt(world.runtimes.ben, false)
    for _ = 1, 2 do
      world.ben:eval(SUBSCRIBE, url)
      world.ben:eval "self.room:unsubscribe()"
    end
    world.ben:eval(SUBSCRIBE, url)
    local second = world.ben:eval [[return self.room:add_child("items", { text = "c" }).id]]
    assert.not_equal(first, second)
  end)

  it("takes the object over, and writes children under such numbers there, too", function()
    world.net:interrupt(world.runtimes.ben, true) -- what it writes now does not get anywhere
    local before = world.ben:eval [[return self.room:add_child("items", { text = "b" }).id]]
    world.net:interrupt(world.runtimes.ben, false)
    world:crash "ben"
    world:start "ben"
    world.ben:eval [[
      self.syncher:on("delegate", function(offer) self.room = assert(offer:accept()) end)]]
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.ben.url))
    world:run(1)
    local after = world.ben:eval [[return self.room:add_child("items", { text = "y" }).id]]
    assert.equal(before:match "^[^#]+", after:match "^[^#]+")
    assert.is_true(tonumber(after:match "#(%d+)$") > 1 << 32)
  end)

  it("keeps nothing of it once it has left", function()
    world.ben:eval "assert(self.room:unsubscribe())"
    world:run(1)
    world:crash "ben"
    world:start "ben"
    assert.equal(0, world.ben:eval "return #assert(self.syncher:resume())")
    assert.is_falsy((world.ben:eval(SUBSCRIBE, url)))
  end)

  it("keeps nothing of it once it was struck off", function()
    world.anna:eval("assert(self.room:evict(...))", world.ben:eval "return self.url")
    world:run(1)
    world:crash "ben"
    world:start "ben"
    assert.equal(0, world.ben:eval "return #assert(self.syncher:resume())")
  end)

  it("hears that it was struck off while it was away", function()
    local hyperty = world.ben:eval "return self.url"
    world:crash "ben"
    world.anna:eval("assert(self.room:evict(...))", hyperty)
    world:run(1)
    world:start "ben"
    assert.equal(hyperty, world.ben:eval "return self.url")
    world.ben:eval(SUBSCRIBE, url)
    world:run(5)
    assert.same({ "delete" }, world:heard "ben")
    world:crash "ben"
    world:start "ben"
    assert.equal(0, world.ben:eval "return #assert(self.syncher:resume())")
  end)

  it("hears that the object was deleted while it was away", function()
    world:crash "ben"
    world.anna:eval "assert(self.room:delete())"
    world:run(1)
    world:start "ben"
    world.ben:eval(SUBSCRIBE, url)
    world:run(5)
    assert.same({ "delete" }, world:heard "ben")
    assert.equal(0, world.ben:eval "return #assert(self.syncher:resume())")
  end)

  it("is let in again without being asked about, though the reporter was restarted, too", function()
    world:crash "ben"
    world:crash "anna"
    world:run(40)
    world:start "anna"
    world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room" })
      self.room:on("subscribe", function(request) request:reject "closed" end)]]
    world:start "ben"
    world.ben:eval(SUBSCRIBE, url)
    world.anna:eval "self.room.data.n = 5"
    world:run(5)
    assert.same({ "n=5" }, world:heard "ben")
  end)

  it("rests when it stops, and comes back", function()
    world:stop "ben"
    world.anna:eval "self.room.data.n = 3"
    world:run(1)
    world:start "ben"
    assert.is_true((world.ben:eval(SUBSCRIBE, url)))
    world:run(5)
    assert.same({ "n=3" }, world:heard "ben")
  end)

  it("is brought level where the history does not reach, and keeps that", function()
    world:crash "ben"
    for i = 1, 5000 do world.anna:eval("self.room.data.n = ...", i) end
    world:run(1)
    world:start "ben"
    world.ben:eval(SUBSCRIBE, url)
    world:run(5)
    assert.equal(5000, world.ben:eval "return self.room.data.n")
    world:crash "anna"
    restart()
    assert.same({ n = 5000 }, world:state("ben").data)
  end)

end)

describe("an object that forbids it", function()
  local wire = require "spec.support.wire"

  it("is not stored by its observers", function()
    local world = wire.world { "ben" }
    local object = wire.reporter(world, "resource://localhost/it")
    local whole = object.whole
    object.whole = function(self) return whole(self, { observerStorage = false }) end
    local gave, text, code = world.ben:eval(
      "return self.syncher:subscribe(..., { store = true })", object.url)
    assert.same({ nil, "forbidden" }, { gave, code })
    wire.has("does not allow its observers to store it", text)
    assert.is_truthy(world.ben:eval("return (self.syncher:subscribe(...)).url", object.url))
    world:finish()
  end)
end)
