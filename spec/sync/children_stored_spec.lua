-- PROTOCOL.md section 6: which children were seen is stored with their object, so that what comes
-- again after the reporter's runtime was killed is done no more.
local durable = require "spec.support.durable"

local CREATE = [[
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true })
  self.room:on("subscribe", function(request) request:accept() end)
  return self.room.url]]

local OBSERVER = "hyperty://localhost/far"

describe("children of a stored object", function()
  local world, url, port, codes

  before_each(function()
    world = durable.world { "anna", "ben" }
    url = world.anna:eval(CREATE)
    port, codes = world.runtimes.ben:port(OBSERVER), {}
    port:listen(OBSERVER, function(message)
      if message.type == "response" then table.insert(codes, message.body.code) end
    end)
    port:send { type = "subscribe", id = 1, to = url .. "/subscription",
      body = { subscriber = OBSERVER, source = OBSERVER } }
    world:run(1)
    codes = {}
  end)

  after_each(function() world:finish() end)

  local last = 1

  local function send(kind, body)
    last = last + 1
    body.resource = "far#1"
    port:send { type = kind, id = last, to = url .. "/children/items", body = body }
    world:run(1)
  end

  local function do_all()
    send("create", { value = { created = "2026-11-23T12:00:00.000Z", data = { n = 0 } } })
    send("update", { version = 1, attribute = "n", value = 1 })
    send("delete", { version = 2 })
  end

  it("that were deleted stay so, whatever comes again after a restart", function()
    do_all()
    local version = world.anna:eval "return self.room.version"
    for _ = 1, 2 do -- from its operations, then from a snapshot
      world:crash "anna"
      world:run(1)
      world:start "anna"
      world.anna:eval(CREATE)
      world:run(1)
    end
    do_all()
    assert.same({ 200, 200, 200, 200, 410, 410 }, codes)
    assert.same({ 0, version }, { world.anna:eval [[
      return #self.room:children "items", self.room.version]] })
  end)
end)

describe("a child whose creator was killed while an operation of it was decided about", function()
  it("is deleted by its next life, though the numbers of both are the same", function()
    local world = durable.world { delay = { 0, 0.01 }, "anna", "ben" }
    local join = [[
      self.room = assert(self.syncher:subscribe(...))
      self.child = self.room:children("items")[1] ]]
    local url = world.anna:eval(CREATE)
    world.anna:eval [[
      self.room:on("child", function(event)
        if event.kind ~= "create" then require("hyperty").sleep(2) end
      end)]]
    world.ben:eval(join, url)
    assert.is_true(world.ben:eval [[
      self.child = self.room:add_child("items", { n = 0 })
      return self.child:wait()]])
    world.ben:eval "self.child.data.n = 1"
    world:run(0.1)
    world:crash "ben"
    world:start "ben"
    world.ben:eval(join, url)
    assert.equal(0, world.ben:eval "return self.child.data.n")
    world.ben:eval "self.child:delete()"
    world:run(20)
    for _, name in ipairs { "anna", "ben" } do
      assert.equal(0, world[name]:eval "return #self.room:children 'items'")
    end
    world:finish()
  end)
end)
