-- Runs many random worlds outside busted, for tools/sim: on all cores, a process each, and tells in
-- the order of the seeds.
--
--   run.lua FROM COUNT JOBS [mutual]  all of them; faults go to stdout as they are found, progress
--                                     to stderr where that is a terminal
--   run.lua worker FROM COUNT STEP KIND
--                                     what such a process does: each seed's fault as a record, its
--                                     length in a line and then the text; 0 if all is well
--   run.lua mutants JOBS [NAME…]      with the module that has planted bugs: for each how many
--                                     seeds it takes until it is found, and by which oracle
--   run.lua mutant NAME FROM [COUNT]  one of them (or NONE): "SEED ORACLE", or nothing within its
--                                     seeds
local M = {}

-- Within a world nothing of Lua's is collected; after it all is, so that the next one finds the
-- memory of this one, still in the processor's caches.
local function worker(from, count, step, kind)
  local world = require "spec.sim.world"
  collectgarbage "stop"
  io.stdout:setvbuf "line"
  for i = 0, count - 1 do
    local fault = world.play(from + i * step, kind == "mutual") or ""
    io.stdout:write(#fault, "\n", fault)
    collectgarbage()
  end
  io.stdout:flush()
  os.exit(true, false)
end

---Starts workers for COUNT seeds; gives a function that gives the fault of the next seed, "" if it
---has none.
function M.start(from, count, jobs, kind)
  local pipes = {}
  for i = 0, jobs - 1 do
    local share = (count - i + jobs - 1) // jobs
    local command = "exec lua5.4 spec/sim/run.lua worker %d %d %d %s"
    pipes[i] = assert(io.popen(command:format(from + i, share, jobs, kind or "plain")))
  end
  local at = -1
  return function()
    at = at + 1
    local pipe = pipes[at % jobs]
    local length = pipe:read "n"
    if not length then
      io.stderr:write(("the process that runs seed %d has died\n"):format(from + at))
      os.exit(1)
    end
    pipe:read "L"
    return length > 0 and pipe:read(length) or ""
  end
end

local function now()
  local file <close> = assert(io.open "/proc/uptime")
  return file:read "n"
end

local function main(from, count, jobs, kind)
  local is_terminal = os.execute "test -t 2"
  local began, faults, next_fault = now(), 0, M.start(from, count, jobs, kind)
  local rate = 0
  for i = 1, count do
    local fault = next_fault()
    rate = i / math.max(now() - began, 0.01)
    if is_terminal and (i % 10 == 0 or fault ~= "") then
      local text = "\r\27[K%d of %d worlds, %d with faults, %.0f worlds/s "
      io.stderr:write(text:format(i, count, faults, rate))
    end
    if fault ~= "" then
      faults = faults + 1
      if is_terminal then io.stderr:write "\r\27[K" end
      print(fault .. "\n")
    end
  end
  if is_terminal then io.stderr:write "\r\27[K" end
  print(("%d worlds, %d with faults, %.0f worlds/s"):format(count, faults, rate))
  os.exit(faults == 0)
end

-- --- planted bugs --------------------------------------------------------------------------------

local function mutant(name, from, count)
  local host = require "hyperty.host"
  local world = require "spec.sim.world"
  local number = name == "NONE" and 0 or nil
  for i, one in ipairs(host.mutants) do number = one.name == name and i or number end
  host.mutant(assert(number, "no planted bug has that name"))
  collectgarbage "stop"
  for i = 0, (count or host.mutants[number].seeds) - 1 do
    local fault, _, oracle = world.play(from + i)
    if fault then
      print(from + i, oracle)
      break
    end
    collectgarbage()
  end
  os.exit(true, false)
end

---Starts a search for that planted bug; gives a function that waits for it and gives the seed and
---the oracle, nil if it was not found.
function M.seek(name)
  local command = "exec lua5.4 spec/sim/run.lua mutant %s 1 2>&1"
  local pipe = assert(io.popen(command:format(name)))
  return function()
    local text = pipe:read "a"
    local ended = pipe:close()
    local seed, oracle = text:match "^(%d+)%s+(%C+)"
    if not ended then return "?", "it dies: " .. (text:match "[^\n]*$" or "") end
    return seed, oracle
  end
end

local function mutants(jobs, names)
  local list, wanted, searches = require "hyperty.host".mutants, {}, {}
  for number, one in ipairs(list) do
    if #names == 0 or table.concat(names, " "):find("%f[%w_]" .. one.name .. "%f[^%w_]") then
      wanted[#wanted + 1] = number
    end
  end
  local missed = 0
  print(("%3s  %-16s %5s  %-14s %s"):format("", "planted bug", "seeds", "found by",
    "what is wrong"))
  for i, number in ipairs(wanted) do
    for ahead = i, math.min(i + jobs - 1, #wanted) do
      searches[ahead] = searches[ahead] or M.seek(list[wanted[ahead]].name)
    end
    local seed, oracle = searches[i]()
    if not seed then missed = missed + 1 end
    local one = list[number]
    print(("%3d  %-16s %5s  %-14s %s"):format(number, one.name, seed or "> " .. one.seeds,
      oracle or "nobody", one.text))
  end
  print(("%d planted bugs, %d not found"):format(#wanted, missed))
  os.exit(missed == 0)
end

local first = ...
if first == "worker" then
  worker(math.tointeger(arg[2]), math.tointeger(arg[3]), math.tointeger(arg[4]), arg[5])
elseif first == "mutant" then
  mutant(arg[2], math.tointeger(arg[3]), math.tointeger(arg[4]))
elseif first == "mutants" then
  mutants(math.tointeger(arg[2]), { table.unpack(arg, 3) })
elseif first ~= "spec.sim.run" then
  main(math.tointeger(arg[1]), math.tointeger(arg[2]), math.tointeger(arg[3]), arg[4])
end

return M
