-- The figures of schemas.
--
--   tools/bench/schema [NAME …]     only the lines whose name contains one of these
--
-- Checks are timed by a program of their own (schema.c), and by ajv for the same schema and
-- document (schema_ajv.js). What a schema costs who changes objects is processor time of a runtime
-- on a virtual clock, from the first assignment to the last handler: with a schema and without, by
-- turns, so that both see the same weather.
local host = require "hyperty.host"
local report = require "tools.bench.report"

local folder = arg[1]
local CHANGES, TURNS = 50000, 6
local PARTICIPANTS, KEYS = 1000, 100000
local COMMUNICATION = "hyperties/schemas/Communication.json"

local lines = report.new { table.unpack(arg, 2) }

-- --- checks --------------------------------------------------------------------------------------

local MESSAGE = '{"text": "Shall we meet at noon? The usual place, unless it rains."}'

local function participant(n)
  return ('{"user": "user://example.com/guest%d", "hyperty": "hyperty://example.com/guest%d", '
    .. '"status": "open", "since": %d}'):format(n, n, 1795000000 + n)
end

local function conversation(count)
  local list = {}
  for n = 1, count do list[n] = participant(n) end
  return '{"status": "open", "startingTime": 1795000000, "participants": ['
    .. table.concat(list, ", ") .. "]}"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

-- The number that a command prints.
local function number_of(...)
  local words = {}
  for i, word in ipairs { ... } do words[i] = "'" .. word .. "'" end
  local pipe = assert(io.popen(table.concat(words, " ")))
  local number = tonumber(pipe:read "a")
  return assert(pipe:close() and number, "this failed: " .. table.concat(words, " "))
end

local function check_line(name, aim, collection, document)
  lines:add(name, aim, function()
    local path = folder .. "/document.json"
    write(path, document)
    local ns = number_of(os.getenv "BENCH_CHECK", COMMUNICATION, collection, path)
    local remark
    if os.getenv "NODE_PATH" ~= "" then
      local ajv = number_of("node", "tools/bench/schema_ajv.js", COMMUNICATION, collection, path)
      remark = ("%.2f × the time of ajv, %.2f µs"):format(ns / ajv, ajv / 1e3)
    end
    return ("%.2f µs"):format(ns / 1e3), remark
  end)
end

check_line("check of a chat message", "≤ 1 µs", "messages", MESSAGE)
check_line("check of 1,000 participants", "≤ 300 µs", "", conversation(PARTICIPANTS))

-- --- changes -------------------------------------------------------------------------------------

local REPORTER = [==[
  local hyperty = require "hyperty"
  local R = { name = "Reporter", api = {} }
  function R:start(config)
    self.object = assert(self.syncher:create {
      schema = config.schema, public = true, new = true, data = config.data,
    })
    self.keys = {}
    for i = 1, config.keys or 0 do self.keys[i] = "k" .. i end
    for first = 1, #self.keys, 10000 do
      self.object:batch(function()
        for i = first, math.min(first + 9999, #self.keys) do self.object.data[self.keys[i]] = 0 end
      end)
    end
  end
  function R.api.url(self) return self.object.url end
  -- Each kind of change, so many times, letting the others run after each 1,000.
  local kinds = {}
  function kinds.value(data, i) data.values[1].value = i end
  function kinds.since(data, i) data.participants[3].since = i end
  function kinds.wide(data, i, keys) data[keys[i * 7919 % #keys + 1]] = i end
  function R.api.write(self, kind, count)
    local data, change = self.object.data, kinds[kind]
    for i = 1, count do
      change(data, i, self.keys)
      if i % 1000 == 0 then hyperty.sleep(0) end
    end
  end
  return R
]==]

local OBSERVER = [[
  local O = { name = "Observer", api = {} }
  function O:start(config)
    self.seen = 0
    self.object = assert(self.syncher:subscribe(config.url))
    self.object:on("change", function() self.seen = self.seen + 1 end)
  end
  function O.api.seen(self) return self.seen end
  return O
]]

-- Any keys, each with an integer.
local WIDE = {
  ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
  type = "object",
  properties = { name = { type = "string" } },
  additionalProperties = { type = "integer", minimum = 0 },
}

local function settle(rt)
  repeat until not rt:step()
  rt:run(0.01)
end

local function scene(config)
  local rt = host.runtime {
    clock = "virtual", seed = 1, log = function() end, paths = { "hyperties" },
    schemas = { Wide = WIDE },
  }
  local reporter = assert(rt:load_text(REPORTER, config))
  local observer = assert(rt:load_text(OBSERVER, { url = reporter:call "url" }))
  settle(rt)
  return rt, reporter, observer
end

-- Seconds that a change takes in each of the scenes, the best of some turns.
local function costs(kind, configs)
  local scenes, best = {}, {}
  for i, config in ipairs(configs) do scenes[i], best[i] = { scene(config) }, math.huge end
  for _ = 1, TURNS do
    for i, s in ipairs(scenes) do
      local rt, reporter, observer = table.unpack(s)
      local before = observer:call "seen"
      collectgarbage()
      local began = os.clock()
      reporter:call("write", kind, CHANGES)
      settle(rt)
      best[i] = math.min(best[i], os.clock() - began)
      assert(observer:call "seen" - before == CHANGES, "a change was lost")
    end
  end
  for _, s in ipairs(scenes) do s[1]:stop() end
  return table.unpack(best)
end

local function rates_line(name, kind, schema, data)
  lines:add(name, "≥ 70 %", function()
    local with, without = costs(kind, {
      { schema = schema, data = data }, { schema = "Resource", data = data },
    })
    return ("%.0f %%"):format(without / with * 100),
      ("%.2f M/s, without %.2f M/s"):format(CHANGES / with / 1e6, CHANGES / without / 1e6)
  end)
end

rates_line("changes/s of a Context, of those without schema", "value", "Context", {
  id = "room", values = { { name = "temperature", unit = "Cel", value = 21 } },
})

local function few(count)
  local list = {}
  for n = 1, count do
    list[n] = { hyperty = "hyperty://example.com/guest" .. n, status = "open", since = n }
  end
  return list
end
rates_line("changes/s of a Communication, of those without", "since", "Communication",
  { status = "open", participants = few(10) })

lines:add("wide object with a schema, 10 → 100,000 keys", "≤ 2 ×", function()
  local small, wide = costs("wide", {
    { schema = "Wide", data = {}, keys = 10 }, { schema = "Wide", data = {}, keys = KEYS },
  })
  return ("%.2f ×"):format(wide / small), ("%.2f µs a change"):format(wide / CHANGES * 1e6)
end)

lines:print()
