-- Room monitor: finds all thermometers, observes them, and tells when a room gets too cold or too
-- warm, or falls silent. A room that is too cold it has heated until it is warm enough.
--
--   > monitor = load("room_monitor", { limits = { temperature = { low = 18, high = 24 } } })
--   > monitor.on("alarm", function(a) print(a.room, a.name, a.kind, a.value) end)
--   > monitor.rooms()
--
-- config: `limits`, by the names of values ({ temperature = { low = 18, high = 25 } });
-- `hysteresis`, how far a value has to come back until it is normal again (0.5); `rooms`, the names
-- of those to watch (all); `heat`, false: only tells.
--
-- Events, each with one table: `alarm` { room, name, value, kind = "low"|"high", limit }, `normal`
-- { room, name, value }, `silent` { room, state }, `heard` { room } when a silent one is back.
-- heat(room, true) at the prompt switches by hand.

local hyperty = require "hyperty"

---@class RoomMonitor : hyperty.Hyperty
local RoomMonitor = { name = "RoomMonitor", version = 1, schemas = { "Context" } }

local PAUSE = 5 -- seconds until what failed is tried again
local HISTORY = 100 -- values that are remembered of each name in each room
local NAMES_MAX = 100 -- of values that are looked at in a room

function RoomMonitor:start(config)
  self.limits = config.limits or { temperature = { low = 18, high = 25 } }
  self.hysteresis = config.hysteresis or 0.5
  self.heats = config.heat ~= false
  self.is_wanted = config.rooms and {} or nil -- names of rooms; nil: all
  for _, name in ipairs(config.rooms or {}) do self.is_wanted[name] = true end
  self.rooms = {} -- url → what we know of a room
  self.state.alarms = self.state.alarms or {} -- url → name of a value → "low" or "high"
  local sensors = { type = "dataObject", schema = "Context" }
  for _, entry in ipairs(self.syncher:discover(sensors) or {}) do
    if entry.status == "live" then self:watch(entry) end
  end
  self.syncher:on("registration", sensors, function(event)
    if event.kind == "live" then self:watch(event.entry) end
  end)
end

-- --- finding and losing rooms --------------------------------------------------------------------

local function has_tag(entry, tag)
  for _, each in ipairs(entry.tags or {}) do
    if each == tag then return true end
  end
  return false
end

function RoomMonitor:is_ours(entry)
  return has_tag(entry, "thermometer") and (not self.is_wanted or self.is_wanted[entry.name])
end

function RoomMonitor:watch(entry)
  if self.rooms[entry.url] or not self:is_ours(entry) then return end
  self.rooms[entry.url] = { name = entry.name } -- nobody else does it meanwhile
  local copy, why, code = self.syncher:subscribe(entry.url, { schema = "Context" })
  if not copy then
    self.rooms[entry.url] = nil
    hyperty.log.info("a room cannot be watched:", why, { room = entry.name })
    if code == "timeout" then hyperty.after(PAUSE, function() self:watch(entry) end) end
    return
  end
  local alarms = self.state.alarms
  alarms[entry.url] = alarms[entry.url] or hyperty.object {}
  local room = {
    name = entry.name, copy = copy, alarms = alarms[entry.url], history = {}, names = 0,
    is_silent = false,
  }
  self:replace(room)
  self.rooms[entry.url] = room
  for _, value in ipairs(copy.data.values) do self:take(room, value) end
  copy:on("change", "values.*", function(change)
    if change.value ~= nil then self:take(room, change.value) end
  end)
  copy:on("change", "values.*.value", function(change)
    local value = copy.data.values[change.keys[2]]
    if value then self:take(room, value) end
  end)
  copy:on("status", function(status) self:hear(room, status.state) end)
  copy:on("delete", function()
    self.rooms[entry.url], alarms[entry.url] = nil, nil
    if not room.is_silent then hyperty.emit("silent", { room = room.name, state = "gone" }) end
  end)
end

-- A thermometer that was started anew has a new object: the silent one of that name was its own.
function RoomMonitor:replace(room)
  for url, old in pairs(self.rooms) do
    if old.name == room.name and old.is_silent then
      self.rooms[url], self.state.alarms[url] = nil, nil
      hyperty.spawn(function() old.copy:unsubscribe() end)
      hyperty.emit("heard", { room = room.name })
    end
  end
