-- hyperties/@name@.lua, on virtual time: `busted` in the project's folder runs it.
local spec = require "hyperty.spec"

describe("@name@", function()
  it("adds up, and tells those who follow it", function()
    local world <close> = spec.world()
    local @name@ = world:load "@name@"
    local changed = world:events(@name@, "changed")
    assert.equal(1, @name@.add())
    assert.equal(3, @name@.add(2))
    assert.same({ 1, 3 }, changed)
  end)

  it("refuses what its schema does not allow, and is as it was", function()
    local world <close> = spec.world()
    local @name@ = world:load "@name@"
    @name@.add(2)
    local ok, text = pcall(@name@.add, -3)
    assert.is_false(ok)
    assert.truthy(text:find("value", 1, true), text)
    assert.equal(2, @name@.value())
  end)

  it("goes on where it was when its process was killed", function()
    local world <close> = spec.world { store = true }
    world:load("@name@").add(5)
    world:run(1)
    world:restart()
    assert.equal(5, world:load("@name@").value())
  end)
end)
