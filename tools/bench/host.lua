-- The figures of the host of Lua.
--
--   tools/bench/host [NAME …]     only the lines whose name contains one of these
--
-- Starts, reloads and budgets are timed by the processor's time of a runtime on a virtual clock
-- that is driven as fast as it goes. A reload is one piece of work of the one thread, so its time
-- is how long events wait. What neighbours and people feel is told by a real clock.
local host = require "hyperty.host"
local report = require "tools.bench.report"
local socket = require "socket"

local folder = arg[1]
local STARTS, MANY = 500, 10000
local RELOADS, POURED = 40, 100000
local NEIGHBOUR_S = 3
local ANSWERS, LINES_PER_S = 100, 1000

local SMALL = [[ return { name = "Small", api = { ping = function() return true end } } ]]

local function quiet(options)
  options = options or {}
  options.seed, options.log = 1, function() end
  return host.runtime(options)
end

-- Processor seconds of fn, the best of some.
local function cost(times, fn)
  local best = math.huge
  for _ = 1, times do
    collectgarbage()
    local began = os.clock()
    fn()
    best = math.min(best, os.clock() - began)
  end
  return best
end

local function resident_bytes()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s+(%d+)"
    if kib then return tonumber(kib) * 1024 end
  end
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local function percentile(list, p)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * p))]
end

local lines = report.new { table.unpack(arg, 2) }

-- --- starting ------------------------------------------------------------------------------------

lines:add("hyperty start", "≤ 150 µs", function()
  local rt = quiet()
  local seconds = cost(5, function()
    for _ = 1, STARTS do assert(rt:load_text(SMALL)) end
  end)
  rt:stop()
  return ("%.0f µs"):format(seconds / STARTS * 1e6)
end)

lines:add("hyperty memory", "≤ 48 KiB", function()
  local rt = quiet()
  local bytes = assert(rt:load_text(SMALL)):memory()
  rt:stop()
  return ("%.1f KiB"):format(bytes / 1024)
end)

lines:add("10,000 hyperties in one process", "all answer", function()
  local before = resident_bytes()
  local rt = quiet()
  local list = {}
  for i = 1, MANY do list[i] = assert(rt:load_text(SMALL)) end
  for _, hyperty in ipairs(list) do assert(hyperty:call "ping") end
  local bytes = resident_bytes() - before
  rt:stop()
  return "all answer", ("%.1f KiB each, resident"):format(bytes / MANY / 1024)
end)

-- --- the budget ----------------------------------------------------------------------------------

local BUSY = [[
  local B = { name = "Busy", api = {} }
  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  function B.api.work()
    local sum, list = 0, {}
    for i = 1, 3e6 do sum = sum + i % 7 end
    for i = 1, 2e5 do list[i % 1000 + 1] = { i, tostring(i) } end
    return sum + fib(25)
  end
  return B
]]

lines:add("budget, cost on a busy script", "≤ 1.05 ×", function()
  local best = { math.huge, math.huge }
  for _ = 1, 8 do -- by turns, so that both see the same weather; one at a time, as the timer is the
    for i, seconds in ipairs { 0, 60 } do -- thread's and ticks for all in it
      local rt = quiet { budget = { run = seconds, turn = seconds } }
      local busy = assert(rt:load_text(BUSY))
      best[i] = math.min(best[i], cost(1, function() assert(busy:call "work") end))
      rt:stop()
    end
  end
  return ("%.2f ×"):format(best[2] / best[1]), ("%.0f ms without"):format(best[1] * 1e3)
end)

local LOOP = [[
  local L = { name = "Loop" }
  function L:start()
    require("hyperty").every(0.001, function() while true do pcall(error) end end)
  end
  return L
]]

