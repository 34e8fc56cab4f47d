-- The oracle of the random worlds, fed with what must not be: each planted divergence is caught.
local handover = require "spec.sim.handover"
local plain = require "spec.sim.plain"
local scene = require "spec.sim.scene"

describe("the oracle", function()
  local oracle, anna, ben, looks, reporter_did, heard, check, catches

  before_each(function()
    oracle, anna, ben, looks, reporter_did, heard, check, catches = scene.new()
  end)

  it("is content when all is well", function()
    reporter_did()
    check(heard())
  end)

  describe("sees a copy", function()
    before_each(function()
      reporter_did()
      oracle:take(ben, heard())
    end)

    it("with another value", function()
      looks["ben.1"].data.n = 3
      catches "ben.1 differs at /n: 3, not 2"
    end)

    it("with a float for an integer, null for nothing, an object for an array", function()
      looks["ben.1"].data.n = 2.0
      catches "/n: 2f, not 2"
      looks["ben.1"].data = { n = 2, list = plain.array { 1, 2 }, more = plain.null }
      catches "/more: null, not nil"
      looks["ben.1"].data = { n = 2, list = { 1, 2 } }
      catches "/list"
    end)

    it("with fewer elements, or in another order", function()
      looks["ben.1"].data.list = plain.array { 1 }
      catches "/list/2: nil, not 2"
      looks["ben.1"].data.list = plain.array { 2, 1 }
      catches "/list/1: 2, not 1"
    end)

    it("that is behind, in another epoch, or not live", function()
      looks["ben.1"].version, looks["ben.1"].status.head = 1, 1
      catches "at 1-a/1, the reporter at 1-a/2"
      looks["ben.1"].version, looks["ben.1"].status.head = 2, 2
      looks["ben.1"].epoch = "2-b"
      catches "at 2-b/2"
      looks["ben.1"].status.state = "lagging"
      catches "not level"
    end)

    it("with other children, metadata or user", function()
      looks["ben.1"].children[1].user = "user://x/eve"
      catches "users of the children differs at /1"
      looks["ben.1"].children = {}
      catches "children differs at /1"
      looks["ben.1"].children = looks["anna.1"].children
      looks["ben.1"].metadata = { name = "o2", reporter = anna.url }
      catches "metadata differs at /name"
    end)

    it("that is gone without a word", function()
      looks["ben.1"] = nil
      catches "was not told so"
    end)

    it("of somebody whom the reporter does not know", function()
      looks["anna.1"].observers = plain.array {}
      catches "who observes it differs at /1"
    end)
  end)

  describe("sees in the middle of things a copy", function()
    before_each(function()
      reporter_did()
      check(heard())
      oracle:tick(10)
    end)

    local function glance(now, slow_at)
      local ok, err = pcall(oracle.glance, oracle, function(_, party) return looks[party] end, now,
        45, nil, slow_at)
      return not ok and err.fault or nil
    end

    it("that may be behind, but is what its reporter once had", function()
      local look = looks["ben.1"]
      look.version, look.data.n = 1, 2
      assert.is_nil(glance(20))
      look.data.n = 3
      assert.truthy(glance(20):find("at version 1 differs at /n", 1, true))
    end)

    it("that is called live long after it was left behind", function()
      looks["ben.1"].version = 1
      assert.is_nil(glance(54))
      assert.truthy(glance(56):find("called live at version 1", 1, true))
      looks["ben.1"].status.state = "lagging"
      assert.is_nil(glance(56))
    end)

    it("that hears late over a slow way what was said long ago, but hears", function()
      looks["ben.1"].version = 1
      oracle.parties["ben.1"].heard_at = 30
      assert.is_nil(glance(74, 74))
      assert.truthy(glance(74))
      assert.truthy(glance(76, 76):find("called live at version 1", 1, true))
    end)

    it("that heard it so shortly before that way was mended", function()
      looks["ben.1"].version = 1
      oracle.parties["ben.1"].heard_at = 35
      assert.is_nil(glance(74, 30))
      assert.truthy(glance(76, 30):find("called live at version 1", 1, true))
    end)
  end)

  describe("sees a reporter", function()
    it("whose data is not what it wrote", function()
      reporter_did()
      looks["anna.1"].data.n = 1
      catches "o1 at its reporter differs at /n: 1, not 2"
    end)

    it("that another is said to be", function()
      reporter_did()
      looks["anna.1"].metadata.reporter = ben.url
      catches("o1 at its reporter is said to be that of " .. ben.url, heard())
    end)

    it("that counted wrong", function()
      local ok, err = pcall(oracle.take, oracle, anna,
        { { what = "wrote", party = "anna.1", number = 1, done = true, version = 2 } })
      assert.is_false(ok)
      assert.truthy(err.fault:find("version 2", 1, true))
    end)

    it("that did not do what it should have done", function()
      local ok, err = pcall(oracle.take, oracle, anna,
        { { what = "wrote", party = "anna.1", number = 1, done = false, version = 0 } })
      assert.is_false(ok)
      assert.truthy(err.fault:find("raised", 1, true))
    end)

    it("that was asked twice", function()
      reporter_did()
      assert.is_false((pcall(oracle.take, oracle, anna, { { what = "judged", party = "anna.1",
        kind = "create", id = "ben#1", data = { text = "hi" }, verdict = "keep" } })))
    end)
  end)

  describe("sees an execute", function()
    -- Ben asked for edit 1, or to have 7 repeated, and was answered so.
    local function answered(who, asked, value)
      return { what = "answer", party = "ben.1", method = "execute", who = who, asked = asked,
        value = value }
    end

    it("that is done twice", function()
      reporter_did()
      local ok, err = pcall(oracle.take, oracle, anna,
        { { what = "wrote", party = "anna.1", number = 1, done = true, version = 3 } })
      assert.is_false(ok)
      assert.equal("once", err.oracle)
    end)

    it("that was answered and never done", function()
      local ok, err = pcall(check, { answered("write", 1, 0) })
      assert.is_false(ok)
      assert.equal("acknowledged", err.oracle)
    end)

    it("with the answer of another", function()
      reporter_did()
      catches("what came back differs at /1: 8, not 7",
        { answered("repeat", 7, plain.array { 8 }) })
    end)

    it("that was refused and is told to be done", function()
      catches("what was refused was done", { answered("refuse", 1, true) })
    end)

    it("of another hyperty with another answer", function()
      catches("what hyperty://x/anna said to ben differs at /said: 8, not 7", { { what = "called",
        url = anna.url, asked = { said = 7 }, value = { said = 8 } } })
    end)

    it("as it should be", function()
      reporter_did()
      local entries = heard()
      table.insert(entries, answered("write", 1, 1))
      table.insert(entries, answered("repeat", 7, plain.array { 7 }))
      check(entries)
    end)
  end)

  describe("sees events", function()
    before_each(function() reporter_did() end)

    it("that are missing", function()
      local entries = heard()
      table.remove(entries, 1)
      catches("heard nothing of version 1", entries)
    end)

    it("that never come", function()
      catches "(what its events told) differs"
    end)

    it("that come twice", function()
      local entries = heard()
      table.insert(entries, entries[2])
      catches("heard create of child ben#1, not nothing", entries)
    end)

    it("that come in another order", function()
      local entries = heard()
      entries[1], entries[2] = entries[2], entries[1]
      catches("heard nothing of version 1", entries)
    end)

    it("that say something else", function()
      local entries = heard()
      entries[1].value = 7
      catches("copy at version 1 differs at /n: 7, not 2", entries)
    end)

    it("after the end", function()
      oracle.by_url["resource://x/1"].evictions[ben.url] = { { at = 0, first = 2 } }
      local entries = heard()
      table.insert(entries, 2, { what = "ended", party = "ben.1", reason = "evicted", version = 1,
        at = 1 })
      catches("after its end", entries)
    end)

    it("of what came after an eviction", function()
      oracle.by_url["resource://x/1"].evictions[ben.url] = { { at = 0, first = 1, last = 2 } }
      local entries = heard()
      table.insert(entries,
        { what = "ended", party = "ben.1", reason = "evicted", version = 2, at = 1 })
      catches("went on to version 2 after it was evicted at 1", entries)
    end)

    it("of what was written when evict had returned, even where things went wrong", function()
      local evictions = { { at = 0, first = 1, last = 2 } }
      oracle.by_url["resource://x/1"].evictions[ben.url] = evictions
      local entries = heard()
      table.insert(entries,
        { what = "ended", party = "ben.1", reason = "evicted", version = 2, at = 1 })
      oracle:take(ben, entries)
      oracle:judge(true)
      evictions[1].last, oracle.parties["ben.1"].is_open = 1, true
      oracle:take(ben, { entries[#entries] })
      assert.is_false((pcall(oracle.judge, oracle, true)))
    end)

    it("not of what was written when evict had returned, where its reporter was cut off", function()
      oracle:take(ben, heard())
      oracle:judge(true)
      local function told(is_away)
        oracle.by_url["resource://x/1"].evictions, oracle.parties["ben.1"].is_open = {}, true
        oracle:take(anna, {
          { what = "asks", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 1,
            version = 0 },
          { what = "answer", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 2,
            version = 0, epoch = "1-a", value = true, asked = is_away } })
        oracle:take(ben,
          { { what = "ended", party = "ben.1", reason = "evicted", version = 2, at = 3 } })
        oracle:judge(true)
      end
      told(true)
      local ok, err = pcall(told, false)
      assert.is_false(ok)
      assert.truthy(err.fault:find "went on to version 2 after it was evicted at 0")
    end)

    it("not of who was let in again before it was told", function()
      local entries = heard()
      table.insert(entries,
        { what = "ended", party = "ben.1", reason = "evicted", version = 2, at = 3 })
      local object = oracle.by_url["resource://x/1"]
      object.evictions[ben.url] = { { at = 1, first = 1, last = 1 } }
      object:let_in(ben.url, 0)
      object:let_in(ben.url, 4)
      assert.is_false((pcall(function() oracle:take(ben, entries) oracle:judge(true) end)))
      oracle.parties["ben.1"].is_open = true
      object:let_in(ben.url, 2)
      oracle:take(ben, { entries[#entries] })
      oracle:judge(true)
    end)

    it("of what was written while evict had not returned, only where nothing went wrong", function()
      local entries = heard()
      table.insert(entries,
        { what = "ended", party = "ben.1", reason = "evicted", version = 2, at = 1 })
      oracle.by_url["resource://x/1"].evictions[ben.url] = { { at = 0, first = 1, last = 2 } }
      looks["anna.1"].observers = plain.array {}
      oracle:take(ben, entries)
      oracle:check(function(_, party) return looks[party] end, true)
    end)

    it("of an execute that was answered and lost, unless it changed nothing", function()
      local object = oracle.by_url["resource://x/1"]
      local idle = oracle:expect_edit { kind = "batch", edits = {} }
      oracle:take(anna, { { what = "wrote", party = "anna.1", number = idle, done = true,
        version = 2 } })
      local function told_done(number)
        oracle:take(ben, { { what = "answer", party = "ben.1", method = "execute", who = "write",
          asked = number, value = object.version } })
        oracle:judge(true)
      end
      object:restore(2)
      told_done(idle)
      object:restore(0)
      local ok, err = pcall(told_done, 1)
      assert.is_false(ok)
      assert.truthy(err.fault:find "which it never was")
    end)

    it("of who is in again after it was thrown out, and was not let in", function()
      oracle:take(anna, { { what = "asked", party = "anna.1", from = ben.url, verdict = "accept",
          at = 0 },
        { what = "asks", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 0 },
        { what = "answer", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 0,
          value = true, version = 2 } })
      local object = oracle.by_url["resource://x/1"]
      assert.equal(1, handover.grants_of(object, ben.url))
      catches("in again without being let in", { { what = "joined", party = "ben.2", grants = 1,
        url = "resource://x/1", version = 2, data = looks["ben.1"].data, children = {} } })
    end)

    it("not of who was invited while evict had not returned", function()
      oracle:take(anna, {
        { what = "asks", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 0 },
        { what = "asks", party = "anna.1", method = "invite", who = { ben.url }, call = 2, at = 0 },
        { what = "answer", party = "anna.1", method = "evict", who = ben.url, call = 1, at = 0,
          value = true, version = 2 } })
      assert.is_nil(handover.grants_of(oracle.by_url["resource://x/1"], ben.url))
    end)

    it("of a fresh start where nothing was lost", function()
      catches("had to resync",
        { { what = "resync", party = "ben.1", from = 0, to = 2, reason = "gap" } })
    end)

    it("of a fresh start where history may not reach, and what is wrong after it", function()
      local object = oracle.by_url["resource://x/1"]
      object.may_resync = true
      check { { what = "resync", party = "ben.1", from = 0, to = 2, reason = "gap" } }
      looks["ben.1"].data.n = 3
      catches "ben.1 differs at /n: 3, not 2"
    end)

    it("of a fresh start of who was away while two epochs began, one after a handover failed",
      function()
        local object = oracle.by_url["resource://x/1"]
        local function failed(epoch)
          oracle:take(anna, { { what = "answer", party = "anna.1", method = "delegate",
            code = "timeout", epoch = epoch } })
        end
        failed "2-a"
        assert.is_falsy(object.may_resync)
        failed "2-a"
        assert.is_falsy(object.may_resync)
        failed "3-a"
        check { { what = "resync", party = "ben.1", from = 0, to = 2, reason = "new epoch" } }
      end)

    it("of a child that nobody has answered for, unless who made it has left since", function()
      local function expired(party)
        return { what = "child", party = party, kind = "expired", id = "ben#2",
          collection = "items", reporter = ben.url, state = "expired" }
      end
      oracle.by_url["resource://x/1"]:expect_child("ben#2", "ben.1", "items", {})
      catches("child ben#2 expired", { expired "ben.1" })
      oracle:take(ben, heard())
      looks["ben.2"] = looks["ben.1"]
      check {
        { what = "answer", party = "ben.1", method = "unsubscribe", value = true },
        { what = "joined", party = "ben.2", url = "resource://x/1", version = 2,
          data = looks["ben.2"].data, children = looks["ben.2"].children },
        expired "ben.2" }
    end)

    it("that are kept by none, twice or not at all", function()
      check(heard())
      oracle:sent_event(oracle.parties["anna.1"], "items", 1)
      catches("0 times, not 1", {})
      oracle:sent_event(oracle.parties["anna.1"], "items", 2)
      local event = { what = "event", party = "ben.1", collection = "items", from = anna.url,
        value = 2 }
      catches("2 times, not 1", { event, event })
    end)
  end)
end)
