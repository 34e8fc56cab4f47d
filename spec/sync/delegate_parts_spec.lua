-- PROTOCOL.md section 5, Delegate: what the new reporter has to have when it begins: all of an
-- object that comes in parts, and nothing that was decided without it; and it has to begin.
local durable = require "spec.support.durable"
local network = require "spec.support.network"

describe("an object that is handed over in parts", function()
  it("is what it was last, though somebody else has just read it", function()
    local world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    local anna, ben, carl = world.anna, world.ben, world.carl
    local url = world:room({ n = 0 }, anna)
    anna:eval [[
      for i = 1, 3 do self.room.data["big" .. i] = ("x"):rep(400000) end
      for i = 1, 100 do self.room.data.n = i end]]
    ben:eval [[self.syncher:on("delegate", function(offer) self.mine = assert(offer:accept()) end)]]
    world:settle()
    world:join(carl, url)
    anna:eval "self.room.data.n = 101"
    assert.is_true(anna:eval("return self.room:delegate(...)", ben.url))
    world:run(1)
    assert.equal(101, ben:eval "return self.mine.data.n")
    assert.equal(101, carl:eval "return self.room.data.n")
    world:finish()
  end)
end)

describe("an object whose new reporter observes it", function()
  it("has none of its children that it was not asked about", function()
    local world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.02, "anna", "ben" }
    local url = world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true })
      self.room:on("subscribe", function(request) request:accept() end)
      return self.room.url]]
    world:join(world.ben, url)
    world.ben:eval [[
      self.asked, self.made = 0, 0
      self.syncher:on("delegate", function(offer)
        self.mine = assert(offer:accept())
        self.mine:on("child", function(event)
          if event.child.state == "pending" then self.asked = self.asked + 1 end
        end)
      end)]]
    world.anna:eval([[
      local to = ...
      require("hyperty").spawn(function() self.room:delegate(to) end)]], world.ben.url)
    repeat
      world:run(0.001)
      world.ben:eval [[
        self.made = self.made + 1
        self.room:add_child("items", { text = "c" })]]
    until world.ben:eval "return self.mine ~= nil"
    world:run(20)
    local made, asked = world.ben:eval "return self.made, self.asked"
    assert.is_true(made > 10)
    assert.equal(made, asked)
    assert.equal(made, world.ben:eval "return #self.mine:children()")
    world:finish()
  end)
end)

describe("an object whose reporter loses its connection while it hands it over", function()
  it("is handed over all the same, whenever that is", function()
    for moment = 1, 24 do
      local world = durable.world { delay = { 0, 0.01 }, disk_delay = 0.3, "anna", "ben" }
      world.anna:eval [[
        self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
          data = { n = 7 } })]]
      world.ben:eval [[
        self.syncher:on("delegate", function(offer) self.mine = assert(offer:accept()) end)]]
      world.anna:eval([[
        local to = ...
        require("hyperty").spawn(function() self.done = self.room:delegate(to) end)]],
        world.ben.url)
      world:run(moment / 20)
      world:interrupt("anna", true)
      world:interrupt("anna", false)
      world:run(60)
      assert.is_true(world.anna:eval "return self.done")
      assert.equal(7, world.ben:eval "return self.mine.data.n")
      world:finish()
    end
  end)
end)
