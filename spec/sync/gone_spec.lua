-- Observers that go without a word: the node tells the reporter's sync manager (Ext: unsubscribe
-- with "gone"), which asks before it believes.
local network = require "spec.support.network"

describe("an observer that goes without a word", function()
  local world, anna, ben, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room({ n = 0 }, anna, ben)
    world:settle()
    anna:eval [[
      self.left = {}
      self.room:on("unsubscribe", function(event) table.insert(self.left, event.from) end)]]
  end)

  after_each(function() world:finish() end)

  -- What the node would say.
  local function is_told_gone(from)
    assert(world.runtimes.anna:receive(([[{"type":"unsubscribe","from":"%s","to":"%s/subscription",
      "body":{"source":"%s","gone":true}}]]):format(from, url, ben.url)))
    world:run(1)
  end

  it("has left once its session is over", function()
    world:interrupt("ben", true)
    world:run(29)
    assert.same({}, anna:eval "return self.left")
    world:run(2)
    assert.same({ ben.url }, anna:eval "return self.left")
    assert.same({}, anna:eval "return self.room.observers")
  end)

  -- The reporter's runtime hears of nobody who goes, but for what `is_heard` says so of.
  local function deafen(is_heard)
    world.runtimes.anna:intercept(function(message)
      local is_it = message.type == "unsubscribe" and message.to == url .. "/subscription"
      return is_it and not (is_heard and is_heard(message)) and "drop" or "pass"
    end)
  end

  it("has left though that it said so got lost, and it is not there any more", function()
    deafen()
    world.runtimes.ben:stop()
    world:run(35)
    assert.same({ ben.url }, anna:eval "return self.room.observers")
    world.runtimes.anna:intercept(nil)
    world:run(30)
    assert.same({ ben.url }, anna:eval "return self.left")
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("has left if it is here and has not listened for long", function()
    deafen(function(message) return message.from:find("domain://", 1, true) end)
    ben:eval "self.room:unsubscribe()"
    world:run(29)
    assert.same({}, anna:eval "return self.left")
    world:run(3)
    assert.same({ ben.url }, anna:eval "return self.left")
    world.runtimes.anna:intercept(nil)
    world:run(60)
    assert.same({ ben.url }, anna:eval "return self.left")
  end)

  it("is let in again without being asked about", function()
    world:interrupt("ben", true)
    world:run(40)
    anna:eval [[
      self.asked = 0
      self.room:on("subscribe", function() self.asked = self.asked + 1 end)
      self.room.data.n = 1]]
    world:interrupt("ben", false)
    world:run(5)
    assert.equal(0, anna:eval "return self.asked")
    assert.equal(1, ben:eval "return self.room.data.n")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  it("is asked about again if it was struck off meanwhile", function()
    anna:eval [[
      self.asked = 0
      self.room:on("subscribe", function() self.asked = self.asked + 1 end)]]
    world:interrupt("ben", true)
    world:run(40)
    assert.is_true(anna:eval("return self.room:evict(...)", ben.url))
    world:interrupt("ben", false)
    world:run(60)
    assert.equal(0, anna:eval "return self.asked")
    ben:eval("self.syncher:subscribe(...)", url)
    assert.equal(1, anna:eval "return self.asked")
  end)

  it("is believed to have gone only if the node has nobody of that name", function()
    is_told_gone "domain://msg-node.localhost/sm"
    assert.same({}, anna:eval "return self.left")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.equal(1, ben:eval "return self.room.data.n")
  end)

  it("leaves as by its own word if it is not the node that says so", function()
    world:interrupt("ben", true)
    is_told_gone "hyperty://localhost/somebody"
    assert.same({ ben.url }, anna:eval "return self.left")
    world:interrupt("ben", false)
    world:run(5)
  end)
end)
