-- hyperty.spec: worlds for the specs of hyperties.
local host = require "hyperty.host"
local spec = require "hyperty.spec"

local OVEN = [[
local hyperty = require "hyperty"
local Oven = { name = "Oven", version = 1, schemas = { "Resource" } }

function Oven:start(config)
  self.plate = assert(self.syncher:create {
    schema = "Resource", name = config.name or "oven", store = true, data = { degrees = 20 },
  })
  self.plate:on("subscribe", function(request) request:accept() end)
  hyperty.every(1, function()
    self.plate.data.degrees = self.plate.data.degrees + 10
    if self.plate.data.degrees == 50 then
      print "it is hot"
      hyperty.emit("hot", { degrees = 50 })
      hyperty.emit("both", 1, 2)
    end
  end)
end

function Oven:stop() print "off" end

Oven.api = {}
function Oven.api.degrees(self) return self.plate.data.degrees end
function Oven.api.url(self) return self.plate.url end
function Oven.api.wait(_, seconds) hyperty.sleep(seconds) return seconds, "later" end
function Oven.api.fail() error "it burns" end
function Oven.api.refuse() return nil, "not today", "forbidden" end
function Oven.api.break_later() hyperty.after(1, function() error "broken" end) end
return Oven]]

local THERMOMETER = [[
local Thermometer = { name = "Thermometer", version = 1, schemas = { "Resource" } }
Thermometer.api = {}
function Thermometer.api.look(self, url)
  self.copy = assert(self.syncher:subscribe(url))
  return self.copy.data.degrees
end
function Thermometer.api.degrees(self) return self.copy.data.degrees, self.copy:status().state end
return Thermometer]]

