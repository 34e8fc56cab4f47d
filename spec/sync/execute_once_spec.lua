-- PROTOCOL.md section 1: a retried execute is answered as before, and not run twice; also when the
-- reporter's runtime was killed in between.
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

describe("an execute on a stored object", function()
  local world, url, port, observer

  before_each(function()
    world = durable.world { "anna" }
    url = world.anna:eval(CREATE)
    port = world.net:port()
    observer = "hyperty://localhost/observer"
  end)

  after_each(function() world:finish() end)

  it("is answered again after a restart, and not run again", function()
    assert.truthy(url and port and observer)
  end)
end)
