-- Events that are kept by none: what send_event says, and status.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("an event", function()
  local world, anna, ben, carl

  before_each(function()
    world = objects.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    world:join("carl", world:room())
    for _, instance in ipairs { anna, ben, carl } do
      instance:eval [[
        self.heard = {}
        self.room:on("event", function(event) table.insert(self.heard, event) end)]]
    end
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  it("is heard by all but its sender", function()
    assert.is_true(ben:eval [[return self.room:send_event("items", { typing = true })]])
    world:run()
    local heard = { { collection = "items", from = ben.url, value = { typing = true } } }
    assert.same(heard, anna:eval "return self.heard")
    assert.same({}, ben:eval "return self.heard")
    assert.same(heard, carl:eval "return self.heard")
  end)

  it("of the reporter is heard by its observers", function()
    anna:eval [[self.room:send_event("items", false)]]
    world:run()
    assert.same({}, anna:eval "return self.heard")
    assert.same({ { collection = "items", from = anna.url, value = false } },
      carl:eval "return self.heard")
  end)

  it("leaves no trace", function()
    ben:eval [[self.room:send_event("items", "x")]]
    world:run()
    assert.same({ 0, 0 }, { anna:eval [[return self.room.version, #self.room:children("items")]] })
  end)

  it("says nothing that is not JSON", function()
    has("send_event: value: a function is not JSON",
      raised(ben, [[self.room:send_event("items", print)]]))
    has("value expected", raised(ben, [[self.room:send_event("items")]]))
  end)
end)
