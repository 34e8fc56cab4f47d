-- PROTOCOL.md sections 5 and 8: a stored object is handed over. Who takes it has stored it before
-- it says so; nothing that was acknowledged is lost, whoever is killed when.
local durable = require "spec.support.durable"

describe("a stored object that is handed over", function()
  local world, url

  local WILLING = [[
    self.syncher:on("delegate", function(offer)
      self.room, self.why = offer:accept()
      if self.room then
        self.room:on("subscribe", function(request) request:accept() end)
        self.room:on("execute", function(request)
          self.room.data.n = self.room.data.n + 1
          request:accept(self.room.data.n)
        end)
      end
    end)]]

  -- As the instance would at its start.
  local RESUME = [[
    local room, why, code = self.syncher:create { schema = "Resource", name = "room", store = true,
      data = { n = 0 } }
    self.room = room
    if room then room:on("subscribe", function(request) request:accept() end) end
    return room and room.resumed, why, code]]

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.005, without = { dora = true },
      "anna", "ben", "carl", "dora" }
    url = world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
        data = { n = 1 } })
      self.room:on("subscribe", function(request) request:accept() end)
      self.room:add_child("items", { text = "a" })
      return self.room.url]]
    world:join(world.carl, url)
    world:listen "carl"
    world.ben:eval(WILLING)
    world:run(1)
  end)

  after_each(function() world:finish() end)

  local function delegate(to)
    return world.anna:eval("return self.room:delegate(...)", to.url)
  end

  it("is resumed by its new reporter after a crash, with all that it has acknowledged", function()
    assert.is_true(delegate(world.ben))
    world:run(1)
    assert.equal(2, world.carl:eval [[return self.room:execute "count"]])
    assert.is_true(world.carl:eval [[return self.room:add_child("items", { text = "c" }):wait()]])
    world:crash "ben"
    world:run(40)
    world:start "ben"
    assert.is_true((world.ben:eval(RESUME)))
    world:run(60)
    assert.same({ url, 2 }, { world.ben:eval "return self.room.url, self.room.data.n" })
    assert.same(world:state "ben", world:state "carl")
    for _, text in ipairs(world:heard "carl") do assert.is_nil(text:find "resync", text) end
  end)

  it("is forgotten by the old reporter's store", function()
    assert.is_true(delegate(world.ben))
    world:run(5)
    world:crash "anna"
    world:start "anna"
    assert.same({ false }, { world.anna:eval(RESUME) })
    assert.not_equal(url, world.anna:eval "return self.room.url")
  end)

  it("goes on being stored as a copy where others of the old reporter's runtime observe", function()
    local objects = require "spec.support.objects"
    local SUBSCRIBE = [[
      self.room = assert(self.syncher:subscribe(..., { store = true }))
      return self.room.resumed, self.room.data.n, #self.room:children "items"]]
    local eve = objects.load(world.runtimes.anna, "eve")
    assert.same({ false, 1, 1 }, { eve:eval(SUBSCRIBE, url) })
    assert.is_true(delegate(world.ben))
    world:run(5)
    world.ben:eval [[self.room.data.n = 4 self.room:add_child("items", { text = "b" })]]
    world:run(1)
    assert.equal(4, eve:eval "return self.room.data.n")
    world:crash "anna"
    world:crash "ben"
    world:run(40)
    world:start "anna"
    eve = objects.load(world.runtimes.anna, "eve")
    assert.same({ true, 4, 2 }, { eve:eval(SUBSCRIBE, url) })
    assert.same({ false }, { world.anna:eval(RESUME) })
    world:start "ben"
    assert.is_true((world.ben:eval(RESUME)))
    world.ben:eval "self.room.data.n = 5"
    world:run(40)
    assert.equal(5, eve:eval "return self.room.data.n")
  end)

  it("lets in again who has stored it and rested meanwhile, without being asked", function()
    local objects = require "spec.support.objects"
    local SUBSCRIBE = [[
      local room, why = self.syncher:subscribe(..., { store = true })
      self.room = room
      return room and room.resumed, why]]
    local eve = objects.load(world.runtimes.carl, "eve")
    assert.is_false((eve:eval(SUBSCRIBE, url)))
    local fay = objects.load(world.runtimes.ben, "fay")
    fay:eval [[
      self.syncher:on("delegate", function(offer)
        require("hyperty").sleep(2)
        self.room = offer:accept()
        self.room:on("subscribe", function(request) request:reject "no" end)
      end)]]
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(to) end)]], fay.url)
    world:run(1)
    eve:unload()
    world:run(20)
    assert.is_true(world.anna:eval "return self.gave")
    fay:eval "self.room.data.n = 7"
    eve = objects.load(world.runtimes.carl, "eve")
    assert.is_true((eve:eval(SUBSCRIBE, url)))
    world:run(20)
    assert.equal(7, eve:eval "return self.room and self.room.data and self.room.data.n")
  end)

  it("is not held up if more observe than a message can tell of", function()
    world.anna:eval [[
      for n = 1, 30 do
        local list = {}
        for i = 1, 100 do
          list[i] = ("hyperty://localhost/%d-%d-%s"):format(n, i, ("x"):rep(300))
        end
        self.room:invite(list)
      end]]
    world:run(10)
    local gave, text, code = world.anna:eval([[
      local to, answer = ..., nil
      require("hyperty").spawn(function() answer = table.pack(self.room:delegate(to)) end)
      self.room.data.n = 2
      while not answer do require("hyperty").sleep(0.1) end
      return table.unpack(answer, 1, 3)]], world.ben.url)
    assert.is_nil(gave)
    assert.truthy(text:find(url .. " has too many observers to be handed over", 1, true), text)
    assert.equal("too_large", code)
    world:run(1)
    assert.equal(2, world.carl:eval "return self.room.data.n")
  end)

  it("stays with the old reporter, who can be killed, if the new one declines", function()
    world.dora:eval(WILLING)
    local gave, text, code = delegate(world.dora)
    assert.same({ nil, world.dora.url .. " does not take over " .. url ..
      ": the object is stored, and this runtime has no store (--store)", "forbidden" },
      { gave, text, code })
    world.anna:eval "self.room.data.n = 5 self.room:saved()"
    world:crash "anna"
    world:run(40)
    world:start "anna"
    assert.is_true((world.anna:eval(RESUME)))
    assert.same({ url, 5 }, { world.anna:eval "return self.room.url, self.room.data.n" })
  end)

  it("is told as another's to the old reporter that was killed before it had forgotten", function()
    world.runtimes.anna:intercept(function(message)
      local is_asked = message.type == "execute" and message.body.method == "delegated"
      return is_asked and "drop" or "pass"
    end)
    assert.is_true(delegate(world.ben))
    world:run(1)
    world.ben:eval "self.room.data.n = 7"
    world:crash "anna"
    world:run(40)
    world:start "anna"
    local gave, text, code = world.anna:eval(RESUME)
    assert.is_nil(gave)
    assert.truthy(text:find(("%s was handed over to %s and is reported there"):format(url,
      world.ben.url), 1, true), text)
    assert.equal("conflict", code)
    assert.equal(7, world.carl:eval "return self.room.data.n")
  end)

  it("is begun anew by the old reporter that was killed if the new one has deleted it", function()
    world.runtimes.anna:intercept(function(message)
      local is_asked = message.type == "execute" and message.body.method == "delegated"
      return is_asked and "drop" or "pass"
    end)
    assert.is_true(delegate(world.ben))
    world:run(1)
    world:crash "anna"
    world.ben:eval "assert(self.room:delete())"
    world:run(40)
    world:start "anna"
    assert.same({ false }, { world.anna:eval(RESUME) })
    assert.not_equal(url, world.anna:eval "return self.room.url")
  end)

  it("is where it was if who has accepted is killed before it was moved", function()
    local lost = 0
    world.runtimes.anna:intercept(function(message)
      if message.type == "execute" and message.body.method == "move" and lost < 1 then
        lost = lost + 1
        return "drop"
      end
      return "pass"
    end)
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.done = self.room:delegate(to) end)]], world.ben.url)
    world:run(2)
    assert.equal(1, lost)
    world:crash "ben"
    world:run(60)
    assert.is_nil(world.anna:eval "return self.done")
    world.anna:eval "self.room.data.n = 3 self.room:saved()"
    world:start "ben"
    assert.same({ false }, { world.ben:eval(RESUME) })
    world:run(40)
    assert.equal(3, world.carl:eval "return self.room.data.n")
  end)

  it("is not lost if both are killed right after it was moved", function()
    assert.is_true(delegate(world.ben))
    world:crash "ben"
    world:crash "anna"
    world:run(40)
    world:start "anna"
    world:start "ben"
    local at_ben = world.ben:eval(RESUME)
    local at_anna = world.anna:eval(RESUME)
    local here = at_ben and "ben" or "anna"
    assert.is_true(at_ben or at_anna)
    assert.same({ url, 1, 1 }, { world[here]:eval [[
      return self.room.url, self.room.data.n, #self.room:children "items"]] })
    world:run(60)
    assert.same(world:state(here), world:state "carl")
  end)

  it("names its new reporter also if that is killed before it has said so", function()
    local objects = require "spec.support.objects"
    local eve = objects.load(world.runtimes.anna, "eve")
    eve:eval("self.room = assert(self.syncher:subscribe(..., { store = true }))", url)
    assert.is_true(delegate(world.ben))
    world:crash "ben"
    world:run(1)
    world:start "ben"
    assert.is_true((world.ben:eval(RESUME)))
    world:run(60)
    local NAMED = "return self.room.metadata.reporter"
    assert.same({ world.ben.url, world.ben.url, world.ben.url },
      { world.ben:eval(NAMED), world.carl:eval(NAMED), eve:eval(NAMED) })
    world.ben:eval "self.room.data.n = 6"
    world:run(1)
    world:crash "anna"
    world:crash "ben"
    world:start "anna"
    eve = objects.load(world.runtimes.anna, "eve")
    assert.equal(6, eve:eval([[
      self.room = assert(self.syncher:subscribe(..., { store = true }))
      return self.room.data.n]], url))
  end)

  it("takes the place of the copy that its new reporter has stored", function()
    world.ben:eval([[
      self.copy = assert(self.syncher:subscribe(..., { store = true }))]], url)
    assert.is_true(delegate(world.ben))
    world:run(1)
    world.ben:eval "self.room.data.n = 4 self.room:saved()"
    world:crash "ben"
    world:run(40)
    world:start "ben"
    assert.is_true((world.ben:eval(RESUME)))
    assert.equal(4, world.ben:eval "return self.room.data.n")
    world:run(40)
    assert.equal(4, world.carl:eval "return self.room.data.n")
  end)

  -- The copy there names the old reporter until it hears of the new one.
  for ms = 10, 50, 10 do
    it("keeps its guests though its heir begins to store a copy after ms " .. ms, function()
      world.ben:eval("self.copy = assert(self.syncher:subscribe(...))", url)
      world.anna:eval([[
        local to = ...
        require("hyperty").spawn(function() self.gave = self.room:delegate(to) end)]],
        world.ben.url)
      world:run(ms / 1000)
      world.ben:eval("assert(self.syncher:subscribe(..., { store = true }))", url)
      world:run(1)
      assert.is_true(world.anna:eval "return self.gave")
      world:crash "ben"
      world:run(1)
      world:start "ben"
      world.ben:eval [[
        self.room = self.syncher:resume { schema = "Resource", name = "room" }[1]
        self.room:on("subscribe", function(request) request:reject("nobody knows it") end)]]
      world:run(40)
      world.ben:eval "self.room.data.n = 4"
      world:run(1)
      assert.equal(4, world.carl:eval "return self.room.data.n")
    end)
  end

  it("within a runtime is its new hyperty's after a crash", function()
    local objects = require "spec.support.objects"
    local eve = objects.load(world.runtimes.anna, "eve")
    eve:eval(WILLING)
    assert.is_true(delegate(eve))
    world:run(1)
    eve:eval "self.room.data.n = 6 self.room:saved()"
    world:crash "anna"
    world:run(40)
    world:start "anna"
    eve = objects.load(world.runtimes.anna, "eve")
    assert.same({ false }, { world.anna:eval(RESUME) })
    assert.is_true((eve:eval(RESUME)))
    assert.same({ url, 6 }, { eve:eval "return self.room.url, self.room.data.n" })
  end)

  it("within a runtime has its guests and answers after a crash right away", function()
    local objects = require "spec.support.objects"
    local eve = objects.load(world.runtimes.anna, "eve")
    world.anna:eval [[
      self.room:on("execute", function(request) request:accept(self.room.data.n) end)]]
    local port, answers = world.runtimes.carl:port(world.carl.url), {}
    world.runtimes.carl:intercept(function(message)
      if message.type == "response" and message.id == 7 then
        table.insert(answers, message.body.value)
      end
      return "pass"
    end)
    local function execute()
      port:send { type = "execute", id = 7, to = url, body = { method = "count", params = {} } }
      world:run(1)
    end
    execute()
    eve:eval(WILLING)
    assert.is_true(delegate(eve))
    eve:eval "self.room:saved()"
    world:crash "anna"
    world:start "anna"
    eve = objects.load(world.runtimes.anna, "eve")
    eve:eval [[
      self.room, self.asked = assert(self.syncher:resume {})[1], 0
      self.room:on("subscribe", function() self.asked = self.asked + 1 end)
      self.room:on("execute", function(request) request:accept("again") end)]]
    world:run(30)
    execute()
    assert.same({ 1, 1 }, answers)
    assert.same({ 0, { world.carl.url } }, { eve:eval "return self.asked, self.room.observers" })
    assert.equal("live", world.carl:eval "return self.room:status().state")
  end)
end)

describe("a stored object that was handed over", function()
  local CREATE = [[
    self.room = self.syncher:create { schema = "Resource", name = "room", store = true,
      data = { n = 0 } }
    return self.room and self.room.resumed, self.room and self.room.data.n]]

  it("does not come back where it was before, though the disk there has lost power", function()
    for seed = 1, 10 do
      local world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.005, disk_seed = seed,
        "anna", "ben" }
      world.anna:eval(CREATE)
      world.anna:eval [[
        assert(self.syncher:create { schema = "Resource", name = "other", store = "sync" })]]
      world.ben:eval [[
        self.syncher:on("delegate", function(offer) self.room = assert(offer:accept()) end)]]
      assert.is_true(world.anna:eval("return self.room:delegate(...)", world.ben.url))
      world:run(5)
      world.ben:eval "self.room.data.n = 8 self.room:saved()"
      world:crash "anna"
      world.disks.anna:power_loss()
      world:crash "ben"
      world.net:restart_node()
      world:start "anna"
      world:run(5)
      assert.is_not_true(world.anna:eval(CREATE)) -- it is not there, or cannot be resumed now
      world:start "ben"
      world:run(5)
      assert.same({ true, 8 }, { world.ben:eval(CREATE) })
      world:finish()
    end
  end)
end)
