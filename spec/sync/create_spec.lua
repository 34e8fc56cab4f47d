-- PROTOCOL.md section 5, Create: what the sync manager does between a syncher's request and its
-- answer, and what it refuses.
local host = require "hyperty.host"
local wire = require "spec.support.wire"

local has = wire.has

local SCHEMA = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"
local NODE = "domain://msg-node.localhost"

describe("creating an object", function()
  local world, anna, sm

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    sm = world.rt:url() .. "/sm"
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function create(fields)
    return anna:eval([[
      local it, text, code = self.syncher:create(...)
      if not it then return nil, text, code end
      self.room = it
      return it.url]], fields or { schema = "Resource", name = "room", data = { n = 1 } })
  end

  it("is asked of the sync manager with schema, metadata and data", function()
    create { schema = "Resource", name = "room", data = { n = 1 }, description = "a place",
      tags = { "a" } }
    local request = world:only { type = "create", to = sm }
    assert.equal(anna.url, request.from)
    assert.equal(SCHEMA .. "Resource", request.body.schema)
    assert.same({ false, false, false },
      { request.body.resume, request.body.store, request.body.p2p })
    local value = request.body.value
    assert.same({ n = 1 }, value.data)
    assert.equal("room", value.name)
    assert.equal("a place", value.description)
    assert.same({ "a" }, value.tags)
    assert.equal(anna.url, value.reporter)
    assert.equal(world.rt:url(), value.runtime)
  end)

  it("has a URL allocated in the scheme of the schema", function()
    create { schema = "Communication", name = "talk",
      data = { status = "open", participants = host.array {} } }
    local request = world:only { type = "create", to = NODE .. "/address-allocation" }
    assert.equal(sm, request.from)
    assert.same({ scheme = "comm", value = { number = 1 } }, request.body)
    has("comm://localhost/", anna:eval "return self.room.url")
  end)

  it("routes the object, its /subscription and its children at the node, guarded", function()
    local url = create()
    local request = world:only { type = "subscribe", to = NODE .. "/sm" }
    assert.equal(sm, request.from)
    assert.same({ resources = { url, url .. "/subscription", url .. "/children/" },
      source = anna.url, guard = true, epoch = anna:eval "return self.room.epoch" }, request.body)
  end)

  it("registers it with what finds it", function()
    local url = create()
    local request = world:only { type = "create", to = "domain://registry.localhost" }
    local entry = request.body.value
    assert.same(
      { url, "dataObject", "room", SCHEMA .. "Resource", anna.url, world.rt:url(), "live" },
      { entry.url, entry.type, entry.name, entry.schema, entry.reporter, entry.runtime,
        entry.status })
    assert.equal(nil, entry.data)
  end)

  it("does all that in this order, then answers with the URL and the collections", function()
    local url = create()
    local order = {}
    for _, message in ipairs(world.messages) do
      if message.type ~= "response" then order[#order + 1] = message.to end
    end
    assert.same({ sm, NODE .. "/address-allocation", NODE .. "/sm", "domain://registry.localhost" },
      order)
    local answer = world:only { type = "response", from = sm, to = anna.url, code = 200 }
    assert.same({ code = 200, value = { resource = url, childrenResources = { "items" } } },
      answer.body)
    assert.equal(answer, world.messages[#world.messages])
  end)

  it("takes a known URL when it is told one", function()
    local url = create { schema = "Resource", url = "resource://localhost/known" }
    assert.equal("resource://localhost/known", url)
    assert.same({}, world:sent { type = "create", to = NODE .. "/address-allocation" })
    local value = anna:eval("return self.syncher:read(...)", url)
    assert.equal(url, value.url)
  end)

  it("begins at version 0 of an epoch of its own", function()
    create()
    local version, epoch = anna:eval "return self.room.version, self.room.epoch"
    assert.equal(0, version)
    assert.truthy(epoch:match "^1%-%x%x%x%x%x%x%x%x$")
    create { schema = "Resource", name = "other" }
    assert.not_equal(epoch, anna:eval "return self.room.epoch")
  end)

  it("keeps the metadata with it", function()
    local url = create { schema = "Resource", name = "room", description = "a place",
      public = true }
    local value = anna:eval("return self.syncher:read(...)", url)
    assert.same({ url, SCHEMA .. "Resource", anna.url, world.rt:url(), "room", "a place", true },
      { value.url, value.schema, value.reporter, value.runtime, value.name, value.description,
        value.publicObservation })
    assert.truthy(value.created:match "^2026%-01%-01T")
    assert.equal(value.created, value.lastModified)
  end)

  describe("is refused", function()
    -- The create that reaches the sync manager has these fields in its body, or in its value.
    local function with(fields, value)
      world.rule = function(message)
        if message.to ~= sm or message.type ~= "create" then return end
        for key, field in pairs(fields) do message.body[key] = field end
        for key, field in pairs(value or {}) do message.body.value[key] = field end
        return message
      end
      return create()
    end

    it("with p2p, which is not served", function()
      local _, text, code = with { p2p = true }
      assert.equal("invalid", code)
      has("p2p is not served by this runtime; leave it out", text)
    end)

    it("for a schema that nobody knows", function()
      local gave, text, code = create { schema = "Nothing" }
      assert.same({ nil, "not_found" }, { gave, code })
      has('there is no schema "Nothing" here (known: ', text)
      has("Resource", text)
      has("put Nothing.json into the folder schemas beside the hyperties", text)
      gave, text, code = with { schema = "Nothing" }
      assert.is_nil(gave)
      assert.same({ "there is no such schema here", "not_found" }, { text, code })
    end)

    it("for a URL that is reported here already", function()
      local url = create()
      local _, text, code = world.ben:eval([[
        return self.syncher:create { schema = "Resource", url = ... }]], url)
      assert.same({ "this runtime reports that object already", "conflict" }, { text, code })
      assert.equal(1, anna:eval "return self.room.data.n")
    end)

    it("for a URL that is being made here, which goes on", function()
      anna:eval [[
        self.got = {}
        for i = 1, 2 do
          require("hyperty").spawn(function()
            local it, _, code = self.syncher:create { schema = "Resource", name = "n" .. i,
              url = "resource://localhost/known" }
            self.got[i] = it and "made" or code
          end)
        end]]
      world:run()
      assert.same({ "made", "conflict" }, anna:eval "return self.got")
      assert.same({}, world:sent { type = "unsubscribe", to = NODE .. "/sm" })
    end)

    it("for a URL that is none", function()
      for _, url in ipairs { "nonsense", "resource://", "resource://localhost" } do
        local gave, text, code = create { schema = "Resource", url = url }
        assert.same({ nil, "invalid" }, { gave, code }, url)
        assert.truthy(#text > 0)
      end
    end)

    it("to who is no hyperty of this runtime", function()
      local stranger = world.rt:port "hyperty://localhost/stranger"
      local answer = stranger:request { type = "create", to = sm, body = { schema = "Resource" } }
      assert.same({ code = 403, desc = "the sync manager serves hyperties of its own runtime" },
        answer.body)
    end)

    it("when the node does not answer, and leaves nothing behind", function()
      world:drop { type = "create", to = NODE .. "/address-allocation" }
      local gave, text, code = create()
      assert.same({ nil, "timeout" }, { gave, code })
      has("no answer within 5000 ms", text)
      assert.same({}, world.rt:routes())
    end)

    it("when it cannot be registered: routes and address are given back", function()
      world:drop { type = "create", to = "domain://registry.localhost" }
      assert.is_nil((create()))
      world:run(10)
      assert.same({}, world.rt:routes())
      local url = world:only { type = "subscribe", to = NODE .. "/sm" }.body.resources[1]
      assert.equal(url, world:only { type = "unsubscribe", to = NODE .. "/sm" }.body.resources[1])
      assert.same({ url }, world:only { type = "delete",
        to = NODE .. "/address-allocation" }.body.childrenResources)
    end)
  end)

  it("is undone when its hyperty stops meanwhile", function()
    anna:eval [[require("hyperty").spawn(function()
      self.syncher:create { schema = "Resource", name = "late" }
    end)]]
    anna:unload()
    world:run(10)
    assert.same({}, world.rt:routes())
    assert.same({}, world.ben:eval [[return self.syncher:discover { name = "late" }]])
  end)

  it("may take longer than one request, as each step may", function()
    local net = host.network { seed = 1, delay = { 2, 2 } }
    local rt = net:runtime()
    local far = assert(rt:load_text [[return { name = "Far", api = {
      create = function(self) return self.syncher:create { schema = "Resource" } ~= nil end } }]])
    local before = net:now()
    assert.is_true(far:call "create")
    assert.truthy(net:now() - before > 5)
    net:stop()
  end)

  it("is what the sync manager knows, beside few others", function()
    local _, text, code = anna:eval([[return require("hyperty").call(..., "x")]], sm)
    assert.same({ "the sync manager knows create, subscribe, unsubscribe and delete", "invalid" },
      { text, code })
  end)
end)
