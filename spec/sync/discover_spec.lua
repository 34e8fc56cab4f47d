-- Finding objects and hyperties at the domain registry (PROTOCOL.md section 4, and the registration
-- that create and delete do, section 5).
local wire = require "spec.support.wire"

local has, raised = wire.has, wire.raised

local REGISTRY = "domain://registry.localhost"
local SCHEMA = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"

describe("discovering", function()
  local world, anna, ben, team, lunch, talk

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    team, lunch, talk = anna:eval [[
      local function create(schema, name, data)
        return assert(self.syncher:create { schema = schema, name = name, data = data }).url
      end
      local open = { status = "open", participants = require("hyperty").array {} }
      return create("Resource", "team"), create("Resource", "lunch"),
        create("Communication", "talk", open)]]
    ben:eval [[self.syncher:create { schema = "Resource", name = "team" }]]
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function find(criteria)
    local found = ben:eval("return self.syncher:discover(...)", criteria)
    local urls = {}
    for i, entry in ipairs(found) do urls[i] = entry.url end
    table.sort(urls)
    return urls
  end

  -- What the registry was asked for.
  local function asked()
    local resources = {}
    for i, message in ipairs(world:sent { type = "read", to = REGISTRY }) do
      resources[i] = message.body.resource
    end
    return resources
  end

  it("asks the registry by what narrows most, and checks the rest itself", function()
    local by_schema = { "/dataObject/schema/" .. SCHEMA .. "Communication",
      "/hyperty/schema/" .. SCHEMA .. "Communication" }
    for _, case in ipairs {
      { { name = "lunch" }, { "/dataObject/name/lunch", "/hyperty/name/lunch" }, lunch },
      { { name = "lunch", type = "dataObject" }, { "/dataObject/name/lunch" }, lunch },
      { { name = "lunch", type = "hyperty" }, { "/hyperty/name/lunch" } },
      { { name = "team", reporter = anna.url }, { "/dataObject/name/team" }, team },
      { { name = "team", schema = "Communication" },
        { "/dataObject/name/team", "/hyperty/name/team" } },
      { { url = team, name = "team" }, { team }, team },
      { { url = team, name = "lunch" }, { team } },
      { { reporter = anna.url, schema = "Communication" },
        { "/dataObject/reporter/" .. anna.url }, talk },
      { { schema = "Communication" }, by_schema, talk },
      { { schema = SCHEMA .. "Communication", resources = { "audio" } }, by_schema },
      { { resources = { "audio", "video" } },
        { "/dataObject/resources/audio", "/hyperty/resources/audio" } },
    } do
      world:forget()
      assert.same({ case[3] }, find(case[1]))
      assert.same(case[2], asked())
    end
  end)

  it("has the registry leave out what does not match, as far as it can", function()
    find { name = "team", schema = "Communication", resources = { "audio" } }
    for _, message in ipairs(world:sent { type = "read", to = REGISTRY }) do
      assert.same({ name = "team", schema = SCHEMA .. "Communication", resources = { "audio" } },
        message.body.criteria)
    end
    assert.equal(2, #world:sent { type = "response", from = REGISTRY, code = 404 })
  end)

  it("of a user alone asks twice: for its objects and its hyperties", function()
    local found = find { user = "user://localhost/me" }
    assert.same({ "/dataObject/user/user://localhost/me", "/hyperty/user/user://localhost/me" },
      asked())
    local expected = { anna.url, ben.url, team, lunch, talk }
    for _, url in ipairs(expected) do
      has(url, table.concat(found, " "))
    end
    assert.equal(6, #found)
  end)

  it("finds hyperties with what they say of themselves", function()
    local it = assert(world.rt:load_text [[return { name = "Meter", schemas = { "Context" } }]])
    local entry = ben:eval("return self.syncher:discover { url = ... }", it.url)[1]
    assert.same({ "hyperty", "live", world.rt:url() }, { entry.type, entry.status, entry.runtime })
  end)

  it("gives an empty list for what is not there: the 404 is an answer", function()
    assert.same({}, find { name = "nothing" })
    assert.equal(2, #world:sent { type = "response", from = REGISTRY, code = 404 })
  end)

  it("gives the entries of what is disconnected, too: their 408 is an answer", function()
    local far = world.rt:port(ben.url) -- speaks for ben
    local answer = far:request { type = "update", to = REGISTRY,
      body = { resource = ben.url, value = { status = "disconnected" } } }
    assert.equal(200, answer.body.code)
    local found = anna:eval("return self.syncher:discover { url = ... }", ben.url)
    assert.same({ 1, "disconnected" }, { #found, found[1].status })
    world:only { type = "response", from = REGISTRY, code = 408 }
  end)

  it("finds no more what was deleted, or whose hyperty stopped", function()
    anna:unload()
    world:run()
    assert.same({}, find { name = "lunch" })
    assert.same({}, find { url = anna.url })
    assert.equal(1, #find { name = "team" })
  end)

  it("fails when the registry does not answer", function()
    world:drop { type = "read", to = REGISTRY }
    assert.equal("timeout",
      ben:eval [[return select(3, self.syncher:discover { name = "team" })]])
  end)

  it("needs something to look for", function()
    for _, criteria in ipairs { {}, { resources = {} }, { type = "hyperty" } } do
      local gave, text, code = ben:eval("return self.syncher:discover(...)", criteria)
      assert.same({ nil, "discover needs a name, schema, user, reporter, url or resources",
        "invalid" }, { gave, text, code })
    end
    has('there is no argument "nmae"', raised(ben, [[self.syncher:discover { nmae = "x" }]]))
    local gave, text, code = ben:eval [[return self.syncher:discover { name = "x", type = "X" }]]
    assert.same({ nil, 'type must be "hyperty" or "dataObject", not "X"', "invalid" },
      { gave, text, code })
  end)
end)
