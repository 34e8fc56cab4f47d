-- How many simulated worlds a second: as `tools/sim` plays them, in one process.
local report = require "tools.bench.report"
local world = require "spec.sim.world"

local SECONDS = 10
local SEEDS = 250 -- the same worlds, however many of them are played

local lines = report.new(table.move(arg, 1, #arg, 1, {}))

lines:add("simulated worlds, most of 3 runtimes, 100 ops", "≥ 200 /s", function()
  collectgarbage "stop" -- as tools/sim: between worlds only
  local seconds, count = 0, 0
  while seconds < SECONDS do
    count = count + 1
    local t = os.clock()
    local fault = world.play((count - 1) % SEEDS + 1)
    seconds = seconds + os.clock() - t
    assert(fault == nil, fault)
    t = os.clock()
    collectgarbage()
    seconds = seconds + os.clock() - t
  end
  return ("%.0f /s"):format(count / seconds)
end)

lines:print()
