-- The figures of durable objects: a runtime on a real clock with its store in a file.
--
--   tools/bench/durable [NAME …]     only the lines whose name contains one of these
--
-- Stored changes are counted when `saved` has returned, so each is a commit that a `kill -9`
-- survives. How others suffer is told by the time from an assignment to the observer's handler, for
-- an object that is not stored, while 64 writers write at the same pace to objects that are, and to
-- objects that are not; the one divided by the other.
local host = require "hyperty.host"
local socket = require "socket"
local report = require "tools.bench.report"

local folder = arg[1]
local WRITERS, SECONDS, WARM_UP = 64, 3, 0.5
local PACE_S, PACE_CHANGES = 0.004, 2 -- of a writer, while others are measured
local SAMPLES, ROUNDS = 4000, 5
local CHILDREN = 10000

local WRITER = [[
  local hyperty = require "hyperty"
  local W = { name = "Writer" }
  function W:start(config)
    self.acknowledged = 0
    self.object = assert(self.syncher:create {
      schema = "Resource", name = config.as, public = true, store = config.store,
    })
  end
  W.api = {}
  -- One change after the other, each waited for.
  function W.api.begin(self)
    self.is_writing = true
    hyperty.spawn(function()
      for i = 1, math.huge do
        if not self.is_writing then return end
        self.object.data.value = i
        assert(self.object:saved())
        self.acknowledged = self.acknowledged + 1
      end
    end)
  end
  function W.api.pace(self, seconds, changes)
    local i = 0
    hyperty.every(seconds, function()
      for _ = 1, changes do
        i = i + 1
        self.object.data.value = i
      end
    end)
  end
  function W.api.finish(self) self.is_writing = false end
  function W.api.acknowledged(self) return self.acknowledged end
  function W.api.fill(self, count)
    local text = string.rep("x", 80)
    for i = 1, count do
      self.object:add_child("items", { text = text, n = i })
      if i % 500 == 0 then assert(self.object:saved()) end
    end
    assert(self.object:saved())
  end
  function W.api.children(self) return #self.object:children("items") end
  return W
]]

local REPORTER = [[
  local R = { name = "Reporter" }
  function R:start()
    self.object = assert(self.syncher:create { schema = "Resource", public = true, new = true })
  end
  R.api = {}
  function R.api.url(self) return self.object.url end
  function R.api.write(self, i) self.object.data.value = i end
  return R
]]

local OBSERVER = [[
  local O = { name = "Observer" }
  function O:start(config)
    self.object = assert(self.syncher:subscribe(config.url))
    self.object:on("change", function(change) print(change.value) end)
  end
  return O
]]

local function runtime(store, on_print)
  return host.runtime { clock = "real", store = store, log = function() end,
    print = on_print and function(_, text) on_print(text) end }
end

local files = 0
local function path()
  files = files + 1
  return ("%s/%d.db"):format(folder, files)
end

local function start_writers(rt, count, level)
  local list = {}
  for i = 1, count do
    list[i] = assert(rt:load_text(WRITER, { as = "w" .. i, store = level }))
  end
  return list
end

-- Changes acknowledged in a second.
local function rate(writers, level)
  local rt = runtime(path())
  local list = start_writers(rt, writers, level)
  local function total()
    local n = 0
    for _, w in ipairs(list) do n = n + w:call "acknowledged" end
    return n
  end
  for _, w in ipairs(list) do w:call "begin" end
  rt:run(WARM_UP)
  local before, t = total(), socket.gettime()
  rt:run(SECONDS)
  local n, seconds = total() - before, socket.gettime() - t
  for _, w in ipairs(list) do w:call "finish" end
  rt:stop()
  return n / seconds
end

-- p99 of the time until an observer has a change that is not stored, in seconds.
local function p99_beside(level)
  local heard
  local rt = runtime(path(), function(text) heard = text end)
  for _, w in ipairs(start_writers(rt, WRITERS, level)) do w:call("pace", PACE_S, PACE_CHANGES) end
  local reporter = assert(rt:load_text(REPORTER))
  assert(rt:load_text(OBSERVER, { url = reporter:call "url" }))
  local times = {}
  for i = 1, SAMPLES do
    local t, wanted = socket.gettime(), tostring(i)
    reporter:call("write", i)
    while heard ~= wanted do rt:step() end
    times[i] = socket.gettime() - t
    if i % 10 == 0 then rt:run(0.001) end
  end
  rt:stop()
  table.sort(times)
  return times[SAMPLES * 99 // 100]
end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local lines = report.new(table.move(arg, 2, #arg, 1, {}))

lines:add("acknowledged stored changes, 64 writers", "≥ 100 k/s", function()
  return ("%.0f k/s"):format(rate(WRITERS, true) / 1e3)
end)
lines:add("the same, synced (survives power loss)", "", function()
  return ("%.1f k/s"):format(rate(WRITERS, "sync") / 1e3)
end)
lines:add("1 writer, mean time to `saved`", "≤ 0.4 ms (p50)", function()
  return ("%.2f ms"):format(1e3 / rate(1, true))
end)
lines:add("p99 of not stored changes while others store", "≤ 1.2 ×", function()
  local stored, plain = {}, {}
  for i = 1, ROUNDS do
    plain[i] = p99_beside(false)
    stored[i] = p99_beside(true)
  end
  local a, b = median(stored), median(plain)
  return ("%.2f ×"):format(a / b), ("%.0f / %.0f µs"):format(a * 1e6, b * 1e6)
end)
lines:add("resume of an object with 10,000 children", "≤ 100 ms", function()
  local file, best = path(), math.huge
  local rt = runtime(file)
  assert(rt:load_text(WRITER, { as = "w", store = true })):call("fill", CHILDREN)
  rt:stop()
  for _ = 1, 3 do
    rt = runtime(file)
    local t = socket.gettime()
    local w = assert(rt:load_text(WRITER, { as = "w", store = true }))
    best = math.min(best, socket.gettime() - t)
    assert(w:call "children" == CHILDREN, "a child was lost")
    rt:stop()
  end
  return ("%.0f ms"):format(best * 1e3)
end)

lines:print()
