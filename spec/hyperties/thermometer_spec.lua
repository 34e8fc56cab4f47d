-- thermometer and room_monitor: a sensor with an actuator, and who watches it.
local spec = require "hyperty.spec"

local ANNA, BOB = "user://localhost/anna", "user://localhost/bob"

-- Observes a thermometer, and asks it for things.
local GUEST = [[
local Guest = { name = "Guest", version = 1, schemas = { "Context" }, api = {} }
function Guest:start(config)
  self.copy = assert(self.syncher:subscribe(config.url, { schema = "Context" }))
end
function Guest.api.ask(self, ...) return self.copy:execute(...) end
function Guest.api.values(self) return require "hyperty".copy(self.copy.data.values) end
return Guest]]

describe("a thermometer", function()
  local function sampled(config, seconds)
    local world <close> = spec.world()
    local sensor = world:load("thermometer", config)
    world:run(seconds)
    return sensor.values()
  end

  it("reports several values, each sample as one change", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { room = "kitchen" })
    assert.same({ temperature = 19, humidity = 45, heating = false }, sensor.values())
    local version = world:eval(sensor, "return self.sensor.version")
    world:run(35)
    assert.equal(version + 3, world:eval(sensor, "return self.sensor.version"))
    local now, values = sensor.values(), world:eval(sensor,
      "return require 'hyperty'.copy(self.sensor.data.values)")
    assert.same({ "temperature", "Cel", now.temperature },
      { values[1].name, values[1].unit, values[1].value })
    assert.is_number(values[1].sampleTime)
  end)

  it("walks as its seed says", function()
    local one = sampled({ seed = 7 }, 3600)
    assert.same(one, sampled({ seed = 7 }, 3600))
    assert.not_same(one, sampled({ seed = 8 }, 3600))
  end)

  it("follows the day", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { source = "day", every = 60 })
    local least, most = math.huge, -math.huge
    for _ = 1, 48 do
      world:run(1800)
      local degrees = sensor.values().temperature
      least, most = math.min(least, degrees), math.max(most, degrees)
    end
    assert.truthy(least < 14.5 and least >= 13, least)
    assert.truthy(most > 23.5 and most <= 25, most)
  end)

  it("keeps what is set by hand until that is taken back", function()
    local world <close> = spec.world()
    local sensor = world:load "thermometer"
    assert.is_true(sensor.set("temperature", 30))
    assert.is_true(sensor.set("co2", 800))
    world:run(60)
    assert.equal(30, sensor.values().temperature)
    assert.equal(800, sensor.values().co2)
    assert.is_true(sensor.set "temperature")
    assert.is_true(sensor.set "co2")
    world:run(60)
    assert.not_equal(30, sensor.values().temperature)
    assert.is_nil(sensor.values().co2)
  end)

  it("says what it cannot set", function()
    local world <close> = spec.world()
    local sensor = world:load "thermometer"
    assert.same({ nil, "temperature is a number", "invalid" },
      { sensor.set("temperature", "hot") })
    assert.equal("invalid", (select(3, sensor.set("heating", true))))
    assert.equal("invalid", (select(3, sensor.set(5, 5))))
    assert.equal("invalid", (select(3, sensor.every(0))))
    assert.equal("invalid", (select(3, sensor.every "1")))
    local ok, why = pcall(sensor.set, "co2", { 800 })
    assert.is_false(ok)
    assert.truthy(why:find("values.4.value: a list is no string, number, boolean", 1, true), why)
    assert.is_nil(sensor.values().co2)
  end)

  it("samples as often as it is told, also after a reload", function()
    local world <close> = spec.world()
    local sensor = world:load "thermometer"
    local function samples(seconds)
      local before = world:eval(sensor, "return self.sensor.version")
      world:run(seconds)
      return world:eval(sensor, "return self.sensor.version") - before
    end
    assert.is_true(sensor.every(2))
    assert.is_true(sensor.every(1))
    assert.equal(5, samples(5.5))
    assert.is_true(sensor.set("temperature", 30))
    world:reload(sensor)
    assert.equal(5, samples(5.5))
    assert.equal(30, sensor.values().temperature)
  end)

  it("is heated by its own user and by who may, across runtimes", function()
    local world <close> = spec.world { network = true }
    local sensor = world:load("thermometer", { user = ANNA, room = "kitchen", may = { BOB } })
    local url = sensor.url()
    local there = world:place "there"
    local anna = there:load_text(GUEST, { user = ANNA, url = url })
    local bob = there:load_text(GUEST, { user = BOB, url = url })
    local carl = there:load_text(GUEST, { user = "user://localhost/carl", url = url })
    local heating = world:events(sensor, "heating")
    assert.is_true(anna.ask("heating", true))
    assert.is_false(bob.ask("heating", false))
    assert.same({ nil, "you may not switch the heating of kitchen", "forbidden" },
      { carl.ask("heating", true) })
    assert.same({ nil, "heating takes true or false", "forbidden" }, { bob.ask("heating", "on") })
    assert.same({ nil, "a thermometer knows only heating", "forbidden" }, { bob.ask "cooling" })
    world:settle()
    assert.same({ { room = "kitchen", on = true }, { room = "kitchen", on = false } }, heating)
    assert.is_false(carl.values()[3].value)
  end)

  it("gets warm when it is heated", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { start = 15 })
    world:load("room_monitor", { limits = { temperature = { low = 25 } } })
    world:run(3600)
    assert.truthy(sensor.values().temperature > 24)
  end)
