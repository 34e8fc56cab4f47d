-- Schemas that a runtime does not know: asked for at the catalogue of their domain, once, and
-- believed only as far as they can be.
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local FOLDER = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"

-- What the node has; no runtime here knows them by itself.
local KITCHEN = {
  version = 2, scheme = "ctxt",
  type = "object", properties = { value = { type = "number" } }, required = { "value" },
  children = { alarms = { type = "object" } },
}
local NODE_SCHEMAS = {
  Kitchen = KITCHEN,
  House = { type = "object", properties = {
    kitchen = { ["$ref"] = FOLDER .. "Kitchen" }, address = { ["$ref"] = "Address.json" } } },
  Address = { type = "object", properties = { street = { type = "string" } } },
  -- The node compiles them too, so what is wrong here is put in on the way.
  Wrong = { type = "object" },
}

local CREATE = [[
  local schema, data = ...
  local room, text, code = self.syncher:create { schema = schema, data = data or { value = 1 } }
  if not room then return nil, text, code end
  room:on("subscribe", function(request) request:accept() end)
  return room.url, room.metadata.schema]]

describe("a schema of the catalogue", function()
  local net, warned, blocks, asked, runtimes

  -- An instance in a runtime of its own; what its runtime asks the catalogue for is in asked[name].
  local function join(name, options)
    local rt = net:runtime {
      domain = options and options.domain,
      paths = {}, schemas = options and options.schemas, store = options and options.store,
      log = function(level, who, text)
        assert.not_equal("error", level, text)
        if level == "warn" then table.insert(warned, who .. ": " .. text) end
      end,
    }
    asked[name] = {}
    rt:intercept(function(message)
      local schema = message.type == "read" and message.to:match "^hyperty%-catalogue://.*/(.*)$"
      if schema then table.insert(asked[name], schema) end
      local told = message.type == "response" and message.from:match "^hyperty%-catalogue:.*/(.*)$"
      local replaced = told and options and options.answers and options.answers[told]
      if replaced then
        return { type = "response", id = message.id, from = message.from, to = message.to,
          body = replaced }
      end
    end)
    runtimes[name] = rt
    return objects.load(rt, name)
  end

  before_each(function()
    blocks, warned, asked, runtimes = host.blocks(), {}, {}, {}
    net = host.network { seed = 1, delay = { 0.01, 0.01 }, node_schemas = NODE_SCHEMAS }
  end)

  after_each(function()
    net:stop()
    assert.equal(blocks, host.blocks())
  end)

  it("is known as soon as somebody needs it, and asked for once", function()
    local anna = join "anna"
    local url, schema = anna:eval(CREATE, "Kitchen")
    assert.truthy(url:find "^ctxt://localhost/", url)
    assert.equal(FOLDER .. "Kitchen", schema)
    assert.truthy(anna:eval(CREATE, "Kitchen"))
    assert.truthy(anna:eval(CREATE, FOLDER .. "Kitchen"))
    assert.same({ "Kitchen" }, asked.anna)
    assert.same({}, warned)
  end)

  it("is asked for once, however many need it at a time", function()
    local anna = join "anna"
    assert.same({ 3, 3 }, { anna:eval [[
      local hyperty, made, urls = require "hyperty", 0, {}
      for i = 1, 3 do
        hyperty.spawn(function()
          local room = assert(self.syncher:create { schema = "Kitchen", data = { value = i } })
          made = made + 1
          urls[room.url] = true
        end)
      end
      hyperty.sleep(1)
      local different = 0
      for _ in pairs(urls) do different = different + 1 end
      return made, different]] })
    assert.same({ "Kitchen" }, asked.anna)
  end)

  it("is there for who observes and who looks for objects", function()
    local anna, ben = join("anna", { schemas = { Kitchen = KITCHEN } }), join "ben"
    local url = anna:eval(CREATE, "Kitchen")
    assert.same({}, asked.anna)
    assert.same({ 1, url }, { ben:eval [[
      local found = assert(self.syncher:discover { schema = "Kitchen" })
      return #found, found[1].url]] })
    assert.equal(1, ben:eval([[
      return assert(self.syncher:subscribe(..., { schema = "Kitchen" })).data.value]], url))
    assert.same({ "Kitchen" }, asked.ben)
    local carl = join "carl"
    assert.equal(1, carl:eval([[
      return assert(self.syncher:subscribe(..., { schema = "Kitchen" })).data.value]], url))
    assert.same({ "Kitchen" }, asked.carl)
  end)

  it("comes with those that it refers to, which then are known, too", function()
    local anna = join "anna"
    assert.truthy(anna:eval(CREATE, "House", { kitchen = { value = 1 } }))
    table.sort(asked.anna)
    assert.same({ "Address", "House", "Kitchen" }, asked.anna)
    assert.truthy(anna:eval(CREATE, "Kitchen"))
    assert.equal(3, #asked.anna)
  end)

  it("is known before a hyperty starts that names it", function()
    join "anna"
    local hyperty = assert(runtimes.anna:load_text([[
      local It = { name = "It", schemas = { "Kitchen" }, api = {} }
      function It:start()
        self.schemes = self.syncher:discover({ url = self.url })[1].dataSchemes
      end
      function It.api.schemes(self) return self.schemes end
      return It]], {}, "it.lua"))
    assert.same({ "Kitchen" }, asked.anna)
    assert.same({ "ctxt" }, hyperty:call "schemes")
  end)

  it("is asked for again by who comes back for what it has stored", function()
    local disk = host.disk { seed = 1 }
    local anna = join("anna", { store = disk })
    local url = anna:eval [[
      local room = assert(self.syncher:create {
        schema = "Kitchen", name = "k", store = true, data = { value = 7 } })
      assert(room:saved())
      return room.url]]
    runtimes.anna:crash()
    anna = join("anna", { store = disk })
    assert.same({ url, 7 }, { anna:eval [[
      local list = assert(self.syncher:resume {})
      return list[1].url, list[1].data.value]] })
    assert.same({ "Kitchen" }, asked.anna)
    runtimes.anna:stop()
    disk:close()
  end)

  it("of another domain is asked for there", function()
    net:domain "far"
    local anna = join("anna", { domain = "far" })
    local text, code = select(2, anna:eval(CREATE, "Kitchen"))
    assert.equal("not_found", code)
    assert.truthy(text:find("nor in the catalogue of far; ", 1, true), text)
    assert.truthy(anna:eval(CREATE, FOLDER .. "Kitchen"))
    assert.same({ "Kitchen", "Kitchen" }, asked.anna)
  end)

  it("that is nowhere is told of, and who names it starts all the same", function()
    join "anna"
    assert(runtimes.anna:load_text([[return { name = "It", schemas = { "Kitchn" }, api = {} }]], {},
      "it.lua"))
    assert.equal(1, #warned)
    assert.truthy(warned[1]:find('it: schemas: there is no schema "Kitchn" here (known: Resource), '
      .. "nor in the catalogue of localhost", 1, true), warned[1])
  end)

  it("is waited for no longer when its hyperty goes", function()
    local anna = join "anna"
    anna:eval [[
      require("hyperty").spawn(function() self.syncher:create { schema = "Kitchen" } end)
      require("hyperty").spawn(function() self.syncher:discover { schema = "Kitchen" } end)]]
    net:run(0.001)
    assert.same({ "Kitchen" }, asked.anna)
    runtimes.anna:stop() -- and nothing is left, as with every spec
  end)

  describe("that cannot be had is an error for who asked:", function()
    local function refused(anna, name)
      local url, text, code = anna:eval(CREATE, name)
      assert.is_nil(url)
      return text, code
    end

    it("nobody has it", function()
      local anna = join "anna"
      local text, code = refused(anna, "Kitchn")
      assert.equal("not_found", code)
      assert.equal('there is no schema "Kitchn" here (known: Resource), nor in the catalogue of '
        .. "localhost; put Kitchn.json into the folder schemas beside the hyperties, in "
        .. "./hyperties or a folder of HYPERTY_PATH", text)
      assert.same({ "Kitchn" }, asked.anna)
    end)

    it("at once for a while, and then it is asked for again", function()
      local anna = join "anna"
      local text = refused(anna, "Kitchn")
      assert.equal(text, (refused(anna, "Kitchn")))
      net:run(4.5)
      assert.equal(text, (refused(anna, "Kitchn")))
      assert.equal(1, #asked.anna)
      net:run(1)
      refused(anna, "Kitchn")
      assert.equal(2, #asked.anna)
    end)

    it("it is no name, for which nobody is asked", function()
      local anna = join "anna"
      for _, name in ipairs { "", "a/b", "a b", "x#y", "http://example.com/Kitchen", FOLDER,
        "hyperty-catalogue://catalogue.localhost/Kitchen", FOLDER .. "Kitchen#/a",
        ("x"):rep(3000) } do
        local text, code = refused(anna, name)
        assert.equal("not_found", code, name)
        assert.truthy(text:find("there is no schema", 1, true), text)
      end
      assert.same({}, asked.anna)
    end)

    it("its domain is not served here", function()
      local text, code = refused(join "anna",
        "hyperty-catalogue://catalogue.far/.well-known/dataschema/Kitchen")
      assert.equal("not_found", code)
      assert.truthy(text:find("nor in the catalogue of far; ", 1, true), text)
    end)

    it("its node is away, until it is back", function()
      local anna = join "anna"
      net:disconnect(runtimes.anna)
      local text, code = refused(anna, "Kitchen")
      assert.equal("unreachable", code)
      assert.truthy(text:find("and the catalogue of localhost did not answer: no connection", 1,
        true), text)
      net:connect(runtimes.anna)
      net:run(0.1)
      assert.truthy(anna:eval(CREATE, "Kitchen"))
    end)

    it("its node does not answer", function()
      local anna = join "anna"
      net:cut(runtimes.anna, true, true)
      local text, code = refused(anna, "Kitchen")
      assert.equal("timeout", code)
      assert.truthy(text:find("the catalogue of localhost did not answer: ", 1, true), text)
    end)

    -- What a hostile node says in place of the document.
    local function told(name, body)
      local text, code = refused(join("anna", { answers = { [name] = body } }), name)
      return code .. ": " .. text
    end
    local function value(document) return { code = 200, value = document } end

    it("what comes is no schema", function()
      for _, body in ipairs { { code = 200 }, value(5), value "{}", value(host.array { 1 }) } do
        assert.equal("invalid: the catalogue of localhost: schema Wrong: is no object",
          told("Wrong", body))
      end
      assert.truthy(told("Wrong", value { type = "strnig" }):find(
        "^invalid: the catalogue of localhost: schema Wrong: .*type"))
      assert.truthy(told("Wrong", value { scheme = "no scheme" }):find(
        '^invalid: the catalogue of localhost: schema Wrong: "scheme"'))
      assert.truthy(told("Wrong", value { pattern = "(" }):find(
        "^invalid: the catalogue of localhost: schema Wrong: .*pattern"))
    end)

    it("what comes is too large", function()
      assert.equal("too_large: the catalogue of localhost: schema Wrong: the document is too large",
        told("Wrong", value { description = ("x"):rep(256 * 1024) }))
    end)

    it("what comes refers to itself", function()
      assert.truthy(told("Wrong", value { ["$ref"] = "#" }):find(
        "^invalid: the catalogue of localhost: schema Wrong: "))
      assert.truthy(told("Wrong", value { ["$ref"] = FOLDER .. "Wrong" }):find(
        "^invalid: the catalogue of localhost: schema Wrong: "))
    end)

    it("what it refers to is not there", function()
      assert.equal("invalid: schema Wrong refers to Missing, which the catalogue of localhost did "
        .. 'not give: there is no schema "Missing" in the catalogue of localhost',
        told("Wrong", value { ["$ref"] = "Missing" }))
    end)

    it("it refers to ever more others", function()
      local answers, last = {}, 30
      for i = 1, last do
        answers["Chain" .. i] = value { ["$ref"] = FOLDER .. "Chain" .. i + 1 }
      end
      local anna = join("anna", { answers = answers })
      local text, code = refused(anna, "Chain1")
      assert.same({ "schema Chain1 refers to 15 others and more", "too_large" }, { text, code })
      assert.equal(16, #asked.anna)
    end)

    it("its node has given enough", function()
      local answers, most = {}, 1024
      for i = 1, most + 1 do answers["Many" .. i] = value {} end
      local anna = join("anna", { answers = answers })
      for i = 1, most do
        anna:eval([[self.syncher:discover { schema = ... }]], "Many" .. i)
      end
      assert.truthy(anna:eval(CREATE, "Many" .. most))
      local text, code = refused(anna, "Many" .. most + 1)
      assert.same({ most .. " schemas came from catalogues, and no more are taken", "full" },
        { text, code })
    end)

    it("and nothing of it remains", function()
      local anna = join("anna", { answers = { Wrong = value { type = "strnig" } } })
      refused(anna, "Wrong")
      runtimes.anna:intercept(nil)
      net:run(6)
      assert.truthy(anna:eval(CREATE, "Wrong"))
    end)
  end)

  it("is had again after memory had run out", function()
    local HOUSE = { kitchen = { value = 1 } }
    local was_made, was_refused, n = false, false, 1
    while not was_made and n < 20000 do
      local anna = join("anna" .. n)
      host.fail_after(n)
      local ran, url = pcall(anna.eval, anna, CREATE, "House", HOUSE)
      host.fail_after(-1)
      was_made, was_refused = ran and url ~= nil, was_refused or not (ran and url)
      net:run(12)
      assert.truthy(anna:eval(CREATE, "House", HOUSE), n)
      runtimes["anna" .. n]:stop()
      n = n + 1 + n // 6
    end
    assert.truthy(was_made)
    assert.truthy(was_refused)
  end)
end)
