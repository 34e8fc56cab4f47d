-- The oracle of copies that are kept in a store, fed with what must not be: each planted divergence
-- is caught.
local oracles = require "spec.sim.oracle"
local plain = require "spec.sim.plain"

describe("the oracle of kept copies", function()
  local oracle, object, anna, ben, looks

  local function look(_, party) return looks[party] end

  local function shows(party, version)
    looks[party] = { data = { n = version }, version = version, epoch = "1-a",
      metadata = { reporter = anna.url },
      observers = plain.array { ben.url }, children = {},
      status = { state = "live", head = version, pending = 0 } }
  end

  -- Anna has written n = 1 at version 1, Ben's copy is kept and level when all is quiet.
  before_each(function()
    oracle, looks = oracles.new(), {}
    anna = { name = "anna", url = "hyperty://x/anna" }
    ben = { name = "ben", url = "hyperty://x/ben" }
    oracle:created { label = "o1", actor = anna, party = "anna.1", url = "resource://x/1",
      schema = "Resource", data = { n = 0 }, epoch = "1-a" }
    object = oracle.by_url["resource://x/1"]
    oracle:expect_edit { kind = "set", at = {}, key = "n", value = 1 }
    oracle:expect_edit { kind = "set", at = {}, key = "n", value = 2 }
    oracle:take(anna,
      { { what = "wrote", party = "anna.1", number = 1, done = true, version = 1 } })
    oracle:take(ben, { { what = "joined", party = "ben.1", url = object.url, version = 1,
      data = { n = 1 }, children = {}, stored = true } })
    shows("anna.1", 1)
    shows("ben.1", 1)
    oracle:check(look)
  end)

  local function kill(is_lossy)
    oracle:judge(true)
    oracle:killed(ben, is_lossy)
  end

  -- Anna is killed and comes back in another epoch.
  local function anna_resumes(epoch)
    oracle:judge(true)
    oracle:killed(anna)
    local state = object.history[object.version]
    oracle:resumed(anna, { what = "resumed", party = "anna." .. epoch, url = object.url,
      version = object.version, epoch = epoch, data = state.data, children = {} })
    oracle.lost[anna.url] = nil
    shows(object.party, object.version)
  end

  local function anna_writes()
    oracle:take(anna,
      { { what = "wrote", party = object.party, number = 2, done = true, version = 2 } })
    shows(object.party, 2)
  end

  -- Ben's copy is there again; a spec changes how.
  local function comes_back(fields)
    local entry = { what = "joined", party = "ben.1001", url = object.url, version = 1,
      data = { n = 1 }, children = {}, stored = true, resumed = true }
    for key, value in pairs(fields or {}) do entry[key] = value end
    oracle:take(ben, { entry })
  end

  local function hears()
    oracle:take(ben, { { what = "change", party = "ben.1001", keys = { "n" }, kind = "update",
      value = 2, version = 2 } })
    shows("ben.1001", 2)
  end

  local function fault()
    local ok, err = pcall(oracle.check, oracle, look, true)
    return not ok and (err.fault or err) or nil
  end

  local function has(part)
    local text = fault()
    assert.truthy(text and text:find(part, 1, true), tostring(text))
  end

  it("is content when the copy is there and goes on", function()
    kill()
    anna_writes()
    comes_back()
    hears()
    assert.is_nil(fault())
  end)

  it("sees a copy that does not come back", function()
    kill()
    has "ben.1 has not come back, though it is kept at ben"
  end)

  it("expects none that its disk has lost, unless that was synced", function()
    kill(true)
    assert.is_nil(fault())
  end)

  it("expects one that was synced", function()
    oracle.parties["ben.1"].stored = "sync"
    kill(true)
    has "ben.1 has not come back"
  end)

  it("expects none that was not stored, or left, or was thrown out", function()
    local story = oracle.parties["ben.1"]
    story.stored = nil
    kill()
    assert.same({}, oracle.away)
    story.stored, story.is_open, story.is_leaving = true, true, true
    kill()
    assert.same({}, oracle.away)
    story.is_open, story.is_leaving = true, nil
    kill()
    object.evictions[ben.url] = { { at = 1, first = 1 } }
    assert.is_nil(fault())
  end)

  it("lets one that a disk has kept be of a past that the object has lost", function()
    object.has_lost = true
    kill(true)
    anna_writes()
    comes_back { data = { n = 7 } }
    shows("ben.1001", 2)
    assert.is_nil(fault())
    kill()
    comes_back { party = "ben.2001", data = { n = 7 } }
    has "first copy differs at /n: 7, not 1"
  end)

  it("lets one that was not taken up until the next quiet moment be of such a past, too", function()
    kill(true)
    assert.is_nil(fault())
    object.has_lost, object.former[1] = true, { { data = { n = 7 } } }
    assert.is_nil(fault())
    ben.has_lost = false
    anna_writes()
    comes_back { data = { n = 7 } }
    shows("ben.1001", 2)
    assert.is_nil(fault())
    assert.same({}, object.former)
  end)

  it("sees one that was not taken up for long and is of no past", function()
    kill(true)
    assert.is_nil(fault())
    object.has_lost, object.former[1] = true, { { data = { n = 7 } } }
    comes_back { data = { n = 8 } }
    has "first copy differs at /n: 8, not 1"
  end)

  it("sees a copy that is older than what it had when all was quiet", function()
    kill()
    comes_back { version = 0, data = { n = 0 } }
    has "ben.1 came back as ben.1001 at version 0, and had 1 long before"
  end)

  it("sees a copy with something else in it", function()
    kill()
    comes_back { data = { n = 7 } }
    has "first copy differs at /n: 7, not 1"
  end)

  it("sees a copy that goes on with a gap", function()
    kill()
    anna_writes()
    comes_back()
    shows("ben.1001", 2)
    has "what its events told"
  end)

  it("expects it still when it is killed again before it is back", function()
    kill()
    comes_back()
    oracle:judge(true)
    oracle:killed(ben)
    has "ben.1001 has not come back"
  end)

  describe("that is asked for again only after all was quiet", function()
    local function quiet()
      kill()
      oracle.away = {}
      assert.is_nil(fault())
    end

    local function starts_over()
      oracle:take(ben, { { what = "resync", party = "ben.1001", from = 1, to = object.version,
        reason = "new epoch" } })
      shows("ben.1001", object.version)
    end

    it("lets it start over where two epochs began since", function()
      anna_resumes "2-a"
      quiet()
      anna_resumes "3-a"
      comes_back { epoch = "1-a" }
      starts_over()
      assert.is_nil(fault())
    end)

    it("sees that it starts over where it has missed one epoch", function()
      quiet()
      anna_resumes "2-a"
      comes_back { epoch = "1-a" }
      starts_over()
      has "ben.1001 had to resync from 1 to 1"
    end)

    it("sees that it starts over where it was level with the others by then", function()
      anna_resumes "2-a"
      quiet()
      comes_back { epoch = "1-a" }
      shows("ben.1001", 1)
      assert.is_nil(fault())
      anna_resumes "3-a"
      starts_over()
      has "ben.1001 had to resync"
    end)

    it("lets it start over where more was written than is remembered", function()
      anna_writes()
      object.may_resync = true
      quiet()
      comes_back { epoch = "1-a" }
      starts_over()
      assert.is_nil(fault())
    end)

    it("sees that it starts over where that was before what it has", function()
      object.may_resync = true
      quiet()
      anna_writes()
      comes_back { epoch = "1-a" }
      starts_over()
      has "ben.1001 had to resync from 1 to 2"
    end)

    it("sees that it starts over when it has gone on from where it was", function()
      anna_resumes "2-a"
      quiet()
      anna_resumes "3-a"
      anna_writes()
      comes_back { epoch = "1-a" }
      hears()
      starts_over()
      has "ben.1001 had to resync from 1 to 2"
    end)
  end)
end)
