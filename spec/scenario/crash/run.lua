-- Runs many rounds of real processes outside busted, for tools/crash: arguments are the first seed,
-- how many, and "deputy" for one in each. Faults go to stdout as they are found, progress to stderr
-- where that is a terminal.
local world = require "spec.scenario.crash.world"

local from, count = math.tointeger(arg[1]), math.tointeger(arg[2])
local is_terminal = os.execute "test -t 2"
local faults = 0

for seed = from, from + count - 1 do
  local fault, summary = world.play(seed, arg[3] == "deputy")
  if is_terminal then io.stderr:write "\r\27[K" end
  if fault then
    faults = faults + 1
    print(fault .. "\n")
  end
  if is_terminal then
    local text = "round %d, %d of %d, %d faults (%s) "
    io.stderr:write(text:format(seed, seed - from + 1, count, faults, summary or ""))
  end
end
if is_terminal then io.stderr:write "\r\27[K" end
print(("%d rounds, %d with faults"):format(count, faults))
os.exit(faults == 0)
