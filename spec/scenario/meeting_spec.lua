-- Messages that meet: what one side does while it cannot know yet what the other has done. Each
-- story was first told by a random world (spec/sim).
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local has = objects.has

describe("messages meet:", function()
  local world, anna, ben, carl, dora

  before_each(function()
    world = network.world { "anna", { "ben", "carl" }, "dora" }
    anna, ben, carl, dora = world.anna, world.ben, world.carl, world.dora
  end)

  after_each(function() world:finish() end)

  -- The texts of the children that are kept, "text text …": the same for all, or this fails.
  local function texts()
    local all
    for _, instance in ipairs { anna, carl, dora } do
      local here = instance:eval [[
        local list = {}
        for _, child in ipairs(self.room:children("items")) do
          if child.state == "kept" then table.insert(list, child.data.text) end
        end
        return table.concat(list, " ")]]
      assert.equal(all or here, here)
      all = here
    end
    return all
  end

  it("an observer of what it has already is thrown out while it asks again", function()
    local url = world:room({ n = 1 }, anna, anna)
    assert.same({ "nothing", "closed" }, { anna:eval([[
      local hyperty, url, got = require "hyperty", ..., nil
      local reporter = self.syncher:create { schema = "Resource", name = "room" }
      hyperty.spawn(function() reporter:evict(self.url) end)
      hyperty.spawn(function() got = table.pack(self.syncher:subscribe(url)) end)
      hyperty.sleep(1)
      return got[1] and "something" or "nothing", got[3] ]], url) })
  end)

  describe("a child", function()
    local url

    before_each(function() url = world:room({ n = 1 }, anna, ben, carl, dora) end)

    it("is deleted while the reporter thinks about a change of it", function()
      anna:eval [[
        self.room:on("child", function(event)
          if event.kind == "update" then require("hyperty").sleep(3) end
        end)]]
      ben:eval [[
        self.child = self.room:add_child("items", { text = "a" })
        self.child:wait()
        self.child.data.text = "b"]]
      world.net:run(1)
      anna:eval [[self.room:children("items")[1]:delete()]]
      world:settle()
      anna:eval [[self.room.data.n = 2]]
      world:settle()
      assert.equal("", texts())
      for _, instance in ipairs { ben, carl, dora } do
        assert.same({ 2, "live", 3, 0 }, { instance:eval [[
          local status = self.room:status()
          return self.room.data.n, status.state, status.version, status.pending]] })
      end
    end)

    it("of who leaves before it was seen gives its number to no other", function()
      local first = ben:eval [[return self.room:add_child("items", { text = "first" }).id]]
      anna:eval("self.room:evict(...)", ben.url)
      world:settle()
      world:join(ben, url)
      local second = ben:eval [[return self.room:add_child("items", { text = "second" }).id]]
      assert.not_equal(first, second)
      world:settle()
      assert.equal("second", texts())
    end)

    it("that nobody has seen is given up by who leaves, for good", function()
      ben:eval [[self.room:add_child("items", { text = "first" })]]
      anna:eval("self.room:evict(...)", ben.url)
      world:join(ben, url)
      local text = objects.raised(ben, [[self.room:children("items")[1].data.text = "x"]])
      has("make another", text)
      assert.same({ nil, "conflict" }, { ben:eval [[
        local done, _, code = self.room:children("items")[1]:delete()
        return done, code]] })
      assert.equal(0, ben:eval "return self.room:status().pending")
    end)

    it("that its creator changed in vain is as it was, when the creator is back", function()
      ben:eval [[
        self.child = self.room:add_child("items", { text = "a" })
        self.child:wait()]]
      world:settle()
      anna:eval("require('hyperty').spawn(function() self.room:evict(self.ben) end) self.ben = ...",
        ben.url)
      ben:eval [[self.child.data.text = "b"]]
      world:settle()
      world:join(ben, url)
      assert.equal("a", ben:eval [[return self.room:children("items")[1].data.text]])
      ben:eval [[self.room:children("items")[1].data.text = "c"]]
      world:settle()
      assert.equal("c", texts())
      assert.equal(0, ben:eval "return self.room:status().pending")
    end)
  end)

  it("a reporter is unloaded while the node has not answered its evict", function()
    world:room({ n = 1 }, anna, ben)
    anna:eval("self.who = ... require('hyperty').spawn(function() self.room:evict(self.who) end)",
      ben.url)
    anna:unload()
    world:settle()
    assert.equal(0, ben:eval "return #self.syncher:resume()")
  end)

  it("a batch tells each of its changes at the place that it had then", function()
    world:room({ list = { { ["0"] = { "x" } } } }, anna, ben)
    ben:eval [[
      self.heard = {}
      self.room:on("change", function(change)
        local keys = {}
        for i, key in ipairs(change.keys) do keys[i] = math.type(key) or key end
        table.insert(self.heard, table.concat(keys, " "))
      end)]]
    anna:eval [[self.room:batch(function()
      self.room.data.list[1]["0"][1] = "y"
      self.room.data.list[1] = { { "z" } }
      self.room.data.list[1][1][1] = "w"
      self.room.data.list = { ["0"] = { ["0"] = "v" } }
    end)]]
    world:settle()
    assert.same({ "list integer 0 integer", "list integer", "list integer integer integer",
      "list" }, ben:eval "return self.heard")
  end)
end)

