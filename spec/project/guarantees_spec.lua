-- core/GUARANTEES.md: each promise names what holds it, and all that is named is there. First each
-- rule on planted violations, so that it is known to find them; then the file itself.
local promises = require "spec.support.promises"
local tree = require "spec.support.tree"

local FILES = {
  ["spec/sim"] = 'check.equal("copy", a, b)\ncheck.fault("child ids", text)\n',
  ["core/base/mutant.h"] = 'X(GAP, 500, "…")\nX(ORDER, 100, "…")\n',
  ["spec/sync/a_spec.lua"] = table.concat({
    'it("holds (always), and says so", function() end)',
    'it("stands a " .. name .. " of the node", function() end)',
    '-- it("is only talked about")' }, "\n"),
  ["spec/node/a_spec.c"] = "static void it_holds(void **state) {\n}\nstatic void it_is_left_out("
    .. "void **state) {\n}\nstatic void helper(int a) {\n}\nTEST(it_holds), helper(1),\n",
}

local function read(path) return FILES[path] end

local GOOD = [[
# Promises

1. It holds,
    whatever comes.
    - `spec/sim` copy, child ids: GAP, ORDER
    - `spec/sync/a_spec.lua` "holds (always), and says so",
      "stands a … of the node"
    - `spec/node/a_spec.c` it_holds
]]

local function check(text) return promises.check(text, read) end

-- The good text with something else in one place has one violation, which says that.
local function has(text, from, to)
  local at, last = GOOD:find(from, 1, true)
  assert.truthy(at, from)
  local violations = check(GOOD:sub(1, at - 1) .. to .. GOOD:sub(last + 1))
  assert.equal(1, #violations, table.concat(violations, "\n"))
  assert.truthy(violations[1]:find(text, 1, true), violations[1])
end

describe("the rule of promises", function()
  it("is content with one that names what is there", function()
    assert.same({}, check(GOOD))
    assert.same({}, check(GOOD .. "\n## Not promised\n\n- Nothing else.\n  It goes on here.\n"))
  end)

  it("finds one that names no check, in the middle and at the end", function()
    local bare = "2. It holds.\n"
    local _, text = next(check(GOOD .. bare))
    assert.equal("line 9: names no check", text)
    _, text = next(check("1. So does this.\n" .. GOOD:gsub("1%. It", "2. It")))
    assert.equal("line 1: names no check", text)
  end)

  it("finds a text without promises", function()
    assert.same({ "line 1: there is no promise" }, check "# Promises\n")
  end)

  it("finds one of two sentences, or of none", function()
    has("line 3: a promise is one sentence", "whatever comes.", "whatever comes. And so on.")
    has("line 3: a promise is one sentence", "whatever comes.", "whatever comes")
  end)

  it("finds a wrong number", function()
    has("line 3: promise 2 should be 1", "1. It", "2. It")
  end)

  it("finds a check that is none", function()
    has("line 8: is no check", "    - `spec/node/a_spec.c` it_holds", "  - it_holds")
    has("line 5: give oracles", ": GAP, ORDER", "")
    has("line 6: give sentences", '"stands a …', "stands a …")
  end)

  it("finds a file that is not there, or is no spec", function()
    has("line 6: there is no spec/sync/b_spec.lua", "sync/a_spec", "sync/b_spec")
    has("line 8: there is no core/base/mutant.h", "spec/node/a_spec.c", "core/base/mutant.h")
  end)

  it("finds an oracle that is not there", function()
    has("line 5: spec/sim has no oracle ids", "child ids", "ids")
  end)

  it("finds a planted bug that is not there", function()
    has("line 5: core/base/mutant.h has no planted bug GA", "GAP", "GA")
  end)

  it("finds a sentence that is not there, is part of one, or stands in a comment", function()
    has("has no holds (never)", "(always), and says so", "(never)")
    has("has no holds (always)", "(always), and says so", "(always)")
    has("has no (always), and says so", "holds (always)", "(always)")
    has("has no is only talked about", "holds (always), and says so", "is only talked about")
    has("has no stands a … of a node", "… of the node", "… of a node")
  end)

  it("finds a function that is not there, is no test, or is not run", function()
    has("spec/node/a_spec.c has no it_hold", "it_holds", "it_hold")
    has("spec/node/a_spec.c has no helper", "it_holds", "helper")
    has("spec/node/a_spec.c has no it_is_left_out", "it_holds", "it_is_left_out")
  end)
end)

describe("core/GUARANTEES.md", function()
  it("names a check for each promise, and each is there", function()
    local violations = promises.check(tree.read "core/GUARANTEES.md", tree.source)
    assert.equal("", table.concat(violations, "\n"))
  end)
end)
