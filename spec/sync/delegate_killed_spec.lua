-- PROTOCOL.md sections 5 and 8: a stored object is being handed over, and one of the two reporters,
-- or both, are killed on the way. Whoever comes back finds out where it is: what was acknowledged
-- is not lost, and the object has one reporter.
local durable = require "spec.support.durable"

describe("a stored object on its way between two reporters", function()
  local world, url

  local WILLING = [[
    self.syncher:on("delegate", function(offer)
      self.room, self.why = offer:accept()
      if self.room then self.room:on("subscribe", function(request) request:accept() end) end
    end)]]

  -- As the instance would at its start: nothing else is made.
  local RESUME = [[
    local list, why, code = self.syncher:resume { schema = "Resource", name = "room" }
    if not list then return nil, why, code end
    self.room = list[1]
    if not self.room then return false end
    self.reports = pcall(self.room.on, self.room, "subscribe", function(request)
      request:accept()
    end)
    return true]]

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.005, "anna", "ben", "carl" }
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

  -- Begins to hand it over, and goes on for a while.
  local function begin(seconds)
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function()
        self.done = { pcall(self.room.delegate, self.room, to) }
      end)]], world.ben.url)
    world:run(seconds)
  end

  local function is_method(message, method)
    return message.type == "execute" and message.body.method == method
  end

  local function is_moved(message)
    local value = message.type == "event" and message.body.value
    return type(value) == "table" and value.moved ~= nil
  end

  -- What the runtime gets or sends that is so is lost.
  local function lose(name, is_so)
    local count = 0
    world.runtimes[name]:intercept(function(message)
      if not is_so(message) then return "pass" end
      count = count + 1
      return "drop"
    end)
    return function() return count end
  end

  -- Ben has accepted; it is moved, and he does not hear so.
  local function move_unheard()
    lose("ben", function(message) return is_moved(message) or is_method(message, "holder") end)
    begin(2)
    assert.is_true(world.anna:eval "return self.done[2]")
  end

  local function restart_node()
    world:restart_node()
    for _, name in ipairs { "anna", "ben", "carl" } do
      if world.runtimes[name] then world:reconnect(name) end
    end
    world:run(5)
  end

  -- Ben starts, which takes as long as his questions do.
  local function back(name)
    world:start(name)
    return world[name]:eval(RESUME)
  end

  local function is_level(name)
    world:run(40)
    return assert.same(world:state(name), world:state "carl")
  end

  it("is the heir's who was killed before he knew, and who finds out at once", function()
    move_unheard()
    world:crash "ben"
    assert.is_true((back "ben"))
    world.ben:eval "self.room.data.n = 2 assert(self.room:saved())"
    is_level "ben"
    assert.equal(2, world.carl:eval "return self.room.data.n")
    assert.equal(world.ben.url, world.carl:eval "return self.room.metadata.reporter")
    for _, text in ipairs(world:heard "carl") do assert.is_nil(text:find "resync", text) end
  end)

  it("is the heir's who was killed, though the node has let go of it meanwhile", function()
    move_unheard()
    world:crash "ben"
    world:run(120)
    assert.is_true((back "ben"))
    is_level "ben"
  end)

  it("is the heir's who was killed, though the node was restarted meanwhile", function()
    move_unheard()
    world:crash "ben"
    restart_node()
    assert.is_true((back "ben"))
    is_level "ben"
  end)

  it("is forgotten by the giver as soon as the heir has resumed it", function()
    move_unheard()
    world:crash "ben"
    world:run(40)
    assert.is_true((back "ben"))
    world:run(60)
    world:crash "anna"
    world:run(40)
    assert.is_false((back "anna"))
    is_level "ben"
  end)

  it("leaves nothing with an heir who was killed before it was moved", function()
    lose("anna", function(message) return is_method(message, "move") end)
    begin(2)
    world:crash "ben"
    world:run(60)
    assert.is_nil(world.anna:eval "return self.done[2]")
    assert.is_false((back "ben"))
    world:run(10)
    assert.equal(0, world.disks.ben.rows or 0)
    world.anna:eval "self.room.data.n = 3 assert(self.room:saved())"
    is_level "anna"
  end)

  it("is the giver's again, who was killed before it was moved, once the heir says so", function()
    lose("anna", function(message) return is_method(message, "move") end)
    begin(2)
    world:crash "anna"
    world:run(120)
    assert.is_true((back "anna"))
    world.anna:eval "self.room.data.n = 4 assert(self.room:saved())"
    is_level "anna"
    assert.equal(4, world.carl:eval "return self.room.data.n")
  end)

  local function hand_over_and_kill_both()
    lose("anna", function(message) return is_method(message, "delegated") end)
    begin(2)
    assert.is_true(world.anna:eval "return self.done[2]")
    world.ben:eval "self.room.data.n = 7 assert(self.room:saved())"
    world:run(1)
    world:crash "ben"
    world:crash "anna"
    world:run(60)
  end

  it("is not resumed by the giver in an older state while the heir is dead", function()
    hand_over_and_kill_both()
    local gave, text, code = back "anna"
    assert.is_nil(gave)
    assert.truthy(text:find(("%s was being handed over to %s"):format(url, ""), 1, true), text)
    assert.equal("unreachable", code)
    assert.is_true((back "ben"))
    assert.equal(7, world.ben:eval "return self.room.data.n")
    gave, text, code = world.anna:eval(RESUME)
    assert.is_nil(gave)
    assert.truthy(text:find("and is reported there", 1, true), text)
    assert.equal("conflict", code)
    world:run(60)
    assert.is_false((world.anna:eval(RESUME)))
    is_level "ben"
    assert.equal(7, world.carl:eval "return self.room.data.n")
  end)

  it("is not resumed by the giver either after the node was restarted", function()
    hand_over_and_kill_both()
    restart_node()
    assert.is_nil((back "anna"))
    world:start "ben"
    assert.is_nil((world.anna:eval(RESUME)))
    assert.is_true((world.ben:eval(RESUME)))
    assert.equal(7, world.ben:eval "return self.room.data.n")
    is_level "ben"
  end)

  it("is the giver's if both were killed, the node was restarted and nobody has written", function()
    move_unheard()
    world:crash "ben"
    world:crash "anna"
    restart_node()
    world:start "ben"
    world:start "anna"
    assert.is_true((world.anna:eval(RESUME)))
    assert.is_false((world.ben:eval(RESUME)))
    world.anna:eval "self.room.data.n = 5 assert(self.room:saved())"
    is_level "anna"
  end)

  it("comes once to an heir that asks for what is stored while it accepts", function()
    world.ben:eval [[
      local hyperty = require "hyperty"
      self.resumed = 0
      local function resume()
        for _ = 1, 100 do
          if not self.room then self.resumed = self.resumed + #(self.syncher:resume {} or {}) end
          hyperty.sleep(0.001)
        end
      end
      self.syncher:on("delegate", function(offer)
        hyperty.spawn(resume)
        self.room = offer:accept()
        if self.room then self.room:on("subscribe", function(request) request:accept() end) end
      end)]]
    for seed = 1, 10 do
      begin(1)
      assert.is_true(world.anna:eval "return self.done[2]")
      assert.equal(0, world.ben:eval "return self.resumed", "round " .. seed)
      is_level "ben"
      world.anna:eval(WILLING)
      assert.is_true(world.ben:eval("return self.room:delegate(...)", world.anna.url))
      world.ben:eval "self.room = nil"
      world:run(5)
    end
  end)

  it("stays where it is if the heir was killed since it accepted, and is back", function()
    local room = world.anna:eval [[
      self.other = assert(self.syncher:create { schema = "Resource", name = "other",
        data = { n = 1 } })
      self.other:on("subscribe", function(request) request:accept() end)
      return self.other.url]]
    local moves = lose("anna", function(message) return is_method(message, "move") end)
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function()
        self.gave, self.why = self.other:delegate(to)
      end)]], world.ben.url)
    world:run(1)
    assert.equal(1, moves())
    local address = world.ben.url
    world:crash "ben"
    world.runtimes.anna:intercept(nil)
    world:start "ben"
    assert.equal(address, world.ben.url)
    world:run(40)
    local gave, why = world.anna:eval "return self.gave, self.why"
    assert.is_nil(gave)
    assert.truthy(why:find("has another session since", 1, true), why)
    world:join(world.carl, room)
    world.anna:eval "self.other.data.n = 2"
    world:run(1)
    assert.equal(2, world.carl:eval "return self.room.data.n")
  end)

  it("stays the copy that the heir had stored if it does not come", function()
    world.ben:eval("self.copy = assert(self.syncher:subscribe(..., { store = true }))", url)
    world:run(1)
    lose("anna", function(message) return is_method(message, "move") end)
    begin(2)
    world:crash "ben"
    world:run(60)
    assert.is_true((back "ben"))
    assert.is_false(world.ben:eval "return self.reports")
    world.anna:eval "self.room.data.n = 9 assert(self.room:saved())"
    is_level "ben"
    is_level "anna"
  end)

  it("has one reporter and loses nothing, whenever who is killed", function()
    for seed = 1, 40 do
      world.ben:eval(WILLING)
      local at, who = seed * 0.0021, ({ "anna", "ben" })[seed % 2 + 1]
      local from = world.anna:eval "return self.room.data.n"
      begin(at)
      world:crash(who)
      world:run(seed % 3 == 0 and 50 or seed % 3)
      back(who)
      world:run(50)
      local reporters = {}
      for _, name in ipairs { "anna", "ben" } do
        local reports = world[name]:eval [[
          return pcall(function()
            self.room.data.n = self.room.data.n
            return self.room.observers
          end)]]
        if reports then table.insert(reporters, name) end
      end
      assert.equal(1, #reporters, ("after kill %d of %s at %.4f s: %s"):format(seed, who, at,
        table.concat(reporters, ",")))
      local name = reporters[1]
      assert.equal(from, world[name]:eval "return self.room.data.n")
      world[name]:eval "self.room.data.n = self.room.data.n + 1 assert(self.room:saved())"
      is_level(name)
      if name == "ben" then
        world.anna:eval(WILLING)
        assert.is_true((world.ben:eval("return self.room:delegate(...)", world.anna.url)))
        world:run(5)
      end
    end
  end)
end)