describe("observers that are let in", function()
  local world, url

  -- So many that to some the yes and what follows it come at the same moment.
  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "b1", "b2", "b3", "b4", "b5", "b6", "b7" }
    url = world:room({ n = 1 }, world.anna)
  end)

  after_each(function() world:finish() end)

  -- All ask at once; what became of each.
  local function subscribe()
    for i = 1, 7 do
      world["b" .. i]:eval([[
        local url = ...
        require("hyperty").spawn(function()
          local room, _, code = self.syncher:subscribe(url)
          self.got = room and "room" or code
          if room then room:on("delete", function(reason) self.got = reason end) end
        end)]], url)
    end
    world:settle()
    local fates = {}
    for i = 1, 7 do
      local fate, parties = world["b" .. i]:eval "return self.got, #self.syncher:resume()"
      assert.equal(0, parties)
      fates[fate] = (fates[fate] or 0) + 1
    end
    return fates
  end

  it("and thrown out at once are out", function()
    world.anna:eval [[
      self.room:on("subscribe", function(request)
        local from = request.from
        request:accept()
        while true do
          for _, observer in ipairs(self.room.observers) do
            if observer == from then return self.room:evict(from) end
          end
          require("hyperty").sleep(0.001)
        end
      end)]]
    local fates = subscribe()
    assert.equal(7, (fates.evicted or 0) + (fates.closed or 0))
    assert.same({}, world.anna:eval "return self.room.observers")
  end)

  it("to what is deleted at once are out", function()
    world.anna:eval [[
      self.room:on("subscribe", function(request)
        request:accept()
        while self.room.observers and #self.room.observers < 7 do
          require("hyperty").sleep(0.001)
        end
        if self.room.epoch then self.room:delete() end
      end)]]
    local fates = subscribe()
    assert.truthy(fates.deleted > 0)
    assert.equal(7, fates.deleted + (fates.closed or 0))
  end)
end)

describe("a hyperty that reports and observes the same object", function()
  local world, anna, ben, url

  before_each(function()
    world = network.world { delay = { 0.001, 0.01 }, "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room({ n = 1 }, anna, ben)
    anna:eval([[
      self.reporter = self.room
      self.room = assert(self.syncher:subscribe(...))]], url)
  end)

  after_each(function() world:finish() end)

  it("makes children in both roles, with numbers of their own", function()
    local ids = anna:eval [[
      local a = self.reporter:add_child("items", { text = "a" })
      local b = self.room:add_child("items", { text = "b" })
      local c = self.reporter:add_child("items", { text = "c" })
      assert(b:wait())
      return { a.id:match "#%d+$", b.id:match "#%d+$", c.id:match "#%d+$" }]]
    assert.same({ "#1", "#2", "#3" }, ids)
    world:settle()
    assert.equal(0, anna:eval "return self.room:status().pending")
    assert.equal(3, ben:eval [[return #self.room:children("items")]])
  end)

  it("goes on hearing of others' children when it has left", function()
    anna:eval "self.room:unsubscribe()"
    world:settle()
    assert.is_true(ben:eval [[return self.room:add_child("items", { text = "b" }):wait()]])
    assert.equal(1, anna:eval [[return #self.reporter:children("items")]])
  end)

  it("lists all children where no collection is named", function()
    anna:eval [[self.reporter:add_child("items", { text = "a" })]]
    has("1", tostring(anna:eval "return #self.reporter:children()"))
  end)
end)
