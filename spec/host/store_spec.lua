-- What hyperties keep: self.state and stored objects, over unloading, crashes and slow disks, as
-- scripts see it. How it is kept is in spec/sync and spec/store.
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local Home = {}
Home.__index = Home

-- A network with a disk for each name; `home:open(name)` is that instance in a runtime of its own
-- on its disk, `home:crash(name)` kills it.
local function begin(options)
  local home = { blocks = host.blocks(), runtimes = {}, disks = {}, logged = {} }
  setmetatable(home, Home)
  home.net = host.network { seed = 1, delay = { 0.001, 0.005 }, grace = 5 }
  home.options = options or {}
  return home
end

function Home:open(name, is_without)
  local disk = self.disks[name] or host.disk(self.options)
  self.disks[name] = disk
  self.runtimes[name] = self.net:runtime {
    paths = {}, store = not is_without and disk or nil,
    log = function(level, who, text)
      if level == "error" then table.insert(self.logged, who .. ": " .. text) end
    end,
  }
  return objects.load(self.runtimes[name], name)
end

function Home:crash(name)
  self.runtimes[name]:crash()
  return function() return self:open(name) end
end

function Home:again(name)
  self.runtimes[name]:crash()
  return self:open(name)
end

function Home:finish()
  self.net:stop()
  for _, disk in pairs(self.disks) do disk:close() end
  assert.same({}, self.logged)
  assert.equal(self.blocks, host.blocks())
end

-- A room that lets everybody in, kept as self.room.
local CREATE = [[
  self.room = assert(self.syncher:create {
    schema = "Resource", name = "room", store = true,
    data = { n = 0, list = require "hyperty".array {} },
  })
  self.room:on("subscribe", function(request) request:accept() end)
  return self.room.url, self.room.resumed, self.room.data.n]]

describe("a hyperty that is loaded again under its name", function()
  local home
  before_each(function() home = begin() end)
  after_each(function() home:finish() end)

  local function check(open, close)
    local anna = open()
    local url = anna.url
    anna:eval [[
      self.state.n = 1
      self.state.list = { 1, 2, { deep = true } }
      self.state.n = self.state.n + 1]]
    home.net:run(0.1)
    close(anna)
    anna = open()
    assert.equal(url, anna.url)
    assert.same({ 2, { 1, 2, { deep = true } } },
      { anna:eval [[return self.state.n, require "hyperty".copy(self.state.list)]] })
    assert.truthy(anna:eval "return self.state.list[3].deep")
  end

  it("has its address and its state after a crash", function()
    check(function() return home:open "anna" end, function() home.runtimes.anna:crash() end)
  end)

  it("has them after its runtime has stopped", function()
    check(function() return home:open "anna" end, function() home.runtimes.anna:stop() end)
  end)

  it("has them in the same runtime", function()
    home:open "host"
    check(function() return objects.load(home.runtimes.host, "anna") end,
      function(anna) assert(anna:unload()) end)
  end)

  it("has neither without a disk", function()
    home:open("host", true)
    local anna = objects.load(home.runtimes.host, "anna")
    local url = anna.url
    anna:eval "self.state.n = 1"
    assert(anna:unload())
    anna = objects.load(home.runtimes.host, "anna")
    assert.not_equal(url, anna.url)
    assert.is_nil(anna:eval "return self.state.n")
  end)

  it("shares neither with an instance of another name", function()
    local anna = home:open "anna"
    anna:eval "self.state.n = 1"
    local ben = objects.load(home.runtimes.anna, "ben")
    assert.not_equal(anna.url, ben.url)
    assert.is_nil(ben:eval "return self.state.n")
  end)

  it("sees its state before its start runs", function()
    local SOURCE = [[
      local A = { name = "A", api = {} }
      function A:start()
        self.state.starts = (self.state.starts or 0) + 1
        self.found = self.state.starts
      end
      function A.api.found(self) return self.found end
      return A]]
    home:open "host"
    for n = 1, 3 do
      local a = assert(home.runtimes.host:load_text(SOURCE, { as = "a" }, "a.lua"))
      assert.equal(n, a.api.found())
      home:again "host"
    end
  end)

  it("loses of its state what was not committed, by whole turns", function()
    local anna = home:open "anna"
    anna:eval "self.state.a, self.state.b = 1, 1"
    home.net:run(1)
    home.disks.anna:delay(10)
    anna:eval "self.state.a, self.state.b = 2, 2"
    home.net:run(1)
    home.disks.anna:delay(0)
    anna = home:again "anna"
    assert.same({ 1, 1 }, { anna:eval "return self.state.a, self.state.b" })
  end)

  it("cannot keep more than its bound, and is told so", function()
    local anna = home:open "anna"
    anna:eval "self.state.n = 1"
    objects.has("anna.state: more than 8 MiB; keep what is so big in a data object",
      objects.raised(anna, "self.state.text = ('x'):rep(9 * 1024 * 1024)"))
    assert.same({ 1, nil }, { anna:eval "return self.state.n, self.state.text" })
  end)
end)

