-- A runtime written by others, over each transport: opens, allocates, subscribes, publishes, reads
-- the registry, and gets exactly the answers that the protocol promises.
local foreign = require "spec.foreign.client"
local process = require "spec.support.process"

local SM = "domain://msg-node.localhost/sm"
local ALLOCATION = "domain://msg-node.localhost/address-allocation"
local REGISTRY = "domain://registry.localhost"

local function answer_of(request, body)
  return { id = request.id, type = "response", from = request.to, to = request.from, body = body }
end
local LISTEN = {
  tcp = "tcp://127.0.0.1:0", ws = "ws://127.0.0.1:0/ws",
  unix = "unix://" .. os.tmpname() .. ".sock",
}

for _, transport in ipairs { "tcp", "unix", "ws" } do
  describe("a foreign runtime over " .. transport, function()
    local finish, url, anna, bob

    local function open(name)
      local client = foreign.connect(url)
      client.runtime = "hyperty-runtime://localhost/" .. name
      local answer = client:ask {
        id = "o", type = "open", from = client.runtime, to = "mn:/session",
      }
      assert.equal(200, answer.body.code)
      client.token = answer.body.runtimeToken
      return client, answer
    end

    setup(function()
      local start
      start, finish = process.begin()
      url = start("node", "--listen", LISTEN[transport]):expect("err", "listens on (%S+)")
    end)
    teardown(function() finish() end)
    before_each(function()
      anna, bob = open "anna", open "bob"
    end)
    after_each(function()
      anna:close()
      bob:close()
    end)

    -- Anna holds an object that bob observes.
    local function share()
      local request = { id = 7, type = "create", from = anna.runtime, to = ALLOCATION,
        body = { scheme = "comm", value = { number = 1 } } }
      local answer = anna:ask(request)
      local object = answer.body.value.allocated[1]
      assert.same(answer_of(request, { code = 200, value = { allocated = { object } } }), answer)
      assert.truthy(object:find "^comm://localhost/%x+%-%x+%-%x+%-%x+%-%x+$")
      request = { id = 8, type = "subscribe", from = anna.runtime .. "/sm", to = SM,
        body = { resources = { object, object .. "/subscription" }, source = anna.runtime } }
      assert.same(answer_of(request, { code = 200 }), anna:ask(request))
      request = { id = "b1", type = "subscribe", from = bob.runtime .. "/sm", to = SM,
        body = { resource = object, childrenResources = { "messages" } } }
      assert.same(answer_of(request, { code = 200 }), bob:ask(request))
      return object
    end

    it("opens a session and gets a token that nobody can guess", function()
      local carl, answer = open "carl"
      assert.same({ id = "o", type = "response", from = "mn:/session", to = carl.runtime,
        body = { code = 200, runtimeToken = carl.token } }, answer)
      assert.truthy(#carl.token >= 32)
      local other = open "dora"
      assert.not_equal(carl.token, other.token)
      carl:close()
      other:close()
    end)

    it("takes its session over after its connection broke", function()
      local object = share()
      bob:close()
      anna:send { type = "update", from = object, to = object .. "/changes",
        body = { version = 1, attribute = "a", value = false } }
      local again = foreign.connect(url)
      local request = { id = 1, type = "re-open", from = bob.runtime .. "/" .. bob.token,
        to = "mn:/session" }
      local answer = again:ask(request)
      assert.equal(200, answer.body.code)
      local change = again:receive()
      assert.same({ version = 1, attribute = "a", value = false }, change.body)
      again:close()
    end)

    it("is refused with an unknown token, and may open anew on the same connection", function()
      local carl = foreign.connect(url)
      local request = { id = 1, type = "re-open", to = "mn:/session",
        from = "hyperty-runtime://localhost/carl/0123456789abcdef0123456789abcdef" }
      local answer = carl:ask(request)
      assert.equal(403, answer.body.code)
      answer = carl:ask { id = 2, type = "open", from = "hyperty-runtime://localhost/carl",
        to = "mn:/session" }
      assert.equal(200, answer.body.code)
      carl:close()
    end)

    it("ends its session with close, and the node closes the connection", function()
      bob:send { id = 3, type = "close", from = bob.runtime, to = "mn:/session" }
      local message, why = bob:receive()
      assert.is_nil(message)
      assert.equal("closed", why)
    end)

    it("publishes to who subscribed, as it was written, and hears nothing of it itself", function()
      local object = share()
      anna:send(([[{"type":"update", "from":"%s","extra":[1.50],"to":"%s/changes",
        "body":{"version":1,"attribute":"n","value":9007199254740993}}]]):format(object, object))
      local came = bob:receive()
      assert.same({ 1.5 }, came.extra)
      assert.equal(9007199254740993, came.body.value)
      bob:send { id = "c1", type = "create", from = bob.runtime .. "/h",
        to = object .. "/children/messages", body = { resource = "h#1", value = { text = "hi" } } }
      local child = anna:receive(0.5)
      assert.is_nil(child) -- nobody subscribed the children but bob himself
    end)

    it("answers requests of others", function()
      bob:send { id = 9, type = "execute", from = bob.runtime .. "/h", to = anna.runtime .. "/h",
        body = { method = "add", params = { 1, 2 } } }
      local request = anna:receive()
      assert.same({ method = "add", params = { 1, 2 } }, request.body)
      local answer = answer_of(request, { code = 200, value = 3 })
      anna:send(answer)
      assert.same(answer, bob:receive())
    end)

    it("hears at once that nobody is there, and what it may not", function()
      local request = { id = 4, type = "read", from = bob.runtime, to = "comm://localhost/nobody" }
      assert.same(answer_of(request, { code = 404, desc = "nobody is at comm://localhost/nobody" }),
        bob:ask(request))
      request = { id = 5, type = "read", from = anna.runtime, to = anna.runtime }
      bob:send(request)
      local answer = bob:receive()
      assert.equal(403, answer.body.code)
      assert.equal(5, answer.id)
      local object = share()
      request = { id = 6, type = "update", from = bob.runtime, to = object .. "/changes",
        body = { version = 1, attribute = "a", value = 1 } }
      assert.equal(403, bob:ask(request).body.code)
    end)

    it("registers an object, keeps it alive, and finds it again", function()
      local object = share()
      local entry = { url = object, type = "dataObject", name = "room " .. object, status = "live",
        schema = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/Communication",
        reporter = "hyperty://localhost/anna", expires = 60 }
      local request = { id = 10, type = "create", from = anna.runtime, to = REGISTRY,
        body = { value = entry } }
      assert.same(answer_of(request, { code = 200 }), anna:ask(request))
      request = { id = 11, type = "update", from = anna.runtime, to = REGISTRY,
        body = { resource = object } }
      assert.same(answer_of(request, { code = 200 }), anna:ask(request))
      for _, resource in ipairs { object, "/dataObject/name/" .. entry.name } do
        request = { id = 12, type = "read", from = bob.runtime, to = REGISTRY,
          body = { resource = resource } }
        local answer = bob:ask(request)
        assert.equal(200, answer.body.code)
        assert.equal(1, #answer.body.value)
        for key, value in pairs(entry) do assert.equal(value, answer.body.value[1][key]) end
      end
      request = { id = 13, type = "delete", from = bob.runtime, to = REGISTRY,
        body = { resource = object } }
      assert.equal(403, bob:ask(request).body.code)
      request = { id = 14, type = "update", from = anna.runtime, to = REGISTRY,
        body = { resource = object, attribute = "status", value = "disconnected" } }
      assert.equal(200, anna:ask(request).body.code)
      request = { id = 15, type = "read", from = bob.runtime, to = REGISTRY,
        body = { resource = object } }
      assert.equal(408, bob:ask(request).body.code)
    end)
  end)
end
