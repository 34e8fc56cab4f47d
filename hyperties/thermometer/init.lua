-- Thermometer: a simulated sensor of a room. It reports a Context object with several values, which
-- whoever finds it by the name of the room may observe; its heating is switched by asking it to,
-- with execute, and not everybody may.
--
--   > kitchen = load("thermometer", { room = "kitchen" })
--   > kitchen.values()                --> { temperature = 19.0, humidity = 45.2, heating = false }
--
-- config: `room`, its name ("room"); `every`, seconds between two samples (10); `start`, degrees at
-- first (19); `source` "walk" or "day", and `seed` (source.lua); `may`, a list of the users and
-- hyperties that may switch the heating, besides those of our own user ("anyone": all who observe).
--
--   execute heating on|off   on is true or false; gives what it is now

local hyperty = require "hyperty"
local source = require "source"

---@class Thermometer : hyperty.Hyperty
local Thermometer = { name = "Thermometer", version = 1, schemas = { "Context" } }

local UNITS = { temperature = "Cel", humidity = "%RH" }
local HEATED = 26 -- degrees that a heated room tends to
local SLOWNESS = 600 -- seconds within which it gets most of the way

function Thermometer:start(config)
  local room = config.room or "room"
  self.may = config.may or {}
  self.outside = source[config.source or "walk"](config)
  self.state.pinned = self.state.pinned or {} -- name → true, of what `set` has set
  self.sensor = assert(self.syncher:create {
    schema = "Context", name = room, tags = { "thermometer" }, description = "climate of " .. room,
    data = {
      id = room, tag = "thermometer", time = hyperty.now(), values = {
        { name = "temperature", unit = UNITS.temperature, value = config.start or 19 },
        { name = "humidity", unit = UNITS.humidity, value = 45 },
        { name = "heating", type = "actuator", value = false },
      },
    },
  })
  self.sensor:on("subscribe", function(request) request:accept() end)
  self.sensor:on("execute", function(request) self:answer(request) end)
  self:run(self.state.period or config.every or 10)
end

-- Takes a sample each `period` seconds.
function Thermometer:run(period)
  if self.timer then self.timer:cancel() end
  self.state.period = period
  self.timer = hyperty.every(period, function() self:sample(period) end)
end

-- --- values --------------------------------------------------------------------------------------

function Thermometer:find(name)
  for i, entry in ipairs(self.sensor.data.values) do
    if entry.name == name then return entry, i end
  end
end

function Thermometer:write(name, value)
  local entry = self:find(name)
  if entry then
    entry.value, entry.sampleTime = value, hyperty.now()
  else
    table.insert(self.sensor.data.values, {
      name = name, unit = UNITS[name], value = value, sampleTime = hyperty.now(),
    })
  end
end

-- A tenth is as exact as such a sensor is.
local function rounded(value) return math.floor(value * 10 + 0.5) / 10 end

-- All values of one sample are one change: nobody sees half of it.
function Thermometer:sample(seconds)
  local degrees, humidity = self.outside(hyperty.now())
  local goal = self:find("heating").value == true and HEATED or degrees
  local pull = 1 - math.exp(-seconds / SLOWNESS)
  self.exact = self.exact or self:find("temperature").value
  self.exact = self.exact + (goal - self.exact) * pull
  self.sensor:batch(function()
    if not self.state.pinned.temperature then self:write("temperature", rounded(self.exact)) end
    if not self.state.pinned.humidity then self:write("humidity", rounded(humidity)) end
    self.sensor.data.time = hyperty.now()
  end)
end

-- --- the heating ---------------------------------------------------------------------------------

function Thermometer:may_switch(who, user)
  if self.may == "anyone" or user == self.user then return true end
  for _, allowed in ipairs(self.may) do
    if allowed == who or allowed == user then return true end
  end
  return false
end

function Thermometer:answer(request)
  local on = request.params[1]
  if request.method ~= "heating" then
    request:reject "a thermometer knows only heating"
  elseif type(on) ~= "boolean" then
    request:reject "heating takes true or false"
  elseif not self:may_switch(request.from, request.identity and request.identity.user) then
    request:reject(("you may not switch the heating of %s"):format(self.sensor.data.id))
  else
    self:switch(on)
    request:accept(on)
  end
end

function Thermometer:switch(on)
  if self:find("heating").value ~= on then
    self:write("heating", on)
    hyperty.emit("heating", { room = self.sensor.data.id, on = on })
  end
end

-- --- the api -------------------------------------------------------------------------------------

Thermometer.api = {}
local api = Thermometer.api

---The values by their names.
---@param self Thermometer
function api.values(self)
  local values = {}
  for _, entry in ipairs(self.sensor.data.values) do values[entry.name] = entry.value end
  return values
end

---Sets a value by hand, which stays so until it is set to nil; or a new one.
---@param self Thermometer
---@param name string
---@param value number|string|boolean|nil
function api.set(self, name, value)
  if name == "heating" then
    return nil, "the heating is switched by who observes and may, with execute", "invalid"
  elseif type(name) ~= "string" then
    return nil, 'set needs a name and a value: set("temperature", 25)', "invalid"
  elseif UNITS[name] and type(value) ~= "number" and value ~= nil then
    return nil, name .. " is a number", "invalid"
  end
  if value ~= nil then
    self:write(name, value) -- what the schema does not allow raises, and nothing has happened
    self.state.pinned[name] = true
  else
    self.state.pinned[name] = nil
    local _, i = self:find(name)
    if i and not UNITS[name] then table.remove(self.sensor.data.values, i) end
  end
  return true
end

---Seconds between two samples.
---@param self Thermometer
---@param seconds number
function api.every(self, seconds)
  if math.type(seconds) == nil or seconds < 0.01 or seconds > 86400 then
    return nil, "every takes seconds, from 0.01 to a day", "invalid"
  end
  self:run(seconds)
  return true
end

---@param self Thermometer
function api.url(self) return self.sensor.url end

return Thermometer
