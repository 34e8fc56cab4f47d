-- PROTOCOL.md section 5, Delegate, when something gets lost or dies on the way: there is one writer
-- in the end, and nothing that was acknowledged is lost.
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local NODE = "domain://msg-node.localhost/sm"

describe("delegating", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = network.world { delay = { 0.002, 0.012 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, carl)
    ben:eval [[
      self.syncher:on("delegate", function(offer)
        local mine, why, code = offer:accept()
        self.mine, self.why = mine, code
        if mine then
          mine:on("subscribe", function(request) request:accept() end)
          mine:on("execute", function(request) request:accept() end)
          mine:on("status", function(status) self.state = status.state end)
        end
      end)]]
    anna:eval [[self.room.data.n = 1 self.room:add_child("items", { text = "a" })]]
    carl:eval [[self.room:add_child("items", { text = "c" })]]
    world:run(2)
    for _, name in ipairs { "anna", "carl" } do world:listen(name) end
  end)

  after_each(function() world:finish() end)

  local function begin()
    anna:eval([[
      local url = ...
      require("hyperty").after(0.1, function()
        local gave, text, code = self.room:delegate(url)
        self.result = { gave = gave, text = text, code = code }
      end)]], ben.url)
  end

  local function result() return anna:eval "return self.result" end

  local function is_method(message, method)
    return message.type == "execute" and message.body.method == method
  end

  -- Calls fn with every message that the runtime of that name sends or gets; it gives "drop" or
  -- nothing.
  local function watch(name, fn)
    world.runtimes[name]:intercept(function(message) return fn(message) or "pass" end)
  end

  -- Drops the answers to that method of the node that the runtime gets, `times` times.
  local function lose_answer(name, method, times)
    local ids, lost = {}, 0
    watch(name, function(message)
      if is_method(message, method) then ids[message.id] = true end
      if message.type == "response" and ids[message.id] and lost < times then
        lost = lost + 1
        return "drop"
      end
    end)
    return function() return lost end
  end

  local function holder()
    local far = world.net:runtime { paths = {} }
    return far:port(far:url() .. "/x"):request { type = "execute", to = NODE,
      body = { method = "holder", params = { url } } }.body.value.holder
  end

  -- All that was acknowledged is there, one of the two writes, and the observers follow that one.
  local function goes_on_with(writer, field)
    world:run(5)
    assert.equal(writer.url, holder())
    assert.same({ 1, 2 }, { writer:eval(
      "return self." .. field .. ".data.n, #self." .. field .. ":children 'items'") })
    writer:eval("self." .. field .. ".data.n = 2")
    carl:eval [[self.child = self.room:add_child("items", { text = "d" })]]
    world:run(60)
    assert.same({ 2, 3, "kept", "live" }, { carl:eval [[
      return self.room.data.n, #self.room:children "items", self.child.state,
        self.room:status().state]] })
    for _, text in ipairs(world:heard "carl") do
      assert.is_nil(text:find "resync", "a resync at carl's: " .. text)
    end
    assert.equal(writer:eval("return self." .. field .. ".epoch"),
      carl:eval "return self.room.epoch")
  end

  local function is_over_at_anna()
    assert.same({ gave = true }, result())
    assert.same({ "replaced" }, world:heard "anna")
    assert.is_false((pcall(anna.eval, anna, "self.room.data.n = 9")))
  end

  it("within a runtime stands that this loses its session and hears of nothing", function()
    local eve = objects.load(world.runtimes.anna, "eve")
    eve:eval [[
      self.syncher:on("delegate", function(offer)
        self.mine, self.why = offer:accept()
        if self.mine then
          self.mine:on("subscribe", function(request) request:accept() end)
        end
      end)]]
    local was_asked = false
    watch("anna", function(message)
      if is_method(message, "move") then was_asked = true end
      local is_nodes = message.from:find("domain://", 1, true)
      if was_asked and is_nodes and message.type ~= "execute" then return "drop" end
    end)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(url) end)]], eve.url)
    world:run(1)
    assert.is_true(was_asked)
    world:disconnect "anna"
    world:run(1)
    world.runtimes.anna:intercept(nil)
    world:connect "anna"
    world:run(60)
    assert.is_true(anna:eval "return self.gave")
    assert.is_nil(eve:eval "return self.why")
    goes_on_with(eve, "mine")
  end)

  it("stands that the new reporter does not hear that it was moved", function()
    watch("ben", function(message)
      if is_method(message, "delegated") then return "drop" end
      if message.type == "event" and message.body.value and message.body.value.moved then
        return "drop"
      end
    end)
    begin()
    world:run(1)
    is_over_at_anna()
    assert.is_nil(ben:eval "return self.mine")
    goes_on_with(ben, "mine")
  end)

  it("stands that the node's answer is lost", function()
    local lost = lose_answer("anna", "move", 1)
    begin()
    world:run(8)
    assert.equal(1, lost())
    is_over_at_anna()
    goes_on_with(ben, "mine")
  end)

  it("stands that nothing of what the node says is heard for a while", function()
    lose_answer("anna", "move", 1)
    lose_answer("anna", "holder", 2)
    begin()
    world:run(40)
    is_over_at_anna()
    goes_on_with(ben, "mine")
  end)

  it("tries again where the request was lost", function()
    local lost = 0
    watch("anna", function(message)
      if is_method(message, "move") and lost < 1 then
        lost = lost + 1
        return "drop"
      end
    end)
    begin()
    world:run(8)
    is_over_at_anna()
    goes_on_with(ben, "mine")
  end)

  it("goes on in a new epoch where it was not moved in time", function()
    watch("anna", function(message) return is_method(message, "move") and "drop" or nil end)
    begin()
    local epoch = anna:eval "return self.room.epoch"
    world:run(60)
    assert.same({ code = "timeout", text = ben.url .. " has not taken over " .. url ..
      " in time; it stays here" }, result())
    assert.same({ "conflict" }, { ben:eval "return self.why" })
    assert.not_equal(epoch, anna:eval "return self.room.epoch")
    goes_on_with(anna, "room")
  end)

  it("stands that the answer to the offer is lost", function()
    local lost = lose_answer("anna", "delegate", 1)
    begin()
    world:run(10)
    assert.equal(1, lost())
    assert.equal("timeout", result().code)
    objects.has("does not answer", result().text)
    assert.equal("conflict", ben:eval "return self.why")
    goes_on_with(anna, "room")
  end)

  it("stands that who has accepted dies before it is moved", function()
    local moves = 0
    watch("anna", function(message)
      if is_method(message, "move") then
        moves = moves + 1
        return moves == 1 and "drop" or nil
      end
    end)
    local epoch = anna:eval "return self.room.epoch"
    begin()
    world:run(1)
    world:disconnect "ben"
    world:run(60)
    assert.same({ code = "not_found", text = "the node does not move " .. url .. " to " ..
      ben.url .. ": nobody is at " .. ben.url .. "; it stays here" }, result())
    assert.is_true(moves < 20, "the node was asked " .. moves .. " times")
    world:connect "ben"
    world:run(90)
    assert.is_nil(ben:eval "return self.mine")
    assert.equal(epoch, anna:eval "return self.room.epoch")
    goes_on_with(anna, "room")
  end)

  -- Counts the moves that anna asks the node for, of which the first may be lost; gives how many it
  -- was, once there is one.
  local function until_move(is_lost)
    local moves = 0
    watch("anna", function(message)
      if not is_method(message, "move") then return end
      moves = moves + 1
      return moves == 1 and is_lost and "drop" or nil
    end)
    return function()
      for _ = 1, 2000 do
        if moves == 0 then world:run(0.001) end
      end
      return moves
    end
  end

  it("does not press the node while who has accepted is away", function()
    local moves = until_move(true)
    begin()
    assert.equal(1, moves())
    world.runtimes.ben:crash() -- its session goes on for a while
    world:run(60)
    assert.is_nil(result().gave)
    assert.is_true(moves() < 20, "the node was asked " .. moves() .. " times")
    goes_on_with(anna, "room")
  end)

  it("within a runtime stands that who has accepted ends before it is moved", function()
    local eve = objects.load(world.runtimes.anna, "eve")
    eve:eval [[self.syncher:on("delegate", function(offer) offer:accept() end)]]
    local moves = until_move(false)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function()
        local gave, text, code = self.room:delegate(url)
        self.result = { gave = gave, text = text, code = code }
      end)]], eve.url)
    assert.equal(1, moves())
    eve:unload()
    world:run(20)
    assert.is_nil(result().gave)
    goes_on_with(anna, "room")
  end)

  it("stands that the old reporter dies once it is moved", function()
    lose_answer("anna", "move", 1)
    begin()
    world:run(1)
    world:disconnect "anna"
    goes_on_with(ben, "mine")
  end)

  it("stands that the old reporter sleeps until all is over, and writes when it wakes", function()
    lose_answer("anna", "move", 1) -- which was on its way when it fell asleep
    begin()
    world:run(0.2)
    world:stall("anna", true)
    world:run(4)
    assert.equal(ben.url, holder())
    objects.has("is being handed over", objects.raised(anna, "self.room.data.n = 9"))
    ben:eval "self.mine.data.n = 3"
    world:run(1)
    assert.equal(3, carl:eval "return self.room.data.n")
    world:stall("anna", false)
    world:run(5)
    is_over_at_anna()
    ben:eval "self.mine.data.n = 1"
    goes_on_with(ben, "mine")
  end)

  it("refuses what the old reporter sends although it is not its any more", function()
    local far = world.net:runtime { paths = {} }
    local port = far:port(far:url() .. "/x")
    assert.is_not_nil(port)
    begin()
    world:run(1)
    local raw = world.runtimes.anna:port(url)
    assert.equal(403, raw:request { type = "update", to = url .. "/changes", body = {
      epoch = "9-x", version = 99, attribute = "n", value = 66 } }.body.code)
    goes_on_with(ben, "mine")
  end)

  for _, order in ipairs {
    { "anna", "ben", "carl" }, { "ben", "anna", "carl" }, { "carl", "anna", "ben" },
  } do
    local names = table.concat(order, ", ")

    it("stands a restart of the node before its answer, once it was heard: " .. names, function()
      lose_answer("anna", "move", 1)
      begin()
      world:run(1)
      ben:eval "assert(self.mine) self.mine.data.n = 1"
      world:run(1)
      world:restart_node(table.unpack(order))
      world:run(40)
      is_over_at_anna()
      goes_on_with(ben, "mine")
    end)

    it("stands a restart of the node before anybody has heard: " .. names, function()
      lose_answer("anna", "move", 1)
      watch("ben", function(message)
        if message.type == "event" and message.body.value and message.body.value.moved then
          return "drop"
        end
      end)
      begin()
      world:run(1)
      world:restart_node(table.unpack(order))
      world:run(60)
      if result().gave then
        goes_on_with(ben, "mine")
      else
        assert.is_nil(ben:eval "return self.mine")
        goes_on_with(anna, "room")
      end
    end)
  end

  it("stands that it was handed on, and that the node forgets that, before it has heard", function()
    lose_answer("anna", "move", 1)
    carl:eval [[
      self.syncher:on("delegate", function(offer) self.mine = offer:accept() end)]]
    begin()
    world:run(1)
    assert.is_true(ben:eval("return self.mine:delegate(...)", carl.url))
    world:restart_node("anna", "ben")
    world:run(10)
    world:connect "carl"
    world:run(40)
    assert.same({ gave = true }, result())
    assert.equal(carl.url, holder())
    carl:eval "self.mine.data.n = 2"
  end)

  it("stands a restart of the node once only the old reporter has heard", function()
    local lost = 0
    watch("ben", function(message)
      if is_method(message, "delegated") then return "drop" end
      if message.type == "event" and message.body.value and message.body.value.moved then
        lost = lost + 1
        return "drop"
      end
    end)
    begin()
    world:run(1)
    is_over_at_anna()
    assert.same({ 1, false }, { lost, ben:eval "return self.mine ~= nil" })
    world:restart_node("anna", "ben", "carl")
    world:run(20)
    assert.is_true(ben:eval "return self.mine ~= nil")
    goes_on_with(ben, "mine")
  end)

  it("stands a restart of the node while the other one decides", function()
    ben:eval [[
      self.syncher:on("delegate", function(offer) require("hyperty").sleep(10) end)]]
    begin()
    world:restart_node("carl", "ben", "anna")
    world:run(60)
    if result().gave then
      goes_on_with(ben, "mine")
    else
      goes_on_with(anna, "room")
    end
  end)

  it("has what is asked meanwhile asked again: executing, and coming in", function()
    local lost = 0
    watch("anna", function(message)
      if is_method(message, "move") and lost < 1 then
        lost = lost + 1
        return "drop"
      end
    end)
    local dora = objects.load(world.runtimes.carl, "dora")
    local eve = objects.load(world.net:runtime { paths = {} }, "eve")
    begin()
    world:run(1)
    carl:eval [[
      require("hyperty").spawn(function() self.answer = self.room:execute "do it" end)]]
    for _, instance in ipairs { dora, eve } do
      instance:eval([[
        local url = ...
        require("hyperty").spawn(function() self.room = assert(self.syncher:subscribe(url)) end)]],
        url)
    end
    world:run(1)
    assert.is_nil(carl:eval "return self.answer")
    assert.is_nil(eve:eval "return self.room")
    world:run(20)
    assert.is_true(carl:eval "return self.answer")
    for _, instance in ipairs { dora, eve } do
      assert.equal(1, instance:eval "return self.room.data.n")
    end
    goes_on_with(ben, "mine")
  end)
end)