end)

describe("a room monitor", function()
  it("finds the thermometers that are there and those that come", function()
    local world <close> = spec.world { network = true }
    world:load("thermometer", { room = "kitchen", as = "kitchen" })
    world:load_text [[
      local Other = { name = "Other", version = 1 }
      function Other:start()
        assert(self.syncher:create { schema = "Context", name = "mood", public = true,
          data = { id = "mood", values = { { name = "mood", value = "good" } } } })
      end
      return Other]]
    local monitor = world:place("there"):load "room_monitor"
    assert.equal("kitchen", monitor.rooms()[1].room)
    world:load("thermometer", { room = "attic", as = "attic" })
    world:run(6)
    local rooms = monitor.rooms()
    assert.equal(2, #rooms)
    assert.same({ "attic", "live", 19 },
      { rooms[1].room, rooms[1].state, rooms[1].values.temperature })
  end)

  it("watches the rooms that it is told", function()
    local world <close> = spec.world()
    world:load("thermometer", { room = "kitchen", as = "kitchen" })
    world:load("thermometer", { room = "attic", as = "attic" })
    local monitor = world:load("room_monitor", { rooms = { "attic" } })
    assert.equal(1, #monitor.rooms())
    assert.equal("attic", monitor.rooms()[1].room)
  end)

  it("tells once when a limit is passed, and once when it is well over", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { room = "kitchen" })
    local monitor = world:load("room_monitor", { heat = false })
    local alarms, normals = world:events(monitor, "alarm"), world:events(monitor, "normal")
    for _, degrees in ipairs { 20, 17, 17.9, 18.1, 18.4, 17, 18.6, 25, 25.1, 24.8, 24.4, 20 } do
      sensor.set("temperature", degrees)
      world:run(1)
    end
    assert.same({
      { room = "kitchen", name = "temperature", value = 17, kind = "low", limit = 18 },
      { room = "kitchen", name = "temperature", value = 25.1, kind = "high", limit = 25 },
    }, alarms)
    assert.same({
      { room = "kitchen", name = "temperature", value = 18.6 },
      { room = "kitchen", name = "temperature", value = 24.4 },
    }, normals)
    assert.same({}, monitor.rooms()[1].alarms)
  end)

  it("watches values that come later", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { room = "kitchen" })
    local monitor = world:load("room_monitor", { limits = { co2 = { high = 1000 } } })
    local alarms = world:events(monitor, "alarm")
    sensor.set("co2", 1200)
    world:run(1)
    assert.same({ room = "kitchen", name = "co2", value = 1200, kind = "high", limit = 1000 },
      alarms[1])
    assert.same({ co2 = "high" }, monitor.rooms()[1].alarms)
  end)

  it("heats a room that is too cold until it is warm", function()
    local world <close> = spec.world { network = true, user = ANNA }
    local sensor = world:load("thermometer", { room = "kitchen", start = 10 })
    local heating = world:events(sensor, "heating")
    local monitor = world:place("there"):load "room_monitor"
    world:run(3600)
    assert.same({ room = "kitchen", on = true }, heating[1])
    assert.same({ room = "kitchen", on = false }, heating[2])
    assert.truthy(#monitor.history "kitchen" == 100)
    for _, sample in ipairs(monitor.history "kitchen") do assert.truthy(sample.value > 16) end
  end)

  it("heats again what was silent and is too cold", function()
    local world <close> = spec.world { network = true, user = ANNA }
    local there = world:place "there"
    local sensor = there:load("thermometer", { room = "kitchen", start = 10 })
    world:load "room_monitor"
    world:run(1)
    assert.is_true(sensor.values().heating)
    world.network:interrupt(there.runtime, true)
    world:eval(sensor, "self:switch(false)")
    world:run(60)
    assert.is_false(sensor.values().heating)
    world.network:interrupt(there.runtime, false)
    world:run(10)
    assert.is_true(sensor.values().heating)
  end)

  it("heats when it is told, where it may", function()
    local world <close> = spec.world { user = ANNA }
    local sensor = world:load("thermometer", { room = "kitchen" })
    local mine = world:load("room_monitor", { as = "mine" })
    local yours = world:load("room_monitor", { as = "yours", user = BOB })
    assert.is_true(mine.heat("kitchen", true))
    assert.is_true(sensor.values().heating)
    assert.same({ nil, "you may not switch the heating of kitchen", "forbidden" },
      { yours.heat("kitchen", false) })
    assert.is_true(sensor.values().heating)
    assert.equal("not_found", (select(3, mine.heat("cellar", true))))
  end)

  it("says that it may not heat, and goes on", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { room = "kitchen", user = ANNA, start = 10 })
    local monitor = world:load("room_monitor", { user = BOB })
    world:run(20)
    assert.is_false(sensor.values().heating)
    assert.same({ temperature = "low" }, monitor.rooms()[1].alarms)
    local found = false
    for _, line in ipairs(world:log()) do
      found = found or line.level == "warn"
        and line.text:find("you may not switch the heating of kitchen", 1, true) ~= nil
    end
    assert.is_true(found)
  end)

  it("says when a thermometer was stopped", function()
    local world <close> = spec.world()
    local sensor = world:load("thermometer", { room = "kitchen" })
    local monitor = world:load "room_monitor"
    local silent = world:events(monitor, "silent")
    world:unload(sensor)
    world:run(1)
    assert.same({ { room = "kitchen", state = "gone" } }, silent)
    assert.same({}, monitor.rooms())
  end)

  it("says when one has died, and when it is heard again", function()
    local world <close> = spec.world { network = true }
    local there = world:place "there"
    there:load("thermometer", { room = "kitchen" })
    local monitor = world:load "room_monitor"
    local silent, heard = world:events(monitor, "silent"), world:events(monitor, "heard")
    world.network:interrupt(there.runtime, true)
    world:run(60)
    assert.equal(1, #silent)
    assert.equal("kitchen", silent[1].room)
    assert.equal("disconnected", monitor.rooms()[1].state)
    world.network:interrupt(there.runtime, false)
    world:run(30)
    assert.same({ { room = "kitchen" } }, heard)
    assert.equal("live", monitor.rooms()[1].state)
  end)

  it("knows the room again when its thermometer was started anew", function()
    local world <close> = spec.world { network = true }
    local there = world:place "there"
    there:load("thermometer", { room = "kitchen", start = 15, may = "anyone" })
    local monitor = world:load "room_monitor"
    local silent, heard = world:events(monitor, "silent"), world:events(monitor, "heard")
    there:restart()
    world:run(50)
    assert.equal(1, #silent)
    there:load("thermometer", { room = "kitchen" })
    world:run(5)
    assert.same({ { room = "kitchen" } }, heard)
    assert.equal(1, #monitor.rooms())
    assert.same({ "live", {} }, { monitor.rooms()[1].state, monitor.rooms()[1].alarms })
  end)

  it("tells no alarm twice for being reloaded", function()
    local world <close> = spec.world()
    world:load("thermometer", { room = "kitchen", start = 10, may = "anyone" })
    local monitor = world:load("room_monitor", { heat = false })
    local alarms = world:events(monitor, "alarm")
    world:run(10)
    world:reload(monitor)
    world:run(10)
    assert.same({ temperature = "low" }, monitor.rooms()[1].alarms)
    assert.same({}, alarms)
  end)

  it("knows the rooms that it watches, and no others", function()
    local world <close> = spec.world()
    local monitor = world:load "room_monitor"
    assert.same({ nil, "no room cellar is watched", "not_found" }, { monitor.history "cellar" })
  end)
end)
