-- PROTOCOL.md section 8: a reporter whose process was killed comes back with all that was
-- acknowledged, in a new epoch that goes on from it, and its observers notice no gap.
local durable = require "spec.support.durable"

local CREATE = [[
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0 } })
  self.room:on("subscribe", function(request) request:accept() end)
  return self.room.url]]

describe("a stored object", function()
  local world, url

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, without = { ben = true }, "anna", "ben" }
    url = world.anna:eval(CREATE)
  end)

  after_each(function() world:finish() end)

  local function restart()
    world:crash "anna"
    world:run(1)
    world:start "anna"
    assert.equal(url, world.anna:eval(CREATE))
  end

  it("is there again after its runtime was killed, with its data and children", function()
    world.anna:eval [[
      self.room.data.n = 7
      self.room.data.list = { 1, 2, 3 }
      self.room.data.list[2] = nil or "two"
      self.room:add_child("items", { text = "a" })
      local b = self.room:add_child("items", { text = "b" })
      b.data.text = "B"
      self.room:add_child("items", { text = "c" }):delete()
      assert(self.room:saved())]]
    local state = world:state "anna"
    local version = world.anna:eval "return self.room.version"
    restart()
    assert.same(state, world:state "anna")
    assert.is_true(world.anna:eval "return self.room.resumed")
    assert.equal(version, world.anna:eval "return self.room.version")
  end)

  it("has a higher epoch then", function()
    local before = world.anna:eval "return self.room.epoch"
    restart()
    local after = world.anna:eval "return self.room.epoch"
    assert.truthy(tonumber(after:match "^%d+") > tonumber(before:match "^%d+"))
  end)

  it("goes on with its observers, who see no gap", function()
    world:join(world.ben, url)
    world:listen "ben"
    world.anna:eval [[self.room.data.n = 1 self.room:saved()]]
    world:run(1)
    restart()
    world.anna:eval [[self.room.data.n = 2 self.room:add_child("items", { text = "x" })]]
    world:run(5)
    local heard = world:heard "ben"
    assert.same({ "n=1", "disconnected", "n=2", "create x", "live" }, heard)
    assert.same(world:state "anna", world:state "ben")
    assert.equal(world.anna:eval "return self.room.epoch", world.ben:eval "return self.room.epoch")
  end)

  it("lets its observers in whenever they come back", function()
    world:join(world.ben, url)
    world:listen "ben"
    for step = 0, 20 do
      world:crash "anna"
      world:disconnect "ben"
      world:start "anna"
      world.anna:eval("require('hyperty').spawn(function() " .. CREATE .. " end)")
      world:run(step * 0.003)
      world:connect "ben"
      world:run(10)
      local heard = table.concat(world:heard "ben", " ")
      assert.truthy(heard:find "^disconnected .*live$", heard)
      assert.is_nil(heard:find("evicted", 1, true), heard)
    end
  end)

  it("refuses nobody before its hyperty can be asked", function()
    for step = 0, 20 do
      world:crash "anna"
      world:start "anna"
      world.disks.anna:delay(0.05)
      world.anna:eval("require('hyperty').spawn(function() " .. CREATE .. " end)")
      world:run(step * 0.01)
      world.disks.anna:delay(0)
      local code = world.ben:eval([[
        local room, why, code = self.syncher:subscribe(...)
        if room then room:unsubscribe() end
        return code or "let in"]], url)
      assert.is_true(code == "let in" or code == "unreachable" or code == "not_found", code)
      world:run(1)
    end
  end)

  it("is written on after it was resumed, and resumed again", function()
    for i = 1, 5 do
      world.anna:eval([[self.room.data.n = ... self.room:add_child("items", { text = "c" .. ... })
        self.room:saved()]], i)
      restart()
      local state = world:state "anna"
      assert.equal(i, state.data.n)
      assert.equal(i, #state.items)
    end
  end)

  it("stays when its hyperty is stopped", function()
    world.anna:eval "self.room.data.n = 5"
    world:stop "anna"
    world:run(1)
    world:start "anna"
    assert.equal(url, world.anna:eval(CREATE))
    assert.equal(5, world.anna:eval "return self.room.data.n")
  end)

  it("is seen to be disconnected meanwhile", function()
    world:join(world.ben, url)
    world:listen "ben"
    world:stop "anna"
    world:run(1)
    assert.same({ "disconnected" }, world:heard "ben")
    world:start "anna"
    world.anna:eval(CREATE)
    world:run(1)
    local heard = world:heard "ben"
    assert.equal("live", heard[#heard])
  end)

  it("is gone once it was deleted", function()
    world.anna:eval "assert(self.room:delete())"
    world:crash "anna"
    world:start "anna"
    assert.not_equal(url, world.anna:eval(CREATE))
    assert.is_falsy(world.anna:eval "return self.room.resumed")
  end)

  it("is not taken up where a new one is wanted", function()
    world:crash "anna"
    world:start "anna"
    world.anna:eval [[self.room = assert(self.syncher:create { schema = "Resource", name = "room",
      store = true, new = true })]]
    assert.not_equal(url, world.anna:eval "return self.room.url")
  end)

  it("is found by resume, by schema and name", function()
    world.anna:eval [[
      assert(self.syncher:create { schema = "Resource", name = "other", store = true })]]
    world:crash "anna"
    world:start "anna"
    assert.same({ url }, world.anna:eval [[
      local list, urls = assert(self.syncher:resume { name = "room" }), {}
      for i, room in ipairs(list) do urls[i] = room.url end
      return urls]])
    assert.equal(2, world.anna:eval "return #assert(self.syncher:resume {})")
    assert.equal(0, world.anna:eval [[return #assert(self.syncher:resume { name = "none" })]])
  end)

  it("keeps a child that was acknowledged, and its creator's numbers go on", function()
    world:join(world.ben, url)
    world.ben:eval [[
      self.child = self.room:add_child("items", { text = "mine" })
      assert(self.child:wait())]]
    restart()
    world:run(5)
    assert.equal("mine", world:state("anna").items[1].text)
    world.ben:eval [[assert(self.room:add_child("items", { text = "next" }):wait())]]
    assert.same(world:state "anna", world:state "ben")
    assert.equal(2, #world:state("anna").items)
  end)


  it("is a small cost a change: history is trimmed, snapshots are rare", function()
    for i = 1, 3000 do
      world.anna:eval([[self.room.data["k" .. (... % 100)] = ("v"):rep(50) .. ...]], i)
    end
    world.anna:eval "self.room:saved()"
    local state = world:state "anna"
    restart()
    assert.same(state, world:state "anna")
  end)

  it("is asked again about a child that it thought about when it stopped", function()
    local JUDGE = [[
      self.room:on("child", function(event)
        if event.kind ~= "create" then return end
        require("hyperty").sleep(1)
        if event.child.data.text == "bad" then event:refuse "not here" end
      end)]]
    world:join(world.ben, url)
    world.anna:eval(JUDGE)
    world:run(1)
    world.ben:eval [[
      self.bad = self.room:add_child("items", { text = "bad" })
      self.good = self.room:add_child("items", { text = "good" })]]
    world:run(0.5)
    local version = world.anna:eval "return self.room.version"
    world:stop "anna"
    world:run(1)
    world:start "anna"
    local resume = CREATE:gsub("return.*", JUDGE .. " return self.room.version")
    assert.equal(version, world.anna:eval(resume))
    world:run(30)
    assert.same({ "refused", "kept" },
      { world.ben:eval "return self.bad.state, self.good.state" })
    assert.same(world:state "anna", world:state "ben")
    assert.equal(1, #world:state("anna").items)
  end)
end)

describe("a stored object that somebody else reports now", function()
  local world

  before_each(function()
    world = durable.world { "anna", "ben" }
  end)

  after_each(function() world:finish() end)

  it("is not resumed, and what is stored stays", function()
    local url = world.anna:eval(CREATE)
    world.anna:eval "self.room.data.n = 4 self.room:saved()"
    world:crash "anna"
    world:run(60) -- its session is over
    world.net:restart_node() -- and forgotten is whose the address was
    world.net:connect(world.runtimes.ben)
    world:run(1)
    world.ben:eval([[self.room = assert(self.syncher:create { schema = "Resource", name = "mine",
      url = ... })]], url)
    world:start "anna"
    local gave, text, code = world.anna:eval [[
      return self.syncher:create { schema = "Resource", name = "room", store = true }]]
    assert.is_nil(gave)
    assert.equal("conflict", code)
    assert.truthy(text:find(url .. " is reported by another runtime now", 1, true), text)
    world.ben:eval "self.room:delete()"
    world:stop "anna"
  end)
end)
