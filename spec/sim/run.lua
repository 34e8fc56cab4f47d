collectgarbage("stop")
-- Runs many random worlds outside busted, for tools/sim: arguments are the first seed and how many.
-- Faults go to stdout as they are found, progress to stderr where that is a terminal.
local world = require "spec.sim.world"

local from, count = math.tointeger(arg[1]), math.tointeger(arg[2])
local is_terminal = os.execute "test -t 2"
local faults = 0

for seed = from, from + count - 1 do
  if is_terminal then
    local text = "\rseed %d, %d of %d, %d faults "
    io.stderr:write(text:format(seed, seed - from + 1, count, faults))
  end
  local fault = world.play(seed)
  if fault then
    faults = faults + 1
    if is_terminal then io.stderr:write "\r\27[K" end
    print(fault .. "\n")
  end
end
if is_terminal then io.stderr:write "\r\27[K" end
print(("%d worlds, %d with faults"):format(count, faults))
os.exit(faults == 0)
