-- What is stored of an object is what the object is, though memory runs out in the middle of
-- writing, storing, restoring or resuming: nothing is half done, and nothing is left over.
local durable = require "spec.support.durable"
local host = require "hyperty.host"

local FIRST, LAST = 1, 240

local CREATE = [[
  self.room = self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0 } }
  if self.room then
    self.room:on("subscribe", function(request) request:accept() end)
    self.room:on("execute", function(request) request:accept(1) end)
  end
  return self.room and self.room.url]]

local SUBSCRIBE = [[self.room = self.syncher:subscribe(..., { store = true })]]

describe("when memory runs out", function()
  -- Acts with the n-th allocation and all after it failing, for a while; then all is well again.
  local function failing(world, n, act)
    host.fail_after(n)
    pcall(act)
    pcall(world.run, world, 0.3)
    host.fail_after(-1)
  end

  local function story(n, before, act, after)
    local world = durable.world { delay = { 0, 0 }, "anna", "ben" }
    local url = assert(world.anna:eval(CREATE))
    before(world, url)
    failing(world, n, function() act(world, url) end)
    after(world, url)
    world.logged = {}
    world:finish()
  end

  local function nothing() end

  local function saved_is_restored(n)
    return function(world)
      world:run(1)
      world.anna:eval "assert(self.room:saved())"
      local state = world:state "anna"
      local version = world.anna:eval "return self.room.version"
      world:crash "anna"
      world:start "anna"
      assert(world.anna:eval(CREATE))
      assert.same(state, world:state "anna", n)
      assert.equal(version, world.anna:eval "return self.room.version", n)
    end
  end

  it("writing is done and stored, or neither", function()
    for n = FIRST, LAST do
      story(n, nothing, function(world)
        world.anna:eval [[
          local hyperty = require "hyperty"
          pcall(function() self.room.data.n = 1 end)
          pcall(function() self.room.data.list = { 1, { a = 2 } } end)
          pcall(function()
            self.room:batch(function() self.room.data.n = 2 self.room.data.m = 3 end)
          end)
          pcall(function() self.child = self.room:add_child("items", { text = "a" }) end)
          pcall(function() self.child.data.text = "b" end)
          pcall(function() self.room:add_child("items", { text = "c" }):delete() end)]]
      end, saved_is_restored(n))
    end
  end)

  it("a snapshot is whole, or not made", function()
    for n = FIRST, LAST, 3 do
      story(n, function(world)
        world.anna:eval [[
          for i = 1, 9 do self.room:add_child("items", { text = "c" .. i }) end
          self.room.data.text = ("x"):rep(60000)]]
      end, function(world)
        world.anna:eval [[
          for i = 1, 4 do
            pcall(function() self.room.data["k" .. i] = ("y"):rep(3000) end)
            pcall(function() self.room:children("items")[i].data.text = ("z"):rep(3000) end)
          end]]
      end, saved_is_restored(n))
    end
  end)

  it("what others write is done and stored, or neither", function()
    for n = FIRST, LAST, 2 do
      story(n, function(world, url)
        world.ben:eval("self.room = assert(self.syncher:subscribe(...))", url)
      end, function(world)
        world.ben:eval [[
          pcall(function() self.child = self.room:add_child("items", { text = "a" }) end)
          pcall(function() self.child.data.text = "b" end)
          pcall(function() self.room:execute("do") end)]]
      end, function(world)
        world:run(100)
        saved_is_restored(n)(world)
        world:run(60)
        assert.same(world:state "anna", world:state "ben", n)
      end)
    end
  end)

  it("a copy is stored as it was at some time, and goes on", function()
    for n = FIRST, LAST, 3 do
      story(n, nothing, function(world, url)
        world.ben:eval(SUBSCRIBE, url)
        world.anna:eval [[
          pcall(function() self.room.data.n = 1 end)
          pcall(function() self.room:add_child("items", { text = "a" }) end)]]
      end, function(world, url)
        world:run(40)
        world:crash "ben"
        world:start "ben"
        world.ben:eval(SUBSCRIBE, url)
        world.anna:eval "self.room.data.n = 7"
        world:run(60)
        assert.same(world:state "anna", world:state "ben", n)
      end)
    end
  end)

  it("resuming fails, and can be tried again", function()
    for n = FIRST, LAST, 2 do
      story(n, function(world, url)
        world.ben:eval(SUBSCRIBE, url)
        world.anna:eval [[
          self.room.data.n = 5
          self.room:add_child("items", { text = "a" })
          self.room:saved()]]
        world:run(1)
        world:crash "anna"
        world:crash "ben"
        world:start "anna"
        world:start "ben"
      end, function(world, url)
        world.anna:eval(CREATE)
        world.ben:eval(SUBSCRIBE, url)
      end, function(world, url)
        world:run(1)
        if not world.anna:eval "return self.room" then assert(world.anna:eval(CREATE), n) end
        assert.equal(url, world.anna:eval "return self.room.url", n)
        assert.same({ data = { n = 5 }, items = { { id = world:state("anna").items[1].id,
          text = "a", order = 2 } } }, world:state "anna", n)
        if not world.ben:eval "return self.room" then world.ben:eval(SUBSCRIBE, url) end
        world.anna:eval "self.room.data.n = 6"
        world:run(60)
        assert.same(world:state "anna", world:state "ben", n)
      end)
    end
  end)
end)
