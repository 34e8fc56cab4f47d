-- Finding what there is: objects and hyperties of several runtimes, by everything that the registry
-- knows of them and by all of it together; those that are live first, each with its status; in the
-- own domain and in another one. Whoever watches for the same is told of the same.
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local CATALOGUE = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"
local SCHEMAS = { Warmth = { scheme = "ctxt" }, Talk = { scheme = "comm" } }
local KEYS = { "name", "schema", "user", "resources", "reporter", "url", "type" }

local function word(schema)
  return schema and schema:match "[^/]+$"
end

local function has_all(have, wanted)
  local set = {}
  for _, one in ipairs(have or {}) do set[one] = true end
  for _, one in ipairs(wanted) do
    if not set[one] then return false end
  end
  return true
end

-- Does it fit? What the registry has to find, said once more.
local function fits(thing, criteria)
  for key, wanted in pairs(criteria) do
    local is = thing[key] == wanted
    if key == "resources" then is = has_all(thing.resources, wanted) end
    if key == "schema" then is = word(thing.schema) == word(wanted) end
    if not is then return false end
  end
  return true
end

describe("discovery", function()
  local world, anna, ben, carl, things

  local function create(who, options)
    return who:eval([[return assert(self.syncher:create(...)).url]], options)
  end

  before_each(function()
    world = network.world { grace = 5 }
    world.net:domain "far"
    local function runtime(name, domain)
      local rt = world.net:runtime { user = "user://localhost/" .. name, schemas = SCHEMAS,
        domain = domain, log = function(level, who, text)
          if level == "error" then table.insert(world.logged, who .. ": " .. text) end
        end }
      world.runtimes[name] = rt
      return rt, objects.load(rt, name)
    end
    local here
    here, anna = runtime "anna"
    world.anna, world.ben, world.carl = anna, select(2, runtime "ben"), select(2, runtime "carl")
    ben, carl = world.ben, world.carl
    local meter = assert(here:load_text([[
      return { name = "kitchen", schemas = { "Warmth" }, resources = { "audio", "video" } }]],
      { as = "meter" }, "meter.lua"))
    things = {
      { url = anna.url, type = "hyperty", name = "Actor", user = "user://localhost/anna" },
      { url = ben.url, type = "hyperty", name = "Actor", user = "user://localhost/ben" },
      { url = carl.url, type = "hyperty", name = "Actor", user = "user://localhost/carl" },
      { url = meter.url, type = "hyperty", name = "kitchen", user = "user://localhost/anna",
        schema = "Warmth", resources = { "audio", "video" } },
      { url = create(anna, { schema = "Warmth", name = "kitchen", resources = { "t", "audio" } }),
        type = "dataObject", name = "kitchen", user = "user://localhost/anna", schema = "Warmth",
        reporter = anna.url, resources = { "t", "audio" } },
      { url = create(ben, { schema = "Talk", name = "talk" }), type = "dataObject", name = "talk",
        user = "user://localhost/ben", schema = CATALOGUE .. "Talk", reporter = ben.url },
      { url = create(ben, { schema = "Resource", name = "kitchen", resources = { "audio" } }),
        type = "dataObject", name = "kitchen", user = "user://localhost/ben", schema = "Resource",
        reporter = ben.url, resources = { "audio" } },
    }
    world:settle()
  end)

  after_each(function() world:finish() end)

  local function expected(criteria)
    local urls = {}
    for _, thing in ipairs(things) do
      if fits(thing, criteria) then urls[#urls + 1] = thing.url end
    end
    table.sort(urls)
    return urls
  end

  local function found(criteria)
    local urls = {}
    local list = carl:eval("return assert(self.syncher:discover(...))", criteria)
    for i, entry in ipairs(list) do urls[i] = entry.url end
    table.sort(urls)
    return urls
  end

  -- What a handler of "registration" is told first.
  local function told(criteria)
    carl:eval([[
      self.told = {}
      self.handler = self.syncher:on("registration", ..., function(event)
        table.insert(self.told, event.entry.url)
      end)]], criteria)
    world:settle()
    local urls = carl:eval "self.handler:cancel() return self.told"
    table.sort(urls)
    return urls
  end

  it("finds by each criterion what has it", function()
    for _, case in ipairs {
      { { name = "kitchen" }, 3 }, { { name = "talk" }, 1 }, { { name = "Actor" }, 3 },
      { { name = "cellar" }, 0 }, { { schema = "Warmth" }, 2 },
      { { schema = CATALOGUE .. "Warmth" }, 2 }, { { schema = "Resource" }, 1 },
      { { schema = "Unheard" }, 0 }, { { user = "user://localhost/ben" }, 3 },
      { { user = "user://localhost/nobody" }, 0 }, { { resources = { "audio" } }, 3 },
      { { resources = { "video" } }, 1 }, { { resources = { "audio", "t" } }, 1 },
      { { resources = { "video", "t" } }, 0 }, { { reporter = ben.url }, 2 },
      { { reporter = carl.url }, 0 }, { { url = things[4].url }, 1 },
      { { url = things[5].url }, 1 }, { { url = "comm://localhost/none" }, 0 },
    } do
      local criteria, count = case[1], case[2]
      local urls = expected(criteria)
      assert.equal(count, #urls)
      assert.same(urls, found(criteria))
      assert.same(urls, told(criteria))
    end
  end)

  it("finds by all combinations of criteria what has all of them", function()
    local count = 0
    for _, like in ipairs { things[4], things[5], things[6] } do
      for set = 1, 2 ^ #KEYS - 1 do
        local criteria = {}
        for bit, key in ipairs(KEYS) do
          if set & 1 << (bit - 1) ~= 0 then criteria[key] = like[key] end
        end
        local first = next(criteria)
        if first and (first ~= "type" or next(criteria, first)) then
          assert.same(expected(criteria), found(criteria))
          count = count + 1
        end
      end
    end
    assert.equal(3 * 127 - 7, count) -- without those that name nothing, or the type alone
  end)

  it("tells of all there is to who watches without criteria, or for a type", function()
    assert.same(expected {}, told {})
    for _, kind in ipairs { "hyperty", "dataObject" } do
      assert.same(expected { type = kind }, told { type = kind })
    end
  end)

  it("shows those that are live first, and the others with their status", function()
    world:interrupt("anna", true) -- her runtime has died without a word
    assert.same({ "live", "live", "live" }, carl:eval [[
      local list, states = self.syncher:discover { name = "kitchen" }, {}
      for i, entry in ipairs(list) do states[i] = entry.status end
      return states]])
    world:run(6) -- longer than the grace
    local list = carl:eval [[return self.syncher:discover { name = "kitchen" }]]
    assert.same({ "live", "disconnected", "disconnected" },
      { list[1].status, list[2].status, list[3].status })
    assert.equal(things[7].url, list[1].url)
    assert.equal("disconnected",
      carl:eval("return self.syncher:discover { url = ... }[1].status", anna.url))
    world:interrupt("anna", false)
    world:run(5)
    list = carl:eval [[return self.syncher:discover { name = "kitchen" }]]
    assert.same({ "live", "live", "live" }, { list[1].status, list[2].status, list[3].status })
  end)

  it("asks the domain that a URL says, and else its own", function()
    local rt = world.net:runtime { domain = "far", paths = {} }
    local eve = objects.load(rt, "eve")
    local url = create(eve, { schema = "Resource", name = "kitchen" })
    world:settle()
    assert.same({ url }, found { url = url })
    assert.same({ url }, found { reporter = eve.url })
    assert.same({ url }, found { reporter = eve.url, name = "kitchen" })
    assert.same({ eve.url }, found { url = eve.url })
    assert.same(expected { name = "kitchen" }, found { name = "kitchen" })
  end)

  it("finds by the name of a schema that it does not know itself", function()
    local gardens = network.world { { "anna", schemas = { Garden = { scheme = "ctxt" } } }, "ben" }
    local url = gardens.anna:eval [[
      return assert(self.syncher:create { schema = "Garden", name = "garden" }).url]]
    gardens:run(1)
    local seen = gardens.ben:eval [[return self.syncher:discover { schema = "Garden" }]]
    assert.equal(url, seen[1] and seen[1].url)
    gardens:finish()
  end)
end)
