-- The schema that a reporter sends with its object, where none of that name is known or another
-- version is: what cannot be used ends the subscription, and those of objects that nobody here
-- observes any more stand in nobody's way.
local kitchen = require "spec.support.kitchen"
local wire = require "spec.support.wire"

local CATALOGUE = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"
local MAX = 256 -- HY_SCHEMAS_FOREIGN_MAX

describe("a schema of another runtime", function()
  local world

  before_each(function() world = wire.world({ "ben" }, { Kitchen = kitchen.one }) end)
  after_each(function() world:finish() end)

  local function publish(url, schema, data, document)
    local object = wire.reporter(world, url, { schema = schema, data = data })
    object.document = document
    object.on_subscribe = function(message)
      assert(object.subscription:send { type = "response", id = message.id, from = message.to,
        to = message.from,
        body = { code = 200, value = object:whole(), dataschema = object.document } })
    end
    return object
  end

  local function subscribe(object, keeps)
    local result = { world.ben:eval([[
      local url, keeps = ...
      local it, text, code = self.syncher:subscribe(url)
      if it and not keeps then it:unsubscribe() end
      if it and keeps then self.kept = self.kept or {}; self.kept[url] = it end
      return it ~= nil, text, code]], object.url, keeps) }
    world:run(0.1)
    return table.unpack(result, 1, 3)
  end

  local function unknown(document)
    return publish("other://localhost/it", CATALOGUE .. "Other", { v = "x" }, document)
  end

  it("that is unknown counts for its object", function()
    assert.same({ false, 'other://localhost/it: v: "x" is no number', "invalid" },
      { subscribe(unknown { properties = { v = { type = "number" } } }) })
  end)

  it("that is unknown and none ends the subscription, with the place", function()
    local ok, text, code = subscribe(unknown { type = 5 })
    assert.is_false(ok)
    assert.equal("invalid", code)
    assert.matches("^other://localhost/it: its reporter has a schema that is not known here, "
      .. "which cannot be used: schema Other: ", text)
  end)

  it("that is unknown and too large, likewise", function()
    local ok, text = subscribe(unknown { title = ("x"):rep(300 * 1024) })
    assert.is_false(ok)
    assert.matches("schema Other: is over 262144 bytes", text, 1, true)
  end)

  it("that is unknown and not sent leaves its object unchecked, which is logged once", function()
    local object = unknown(nil)
    assert.is_true(subscribe(object, true))
    object.on_read = function() end
    object:update("v", 1)
    object:update("v", "y")
    world:run(1)
    local warnings = world:warnings()
    assert.equal(1, #warnings)
    assert.matches("sync: other://localhost/it: what arrives is not checked: its reporter sends no "
      .. 'schema, and there is no schema "Other" here (', warnings[1], 1, true)
    assert.matches("; put Other.json into the folder schemas", warnings[1], 1, true)
  end)

  it("that is known and not sent is checked by the own one, without a word", function()
    assert.is_true(subscribe(publish("kitchen://localhost/it", kitchen.URL, { value = 1 }), true))
    assert.same({}, world:warnings())
  end)

  it("finds no room among too many in use, and is told what to do", function()
    local far = {}
    for version = 1, MAX do
      far[version] = publish("far://localhost/far" .. version, CATALOGUE .. "Far", {},
        { version = version })
      assert.is_true(subscribe(far[version], true))
    end
    local late = unknown { properties = { v = { type = "string" } } }
    assert.same({ false, "other://localhost/it: schema Other: 256 schemas of other runtimes are in "
      .. "use, and more are not kept; unsubscribe from objects of others, or put it into a folder "
      .. "schemas here", "unreachable" }, { subscribe(late) })
    world.ben:eval("self.kept[...]:unsubscribe()", far[7].url)
    world:run(0.1)
    assert.is_true(subscribe(late))
  end)

  it("is let go for others once nobody observes its object", function()
    local far = publish("far://localhost/far", CATALOGUE .. "Far", {})
    for version = 1, MAX + 1 do
      far.document = { version = version }
      assert.is_true(subscribe(far))
    end
    assert.is_true(subscribe(
      publish("kitchen://localhost/it", kitchen.URL, { value = 1 }, kitchen.wider)))
    assert.is_false(subscribe(unknown { properties = { v = { type = "number" } } }))
  end)

  it("stays with the object that it is of, while others come and go", function()
    local kept = publish("other://localhost/kept", CATALOGUE .. "Other", { v = 1 },
      { properties = { v = { type = "number" } } })
    assert.is_true(subscribe(kept, true))
    local far = publish("far://localhost/far", CATALOGUE .. "Far", {})
    for version = 1, MAX + 1 do
      far.document = { version = version }
      assert.is_true(subscribe(far))
    end
    kept.on_read = function() end
    kept:update("v", "x")
    world:run(1)
    assert.same({ "sync: other://localhost/kept: version 1 of hyperty://localhost/far does not fit"
      .. ' schema Other and is not taken in: v: "x" is no number' }, world:errors())
  end)
end)
