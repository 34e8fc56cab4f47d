-- What the oracle's specs feed it with: Anna reports o1 {n = 1} and has one child of Ben's, who
-- observes from the beginning.
local oracles = require "spec.sim.oracle"
local plain = require "spec.sim.plain"

local M = {}

local function look(name, anna, ben)
  return { data = { n = 2, list = plain.array { 1, 2 } }, version = 2, epoch = "1-a",
    metadata = { name = "o1", lastModified = name, reporter = anna.url },
    observers = plain.array { ben.url },
    status = { state = "live", head = 2, pending = 0 }, children = { { id = "ben#1",
      collection = "items", data = { text = "hi" }, order = 2, reporter = ben.url,
      state = "kept", user = "user://x/ben" } } }
end

---The oracle, both actors, and what their parties look like when all has come to pass; then what
---happens: Anna does what Ben and she wanted; what Ben's journal has of it; the check of all, after
---more of Ben's; and that it finds a fault.
function M.new()
  local oracle = oracles.new()
  local anna = { name = "anna", url = "hyperty://x/anna" }
  local ben = { name = "ben", url = "hyperty://x/ben" }
  oracle:created { label = "o1", actor = anna, party = "anna.1", url = "resource://x/1",
    schema = "Resource", data = { n = 1, list = plain.array { 1, 2 } } }
  oracle:take(ben, { { what = "joined", party = "ben.1", url = "resource://x/1", version = 0,
    data = { n = 1, list = plain.array { 1, 2 } }, children = {} } })
  oracle:expect_edit { kind = "set", at = {}, key = "n", value = 2 }
  oracle.by_url["resource://x/1"]:expect_child("ben#1", "ben.1", "items", { text = "hi" })
  local looks = {}
  for _, name in ipairs { "anna.1", "ben.1" } do looks[name] = look(name, anna, ben) end

  local function reporter_did()
    oracle:take(anna, {
      { what = "wrote", party = "anna.1", number = 1, done = true, version = 1 },
      { what = "judged", party = "anna.1", kind = "create", id = "ben#1", reporter = ben.url,
        data = { text = "hi" }, verdict = "keep" } })
  end

  local function heard()
    return {
      { what = "change", party = "ben.1", keys = { "n" }, kind = "update", value = 2, version = 1 },
      { what = "child", party = "ben.1", kind = "create", id = "ben#1", collection = "items",
        reporter = ben.url, data = { text = "hi" }, state = "kept" } }
  end

  local function check(entries)
    oracle:take(ben, entries or {})
    oracle:check(function(_, party) return looks[party] end)
  end

  local function catches(part, entries)
    local ok, err = pcall(check, entries)
    assert(not ok, "nothing was found")
    assert(err.fault and err.fault:find(part, 1, true), err.fault or tostring(err))
  end

  return oracle, anna, ben, looks, reporter_did, heard, check, catches
end

return M
