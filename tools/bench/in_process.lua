-- The figures of one process. A runtime on a virtual clock is driven as fast as it goes; what is
-- timed is processor time from the first assignment to the last handler.
--
--   tools/bench/in_process [NAME …]     only the lines whose name contains one of these

local host = require "hyperty.host"

local REPORTER = [==[
  local hyperty = require "hyperty"
  local R = { name = "Reporter" }
  function R:start(config)
    self.object = self.syncher:create {
      schema = "Resource", public = true, new = true, data = config.data,
    }
  end
  R.api = {}
  function R.api.url(self) return self.object.url end
  -- Writes n times, letting the others run after each `turn` writes.
  function R.api.write(self, n, turn, kind, keys)
    local data = self.object.data
    local text, deep = string.rep("x", 99), data.a and data.a.b
    for i = 1, n do
      if kind == "integer" then data.value = i
      elseif kind == "string" then data.value = text .. (i % 10)
      elseif kind == "nested" then deep.c = i
      elseif kind == "wide" then data[self.keys[i * 7919 % keys + 1]] = i
      else data[kind] = i end
      if i % turn == 0 then hyperty.sleep(0) end
    end
  end
  function R.api.fill(self, count)
    self.keys = {}
    for i = 1, count do self.keys[i] = "k" .. i end
    for first = 1, count, 10000 do
      self.object:batch(function()
        for i = first, math.min(first + 9999, count) do self.object.data[self.keys[i]] = 0 end
      end)
    end
  end
  function R.api.children(self) return #self.object:children("items") end
  return R
]==]

local OBSERVER = [[
  local hyperty = require "hyperty"
  local O = { name = "Observer" }
  function O:start(config)
    self.seen = 0
    self.object = assert(self.syncher:subscribe(config.url))
    self.object:on("change", function(change) self.seen = self.seen + 1 end)
    self.object:on("child", function(event) self.seen = self.seen + 1 end)
  end
  O.api = {}
  function O.api.seen(self) return self.seen end
  function O.api.add(self, n, turn)
    local text = string.rep("x", 80)
    for i = 1, n do
      self.object:add_child("items", { text = text, n = i })
      if i % turn == 0 then hyperty.sleep(0) end
    end
  end
  return O
]]

local HYPERTY = [[ return { name = "Small", api = { ping = function() return true end } } ]]

local function settle(rt)
  repeat until not rt:step()
  rt:run(0.01)
end

local function pair(observers, data)
  local rt = host.runtime { clock = "virtual", seed = 1, log = function() end }
  local reporter = assert(rt:load_text(REPORTER, { data = data }))
  local url = reporter:call("url")
  local list = {}
  for i = 1, observers do
    list[i] = assert(rt:load_text(OBSERVER, { url = url }))
  end
  return rt, reporter, list
end

local function deliveries(list)
  local n = 0
  for _, observer in ipairs(list) do
    n = n + observer:call("seen")
  end
  return n
end

-- Processor seconds of fn, best of three.
local function cost(fn)
  local best = math.huge
  for _ = 1, 3 do
    collectgarbage()
    local t = os.clock()
    fn()
    best = math.min(best, os.clock() - t)
  end
  return best
end

local function changes(observers, kind, data, keys)
  local rt, reporter, list = pair(observers, data)
  if keys then
    reporter:call("fill", keys)
    settle(rt)
  end
  local n, before = 200000 // observers, nil
  local seconds = cost(function()
    before = deliveries(list)
    reporter:call("write", n, 1000, kind, keys)
    settle(rt)
  end)
  assert(deliveries(list) - before == n * observers, "a change was lost")
  rt:stop()
  return n / seconds, n * observers / seconds
end

local lines = {}
local function line(name, fn) lines[#lines + 1] = { name = name, fn = fn } end

local function M(x) return ("%.2f M/s"):format(x / 1e6) end

local RATE_AIM = "≥ 0.50 M/s (final 2 M/s)"

line("changes, 1 observer, integer", function() return M(changes(1, "integer")), RATE_AIM end)
line("changes, 1 observer, 100-byte string", function()
  return M(changes(1, "string")), RATE_AIM
end)
line("changes, 1 observer, nested path", function()
  return M(changes(1, "nested", { a = { b = { c = 0 } } })), RATE_AIM
end)
line("deliveries, 10 observers, integer", function()
  local _, d = changes(10, "integer")
  return M(d), "(final 5 M/s)"
end)
line("wide object, cost of a change 10 → 100,000 keys", function()
  local small = changes(1, "wide", {}, 10)
  local big = changes(1, "wide", {}, 100000)
  return ("%.2f ×"):format(small / big), "≤ 1.3 ×"
end)
line("children, 1 creator, stamped and seen", function()
  local rt, reporter, list = pair(1)
  local n, total = 20000, 0
  local seconds = cost(function()
    list[1]:call("add", n, 500)
    settle(rt)
    total = total + n
  end)
  assert(reporter:call("children") == total and list[1]:call("seen") == total, "a child was lost")
  rt:stop()
  return ("%.0f k/s"):format(n / seconds / 1e3), "≥ 100 k/s (10,000 in 0.1 s)"
end)
line("hyperty start", function()
  local rt = host.runtime { clock = "virtual", seed = 1, log = function() end }
  local n = 500
  local seconds = cost(function()
    for _ = 1, n do
      assert(rt:load_text(HYPERTY))
    end
  end)
  rt:stop()
  return ("%.0f µs"):format(seconds / n * 1e6), "≤ 150 µs (later)"
end)
line("hyperty memory", function()
  local rt = host.runtime { clock = "virtual", seed = 1, log = function() end }
  local bytes = assert(rt:load_text(HYPERTY)):memory()
  rt:stop()
  return ("%.1f KiB"):format(bytes / 1024), "≤ 48 KiB (later)"
end)
line("peak memory of this process", function()
  for row in io.lines("/proc/self/status") do
    local kib = row:match("^VmHWM:%s+(%d+)")
    if kib then
      return ("%.0f MiB"):format(kib / 1024), ""
    end
  end
end)

local function is_wanted(name)
  if #arg == 0 then
    return true
  end
  for _, part in ipairs(arg) do
    if name:find(part, 1, true) then
      return true
    end
  end
end

-- Pads by characters, not bytes.
local function pad(text, width) return text .. (" "):rep(width - utf8.len(text)) end

print(pad("what", 50) .. pad("measured", 14) .. "aim")
for _, l in ipairs(lines) do
  if is_wanted(l.name) then
    local measured, aim = l.fn()
    print(pad(l.name, 50) .. pad(measured, 14) .. aim)
  end
end
