-- The corpus of abuse: scripts that try to freeze, fill, break or leave their host. Each runs
-- beside a neighbour in one process, which goes on serving; then all of them run in one host at
-- once.
--
-- A script's leading comments say what is to come of it:
--   -- log: TEXT       an error line of it has this text (several: each of them)
--   -- refused: TEXT   it is not loaded, for that reason
-- and if there are none, that it starts and logs no error: what it tries, it checks itself.
--
-- The neighbour wakes up each 10 ms. What keeps it from that is measured as processor time of the
-- process between two of its wakings, which does not depend on what else the machine does: in a
-- turn of the host a script may use its share, and at the end of that share begin a run that is
-- killed, so that for each of them the bound is
--
--   turn + run + 2 ticks, and the rest of one instruction or call into C
--
-- of which the last is the slowest with a memory that is full: Lua looks through all of it before
-- it says so.
local host = require "hyperty.host"
local lfs = require "lfs"

local DIR = "spec/host/abuse"
local RUN_S, TURN_S, TICK_S, MEMORY = 0.05, 0.02, 0.005, 8 << 20
local BOUND_S = TURN_S + RUN_S + 2 * TICK_S
local CALL_S = 0.15 -- one look through that memory, with what checks the specs' memory in it
local SPARE = 2048 -- which Lua has in reserve
local TIME_S, TIME_ALL_S, WAITS_MAX = 0.35, 0.5, 30

local function scripts()
  local names = {}
  for file in lfs.dir(DIR) do names[#names + 1] = file:match "^([%w_]+)%.lua$" end
  table.sort(names)
  return names
end

-- What the leading comments say: lists of texts by word.
local function expectations(name)
  local expected = { log = {}, refused = {} }
  for line in io.lines(("%s/%s.lua"):format(DIR, name)) do
    local word, text = line:match "^%-%- (%l+): (.+)$"
    if expected[word] then table.insert(expected[word], text) end
    if not line:find "^%-%-" then break end
  end
  return expected
end

local NEIGHBOUR = [[
local hyperty = require "hyperty"
return { name = "Neighbour",
  start = function() hyperty.every(0.01, function() print "tick" end) end,
  api = { ping = function() return "pong" end } }]]

describe("a host", function()
  local rt, neighbour, lines, abusers, leaving, before, gaps, last_s

  local function on_print(name, text)
    assert(text ~= "never")
    if text == "unload me" then leaving[name] = true end
    if text ~= "tick" then return end
    local now_s = os.clock()
    gaps[#gaps + 1] = now_s - last_s
    last_s = now_s
  end

  before_each(function()
    before = host.blocks()
    lines, abusers, leaving, gaps, last_s = {}, {}, {}, {}, os.clock()
    rt = host.runtime {
      clock = "real", paths = { DIR },
      budget = { run = RUN_S, turn = TURN_S }, memory = MEMORY, print = on_print,
      log = function(level, who, text)
        if level ~= "error" then return end
        lines[who] = lines[who] or {}
        table.insert(lines[who], text:match "^[^\n]*")
      end,
    }
    neighbour = assert(rt:load_text(NEIGHBOUR, nil, "neighbour.lua"))
  end)

  after_each(function()
    rt:stop()
    collectgarbage()
    assert.equal(before, host.blocks())
  end)

  local function run(s)
    for _ = 1, s / 0.05 do
      rt:run(0.05)
      for name in pairs(leaving) do
        if abusers[name] then abusers[name]:unload() end
        abusers[name] = nil
      end
      leaving = {}
      for _, instance in pairs(abusers) do
        -- Who fails too often is stopped, and has none meanwhile.
        assert.is_true((instance:memory() or 0) <= MEMORY + SPARE)
      end
    end
  end

  local function load(name)
    local expected = expectations(name)
    local instance, why = rt:load(name)
    abusers[name] = instance
    if expected.refused[1] then
      assert.is_nil(instance)
      for _, text in ipairs(expected.refused) do assert(why:find(text, 1, true), why) end
    else
      assert(instance, why)
    end
  end

  -- The first text that is expected and not there yet, and all that is there.
  local function missing(name)
    local all = table.concat(lines[name] or {}, "\n  ")
    for _, text in ipairs(expectations(name).log) do
      if not all:find(text, 1, true) then return text, all end
    end
    return nil, all
  end

  local function check_lines(name)
    local rounds = 0
    while missing(name) and rounds < WAITS_MAX do -- on a machine that is busy with other things
      run(TIME_S)
      rounds = rounds + 1
    end
    local text, all = missing(name)
    if text then error(("%s: no line has %q:\n  %s"):format(name, text, all)) end
    if not expectations(name).log[1] then assert.equal("", all) end
  end

  for _, name in ipairs(scripts()) do
    it("outlives " .. name, function()
      load(name)
      run(TIME_S)
      assert.equal("pong", neighbour:call "ping")
      check_lines(name)
      assert.is_true(#gaps > 0)
      local longest_s = math.max(table.unpack(gaps))
      assert.is_true(longest_s <= BOUND_S + CALL_S, longest_s)
    end)
  end

  it("outlives all of them at once, and the neighbour lives on", function()
    for _, name in ipairs(scripts()) do load(name) end
    run(TIME_ALL_S)
    assert.equal("pong", neighbour:call "ping")
    assert.is_true(#gaps > 0)
    local longest_s = math.max(table.unpack(gaps))
    assert.is_true(longest_s <= #scripts() * BOUND_S + CALL_S, longest_s)
    for _, instance in pairs(abusers) do instance:unload() end
    run(0.1)
    assert.equal("pong", neighbour:call "ping")
    assert.equal(1, rt:stats().instances)
  end)
end)
