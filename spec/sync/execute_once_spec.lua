-- PROTOCOL.md section 1: a retried execute is answered as before and not run twice; of a stored
-- object also when the reporter's runtime was killed in between.
local durable = require "spec.support.durable"

local CREATE = [[
  self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0 } })
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("execute", function(request)
    self.room.data.n = self.room.data.n + 1
    request:accept { n = self.room.data.n }
  end)
  return self.room.url]]

local OBSERVER = "hyperty://localhost/observer"

describe("an execute on a stored object", function()
  local world, url, port, answers

  before_each(function()
    world = durable.world { "anna", "ben" }
    url = world.anna:eval(CREATE)
    port, answers = world.runtimes.ben:port(OBSERVER), {}
    port:listen(OBSERVER, function(message)
      if message.type == "response" then
        table.insert(answers, { message.id, message.body.code, message.body.value })
      end
    end)
    port:send { type = "subscribe", id = 1, to = url .. "/subscription",
      body = { subscriber = OBSERVER, source = OBSERVER, ext = 1 } }
    world:run(1)
    assert.equal(200, answers[1][2])
    answers[1] = nil
  end)

  after_each(function() world:finish() end)

  local function execute(id)
    port:send { type = "execute", id = id, to = url, body = { method = "add", params = {} } }
    world:run(1)
  end

  local function restart()
    world:crash "anna"
    world:run(1)
    world:start "anna"
    world.anna:eval(CREATE)
    world:run(1)
  end

  it("is answered again after a restart, and not run again", function()
    execute(7)
    restart()
    execute(7)
    assert.same({ { 7, 200, { n = 1 } }, { 7, 200, { n = 1 } } }, answers)
    assert.equal(1, world.anna:eval "return self.room.data.n")
    execute(8)
    assert.same({ 8, 200, { n = 2 } }, answers[3])
  end)

  it("tells numbers from texts as ids", function()
    execute(7)
    restart()
    execute "7"
    assert.same({ { 7, 200, { n = 1 } }, { "7", 200, { n = 2 } } }, answers)
    restart()
    execute "7"
    assert.same({ "7", 200, { n = 2 } }, answers[3])
  end)

  it("is run again after a minute", function()
    execute(7)
    world:run(61)
    restart()
    execute(7)
    assert.same({ 7, 200, { n = 2 } }, answers[2])
  end)

  it("that was not committed was not done", function()
    world.disks.anna:delay(1)
    port:send { type = "execute", id = 7, to = url, body = { method = "add", params = {} } }
    world:run(0.5)
    assert.same({}, answers)
    world:crash "anna"
    world.disks.anna:delay(0)
    world:start "anna"
    world.anna:eval(CREATE)
    world:run(1)
    execute(7)
    assert.same({ { 7, 200, { n = 1 } } }, answers)
  end)
end)