end

-- "syncing" and "lagging" may be over in a moment; but what "lagging" shows is not true any more.
function RoomMonitor:hear(room, state)
  if state == "live" and room.is_silent then
    room.is_silent = false
    hyperty.emit("heard", { room = room.name })
    if room.alarms.temperature == "low" and self.heats then self:heat(room, true) end
  elseif state ~= "live" and state ~= "syncing" and not room.is_silent then
    room.is_silent = true
    hyperty.emit("silent", { room = room.name, state = state })
  end
end

-- --- values and alarms ---------------------------------------------------------------------------

function RoomMonitor:take(room, entry)
  local name, value = entry.name, entry.value
  if type(value) ~= "number" then return end
  local history = room.history[name]
  if not history then
    if room.names == NAMES_MAX then return end
    history, room.names = {}, room.names + 1
    room.history[name] = history
  end
  table.insert(history, { at = entry.sampleTime or hyperty.now(), value = value })
  if #history > HISTORY then table.remove(history, 1) end
  local limits = self.limits[name]
  if limits then self:judge(room, name, value, limits) end
end

-- What holds for a value now: "low", "high" or nil. Out of an alarm it comes later than into it.
local function kind_of(value, limits, before, hysteresis)
  local low = limits.low and limits.low + (before == "low" and hysteresis or 0)
  local high = limits.high and limits.high - (before == "high" and hysteresis or 0)
  return low and value < low and "low" or high and value > high and "high" or nil
end

function RoomMonitor:judge(room, name, value, limits)
  local before = room.alarms[name]
  local kind = kind_of(value, limits, before, self.hysteresis)
  if kind == before then return end
  room.alarms[name] = kind
  if kind then
    hyperty.emit("alarm", {
      room = room.name, name = name, value = value, kind = kind, limit = limits[kind],
    })
  else
    hyperty.emit("normal", { room = room.name, name = name, value = value })
  end
  if name == "temperature" and self.heats then self:heat(room, kind == "low") end
end

-- Without waiting: values go on coming in.
function RoomMonitor:heat(room, on)
  hyperty.spawn(function()
    local is_on, why = room.copy:execute("heating", on)
    if is_on == nil then
      hyperty.log.warn("cannot switch the heating:", why, { room = room.name })
    end
  end)
end

-- --- the api -------------------------------------------------------------------------------------

RoomMonitor.api = {}
local api = RoomMonitor.api

local function values_of(room)
  local values = {}
  for _, entry in ipairs(room.copy.data.values) do values[entry.name] = entry.value end
  return values
end

---{ { room =, state =, values = { temperature = …, … }, alarms = { temperature = "low" } }, … }
---@param self RoomMonitor
function api.rooms(self)
  local list = {}
  for _, room in pairs(self.rooms) do
    if room.copy then
      list[#list + 1] = {
        room = room.name, state = room.copy:status().state, values = values_of(room),
        alarms = hyperty.copy(room.alarms),
      }
    end
  end
  table.sort(list, function(a, b) return a.room < b.room end)
  return hyperty.array(list)
end

-- The room of that name.
local function find(self, name)
  for _, room in pairs(self.rooms) do
    if room.name == name and room.copy then return room end
  end
  return nil, ("no room %s is watched"):format(tostring(name)), "not_found"
end

---Asks the thermometer of a room to switch its heating, as the user of this monitor; gives what it
---is then.
---@param self RoomMonitor
---@param name string of the room
---@param on boolean
function api.heat(self, name, on)
  local room, why, code = find(self, name)
  if not room then return nil, why, code end
  return room.copy:execute("heating", on)
end

---The latest values of a room: { { at =, value = }, … }.
---@param self RoomMonitor
---@param name string of the room
---@param value? string its name: "temperature"
function api.history(self, name, value)
  local room, why, code = find(self, name)
  if not room then return nil, why, code end
  return hyperty.array(hyperty.copy(room.history[value or "temperature"] or {}))
end

return RoomMonitor