describe("a stored object", function()
  local home
  before_each(function() home = begin() end)
  after_each(function() home:finish() end)

  it("is given back by create after a crash, with data and children", function()
    local anna = home:open "anna"
    local url, is_resumed = anna:eval(CREATE)
    assert.falsy(is_resumed)
    anna:eval [[
      self.room.data.n = 7
      table.insert(self.room.data.list, "x")
      assert(self.room:add_child("items", { text = "one" }):wait())
      assert(self.room:add_child("items", { text = "two" }):wait())
      assert(self.room:saved())]]
    anna = home:again "anna"
    assert.same({ url, true, 7 }, { anna:eval(CREATE) })
    assert.same({ 1, "x", 2, "one", "two" }, { anna:eval [[
      local items = self.room:children "items"
      return #self.room.data.list, self.room.data.list[1], #items, items[1].data.text,
        items[2].data.text]] })
    -- and goes on
    anna:eval [[
      self.room.data.n = 8
      assert(self.room:add_child("items", { text = "three" }):wait())
      assert(self.room:saved())]]
    anna = home:again "anna"
    assert.same({ url, true, 8 }, { anna:eval(CREATE) })
    assert.equal(3, anna:eval "return #self.room:children 'items'")
  end)

  it("is given back after unloading", function()
    home:open "host"
    local anna = objects.load(home.runtimes.host, "anna")
    local url = anna:eval(CREATE)
    anna:eval "self.room.data.n = 5"
    assert(anna:unload())
    anna = objects.load(home.runtimes.host, "anna")
    assert.same({ url, true, 5 }, { anna:eval(CREATE) })
  end)

  it("ends with its hyperty where there is no disk, and is served all the same", function()
    home:open("host", true)
    local anna = objects.load(home.runtimes.host, "anna")
    local url = anna:eval(CREATE)
    assert.truthy(anna:eval "self.room.data.n = 5 return self.room:saved() == self.room.version")
    assert(anna:unload())
    anna = objects.load(home.runtimes.host, "anna")
    local again, is_resumed = anna:eval(CREATE)
    assert.not_equal(url, again)
    assert.falsy(is_resumed)
  end)

  it("is a new one where new = true asks for it", function()
    local anna = home:open "anna"
    local url = anna:eval(CREATE)
    anna:eval "assert(self.room:saved())"
    anna = home:again "anna"
    assert.not_equal(url, anna:eval [[
      return self.syncher:create {
        schema = "Resource", name = "room", store = true, new = true }.url]])
  end)

  it("is gone once it was deleted", function()
    local anna = home:open "anna"
    local url = anna:eval(CREATE)
    anna:eval "assert(self.room:delete())"
    home.net:run(1)
    anna = home:again "anna"
    local again, is_resumed = anna:eval(CREATE)
    assert.not_equal(url, again)
    assert.falsy(is_resumed)
  end)

  it("that is not stored is gone, too", function()
    local anna = home:open "anna"
    anna:eval [[self.room = assert(self.syncher:create { schema = "Resource", name = "room" })]]
    home.net:run(1)
    anna = home:again "anna"
    assert.equal(0, anna:eval "return #self.syncher:resume {}")
  end)

  it("is listed by resume, by schema and name", function()
    local anna = home:open "anna"
    local url = anna:eval(CREATE)
    anna:eval "assert(self.room:saved())"
    anna = home:again "anna"
    assert.same({ 1, url, true, 0, 0, 1 }, { anna:eval [[
      local all = assert(self.syncher:resume {})
      return #all, all[1].url, all[1].resumed, #self.syncher:resume { name = "other" },
        #self.syncher:resume { schema = "Communication" },
        #self.syncher:resume { schema = "Resource", name = "room" }]] })
  end)

  it("says with saved() which version is committed, or that it is not in time", function()
    local anna = home:open "anna"
    anna:eval(CREATE)
    home.net:run(1)
    home.disks.anna:delay(2)
    assert.same({ true, true }, { anna:eval [[
      local hyperty = require "hyperty"
      self.room.data.n = 1
      local before, version = hyperty.now(), self.room.version
      local saved = assert(self.room:saved())
      return saved == version, hyperty.now() - before >= 2]] })
    local gave, _, code = anna:eval "self.room.data.n = 2 return self.room:saved(0.5)"
    assert.same({ nil, "timeout" }, { gave, code })
    assert.truthy(anna:eval "return self.room:saved(5)")
  end)

  it("goes on for its observers when its reporter is back", function()
    local anna, ben = home:open "anna", home:open "ben"
    local url = anna:eval(CREATE)
    ben:eval([[
      self.heard = {}
      self.room = assert(self.syncher:subscribe(...))
      self.room:on("change", "n", function(change) table.insert(self.heard, change.value) end)
      self.room:on("resync", function() table.insert(self.heard, "resync") end)]], url)
    anna:eval "self.room.data.n = 1 assert(self.room:saved())"
    home.net:run(1)
    anna = home:again "anna"
    anna:eval(CREATE)
    anna:eval "self.room.data.n = 2"
    home.net:run(40)
    assert.same({ 1, 2 }, ben:eval "return self.heard")
    assert.equal("live", ben:eval "return self.room:status().state")
  end)

  it("that is observed with store is there before its reporter is", function()
    local anna, ben = home:open "anna", home:open "ben"
    local url = anna:eval(CREATE)
    ben:eval("self.room = assert(self.syncher:subscribe(..., { store = true }))", url)
    anna:eval "self.room.data.n = 3 assert(self.room:saved())"
    home.net:run(1)
    local anna_again = home:crash "anna"
    ben = home:again "ben"
    assert.same({ url, true, 3, "disconnected" }, { ben:eval([[
      self.room = assert(self.syncher:subscribe(..., { store = true }))
      return self.room.url, self.room.resumed, self.room.data.n, self.room:status().state]], url) })
    assert.same({ 1, url }, { ben:eval [[
      local list = self.syncher:resume {}
      return #list, list[1].url]] })
    anna = anna_again()
    anna:eval(CREATE)
    anna:eval "self.room.data.n = 4"
    home.net:run(40)
    assert.same({ 4, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("raises where its disk is too far behind", function()
    local anna = home:open "anna"
    anna:eval(CREATE)
    home.net:run(1)
    home.disks.anna:full(true)
    anna:eval [[
      self.text = ("x"):rep(256 * 1024)
      for _ = 1, 1000 do
        local ok, err = pcall(function() self.room.data.text = self.text end)
        if not ok then self.error = tostring(err) break end
        require "hyperty".sleep(0.01)
      end]]
    objects.has("full", anna:eval "return self.error")
    home.logged = {} -- that the disk is full
    home.disks.anna:full(false)
    home.net:run(5)
    assert.truthy(anna:eval "self.room.data.n = 9 return self.room:saved()")
  end)
end)
