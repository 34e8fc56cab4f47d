-- PROTOCOL.md section 7: digests tell where an object stands; silence makes an observer ask.
local wire = require "spec.support.wire"
local network = require "spec.support.network"

local URL = "resource://localhost/it"

describe("a digest", function()
  local world, ben, far

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL, { data = { n = 0 } })
    world:join("ben", URL)
    ben:eval [[
      self.heard = {}
      self.room:on("resync", function(...) table.insert(self.heard, table.concat({ ... }, " ")) end)
      self.room:on("status", function(status) table.insert(self.heard, status.state) end)]]
    far.asked = {}
  end)

  after_each(function() world:finish() end)

  local function digest(version, epoch)
    far:publish("event", { value = { digest = { epoch = epoch or far.epoch, version = version } } })
    world:run()
  end

  it("of what is known changes nothing", function()
    digest(0)
    assert.same({}, far.asked)
    assert.same({}, ben:eval "return self.heard")
  end)

  it("above the copy makes it read since, once", function()
    far.version = 2
    local wanted
    far.on_read = function(request)
      wanted = request.body.since
      far:respond(request, 200, { epoch = far.epoch, version = 2, changes = {
        { epoch = far.epoch, version = 1, attribute = "n", value = 1 },
        { epoch = far.epoch, version = 2, attribute = "n", value = 2 } } })
    end
    digest(2)
    assert.same({ epoch = far.epoch, version = 0 }, wanted)
    assert.equal(2, ben:eval "return self.room.data.n")
    assert.same({ "lagging", "live" }, ben:eval "return self.heard")
    digest(2)
    assert.equal(1, #far:got "read")
  end)

  it("of a higher epoch makes it read the whole", function()
    far.epoch, far.version, far.data = "2-00000000", 4, { n = 4 }
    digest(4)
    assert.same({ "lagging", "resync 0 4 new epoch", "live" },
      ben:eval [[
        for i, text in ipairs(self.heard) do
          if text:find "new epoch" then self.heard[i] = "resync " .. text end
        end
        return self.heard]])
    assert.equal(4, ben:eval "return self.room.data.n")
  end)

  it("of a lower epoch, without sense, or of somebody else is ignored", function()
    digest(9, "0-ffffffff")
    for _, value in ipairs { {}, { version = 5 }, { epoch = far.epoch },
        { epoch = far.epoch, version = "x" }, { epoch = 5, version = 5 } } do
      far:publish("event", { value = { digest = value } })
    end
    far:publish("event", { value = { digest = 5 } })
    world.rt:port("hyperty://localhost/other"):send { type = "event", to = URL .. "/changes",
      body = { value = { digest = { epoch = far.epoch, version = 7 } } } }
    world:run()
    assert.same({}, far.asked)
  end)

  it("keeps it live; silence makes it lag and ask", function()
    for _ = 1, 4 do
      world:run(30)
      digest(0)
    end
    assert.same({}, ben:eval "return self.heard")
    assert.same({}, far.asked)
    world:run(36)
    assert.same({}, far.asked)
    local late
    far.on_read = function(request) late = request end
    world:run(4)
    assert.same({ "lagging" }, ben:eval "return self.heard")
    far:respond(late, 200,
      { epoch = far.epoch, version = 0, changes = require("hyperty.host").array {} })
    world:run(1)
    assert.same({ "lagging", "live" }, ben:eval "return self.heard")
  end)

  it("tells of its entry's status only what the registry says", function()
    local registration = world.rt:port(URL .. "/registration")
    for _, from in ipairs { URL, "hyperty://localhost/other", "domain://registry.other" } do
      world.rt:receive { type = "update", from = from, to = URL .. "/registration",
        body = { resource = URL, attribute = "status", value = "disconnected" } }
    end
    assert.truthy(registration)
    world:run()
    assert.same({}, ben:eval "return self.heard")
    world.rt:receive { type = "update", from = "domain://registry.localhost",
      to = URL .. "/registration",
      body = { resource = URL, attribute = "status", value = "disconnected" } }
    world:run()
    assert.same({ "disconnected" }, ben:eval "return self.heard")
    world.rt:receive { type = "update", from = "domain://registry.localhost",
      to = URL .. "/registration", body = { resource = URL, attribute = "status", value = "live" } }
    world:run()
    assert.same({ "disconnected", "live" }, ben:eval "return self.heard")
    assert.equal(1, #far:got "read")
  end)
end)

describe("a reporter", function()
  local world

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben" }
    world.digests = {}
    world.runtimes.anna:intercept(function(message)
      local value = message.type == "event" and message.body.value
      if type(value) == "table" and value.digest then
        table.insert(world.digests, { world.net:now(), message.from, message.to, value.digest })
      end
      return "pass"
    end)
  end)

  after_each(function() world:finish() end)

  it("says where its object stands after silence, while somebody observes", function()
    local url = world:room({ n = 0 }, world.anna)
    world:run(100)
    assert.same({}, world.digests)
    world:join(world.ben, url)
    world:listen "ben"
    world:run(50)
    assert.equal(3, #world.digests)
    local epoch = world.anna:eval "return self.room.epoch"
    assert.same({ url, url .. "/changes", { epoch = epoch, version = 0 } },
      { table.unpack(world.digests[1], 2) })
    assert.same({}, world:heard "ben")
    world.ben:eval "self.room:unsubscribe()"
    world.digests = {}
    world:run(100)
    assert.same({}, world.digests)
  end)

  it("says nothing more while it writes", function()
    world:room({ n = 0 }, world.anna, world.ben)
    world.digests = {}
    for i = 1, 20 do
      world.anna:eval("self.room.data.n = ...", i)
      world:run(10)
    end
    assert.same({}, world.digests)
    world:run(16)
    assert.equal(1, #world.digests)
  end)

  it("so what was lost at the end of what it wrote is found", function()
    world:room({ n = 0 }, world.anna, world.ben)
    world:listen "ben"
    world.net:faults { loss = 1 }
    world.anna:eval "self.room.data.n = 1"
    world.net:run(0.5)
    world.net:faults { delay = { 0, 0.01 } }
    assert.same({}, world:heard "ben")
    world:run(20)
    assert.same({ "lagging", "n=1", "live" }, world:heard "ben")
  end)
end)
