-- on("registration"): who watches the domain registry is told what comes and goes, each once,
-- whatever happens to messages, connections and nodes (core/sync/watching.c, core/node/watches.c).
local host = require "hyperty.host"
local network = require "spec.support.network"
local wire = require "spec.support.wire"

local has, raised = wire.has, wire.raised

local REGISTRY = "domain://registry.localhost"
local SCHEMA = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"

-- From now on the instance notes what it is told; `told` gives that and forgets it.
local function watch(who, criteria)
  who:eval([[
    self.told = self.told or {}
    self.watching = self.syncher:on("registration", ..., function(event)
      table.insert(self.told, { event.kind, event.entry.name or event.entry.url, event.first })
    end)]], criteria or {})
end

local function told(who)
  return who:eval "local told = self.told self.told = {} return told"
end

local function create(who, name, schema)
  return who:eval([[
    local name, schema = ...
    self.objects = self.objects or {}
    local open = { status = "open", participants = require("hyperty").array {} }
    local data = schema == "Communication" and open or nil
    local object = assert(self.syncher:create { schema = schema, name = name, data = data })
    self.objects[name] = object
    return object.url]], name, schema or "Resource")
end

local function delete(who, name)
  who:eval("assert(self.objects[...]:delete())", name)
end

describe("watching the registry", function()
  local world, anna, ben

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function hears(...)
    world:run()
    assert.same({ ... }, told(ben))
  end

  it("tells first what is there, then what comes and goes", function()
    create(anna, "team")
    watch(ben, { name = "team" })
    hears({ "live", "team", true })
    delete(anna, "team")
    hears({ "deleted", "team", false })
    create(anna, "team")
    create(anna, "lunch")
    hears({ "live", "team", false })
  end)

  it("asks once, by the URL of the schema, and is told at <Runtime>/sm", function()
    watch(ben, { name = "team", schema = "Communication" })
    world:run()
    local request = world:only { type = "subscribe", to = REGISTRY }
    assert.same({ criteria = { name = "team", schema = SCHEMA .. "Communication" }, watch = 1,
      source = ben.url }, request.body)
    assert.equal(world.rt:url() .. "/sm", request.from)
    create(anna, "team", "Communication")
    world:run()
    local event = world:only { type = "event", from = REGISTRY }
    assert.equal(world.rt:url() .. "/sm", event.to)
    assert.same({ "live", 1 }, { event.body.value.kind, event.body.value.watch })
  end)

  it("gives the entry as the registry has it", function()
    ben:eval [[
      self.syncher:on("registration", function(event) self.event = event end)]]
    local url = anna:eval [[
      return self.syncher:create { schema = "Resource", name = "team", resources = { "a" } }.url]]
    world:run()
    local entry = ben:eval "return self.event.entry"
    assert.same({ "dataObject", url, "team", SCHEMA .. "Resource", anna.url, "live",
      "user://localhost/me", world.rt:url(), { "a" } }, { entry.type, entry.url, entry.name,
      entry.schema, entry.reporter, entry.status, entry.user, entry.runtime, entry.resources })
  end)

  it("tells of hyperties, too", function()
    watch(ben, { type = "hyperty", name = "Meter" })
    local meter = assert(world.rt:load_text [[return { name = "Meter", schemas = { "Context" } }]])
    hears({ "live", "Meter", false })
    meter:unload()
    hears({ "deleted", "Meter", false })
  end)

  it("ends with its handler, and with its hyperty", function()
    watch(ben, { name = "team" })
    world:run()
    ben:eval "self.watching:cancel()"
    world:run()
    local ended = world:only { type = "unsubscribe", to = REGISTRY }
    assert.same({ watch = 1 }, ended.body)
    create(anna, "team")
    hears()
    watch(ben, { name = "team" })
    world:run()
    world:forget()
    ben:unload()
    world:run()
    assert.same({ watch = 2 }, world:only({ type = "unsubscribe", to = REGISTRY }).body)
    delete(anna, "team")
    world:run()
    assert.same({}, world:sent { type = "event", from = REGISTRY })
  end)

  it("may end before it is answered, and in its own handler", function()
    watch(ben, { name = "team" })
    ben:eval "self.watching:cancel()"
    create(anna, "team")
    hears()
    create(anna, "lunch")
    ben:eval [[
      self.handler = self.syncher:on("registration", function(event)
        table.insert(self.told, { event.kind, event.entry.name })
        self.handler:cancel()
      end)]]
    world:run()
    assert.equal(1, #told(ben))
  end)

  it("is one for each handler", function()
    watch(ben, { name = "team" })
    watch(ben, { name = "team" })
    create(anna, "team")
    hears({ "live", "team", false }, { "live", "team", false })
    watch(ben, { name = "team" })
    hears({ "live", "team", true })
  end)

  it("refuses criteria that are none, naming those that there are", function()
    has('on("registration"): there is no argument "nmae" (known: name, schema, user, resources, '
      .. "reporter, url, type)", raised(ben, [[
      self.syncher:on("registration", { nmae = "x" }, print)]]))
    has("on(\"registration\"): resources must be a list of strings", raised(ben, [[
      self.syncher:on("registration", { resources = "x" }, print)]]))
    has('type must be "hyperty" or "dataObject", not "object"', raised(ben, [[
      self.syncher:on("registration", { type = "object" }, print)]]))
    has("function expected", raised(ben, [[self.syncher:on("registration", {})]]))
    has("table expected", raised(ben, [[self.syncher:on("registration", "team", print)]]))
    world:run()
    assert.same({}, world:sent { type = "subscribe", to = REGISTRY })
  end)

  it("asks again when an event is missing, and tells each once", function()
    watch(ben, { schema = "Resource", type = "dataObject" })
    world:run()
    local count = world:drop({ type = "event", from = REGISTRY }, 2)
    create(anna, "team")
    create(anna, "lunch")
    hears()
    assert.equal(2, count())
    create(anna, "talk") -- its number is not the next one
    hears({ "live", "team", false }, { "live", "lunch", false }, { "live", "talk", false })
    delete(anna, "team")
    hears({ "deleted", "team", false })
  end)

  it("finds out what was lost last, after silence", function()
    watch(ben, { name = "team" })
    world:run()
    world:drop({ type = "event", from = REGISTRY }, 1)
    create(anna, "team")
    hears()
    world:run(40)
    assert.same({ { "live", "team", false } }, told(ben))
    world:forget()
    world:run(100)
    assert.same({}, told(ben))
    for _, answer in ipairs(world:sent { type = "response", from = REGISTRY }) do
      assert.is_nil(answer.body.value.entries) -- nothing new, so no list
    end
  end)

  it("tells once what comes twice", function()
    watch(ben, { name = "team" })
    world:run()
    create(anna, "team")
    world:run()
    local event = world:only { type = "event", from = REGISTRY }
    world.rt:receive(event)
    hears({ "live", "team", false })
    delete(anna, "team")
    world.rt:receive(event)
    hears({ "deleted", "team", false })
    assert.equal(1, #world:sent { type = "subscribe", to = REGISTRY })
  end)

  it("asks until it is answered", function()
    local count = world:drop({ type = "response", from = REGISTRY }, 3)
    watch(ben, { name = "team" })
    world:run(30)
    assert.equal(3, count())
    create(anna, "team")
    hears({ "live", "team", false })
  end)

  it("believes nobody but the registry", function()
    watch(ben, { name = "team" })
    world:run()
    local request = world:only { type = "subscribe", to = REGISTRY }
    local answer = world:only { type = "response", from = REGISTRY }
    local n = answer.body.value.n
    local far = world.rt:port "hyperty://localhost/far"
    local value = { kind = "live", watch = 1, n = n + 1, entry = { url = "comm://localhost/x" } }
    far:send { type = "event", to = request.from, body = { value = value } }
    for _, body in ipairs { {}, { value = 5 }, { value = { watch = 1 } },
        { value = { watch = 9, kind = "live", n = n + 1 } },
        { value = { watch = 1, kind = "live", n = n + 1, entry = 7 } },
        { value = { watch = 1, kind = "live", n = n + 2, entry = {} } } } do
      world.rt:receive { type = "event", from = REGISTRY, to = request.from, body = body }
    end
    hears()
    create(anna, "team")
    world:run(40)
    assert.same({ { "live", "team", false } }, told(ben))
  end)

  it("says so, once, when the registry refuses", function()
    world.rule = function(message)
      if message.type == "subscribe" and message.to == REGISTRY then
        message.body.watch = "nonsense"
        return message
      end
    end
    watch(ben, { name = "team" })
    world:run(100)
    local errors = world:errors()
    assert.equal(1, #errors)
    has("is not told what is registered at " .. REGISTRY .. ": watch must be a number", errors[1])
    world.rule = nil
  end)
end)

describe("watching across runtimes", function()
  local world, ben

  local function begin(options)
    world = network.world(options)
    ben = world.ben
  end

  after_each(function() world:finish() end)

  local function hears(...)
    world:settle()
    assert.same({ ... }, told(ben))
  end

  it("tells that a runtime died without a word, after the grace", function()
    begin { "ben", "anna", grace = 10 }
    create(world.anna, "team")
    watch(ben, { name = "team" })
    hears({ "live", "team", true })
    world:interrupt("anna", true)
    world:run(9)
    assert.same({}, told(ben))
    world:run(2)
    assert.same({ { "disconnected", "team", false } }, told(ben))
    world:interrupt("anna", false)
    world:run(5)
    assert.same({ { "live", "team", false } }, told(ben))
  end)

  it("begins again in a new session and tells the differences", function()
    begin { "ben", "anna" }
    for _, name in ipairs { "stays", "goes", "leaves" } do create(world.anna, name) end
    watch(ben, { schema = "Resource", type = "dataObject" })
    hears({ "live", "stays", true }, { "live", "goes", true }, { "live", "leaves", true })
    world:disconnect "ben"
    create(world.anna, "comes")
    delete(world.anna, "goes")
    create(world.anna, "flits")
    delete(world.anna, "flits")
    world:run(1)
    assert.same({}, told(ben))
    world:connect "ben"
    world:run(1)
    assert.same({ { "live", "comes", false }, { "deleted", "goes", false } }, told(ben))
  end)

  it("misses nothing in a session that is taken over", function()
    begin { "ben", "anna", grace = 30 }
    watch(ben, { name = "team" })
    hears()
    world:interrupt("ben", true)
    create(world.anna, "team")
    world:run(1)
    assert.same({}, told(ben))
    world:interrupt("ben", false)
    world:run(3)
    assert.same({ { "live", "team", false } }, told(ben))
    delete(world.anna, "team")
    world:run(1)
    assert.same({ { "deleted", "team", false } }, told(ben))
  end)

  it("stands another node in the place of the one that was", function()
    begin { "ben", "anna", { "carl" } }
    create(world.anna, "team")
    create(world.carl, "lunch")
    watch(ben, { schema = "Resource", type = "dataObject" })
    hears({ "live", "team", true }, { "live", "lunch", true })
    world:restart_node("anna", "ben", "carl")
    world:run(5)
    -- The new node knew nothing when ben came; in the end all is as it was.
    local there = { team = true, lunch = true }
    for _, event in ipairs(told(ben)) do
      assert.not_equal(there[event[2]], event[1] == "live")
      there[event[2]] = event[1] == "live"
    end
    assert.same({ team = true, lunch = true }, there)
  end)

  it("stands a node that comes back with its store", function()
    begin { "ben", "anna", node_disk = {} }
    create(world.anna, "team")
    watch(ben, { name = "team" })
    hears({ "live", "team", true })
    world:restart_node("ben", "anna")
    world:run(5)
    assert.same({}, told(ben))
    delete(world.anna, "team")
    world:run(1)
    assert.same({ { "deleted", "team", false } }, told(ben))
  end)

  it("learns after silence what a cut let by", function()
    begin { "ben", "anna" }
    watch(ben, { name = "team" })
    hears()
    world:cut("ben", false, true)
    create(world.anna, "team")
    world:run(1)
    world:cut("ben", false, false)
    world:run(45)
    assert.same({ { "live", "team", false } }, told(ben))
  end)

  it("has who does not read begin anew when it reads again", function()
    begin { "ben", "anna", queue_bytes = 6000 }
    watch(ben, { schema = "Resource", type = "dataObject" })
    hears()
    world:stall("ben", true)
    for i = 1, 60 do create(world.anna, "room" .. i) end
    for i = 1, 59 do delete(world.anna, "room" .. i) end
    world:run(1)
    world:stall("ben", false)
    world:run(20)
    local there = {}
    for _, event in ipairs(told(ben)) do
      assert.not_equal(there[event[2]], event[1] == "live")
      there[event[2]] = event[1] == "live" or nil
    end
    assert.same({ room60 = true }, there)
  end)

  it("goes to the domain that the URL says", function()
    begin { "ben", { "eve", domain = "far" } }
    local url = create(world.eve, "team")
    watch(ben, { url = url })
    watch(ben, { reporter = world.eve.url })
    watch(ben, { name = "team" }) -- of the own domain
    hears({ "live", "team", true }, { "live", "team", true })
    delete(world.eve, "team")
    hears({ "deleted", "team", false }, { "deleted", "team", false })
  end)

  it("ends with the runtime, leaving nothing at the node", function()
    begin { "ben", "anna" }
    watch(ben, { name = "team" })
    hears()
    ben:unload()
    world:settle()
    create(world.anna, "team")
    world:settle()
  end)
end)

describe("watching and hot reload", function()
  local SOURCE = [[
    local Watcher = { name = "Watcher", version = %d, api = {} }
    function Watcher:start()
      self.told = {}
      self.syncher:on("registration", { name = "team" }, function(event)
        table.insert(self.told, event.kind .. (event.first and " first" or ""))
      end)
      %s
    end
    function Watcher.api.told(self)
      local told = self.told
      self.told = {}
      return told
    end
    return Watcher]]

  local rt, watcher, anna

  before_each(function()
    rt = host.runtime { clock = "virtual", seed = 1 }
    anna = require("spec.support.objects").load(rt, "anna")
    watcher = assert(rt:load_text(SOURCE:format(1, ""), { as = "watcher" }, "watcher.lua"))
    create(anna, "team")
    rt:run(0.1)
    assert.same({ "live" }, watcher:call "told")
  end)

  after_each(function() rt:stop() end)

  it("tells the new code all that is there, and the old one nothing more", function()
    assert(rt:reload("watcher", SOURCE:format(2, "")))
    rt:run(0.1)
    assert.same({ "live first" }, watcher:call "told")
    delete(anna, "team")
    rt:run(0.1)
    assert.same({ "deleted" }, watcher:call "told")
  end)

  it("tells the old code what happened while the new one failed", function()
    assert.is_nil((rt:reload("watcher", SOURCE:format(2, [[error "no"]]))))
    delete(anna, "team")
    rt:run(0.1)
    assert.same({ "deleted" }, watcher:call "told")
  end)
end)
