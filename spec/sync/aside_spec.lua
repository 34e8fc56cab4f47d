-- PROTOCOL.md section 5, Subscribe, step 2: what comes between the routes and the answer is kept
-- aside, within bounds.
local wire = require "spec.support.wire"

describe("what comes before the answer to a subscription", function()
  local world, ben, far, url

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    url = "resource://localhost/far"
    far = wire.reporter(world, url, { data = { n = 1 } })
  end)

  after_each(function() world:finish() end)

  local function subscribe(who, object)
    return who:eval([[
      self.room = assert(self.syncher:subscribe(...))
      return self.room.url]], object)
  end

  it("keeps aside what comes before the answer, and applies what is above it", function()
    far.on_subscribe = function(request)
      far:update("n", 2)
      far:update("m", "two")
      far.data = { n = 2 }
      far:respond(request, 200, far:whole { version = 1 })
    end
    subscribe(ben, url)
    local data, version = ben:eval "return self.room.data, self.room.version"
    assert.same({ n = 2, m = "two" }, data)
    assert.equal(2, version)
    assert.same({}, far:got "read")
  end)

  it("keeps children aside, too", function()
    far.on_subscribe = function(request)
      local creator = "hyperty://localhost/else"
      world.rt:port(creator):send { type = "create", to = url .. "/children/items",
        body = { resource = "else#1", value = { data = { text = "hi" } } } }
      far:stamp("create", creator, 1)
      far:respond(request, 200, far:whole { version = 0 })
    end
    subscribe(ben, url)
    assert.equal("hi", ben:eval [[return self.room:children("items")[1].data.text]])
    assert.same({}, far:got "read")
  end)

  it("drops what is beyond the bound, and reads after the answer", function()
    local count = 4100
    far.on_subscribe = function(request)
      for n = 1, count do far:update("n", n) end
      far:respond(request, 200, far:whole { version = 0, data = { n = 0 } })
    end
    far.on_read = function(request)
      far:respond(request, 200, far:whole { data = { n = count } })
    end
    subscribe(ben, url)
    world:run()
    assert.same({ version = 4096, epoch = far.epoch }, far:got "read"[1].body.since)
    assert.same({ count, count }, { ben:eval "return self.room.data.n, self.room.version" })
  end)

  it("counts the bytes that it keeps aside, too", function()
    local text = ("x"):rep(2 ^ 19)
    far.on_subscribe = function(request)
      for _ = 1, 40 do far:update("text", text) end
      far:respond(request, 200, far:whole { version = 0, data = {} })
    end
    far.on_read = function(request)
      far:respond(request, 200, far:whole { data = { text = text } })
    end
    subscribe(ben, url)
    world:run()
    local kept = far:got "read"[1].body.since.version
    assert.truthy(kept >= 16 and kept < 40, kept)
    assert.equal(40, ben:eval "return self.room.version")
  end)
end)