local function raised(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return message
end

local function has(text, message)
  assert.truthy(tostring(message):find(text, 1, true), message)
end

describe("a world", function()
  it("runs a hyperty on virtual time, and leaves nothing", function()
    local blocks = host.blocks()
    do
      local world <close> = spec.world()
      local oven = world:load_text(OVEN)
      assert.equal(20, oven.degrees())
      world:run(3600)
      assert.equal(20 + 36000, oven.degrees())
      assert.equal(3600, world:now())
      assert.equal(world:url(oven), world:eval(oven, "return self.url"))
    end
    assert.equal(blocks, host.blocks())
  end)

  it("waits for what a function gives, however long that takes there", function()
    local world <close> = spec.world()
    local oven = world:load_text(OVEN)
    assert.same({ 60, "later" }, { oven.wait(60) })
    assert.equal(60, world:now())
    has("did not finish", raised(oven.wait, 1e6))
  end)

  it("gives a failure as values, and raises what raises, with the traceback", function()
    local world <close> = spec.world()
    local oven = world:load_text(OVEN, nil, "oven.lua")
    assert.same({ nil, "not today", "forbidden" }, { oven.refuse() })
    local message = raised(oven.fail)
    has("oven.lua:25: it burns", message)
    has("stack traceback", message)
    has("is nil", raised(world.eval, world, oven, "error 'it is nil'"))
    has("unexpected symbol", raised(world.eval, world, oven, "="))
  end)

  it("says what is wrong with a call", function()
    local world <close> = spec.world()
    local oven = world:load_text(OVEN, { as = "oven" })
    has('oven has no function "heat": it has break_later, degrees, fail',
      raised(function() return oven.heat end))
    has("call it with a dot: oven.degrees(…)", raised(function() oven:degrees() end))
    has("place: this world has one place", raised(world.place, world, "there"))
    has("url: a loaded hyperty expected", raised(world.url, world, {}))
    has("nothing_here", raised(world.load, world, "nothing_here"))
    has("text:1:", raised(world.load_text, world, "="))
    world:unload(oven)
    has("oven is gone", raised(oven.degrees))
  end)

  it("keeps what was printed, logged and emitted", function()
    local world <close> = spec.world()
    local oven, other = world:load_text(OVEN), world:load_text(OVEN, { name = "other" })
    local hot, both = world:events(oven, "hot"), world:events(oven, "both")
    assert.same({}, hot)
    world:run(2.5)
    world:unload(other)
    assert.same({}, world:prints(oven))
    assert.same({ "off" }, world:prints(other))
    world:run(1)
    assert.same({ "off", "it is hot" }, world:prints())
    assert.same({ { degrees = 50 } }, hot)
    assert.same({ { 1, 2 } }, both)
    world:eval(oven, "require 'hyperty'.log.warn('smoke', { level = 2 })")
    local line = world:log()[#world:log()]
    assert.same({ level = "warn", who = "text", text = "smoke level=2" }, line)
  end)

  it("fails when there is an error in the log that nobody asked for", function()
    local world = spec.world()
    world:load_text(OVEN).break_later()
    world:run(1)
    has("broken", raised(world.close, world))

    world = spec.world()
    world:load_text(OVEN).break_later()
    world:run(1)
    local errors = world:errors()
    assert.equal(1, #errors)
    has("broken", errors[1])
    world:close()
    world:close()
  end)

  it("lets the spec's own failure through", function()
    has("expected by nobody", raised(function()
      local world <close> = spec.world()
      world:load_text(OVEN).break_later()
      world:run(1)
      error "expected by nobody"
    end))
  end)

  it("tells what is left", function()
    local world = spec.world()
    local held = host.disk {}
    has("blocks of memory are left", raised(world.close, world))
    held:close()
  end)

  it("is stopped when it was forgotten", function()
    local blocks = host.blocks()
    spec.world({ store = true }):load_text(OVEN)
    assert.not_equal(blocks, host.blocks())
    collectgarbage()
    collectgarbage()
    assert.equal(blocks, host.blocks())
    local world, held = spec.world(), host.disk {}
    has("blocks of memory are left", raised(world.close, world))
    held:close()
  end)

  it("comes back with what was stored", function()
    local world <close> = spec.world { store = true }
    local oven = world:load_text(OVEN, { as = "oven" })
    world:run(3)
    local url = oven.url()
    world:restart()
    has("oven is gone", raised(oven.degrees))
    oven = world:load_text(OVEN, { as = "oven" })
    assert.equal(url, oven.url())
    assert.equal(50, oven.degrees())
    assert.equal(3, world:now())
  end)

  it("reloads: what is observed and kept goes on, and new functions are there", function()
    local world <close> = spec.world()
    local oven, thermometer = world:load_text(OVEN), world:load_text(THERMOMETER)
    thermometer.look(oven.url())
    world:eval(oven, "self.state.heats = 3")
    world:run(1)
    world:reload(oven, (OVEN:gsub("degrees %+ 10", "degrees + 1"):gsub("function Oven%.api%.url",
      "function Oven.api.heats(self) return self.state.heats end\n%0")))
    assert.equal(3, oven.heats())
    world:run(2)
    assert.same({ 32, "live" }, { thermometer.degrees() })
    has("text:2: unexpected symbol", raised(world.reload, world, oven, "\n="))
    assert.equal(32, oven.degrees())
    assert.equal(3, oven.heats())
  end)

  it("goes the same way each time, and another one with another seed", function()
    local function url(seed)
      local world <close> = spec.world { seed = seed }
      return world:load_text(OVEN).url()
    end
    assert.equal(url(1), url(1))
    assert.not_equal(url(1), url(2))
  end)
end)

describe("a world with bounds", function()
  it("stops a function that runs for too long, and goes on", function()
    local world <close> = spec.world { budget = { run = 0.05 } }
    local oven = world:load_text(OVEN)
    has("took too long", raised(world.eval, world, oven, "while true do end"))
    has("took too long", table.concat(world:errors()))
    assert.equal(20, oven.degrees())
  end)
end)

describe("a world with a network", function()
  it("has places of their own, which lose and find each other", function()
    local world <close> = spec.world { network = { delay = { 0.01, 0.02 } } }
    local there = world:place("there", { user = "user://localhost/bob" })
    local oven = world:load_text(OVEN)
    local thermometer = there:load_text(THERMOMETER)
    assert.equal(20, thermometer.look(oven.url()))
    world:run(1.5)
    assert.same({ 30, "live" }, { thermometer.degrees() })
    world.network:disconnect(world.here.runtime)
    world:run(10)
    assert.equal(30, (thermometer.degrees()))
    world.network:connect(world.here.runtime)
    world:run(30)
    world:settle()
    assert.same({ oven.degrees(), "live" }, { thermometer.degrees() })
    assert.equal("user://localhost/bob", world:eval(thermometer, "return self.user"))
  end)

  it("hears of events across it, also after a place was killed", function()
    local world <close> = spec.world { network = true, store = true }
    local there = world:place "there"
    there:load_text(OVEN, { as = "oven" })
    world:run(1)
    there:restart()
    local oven = there:load_text(OVEN, { as = "oven" })
    local hot = world:events(oven, "hot")
    world:run(3)
    assert.same({ { degrees = 50 } }, hot)
    assert.equal(4, world:now())
  end)
end)
