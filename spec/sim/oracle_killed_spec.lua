-- The oracle of the random worlds, where a process was killed: what must not come back is caught.
local plain = require "spec.sim.plain"
local scene = require "spec.sim.scene"

describe("the oracle", function()
  local oracle, anna, ben, looks, reporter_did, heard, check, catches

  before_each(function()
    oracle, anna, ben, looks, reporter_did, heard, check, catches = scene.new()
  end)

  describe("sees a reporter that was killed and comes back", function()
    local function killed(is_lossy)
      reporter_did()
      oracle:take(ben, heard())
      oracle:judge()
      oracle:killed(anna, is_lossy)
    end

    local function resume(version, change)
      local state = oracle.by_url["resource://x/1"].history[version]
      local entry = { what = "resumed", party = "anna.1001", url = "resource://x/1",
        version = version, data = plain.shallow(state.data), children = state.children }
      if change then change(entry) end
      local ok, err = pcall(oracle.resumed, oracle, anna, entry)
      return not ok and (err.fault or err) or nil
    end

    it("as it was", function()
      killed()
      assert.is_nil(resume(2))
      looks["anna.1001"], oracle.lost = looks["anna.1"], {}
      check {}
    end)

    it("without what was seen or told", function()
      killed()
      assert.truthy(resume(1):find("came back at version 1, and 2 was told of", 1, true))
    end)

    it("without it where its disk may have lost that", function()
      killed(true)
      assert.is_nil(resume(1))
      assert.equal(1, oracle.by_url["resource://x/1"].version)
    end)

    it("without it though somebody has read it, who has seen what it had", function()
      killed(true)
      assert.is_nil(resume(0))
      local function read(n)
        oracle:take(ben, { { what = "read", url = "resource://x/1", version = 1,
          data = { n = n, list = plain.array { 1, 2 } } } })
        return select(2, pcall(oracle.judge, oracle))
      end
      assert.is_nil(read(2))
      assert.truthy(read(3).fault:find("never had", 1, true))
    end)

    it("with something else than it had", function()
      killed()
      assert.truthy(resume(2, function(entry) entry.data.n = 9 end):find("/n: 9, not 2", 1, true))
    end)

    it("with another state of its own than it had when it wrote last", function()
      killed()
      assert.truthy(resume(2, function(entry) entry.state = {} end)
        :find("its last write made 1, and what it noted was nil", 1, true))
    end)

    it("with the state of its own that it had when it wrote last", function()
      killed()
      assert.is_nil(resume(2, function(entry) entry.state = { ["anna.1"] = 1 } end))
    end)

    it("without a child that was kept", function()
      killed()
      assert.truthy(resume(2, function(entry) entry.children = {} end):find("children", 1, true))
    end)

    it("at a version that it never had", function()
      killed()
      assert.truthy(resume(2, function(entry) entry.version = 3 end):find("never had", 1, true))
    end)

    it("with an object that it had deleted", function()
      killed()
      oracle.by_url["resource://x/1"].is_live = false
      assert.truthy(resume(2):find("was deleted, and is reported again", 1, true))
    end)

    it("that has deleted its object, which its disk may have lost", function()
      local function ends(is_lossy)
        killed(is_lossy)
        local object = oracle.by_url["resource://x/1"]
        object.is_live, object.is_down = false, false
        looks["ben.1"].status.state = "disconnected"
        return select(2, pcall(check, {}))
      end
      assert.is_nil(ends(true))
      assert.is_nil(resume(1))
    end)

    it("that has deleted its object, and its observers do not hear of it", function()
      killed(false)
      oracle.by_url["resource://x/1"].is_live = false
      catches "ben.1 was not told that o1 was deleted"
    end)

    it("without its object", function()
      killed()
      catches "has not come back after its reporter was killed"
    end)
  end)
end)
