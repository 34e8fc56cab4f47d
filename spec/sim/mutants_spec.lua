-- The oracles see: a few of the planted bugs (core/base/mutant.h) are found, each by the promise
-- that it breaks, and with none of them the same module has nothing wrong. All of them are looked
-- for by tools/sim --mutants.
local tree = require "spec.support.tree"

local SEED_MAX = 60

local build = os.getenv "HYPERTY_PROGRAM":match "^(.*)/[^/]*$"

-- Runs spec/sim/run.lua with the module that has planted bugs; gives what it says.
local function run(arguments)
  local command = "LUA_CPATH_5_4='%s/mutants/?.so;;' lua5.4 spec/sim/run.lua %s 2>&1"
  local pipe <close> = assert(io.popen(command:format(build, arguments)))
  return pipe:read "a"
end

describe("planted bugs", function()
  it("are only in files that are compiled for the module that has them", function()
    local listed = tree.read "CMakeLists.txt":match "set%(HYPERTY_MUTATED(.-)%)"
    for _, path in ipairs(tree.files("core", "%.c$")) do
      if tree.read(path):find "HY_MUTANT%(" then
        assert.truthy(listed:find(path, 1, true), path .. " is not in HYPERTY_MUTATED")
      end
    end
  end)
end)

describe("the simulator", function()
  local function finds(mutant, what, oracles)
    it("finds " .. what, function()
      local text = run(("mutant %s 1 %d"):format(mutant, SEED_MAX))
      local seed, by = text:match "^(%d+)%s+(%C+)"
      assert.truthy(seed, what .. " was not found: " .. text)
      assert.truthy((" " .. oracles .. " "):find(" " .. by .. " ", 1, true), by)
    end)
  end

  finds("ID_REUSED", "a child's number that is used again", "child ids")
  finds("GAP", "a change that is applied over a gap", "copy order")
  finds("HALF_BATCH", "half a batch", "copy order")
  finds("EVICTED_SERVED", "somebody who is evicted and goes on hearing", "who ends")
  finds("ORDER", "children in another order for each", "copy order")
  finds("WRITES_ON", "a reporter that writes while its object is handed over",
    "writers handed over")
  finds("CLAIM_BY_USE", "an address that is claimed by who sends from it", "intruder")

  it("finds nothing where nothing is planted", function()
    assert.equal("", run(("mutant NONE 1 %d"):format(SEED_MAX // 4)))
  end)
end)
