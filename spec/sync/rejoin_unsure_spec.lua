-- PROTOCOL.md sections 5 to 7: requests and answers that are lost, late or come twice leave both
-- sides of the same opinion.
local network = require "spec.support.network"

describe("on a bad network", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, ben)
    world:settle()
    world:listen "ben"
  end)

  after_each(function() world:finish() end)

  -- Carl asks to take part, without waiting.
  local function ask()
    carl:eval([[local url = ...
      require("hyperty").spawn(function() self.room = self.syncher:subscribe(url) end)]], url)
  end

  it("a subscription that comes twice is decided once", function()
    url = anna:eval [[
      self.asked = 0
      self.room = self.syncher:create { schema = "Resource" }
      self.room:on("subscribe", function(request)
        self.asked = self.asked + 1
        if self.asked == 1 then request:reject("no") else request:accept() end
      end)
      return self.room.url]]
    world.net:faults { delay = { 0, 0.01 }, repeat_ = 1 }
    ask()
    world:run(5)
    assert.equal(1, anna:eval "return self.asked")
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("a yes to a subscription that was given up does not end the next one", function()
    world:stall("anna", true)
    ask()
    world:run(6)
    assert.is_nil(carl:eval "return self.room")
    ask()
    world:run(1)
    world:stall("anna", false)
    world:run(20)
    assert.equal("live", carl:eval "return self.room:status().state")
    local observers = anna:eval "return self.room.observers"
    table.sort(observers)
    local both = { ben.url, carl.url }
    table.sort(both)
    assert.same(both, observers)
  end)

  it("a yes that nobody waited for is taken back", function()
    world:stall("anna", true)
    ask()
    world:run(6)
    world:stall("anna", false)
    world:run(20)
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  -- Drops what the runtime of that name sends or gets and `is_lost` says so of; nil: nothing more.
  local function lose(name, is_lost)
    world.runtimes[name]:intercept(is_lost and function(message)
      return is_lost(message) and "drop" or "pass"
    end)
  end

  it("a yes to one that was given up is taken back if the next one comes to nothing", function()
    url = anna:eval [[
      self.room = self.syncher:create { schema = "Resource" }
      self.room:on("subscribe", function(request)
        require("hyperty").sleep(7)
        request:accept()
      end)
      return self.room.url]]
    world:stall("anna", true)
    ask()
    world:run(6)
    world:stall("anna", false)
    world:run(5)
    lose("carl", function(message)
      return message.type == "subscribe" and message.to == "domain://msg-node.localhost/sm"
    end)
    ask()
    world:run(10)
    assert.is_nil(carl:eval "return self.room")
    lose("carl", nil)
    world:run(20)
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("a yes to one that has left meanwhile lets nobody in, however late it comes", function()
    url = anna:eval [[
      self.room = self.syncher:create { schema = "Resource" }
      self.room:on("subscribe", function(request)
        require("hyperty").sleep(1)
        request:accept()
      end)
      return self.room.url]]
    world:stall("anna", true)
    ask()
    world:run(80)
    world:stall("anna", false)
    world:run(60)
    assert.is_nil(carl:eval "return self.room")
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("who left, came back and gave up while the object was being handed over has left", function()
    carl:eval [[
      self.syncher:on("delegate", function(offer)
        require("hyperty").sleep(20)
        offer:decline("no")
      end)]]
    local was_put_off = false
    lose("ben", function(message)
      local is_leave = message.type == "unsubscribe" and message.to == url .. "/subscription"
      local value = message.type == "response" and message.body.value
      was_put_off = was_put_off or type(value) == "table" and value.again == true
      return is_leave or was_put_off and message.type == "subscribe"
    end)
    ben:eval "self.room:unsubscribe()"
    anna:eval([[local url = ...
      require("hyperty").spawn(function() self.room:delegate(url) end)]], carl.url)
    world:run(1)
    ben:eval([[local url = ...
      require("hyperty").spawn(function() self.room = self.syncher:subscribe(url) end)]], url)
    world:run(20)
    assert.is_true(was_put_off)
    lose("ben", nil)
    world:run(30)
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("who left while the reporter was away for minutes has left", function()
    world:interrupt("anna", true)
    world:run(60)
    ben:eval "self.room:unsubscribe()"
    world:run(300)
    world:interrupt("anna", false)
    world:run(60)
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("a deletion that the node did not hear is said again", function()
    world:cut("anna", true, false)
    assert.is_true(anna:eval "return self.room:delete()")
    world:run(1)
    world:cut("anna", false, false)
    world:run(10)
    assert.same({ "deleted" }, world:heard "ben")
  end)

  it("who hears nothing of the reporter is lagging, whatever others say", function()
    world:join(carl, url)
    world:cut("anna", true, false)
    for _ = 1, 9 do
      carl:eval [[self.room:send_event("items", "I am here")]]
      world:run(5)
    end
    assert.same({ "lagging" }, world:heard "ben")
    assert.equal("lagging", ben:eval "return self.room:status().state")
    world:cut("anna", false, false)
    world:run(40)
    assert.same({ "live" }, world:heard "ben")
  end)
end)

describe("a hyperty of another domain", function()
  local world, anna, eve, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", { "eve", domain = "far.example" } }
    anna, eve = world.anna, world.eve
    url = world:room({ n = 0 }, anna, eve)
    world:settle()
    world:listen "eve"
  end)

  after_each(function() world:finish() end)

  it("hears that it was struck off", function()
    assert.is_true(anna:eval("return self.room:evict(...)", eve.url))
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.same({ "evicted" }, world:heard "eve")
  end)

  it("is invited, and its answer is heard", function()
    assert.is_true(anna:eval("return self.room:evict(...)", eve.url))
    world:run(1)
    eve:eval [[
      self.syncher:on("invite", function(invitation) self.room = invitation:accept() end)]]
    anna:eval("self.room:invite { ... }", eve.url)
    world:run(1)
    assert.equal("live", eve:eval "return self.room:status().state")
    assert.same({ eve.url }, anna:eval "return self.room.observers")
  end)

  it("that was let in again is not ended by what is still under way from before", function()
    world.net:stall(world.runtimes.eve, true, "far.example")
    assert.is_true(anna:eval("return self.room:evict(...)", eve.url))
    eve:eval "self.room:unsubscribe()"
    world:join(eve, url)
    world.net:stall(world.runtimes.eve, false, "far.example")
    world:run(1)
    anna:eval "self.room.data.n = 1"
    world:settle()
    assert.equal(1, eve:eval "return self.room.data.n")
    assert.same({ eve.url }, anna:eval "return self.room.observers")
  end)

  it("that was let in again is struck off again", function()
    assert.is_true(anna:eval("return self.room:evict(...)", eve.url))
    world:run(1)
    world:join(eve, url)
    world:listen "eve"
    assert.is_true(anna:eval("return self.room:evict(...)", eve.url))
    world:run(1)
    assert.same({ "evicted" }, world:heard "eve")
  end)

  it("that asks again before it has heard is in or out, for both alike", function()
    for _ = 1, 20 do
      anna:eval("self.room:evict(...)", eve.url)
      eve:eval([[local url = ...
        require("hyperty").spawn(function() self.room = self.syncher:subscribe(url) end)]], url)
      world:run(2)
      local is_in = eve:eval "return self.room ~= nil and self.room.epoch ~= nil"
      assert.equal(is_in and 1 or 0, #anna:eval "return self.room.observers")
      if not is_in then world:join(eve, url) end
      world:settle()
    end
  end)
end)
