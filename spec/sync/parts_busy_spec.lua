-- PROTOCOL.md sections 5 and 7: an observer that was cut off reads an object that comes in parts,
-- while that is written all the time: so it reads twice at once.
local network = require "spec.support.network"

describe("an observer that reads twice at once", function()
  it("is brought level by one that came in one part, though more is written meanwhile", function()
    local world = network.world { delay = { 0.01, 0.02 }, queue_bytes = 200000, "anna", "ben" }
    local anna, ben = world.anna, world.ben
    world:room({ n = 0 }, anna, ben)
    anna:eval([[
      for i = 1, 45 do self.room:add_child("items", { i = i, text = ... }) end]],
      ("text "):rep(400))
    world:settle()
    ben:eval [[
      self.heard = {}
      self.room:on("resync", function() table.insert(self.heard, type(self.room.data.n)) end)]]
    world:interrupt("ben", true)
    anna:eval "for i = 1, 5000 do self.room.data.n = i end"
    world:run(1)
    world:interrupt("ben", false)
    for i = 1, 1600 do
      anna:eval("self.room.data.n = ...", 5000 + i)
      world:run(0.005)
    end
    world:run(5)
    assert.same({ "number" }, ben:eval "return self.heard")
    assert.same({ 6600, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
    assert.equal(45, ben:eval "return #self.room:children()")
    world:finish()
  end)
end)