local NEIGHBOUR = [[
  local hyperty = require "hyperty"
  local N = { name = "Neighbour", api = {} }
  -- Each 5 ms there is something to do; what comes late is late for all that was due meanwhile.
  function N:start()
    self.late = {}
    hyperty.spawn(function()
      local due = hyperty.now() + 0.005
      while true do
        hyperty.sleep(math.max(0, due - hyperty.now()))
        local now = hyperty.now()
        while due <= now do
          self.late[#self.late + 1] = (now - due) * 1000
          due = due + 0.005
        end
      end
    end)
  end
  function N.api.late(self) return self.late end
  return N
]]

lines:add("neighbour of an endless loop, p99 late", "≤ 250 ms", function()
  local rt = quiet { clock = "real", budget = { run = 0.2, turn = 0.05 } }
  local neighbour = assert(rt:load_text(NEIGHBOUR))
  assert(rt:load_text(LOOP))
  rt:run(NEIGHBOUR_S)
  local late = neighbour:call "late"
  rt:stop()
  return ("%.0f ms"):format(percentile(late, 0.99)),
    ("p50 %.1f, longest %.0f ms"):format(percentile(late, 0.5), percentile(late, 1))
end)

-- --- reload --------------------------------------------------------------------------------------

local SOURCE = [[
  local hyperty = require "hyperty"
  local S = { name = "Source", api = {} }
  function S:start()
    self.object = assert(self.syncher:create {
      schema = "Resource", name = "source", public = true, data = { n = 0 },
    })
  end
  function S.api.url(self) return self.object.url end
  -- That many changes, 100 in each turn.
  function S.api.pour(self, count)
    local data = self.object.data
    hyperty.spawn(function()
      for i = 1, count do
        data.n = data.n + 1
        if i % 100 == 0 then hyperty.sleep(0.001) end
      end
    end)
  end
  function S.api.poured(self) return self.object.data.n end
  return S
]]

local COUNTER = [[
  local C = { name = "Counter", version = 1, api = {} }
  function C:start(config)
    self.state.n, self.state.wrong = self.state.n or 0, self.state.wrong or 0
    self.copy = assert(self.syncher:subscribe(config.url))
    self.copy:on("change", "n", function(change)
      if change.value ~= self.state.n + 1 then self.state.wrong = self.state.wrong + 1 end
      self.state.n = change.value
    end)
  end
  function C.api.counted(self) return { n = self.state.n, wrong = self.state.wrong } end
  return C
]]

local function settle(rt)
  repeat until not rt:step()
  rt:run(0.01)
end

lines:add("reload pause at 100,000 events/s, worst", "≤ 5 ms", function()
  local path = folder .. "/counter.lua"
  write(path, COUNTER)
  local rt = quiet()
  local source = assert(rt:load_text(SOURCE))
  local counter = assert(rt:load(path, { url = source:call "url" }))
  local pauses = {}
  source:call("pour", POURED) -- a second of the virtual clock
  for i = 1, RELOADS do
    rt:run(0.9 / RELOADS)
    local began = os.clock()
    assert(rt:reload "counter")
    pauses[i] = (os.clock() - began) * 1e3
  end
  rt:run(1)
  settle(rt)
  local counted = counter:call "counted"
  assert(source:call "poured" == POURED and counted.n == POURED, "events were lost")
  assert(counted.wrong == 0, "events were lost or doubled")
  rt:stop()
  return ("%.2f ms"):format(percentile(pauses, 1)),
    ("p50 %.2f ms; none of %d events lost or doubled"):format(percentile(pauses, 0.5), POURED)
end)

-- --- the prompt ----------------------------------------------------------------------------------

local CHATTY = [[
  local C = { name = "Chatty" }
  function C:start()
    local n = 0
    require("hyperty").every(0.01, function()
      for _ = 1, %d do
        n = n + 1
        print("line " .. n .. " of many, as long as lines of people are")
      end
    end)
  end
  return C
]]

lines:add("prompt, answer while 1,000 lines/s print, p99", "≤ 50 ms", function()
  local process = require "spec.support.process"
  local times = {}
  write(folder .. "/chatty.lua", CHATTY:format(LINES_PER_S // 100))
  process.with(function(start)
    local prompt = start("repl", folder .. "/chatty.lua")
    prompt:ask("1 + 1", "2\n")
    for i = 1, ANSWERS do
      local began = socket.gettime()
      prompt:type(("'answer ' .. %d"):format(i))
      while not prompt:said("out"):find("answer " .. i .. '"', 1, true) do socket.sleep(0.001) end
      times[i] = (socket.gettime() - began) * 1e3
      socket.sleep(0.01)
    end
  end)
  return ("%.1f ms"):format(percentile(times, 0.99)), ("p50 %.1f ms"):format(percentile(times, 0.5))
end)

lines:print()
