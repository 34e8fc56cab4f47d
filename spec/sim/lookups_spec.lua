-- The oracle of what is found at the registry, fed with what must not be.
local lookups = require "spec.sim.lookups"
local oracles = require "spec.sim.oracle"

describe("the oracle of look-ups", function()
  local oracle, object, anna, ben, found

  before_each(function()
    oracle = oracles.new()
    local function actor(name)
      return { name = name, url = "hyperty://x/" .. name, domain = "x", is_alive = true,
        user = "user://x/me" }
    end
    anna, ben = actor "anna", actor "ben"
    oracle:created { label = "o1", actor = anna, party = "anna.1", url = "resource://x/1",
      schema = "Resource", data = {} }
    object = oracle.by_url["resource://x/1"]
    found = { { url = object.url, status = "live", reporter = anna.url },
      { url = anna.url, status = "live" }, { url = ben.url, status = "live" } }
  end)

  local function fault(criteria)
    local ok, err = pcall(lookups.check, oracle, { anna, ben }, criteria, "x", found)
    return not ok and (err.fault or err) or nil
  end

  local function has(part, criteria)
    local text = fault(criteria)
    assert.truthy(text and text:find(part, 1, true), tostring(text))
  end

  local USER = { user = "user://x/me" }

  it("is content when all is found", function()
    assert.is_nil(fault(USER))
    assert.is_nil(fault { url = object.url })
    found = {}
    assert.is_nil(fault { name = "o2" })
    assert.is_nil(fault { reporter = ben.url })
    assert.is_nil(fault { schema = "Pair" })
  end)

  it("sees an object or a hyperty that is not found", function()
    table.remove(found, 3)
    has("hyperty://x/ben is not there for who looks for", USER)
    table.remove(found, 1)
    for key, value in pairs { url = object.url, name = "o1", reporter = anna.url,
      schema = "Resource" } do
      has("resource://x/1 is not there for who looks for", { [key] = value })
    end
  end)

  it("sees one that is there and said to be away, or twice", function()
    found[1].status = "disconnected"
    has("resource://x/1 is disconnected", USER)
    found[1].status = "live"
    found[4] = found[1]
    has("is found twice", USER)
  end)

  it("sees another reporter than it has", function()
    object.actor = ben
    has("is reported by hyperty://x/anna, not by hyperty://x/ben", { url = object.url })
  end)

  it("sees one that was deleted", function()
    object.is_live = false
    has("resource://x/1 was deleted, and is there", USER)
    found[1].status = "disconnected"
    assert.is_nil(fault(USER))
  end)
end)
