-- hyperties/shopping.lua: the second example of README.
local host = require "hyperty.host"

describe("a shopping list", function()
  local blocks, rt, mine, yours

  before_each(function()
    blocks = host.blocks()
    rt = host.runtime { clock = "virtual", seed = 1, user = "user://localhost/anna" }
    mine = assert(rt:load "shopping")
    yours = assert(rt:load("shopping", { user = "user://localhost/bob" }))
  end)

  after_each(function()
    rt:stop()
    assert.equal(blocks, host.blocks())
  end)

  it("is reported by the first instance and found by the next", function()
    local roles = {}
    for i, object in ipairs(rt:objects()) do roles[i] = object.role end
    table.sort(roles)
    assert.same({ "observer", "reporter" }, roles)
  end)

  it("gets the items of both, in order", function()
    assert.equal(1, yours:call("add", "milk"))
    assert.equal(2, mine:call("add", "bread"))
    rt:run()
    assert.same({ "milk", "bread" }, mine:call "items")
    assert.same({ "milk", "bread" }, yours:call "items")
  end)

  it("says why an item is not taken, to the reporter and to an observer", function()
    assert.same({ nil, "an item is a text", "invalid" }, { mine:call("add", 5) })
    assert.equal("an item is a text", (select(2, yours:call("add", 5))))
    assert.same({}, mine:call "items")
  end)

  it("gets remarks from everybody, with who made them", function()
    assert.is_true(yours:call("remark", "the blue one"))
    assert.is_true(mine:call("remark", "two of them"))
    rt:run()
    local remarks = {
      { text = "the blue one", by = "user://localhost/bob" },
      { text = "two of them", by = "user://localhost/anna" },
    }
    assert.same(remarks, mine:call "remarks")
    assert.same(remarks, yours:call "remarks")
  end)
end)
