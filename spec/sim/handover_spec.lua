-- The oracle of objects that are handed over, fed with what must not be: each planted divergence is
-- caught.
local handover = require "spec.sim.handover"
local oracles = require "spec.sim.oracle"
local plain = require "spec.sim.plain"

describe("the oracle of handovers", function()
  local oracle, object, anna, ben, looks

  -- Anna reports o1 {n = 1}, at version 1 with a child of her own, and hands it over to Ben.
  before_each(function()
    oracle = oracles.new()
    anna = { name = "anna", url = "hyperty://x/anna", is_alive = true }
    ben = { name = "ben", url = "hyperty://x/ben", is_alive = true }
    oracle:created { label = "o1", actor = anna, party = "anna.1", url = "resource://x/1",
      schema = "Resource", data = { n = 1 }, epoch = "2-aa" }
    object = oracle.by_url["resource://x/1"]
    object:expect_child("anna#1", "anna.1", "items", { text = "hi" })
    object:do_child("create", "anna#1")
    object.echoed = { { kind = "create", id = "anna#1" } }
    object.heir = ben
    looks = {}
  end)

  local function fault_of(fn, ...)
    local ok, err = pcall(fn, ...)
    return not ok and (err.fault or err) or nil
  end

  -- What Ben's journal has of it: one version more, for the metadata name him; a spec changes it.
  local function taken(fields)
    local entry = { what = "took", party = "ben.1", url = object.url, epoch = "3-bb", version = 2,
      data = { n = 1 }, children = { { id = "anna#1", collection = "items",
        data = { text = "hi" }, order = 1, reporter = anna.url, state = "kept" } } }
    for key, value in pairs(fields or {}) do entry[key] = value end
    return entry
  end

  local function take(fields, actor)
    local entry = taken(fields)
    return fault_of(handover.take, oracle, actor or ben, entry, false)
  end

  local function answer(value)
    oracle:take(anna, { { what = "answer", party = "anna.1", method = "delegate", who = ben.url,
      value = value, version = 1 } })
  end

  local function has(part, text)
    assert.truthy(text and text:find(part, 1, true), tostring(text))
  end

  local function check()
    return fault_of(oracle.check, oracle, function(_, party) return looks[party] end)
  end

  it("is content when all is well, whoever tells of it first", function()
    assert.is_nil(take())
    answer(true)
    looks["ben.1"] = { data = { n = 1 }, version = 2, epoch = "3-bb", observers = plain.array {},
      children = taken().children, metadata = { reporter = ben.url } }
    assert.is_nil(check())
    assert.equal(ben, object.actor)
    assert.is_false(oracle.parties["anna.1"].is_open)
  end)

  it("is content when the giver was told first, or that it is declined", function()
    answer(true)
    assert.is_nil(take())
    assert.equal("ben.1", object.party)
    object.heir = anna
    oracle:take(ben, { { what = "answer", party = "ben.1", method = "delegate", who = anna.url,
      code = "forbidden", text = "declined", version = 2 } })
    assert.is_nil(object.heir)
    assert.equal("ben.1", object.party)
  end)

  it("sees an heir whose epoch is not above the giver's", function()
    has("goes on in epoch 2-zz, which is not above 2-aa", take { epoch = "2-zz" })
  end)

  it("sees an heir that begins behind, or ahead of, what its giver had last", function()
    has("took over o1 at version 0", take { version = 0 })
    has("took over o1 at version 3", take { version = 3, epoch = "4-bb" })
  end)

  it("sees an heir with other data, or other children", function()
    has("as ben.1 took it over differs at /n: 2, not 1", take { data = { n = 2 } })
    has("took it over, children differs at /1",
      take { children = {}, version = object.version, epoch = "4-bb" })
  end)

  it("sees somebody to whom nobody has handed it over", function()
    local carl = { name = "carl", url = "hyperty://x/carl", is_alive = true }
    has("carl.1 took over o1, which nobody handed over to it", take({ party = "carl.1" }, carl))
  end)

  it("sees two heirs, one after the other", function()
    assert.is_nil(take())
    has("which nobody handed over to it", take { party = "ben.2", epoch = "4-bb" })
  end)

  it("sees a giver that goes on to write", function()
    oracle:expect_edit { kind = "set", at = {}, key = "n", value = 2 }
    assert.is_nil(take())
    has("anna.1 wrote version 2 of o1, which it does not report any more",
      fault_of(oracle.take, oracle, anna,
        { { what = "wrote", party = "anna.1", number = 1, done = true, version = 2 } }))
  end)

  it("sees an object that is with neither when all is quiet", function()
    answer(true)
    has("o1 was handed over to ben, which does not know of it", check())
  end)

  it("sees a giver that was killed and reports again what its heir has", function()
    assert.is_nil(take())
    local entry = taken { what = "resumed", party = "anna.1001", epoch = "4-aa" }
    has("anna.1001 reports o1 again, which ben does", fault_of(oracle.resumed, oracle, anna, entry))
  end)

  it("takes what an heir resumes that was killed in the middle of it for taken over", function()
    local entry = taken { what = "resumed", version = 1 }
    assert.is_true(handover.is_taken(oracle, ben, entry))
    assert.is_false(handover.is_taken(oracle, anna, entry))
    assert.is_nil(fault_of(handover.take, oracle, ben, entry, true))
  end)

  it("knows who is in the middle of it", function()
    assert.is_true(handover.is_at(oracle, anna))
    assert.is_true(handover.is_at(oracle, ben))
    assert.is_nil(take())
    assert.is_false(handover.is_at(oracle, anna))
  end)
end)
