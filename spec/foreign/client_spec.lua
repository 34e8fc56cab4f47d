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

    it("allocates blocks of addresses, and gives them back in each form", function()
      local function ask(type, body, to)
        anna.asked = (anna.asked or 100) + 1
        local request = { id = anna.asked, type = type, from = anna.runtime, body = body,
          to = to or ALLOCATION }
        return anna:ask(request).body, request
      end
      local block = ask("create", { scheme = "comm", value = { number = 3, allocationKey = "k" } })
      assert.equal(3, #block.value.allocated)
      local two = ask("create", { value = { number = 2 } }).value.allocated
      for _, address in ipairs(two) do assert.truthy(address:find "^hyperty://localhost/") end
      local object = ask("create", { scheme = "ctxt", value = { number = 1 } },
        "domain://msg-node.localhost/object-address-allocation").value.allocated[1]
      assert.truthy(object:find "^ctxt://localhost/")
      assert.same({ code = 200 }, ask("delete", { childrenResources = { two[1] } }))
      assert.same({ code = 200 }, ask("delete", { childrenResources = { { two[2] } } }))
      assert.equal(404, ask("delete", { childrenResources = { two[2] } }).code)
      assert.same({ code = 200 }, ask("delete", { resource = { "k" } }))
      assert.equal(404, ask("delete", { resource = "k" }).code)
      bob:send { id = 1, type = "delete", from = bob.runtime, to = ALLOCATION,
        body = { childrenResources = { object } } }
      assert.equal(403, bob:receive().body.code)
      for _, number in ipairs { -1, 0, 1001, 1000000000, 1.5, "2" } do
        assert.equal(400, ask("create", { value = { number = number } }).code)
      end
    end)

    it("shuts its object to whom it does not admit, and says who holds it", function()
      local request = { id = 1, type = "create", from = anna.runtime, to = ALLOCATION,
        body = { scheme = "comm", value = { number = 1 } } }
      local object = anna:ask(request).body.value.allocated[1]
      local reporter, observer = anna.runtime .. "/h", bob.runtime .. "/h"
      request = { id = 2, type = "subscribe", from = anna.runtime .. "/sm", to = SM,
        body = { resources = { object, object .. "/subscription" }, source = reporter,
          guard = true, epoch = "1-a" } }
      assert.same(answer_of(request, { code = 200 }), anna:ask(request))
      request = { id = 3, type = "subscribe", from = bob.runtime .. "/sm", to = SM,
        body = { subscribe = { object .. "/changes" }, source = observer } }
      assert.same(answer_of(request, { code = 200 }), bob:ask(request))
      local version, asked_before = 0, 10
      local function publish()
        version = version + 1
        anna:send { type = "update", from = object, to = object .. "/changes",
          body = { epoch = "1-a", version = version, attribute = "n", value = version } }
      end
      local function execute(client, method, ...)
        asked_before = asked_before + 1
        local asked = { id = asked_before, type = "execute", from = client.runtime .. "/sm",
          to = SM, body = { method = method, params = { object, ... } } }
        return client:ask(asked).body
      end
      publish() -- nobody hears it
      assert.same({ code = 200, value = { here = true, left = false, listens = true } },
        execute(anna, "admit", observer))
      publish()
      assert.equal(2, bob:receive().body.version)
      assert.equal(403, execute(bob, "expel", observer).code)
      local held = execute(bob, "holder")
      local session = math.tointeger(held.value.session)
      assert.same({ code = 200, value = { holder = reporter, epoch = "1-a", session = session } },
        held)
      assert.truthy(session)
      assert.same({ code = 200, value = { shared = false } }, execute(anna, "expel", observer))
      publish()
      assert.is_nil((bob:receive(0.3)))
      request = { id = 4, type = "unsubscribe", from = bob.runtime .. "/sm", to = SM,
        body = { resource = object, resources = { object .. "/changes" } } }
      assert.same(answer_of(request, { code = 200 }), bob:ask(request))
      assert.equal(200, bob:ask(request).body.code) -- repeating it is harmless
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
