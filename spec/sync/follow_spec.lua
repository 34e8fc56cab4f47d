-- Events between hyperties: emit and follow (PROTOCOL.md section 2, <hyperty>/events).
local wire = require "spec.support.wire"

local NODE = "domain://msg-node.localhost"

describe("following a hyperty", function()
  local world, anna, ben, carl

  before_each(function()
    world = wire.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function follow(who, url, name)
    return who:eval([[
      self.heard = self.heard or {}
      local url, name = ...
      return require("hyperty").follow(url, name, function(...)
        table.insert(self.heard, { name, ... })
      end) ~= nil]], url, name)
  end

  local function heard(who)
    world:run()
    return who:eval "local heard = self.heard self.heard = {} return heard"
  end

  local function emit(...)
    anna:eval([[require("hyperty").emit(...)]], ...)
  end

  it("routes its /events at the node, for the follower", function()
    assert.is_true(follow(ben, anna.url, "news"))
    local request = world:only { type = "subscribe", to = NODE .. "/sm" }
    assert.same({ resources = { anna.url .. "/events" }, source = ben.url }, request.body)
  end)

  it("hears what it emits: an event from it to its /events", function()
    follow(ben, anna.url, "news")
    emit("news", 1, "two", { three = true })
    assert.same({ { "news", 1, "two", { three = true } } }, heard(ben))
    local message = world:only { type = "event", to = anna.url .. "/events" }
    assert.same({ anna.url, nil }, { message.from, message.id })
    assert.same({ value = { name = "news", args = { 1, "two", { three = true } } } }, message.body)
  end)

  it("hears only the names that it asked for, with one route for all", function()
    follow(ben, anna.url, "news")
    follow(ben, anna.url, "weather")
    emit "other"
    emit "weather"
    emit "news"
    assert.same({ { "weather" }, { "news" } }, heard(ben))
    assert.equal(1, #world:sent { type = "subscribe", to = NODE .. "/sm" })
  end)

  it("is for each follower: all get everything once", function()
    follow(ben, anna.url, "news")
    follow(carl, anna.url, "news")
    emit("news", 5)
    assert.same({ { { "news", 5 } }, { { "news", 5 } } }, { heard(ben), heard(carl) })
  end)

  it("is silence where nobody follows", function()
    emit("news", 1)
    world:run()
    assert.same({}, world:sent { type = "response", to = anna.url })
  end)

  it("ignores what others send there, and what makes no sense", function()
    follow(ben, anna.url, "news")
    local far = world.rt:port "hyperty://localhost/far"
    far:send { type = "event", to = anna.url .. "/events",
      body = { value = { name = "news", args = { "false" } } } }
    local own = world.rt:port(anna.url)
    for _, body in ipairs { {}, { value = 5 }, { value = { name = 5, args = {} } },
        { value = { name = "news" } }, { value = { name = "news", args = "x" } } } do
      own:send { type = "event", to = anna.url .. "/events", body = body }
    end
    own:send { type = "update", to = anna.url .. "/events",
      body = { value = { name = "news", args = { 1 } } } }
    assert.same({}, heard(ben))
  end)

  it("ends with the follower, whose route is taken down", function()
    follow(ben, anna.url, "news")
    ben:unload()
    world:run()
    local request = world:only { type = "unsubscribe", to = NODE .. "/sm" }
    assert.same({ resources = { anna.url .. "/events" }, source = ben.url }, request.body)
    emit("news", 1)
    world:run()
  end)

  it("may end before the node has answered", function()
    ben:eval([[
      local hyperty, url = require "hyperty", ...
      hyperty.spawn(function() hyperty.follow(url, "news", print) end)]], anna.url)
    ben:unload()
    world:run()
    assert.equal(1, #world:sent { type = "subscribe", to = NODE .. "/sm" })
    assert.equal(1, #world:sent { type = "unsubscribe", to = NODE .. "/sm" })
  end)

  it("needs an address", function()
    local gave, text, code = ben:eval [[
      return require("hyperty").follow("somebody", "news", print)]]
    assert.same({ nil, "invalid" }, { gave, code })
    wire.has("somebody", text)
  end)

  it("tells when the node does not answer, and may be tried again", function()
    local count = world:drop({ type = "subscribe", to = NODE .. "/sm" }, 1)
    assert.equal("timeout", (select(3, ben:eval([[
      return require("hyperty").follow(..., "news", print)]], anna.url))))
    assert.equal(1, count())
    assert.is_true(follow(ben, anna.url, "news"))
    assert.equal(1, #world:sent { type = "subscribe", to = NODE .. "/sm" })
  end)
end)
