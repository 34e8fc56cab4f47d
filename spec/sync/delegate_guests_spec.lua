-- Who observes an object and who may not, where that changes while it is handed over (PROTOCOL.md
-- section 5, Delegate and Evict).
local network = require "spec.support.network"

local NODE = "domain://msg-node.localhost/sm"

describe("while an object is handed over", function()
  local world, anna, ben, carl

  before_each(function()
    world = network.world { delay = { 0.002, 0.012 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    world:room({ n = 0 }, anna, ben, carl)
    ben:eval [[
      self.syncher:on("delegate", function(offer)
        require("hyperty").sleep(1)
        if self.declines then return offer:decline("no") end
        self.mine = offer:accept()
      end)]]
    world:settle()
    for _, name in ipairs { "ben", "carl" } do world:listen(name) end
  end)

  after_each(function() world:finish() end)

  -- Drops what the runtime of that name sends or gets and `is_lost` says so of.
  local function lose(name, is_lost)
    world.runtimes[name]:intercept(function(message)
      return is_lost(message) and "drop" or "pass"
    end)
  end

  local function begin()
    anna:eval([[local url = ...
      require("hyperty").spawn(function() self.gave = self.room:delegate(url) end)]], ben.url)
  end

  local function evict(hyperty)
    anna:eval([[local url = ...
      require("hyperty").spawn(function() self.room:evict(url) end)]], hyperty.url)
  end

  local function is_over()
    world:run(2)
    assert.is_true(anna:eval "return self.gave")
  end

  it("one who stops has left", function()
    begin()
    world:run(0.5)
    world.runtimes.carl:stop()
    is_over()
    assert.same({ ben.url }, ben:eval "return self.mine.observers")
  end)

  it("one who stops has left, also if it comes to nothing", function()
    ben:eval "self.declines = true"
    begin()
    world:run(0.5)
    world.runtimes.carl:stop()
    world:run(2)
    assert.is_falsy(anna:eval "return self.gave")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  it("its next reporter has left if it said so", function()
    begin()
    world:run(0.95)
    ben:eval "self.room:unsubscribe()"
    world:run(0.2) -- before it is said again
    assert.same({ carl.url }, ben:eval "return self.mine.observers")
  end)

  it("one who leaves and stays has left", function()
    begin()
    world:run(0.95)
    carl:eval "self.room:unsubscribe()"
    world:run(0.2) -- before it is said again
    assert.same({ ben.url }, ben:eval "return self.mine.observers")
  end)

  it("its next reporter hears of the children, though it says late that it has left", function()
    local is_cut = true
    lose("ben", function(message)
      return is_cut and message.type == "unsubscribe" and message.to == NODE
    end)
    ben:eval "require('hyperty').spawn(function() self.room:unsubscribe() end)"
    begin()
    is_over()
    is_cut = false
    world:run(20)
    assert.is_true(carl:eval "return self.room:add_child('items', { text = 'x' }):wait(5)")
    assert.equal(1, ben:eval "return #self.mine:children('items')")
  end)

  it("its next reporter hears that it was struck off", function()
    lose("anna", function(message)
      return message.type == "unsubscribe" and message.to == ben.url
    end)
    evict(ben)
    begin()
    is_over()
    assert.same({ "evicted" }, world:heard "ben")
    assert.same({ carl.url }, ben:eval "return self.mine.observers")
  end)

  it("one that was struck off hears so, also if it may come back by now", function()
    local is_cut = true
    lose("anna", function(message)
      return is_cut and message.type == "unsubscribe" and message.to == ben.url
    end)
    evict(ben)
    world:run(0.1)
    anna:eval([[local url = ... assert(self.room:invite { url })]], ben.url)
    begin()
    is_over()
    assert.same({ "evicted" }, world:heard "ben")
    assert.same({ carl.url }, ben:eval "return self.mine.observers")
    is_cut = false
    ben:eval "self.room = assert(self.syncher:subscribe(self.mine.url))"
    assert.same({ ben.url, carl.url }, ben:eval [[
      local list = self.mine.observers
      table.sort(list)
      return list]])
  end)

  it("its next reporter reads nothing as the observer that it was", function()
    lose("anna", function(message)
      return message.type == "unsubscribe" and message.to == ben.url
    end)
    evict(ben)
    world:run(0.1)
    anna:eval "self.room.data.n = 1"
    begin()
    world:interrupt("ben", true)
    world:run(0.1)
    world:interrupt("ben", false)
    is_over()
    assert.same({ "disconnected", "evicted" }, world:heard "ben")
    assert.equal(1, ben:eval "return self.mine.data.n")
  end)

  it("the node hears who was struck off", function()
    lose("anna", function(message)
      local is_expel = message.to == NODE and message.type == "execute"
        and message.body.method == "expel"
      return is_expel or message.type == "unsubscribe" and message.to == carl.url
    end)
    evict(carl)
    begin()
    is_over()
    ben:eval "self.mine.data.n = 1"
    world:run(1)
    assert.same({ "evicted" }, world:heard "carl")
    assert.same({ ben.url }, ben:eval "return self.mine.observers")
  end)
end)
