-- An object outlives versions of its schema: what is stored is given back also if it does not fit
-- any more, nothing of it is lost, and it can be mended place by place.
local host = require "hyperty.host"
local json = require "dkjson"
local durable = require "spec.support.durable"
local kitchen = require "spec.support.kitchen"
local objects = require "spec.support.objects"

local CREATE = [[
  local it, text, code = self.syncher:create { schema = "Kitchen", name = "here", store = true,
    data = { value = 1, state = "on" } }
  if not it then return nil, text, code end
  self.room = it
  it:on("subscribe", function(request) request:accept() end)
  return it.url]]

local function of(document) return { Kitchen = document } end

describe("a stored object", function()
  local world, url

  before_each(function()
    world = durable.world { delay = { 0, 0.01 }, schemas = { anna = of(kitchen.one),
      ben = of(kitchen.one) }, without = { ben = true }, "anna", "ben" }
    url = world.anna:eval(CREATE)
    world.anna:eval [[
      self.room:add_child("items", { text = "a" })
      assert(self.room:saved())]]
  end)

  after_each(function() world:finish() end)

  local function restart(document)
    world:crash "anna"
    world:run(1)
    world.schemas.anna = of(document)
    world:start "anna"
    assert.equal(url, (world.anna:eval(CREATE)))
  end

  local function metadata()
    return world.anna:eval "return { self.room.metadata.schemaVersion, self.room.misfit }"
  end

  it("says which version of its schema it is of", function()
    assert.same({ 1 }, metadata())
    assert.truthy(world.anna:eval "return self.room.metadata.schemaDigest":match "^%x+$")
  end)

  it("is of the next version where it fits that", function()
    local before = world.anna:eval "return self.room.metadata.schemaDigest"
    restart(kitchen.wider)
    assert.same({ 2 }, metadata())
    assert.not_equal(before, world.anna:eval "return self.room.metadata.schemaDigest")
    assert.same({}, world.warned)
    world.anna:eval "self.room.data.note = 'new'"
  end)

  it("that does not fit any more is given back, whole, with a warning", function()
    local state = world:state "anna"
    restart(kitchen.other)
    assert.same(state, world:state "anna")
    assert.same({ 1, "value: 1 is no string" }, metadata())
    assert.equal(1, #world.warned)
    assert.truthy(world.warned[1]:find(url .. ": does not fit schema Kitchen as it is now, and is"
      .. " kept as it is: value: 1 is no string", 1, true), world.warned[1])
  end)

  it("also for a child that does not fit", function()
    local strict = { version = 2, scheme = "kitchen", children = { items = {
      properties = { text = { minLength = 2 } } } } }
    restart(strict)
    local id = world.anna:eval [[return self.room:children("items")[1].id]]
    assert.same("items " .. id .. ': text: "a" is shorter than 2 characters', metadata()[2])
  end)

  describe("that does not fit any more", function()
    before_each(function() restart(kitchen.other) end)

    it("is changed elsewhere as before, and stays a misfit", function()
      world.anna:eval "self.room.data.state = 'off'"
      world:run(1)
      assert.same({ 1, "value: 1 is no string" }, metadata())
      assert.equal("off", world.anna:eval "return self.room.data.state")
    end)

    it("is not changed to something else that does not fit", function()
      local _, text = world.anna:eval "return pcall(function() self.room.data.value = false end)"
      assert.truthy(text:find("value: false is no string", 1, true))
      assert.equal(1, world.anna:eval "return self.room.data.value")
    end)

    it("is none as soon as a change has mended it, and then of the new version", function()
      assert.is_nil(world.anna:eval "self.room.data.value = 'x' return self.room.misfit")
      world:run(1)
      assert.same({ 2 }, metadata())
    end)

    it("fits again where the version before is used again, with all that was written", function()
      world.anna:eval "self.room.data.state = 'off' self.room:saved()"
      restart(kitchen.one)
      assert.same({ 1 }, metadata())
      assert.same({ value = 1, state = "off" }, world.anna:eval "return self.room.data")
    end)
  end)

  it("whose observers have the version before goes on with them", function()
    world:join(world.ben, url)
    restart(kitchen.wider)
    world.anna:eval "self.room.data.note = 'new'"
    world:run(5)
    assert.same(world:state "anna", world:state "ben")
    assert.equal("live", world.ben:eval "return self.room:status().state")
  end)
end)

-- --- edited while it runs ------------------------------------------------------------------------

local SOURCE = [[
local hyperty = require "hyperty"
local T = { name = "T", api = {} }
function T:start()
  self.room = assert(self.syncher:create { schema = "Kitchen", name = "here",
    data = { value = 1 } })
  self.room:on("subscribe", function(request) request:accept() end)
  %s
end
return T
]]

describe("a schema file that is edited", function()
  local rt, folder, warned, one

  local function write(document)
    local file = assert(io.open(folder .. "/schemas/Kitchen.json", "w"))
    file:write(type(document) == "string" and document or json.encode(document))
    file:close()
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p " .. folder .. "/schemas"))
    write(kitchen.one)
    warned = {}
    rt = host.runtime { clock = "virtual", seed = 1, paths = { folder },
      log = function(level, who, text)
        if level == "warn" then table.insert(warned, who .. ": " .. text) end
      end }
    one = assert(rt:load_text(SOURCE:format "", { as = "one" }, "one.lua"))
    rt:run(1)
  end)

  after_each(function()
    rt:stop()
    assert(os.execute("rm -r " .. folder))
  end)

  local function room(code)
    return one:eval(code)
  end

  it("is read again before a reload, and counts for the object from then on", function()
    write(kitchen.more)
    assert.is_true(rt:reload("one", SOURCE:format "self.room.data.state = 'idle'"))
    rt:run(1)
    local state, version = room
      "return self.room.data.state, self.room.metadata.schemaVersion"
    assert.same({ "idle", 2 }, { state, version })
  end)

  it("is the one that an observer checks by, before it hears of anything written in it", function()
    local two = objects.load(rt, "two")
    two:eval([[
      self.room = assert(self.syncher:subscribe(...))
      self.heard = {}
      self.room:on("change", function(change) table.insert(self.heard, change.value) end)
      self.room:on("status", function(status) table.insert(self.heard, status.state) end)]],
      room "return self.room.url")
    write(kitchen.more)
    assert.is_true(rt:reload("one", SOURCE:format "self.room.data.state = 'idle'"))
    rt:run(5)
    assert.same({ "idle" }, two:eval "return self.heard")
    room "self.room.data.state = 'off'"
    rt:run(1)
    assert.same({ "idle", "off" }, two:eval "return self.heard")
  end)

  it("counts no longer if the reload fails", function()
    write(kitchen.more)
    assert.is_nil((rt:reload("one", SOURCE:format "self.room.data.state = 'idle' error 'no'")))
    rt:run(1)
    local value, version = room "return self.room.data.state, self.room.metadata.schemaVersion"
    assert.same({ nil, 1 }, { value, version })
    assert.is_false((room "return (pcall(function() self.room.data.state = 'idle' end))"))
  end)

  it("which the object does not fit makes it a misfit, with a warning", function()
    write(kitchen.other)
    assert.is_true(rt:reload("one", SOURCE:format ""))
    local misfit, version = room "return self.room.misfit, self.room.metadata.schemaVersion"
    assert.same({ "value: 1 is no string", 1 }, { misfit, version })
    assert.equal(1, #warned)
  end)

  it("to what is no schema is told by its path, and the version before stays", function()
    for _, text in ipairs { "{", "[]", '{ "type": 5 }', '{ "version": "x" }' } do
      warned = {}
      write(text)
      assert.is_true(rt:reload("one", SOURCE:format ""))
      assert.equal(1, #warned)
      assert.truthy(warned[1]:find(folder .. "/schemas/Kitchen.json: ", 1, true), warned[1])
      assert.truthy(warned[1]:find("; the version before stays", 1, true), warned[1])
      assert.equal(1, room "return self.room.metadata.schemaVersion")
    end
  end)
end)
