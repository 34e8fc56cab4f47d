-- What a reporter of another make publishes and does not fit the schema of its object is not taken
-- in: the copy stays the last one that fitted, and is read again.
local host = require "hyperty.host"
local kitchen = require "spec.support.kitchen"
local wire = require "spec.support.wire"

describe("what arrives and does not fit", function()
  local world, ben, object

  before_each(function()
    world = wire.world({ "ben" }, { Kitchen = kitchen.one })
    ben = world.ben
    object = wire.reporter(world, "kitchen://localhost/it",
      { schema = kitchen.URL, data = { value = 1, state = "on" } })
  end)

  after_each(function() world:finish() end)

  local function subscribe()
    return ben:eval([[
      local it, text, code = self.syncher:subscribe(...)
      self.room = it
      return it ~= nil, text, code]], object.url)
  end

  local function join()
    assert.is_true((subscribe()))
    ben:eval [[
      self.heard = {}
      self.room:on("change", function(change)
        table.insert(self.heard, change.path .. "=" .. tostring(change.value))
      end)
      self.room:on("resync", function() table.insert(self.heard, "resync") end)
      self.room:on("status", function(status) table.insert(self.heard, status.state) end)]]
  end

  local function heard() return ben:eval "local heard = self.heard self.heard = {} return heard" end
  local function data() return ben:eval "return self.room.data" end
  local function reads() return #object:got "read" end

  local REFUSED = "sync: kitchen://localhost/it: version %d of hyperty://localhost/far does not fit"
    .. " schema Kitchen and is not taken in: %s"

  describe("with the answer to a subscription", function()
    it("ends that with the place", function()
      object.data = { value = "x" }
      assert.same({ false, object.url .. ': value: "x" is no number', "invalid" }, { subscribe() })
    end)

    it("also as a child", function()
      object.children = { items = { { resource = "far#1", reporter = "hyperty://localhost/far",
        version = 0, order = 1, value = { data = { text = 1 } } } } }
      assert.same({ false, object.url .. ": items far#1: text: 1 is no string", "invalid" },
        { subscribe() })
    end)

    it("and the reporter hears that nobody observes", function()
      object.data = {}
      subscribe()
      world:run(1)
      assert.equal(1, #object:got "unsubscribe")
    end)

    it("also in parts", function()
      object.on_subscribe = function(message)
        for part = 1, 2 do
          local value = { epoch = object.epoch, version = 0 }
          if part == 1 then
            value.schema, value.data = kitchen.URL, { { host.array {}, { value = "x" } } }
          end
          assert(object.subscription:send { type = "response", id = message.id, from = message.to,
            to = message.from, body = { code = part == 1 and 100 or 200, part = part,
              responses = 2, value = value } })
        end
      end
      local is_in, text, code = subscribe()
      assert.same({ false, "invalid" }, { is_in, code })
      wire.has('value: "x" is no number', text)
    end)
  end)

  it("with a read is told with the place", function()
    object.data = { value = false }
    assert.same({ nil, object.url .. ": value: false is no number", "invalid" },
      { ben:eval("return self.syncher:read(...)", object.url) })
  end)

  it("as a change is not taken in: the whole object is asked for", function()
    join()
    object.on_read = function() end
    object:update("value", "x")
    world:run(1)
    assert.same({ value = 1, state = "on" }, data())
    assert.same({ "lagging" }, heard())
    assert.same({ 0, "lagging" }, { ben:eval "return self.room.version, self.room:status().state" })
    assert.equal(1, reads())
    assert.same({ REFUSED:format(1, 'value: "x" is no number') }, world:errors())
  end)

  it("goes on as soon as the object fits again, with all that there is", function()
    join()
    object:update("value", "x")
    object.data.value = "x"
    world:run(10)
    assert.same({ value = 1, state = "on" }, data())
    assert.is_true(#world:errors() == 1)
    object:update("value", 3)
    object.data.value = 3
    world:run(20)
    assert.same({ value = 3, state = "on" }, data())
    assert.equal(2, ben:eval "return self.room.version")
    assert.same({ "lagging", "resync", "value=3", "live" }, heard())
  end)

  it("is asked for again and again, ever later, and logged once for each version", function()
    join()
    object:update("value", "x")
    object.data.value = "x"
    world:run(30)
    local few = reads()
    assert.is_true(few >= 4 and few < 20, few .. " reads")
    assert.equal(1, #world:errors())
    object:update("state", "off")
    object.data.state = "off"
    world:run(90)
    assert.is_true(reads() - few < 10, reads() - few .. " reads more")
    assert.same({ REFUSED:format(2, 'value: "x" is no number') }, world:errors())
    assert.same({ value = 1, state = "on" }, data())
    assert.equal("lagging", ben:eval "return self.room:status().state")
  end)

  it("as a batch is refused as a whole", function()
    join()
    object.on_read = function() end
    object:update(nil, nil, { changes = {
      { attribute = "value", value = 2 }, { attribute = "state", value = "opne" },
      { attribute = "note", value = "x" } } })
    world:run(1)
    assert.same({ value = 1, state = "on" }, data())
    assert.same({ REFUSED:format(1, 'state: "opne" is none of on, off') }, world:errors())
  end)

  it("as a child that the reporter has stamped all the same is not taken in", function()
    join()
    local far = "hyperty://localhost/far"
    local port = world.rt:port(far)
    port:send { type = "create", id = 1, from = far, to = object.url .. "/children/items",
      body = { resource = "far#1", value = { data = { text = 5 } } } }
    object.on_read = function() end
    object:stamp("create", far, 1)
    world:run(1)
    assert.same({ 0, "lagging" }, { ben:eval "return self.room.version, self.room:status().state" })
    assert.same({ REFUSED:format(1, object.url .. ": items: text: 5 is no string") },
      world:errors())
  end)

  it("as an update of a child, likewise", function()
    local far = "hyperty://localhost/far"
    object.children = { items = { { resource = "far#1", reporter = far, version = 0, order = 1,
      value = { data = { text = "a" } } } } }
    object.marks = { [far] = { n = 1 } }
    object.version = 1
    join()
    local port = world.rt:port(far)
    port:send { type = "update", id = 2, from = far, to = object.url .. "/children/items",
      body = { resource = "far#1", version = 1, attribute = "text", value = 5 } }
    object.on_read = function() end
    object:stamp("update", far, 1, 1)
    world:run(1)
    assert.equal("a", ben:eval [[return self.room:children("items")[1].data.text]])
    assert.same({ REFUSED:format(2, object.url .. ": items far#1: text: 5 is no string") },
      world:errors())
  end)

  it("keeps what no schema names", function()
    object.data = { value = 1, more = { deep = true } }
    object.children = { others = { { resource = "far#1", reporter = "hyperty://localhost/far",
      version = 0, order = 1, value = { data = { 1 } } } } }
    join()
    object:update("unheard", { "of" })
    world:run(1)
    assert.same({ value = 1, more = { deep = true }, unheard = { "of" } }, data())
  end)
end)
