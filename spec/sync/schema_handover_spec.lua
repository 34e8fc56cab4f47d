-- An object passes to a reporter whose runtime knows its schema in another version.
local kitchen = require "spec.support.kitchen"
local network = require "spec.support.network"

describe("handing over to a runtime with another version of the schema", function()
  local world, url

  after_each(function() world:finish() end)

  local function meet(bens)
    world = network.world { delay = { 0, 0.01 }, { "anna", schemas = { Kitchen = kitchen.one } },
      { "ben", schemas = { Kitchen = bens } } }
    url = world.anna:eval [[
      self.room = assert(self.syncher:create { schema = "Kitchen", name = "here",
        data = { value = 1 } })
      return self.room.url]]
    world.ben:eval [[
      self.syncher:on("delegate", function(offer) self.mine, self.why = offer:accept() end)]]
  end

  local function delegate()
    return world.anna:eval("return self.room:delegate(...)", world.ben.url)
  end

  it("is done where it fits that, of which it is then", function()
    meet(kitchen.wider)
    assert.is_true((delegate()))
    world:settle()
    world.ben:eval "self.mine.data.note = 'new'"
    assert.same({ 2, "new" },
      { world.ben:eval "return self.mine.metadata.schemaVersion, self.mine.data.note" })
  end)

  it("is not done where it does not fit the heir's schema, with the place", function()
    meet(kitchen.other)
    local gave, text = delegate()
    assert.is_nil(gave)
    local wanted = "it does not fit the schema Kitchen there: value: 1 is no string"
    assert.truthy(text:find(wanted, 1, true), text)
    world.anna:eval "self.room.data.value = 2"
    assert.same({ url, 1 }, { world.anna:eval "return self.room.url, self.room.version" })
  end)
end)
