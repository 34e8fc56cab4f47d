-- PROTOCOL.md section 5, Read: an object that does not fit into one message comes in parts of one
-- frozen state, to who reads it and to who subscribes.
local host = require "hyperty.host"
local network = require "spec.support.network"
local wire = require "spec.support.wire"

local URL = "resource://localhost/far"
local TEXT = ("text "):rep(40)

-- Adds children to self.room.
local function add(reporter, count, from)
  reporter:eval([[
    local count, from, text = ...
    for i = from, from + count - 1 do self.room:add_child("items", { i = i, text = text }) end]],
    count, from or 1, TEXT)
end

-- What an instance has of the object: comparable, and its state.
local COPY = [[
  local list = {}
  for i, child in ipairs(self.room:children "items") do
    list[i] = child.id .. " " .. child.data.i .. (child.data.mark or "")
  end
  return list]]

describe("an object of many children is answered in parts:", function()
  local world, anna, far, url

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe()
    add(anna, 2000)
    world:run()
    world:forget()
  end)

  after_each(function() world:finish() end)

  -- Bodies of what was answered to the far one.
  local function answered()
    local bodies = {}
    for i, message in ipairs(world:sent { type = "response", to = far.url }) do
      bodies[i] = message.body
    end
    return bodies
  end

  local function position(body) return body.value.epoch .. "/" .. body.value.version end

  it("each with its number, how many there are, and one position; 100, the last 200", function()
    far:request("read", url, {})
    local bodies = answered()
    assert.is_true(#bodies > 2)
    local count, ids = #bodies, {}
    for i, body in ipairs(bodies) do
      assert.same({ i == count and 200 or 100, i, count, position(bodies[1]) },
        { body.code, body.part, body.responses, position(body) })
      for _, child in ipairs((body.value.childrenObjects or {}).items or {}) do
        ids[#ids + 1] = child.resource
      end
    end
    assert.equal(2000, #ids)
    assert.same({ anna.url:match "[^/]+$" .. "#1", anna.url:match "[^/]+$" .. "#2000" },
      { ids[1], ids[2000] })
    assert.same({ host.array {}, { n = 1 } }, bodies[1].value.data[1])
    assert.equal(2000, bodies[count].value.childMarks[anna.url].n)
    assert.same({ "room", url }, { bodies[1].value.name, bodies[1].value.url })
  end)

  it("some at a time for who says so, who asks for the others by number", function()
    far:request("read", url, { window = 2 })
    local first = answered()
    assert.same({ 2, 200, 2 }, { #first, first[2].code, first[2].part })
    world:forget()
    far:request("read", url, { epoch = first[1].value.epoch, version = first[1].value.version,
      parts = { 3, 1 } })
    local second = answered()
    assert.same({ 100, 3, 200, 1 },
      { second[1].code, second[1].part, second[2].code, second[2].part })
    assert.same(first[1].value, second[2].value)
  end)

  it("of the state of then, whatever happens meanwhile", function()
    far:request("read", url, { window = 1 })
    local first = answered()[1]
    anna:eval [[
      self.room.data.n = 2
      self.room:children("items")[1999]:delete()
      self.room:children("items")[1998].data.i = -1]]
    world:forget()
    local body = { epoch = first.value.epoch, version = first.value.version, parts = {} }
    for i = 2, first.responses do body.parts[i - 1] = i end
    far:request("read", url, body)
    local bodies = answered()
    assert.equal(first.responses - 1, #bodies)
    local last = bodies[#bodies].value.childrenObjects or bodies[#bodies - 1].value.childrenObjects
    assert.same({ 2000, 1999, 1998 }, { last.items[#last.items].value.data.i,
      last.items[#last.items - 1].value.data.i, last.items[#last.items - 2].value.data.i })
    assert.same({ position(first), 2003 }, { position(bodies[1]), bodies[1].head })
  end)

  it("of one state, though the object changes while its parts are made", function()
    anna:eval [[
      self.room.data.list = { "x" }
      require("hyperty").spawn(function()
        require("hyperty").sleep(0.0015)
        table.insert(self.room.data.list, "y")
        self.room:children("items")[1999]:delete()
        self.room:children("items")[1998].data.i = -1
      end)]]
    far:request("read", url, {})
    local list, ids = nil, {}
    for _, body in ipairs(answered()) do
      for _, child in ipairs((body.value.childrenObjects or {}).items or {}) do
        ids[#ids + 1] = child.value.data.i
      end
      for _, entry in ipairs(body.value.data or {}) do
        list = list or entry[2].list
      end
    end
    table.sort(ids) -- those that went meanwhile come last
    assert.equal(2001, answered()[1].value.version)
    assert.equal(2004, anna:eval "return self.room.version")
    assert.same({ { "x" }, 2000, 1, 2000 }, { list, #ids, ids[1], ids[2000] })
  end)

  it("400 for parts that there are not, and anew where the state is not kept any more", function()
    far:request("read", url, { window = 1 })
    local first = answered()[1]
    local at = { epoch = first.value.epoch, version = first.value.version, parts = { 0, 99, "x" } }
    assert.equal(400, (far:request("read", url, at)))
    world:run(60)
    anna:eval "self.room.data.n = 2"
    world:forget()
    at.parts = { 2 }
    far:request("read", url, at)
    assert.same({ 1, 2001 }, { answered()[1].part, answered()[1].value.version })
  end)

  it("to many at once, of one state while the history leads on from it", function()
    for i = 1, 20 do
      far.port:send { type = "read", id = i, to = url, body = { window = 1 } }
      world:run(0.001)
      anna:eval "self.room.data.n = self.room.data.n + 1"
    end
    world:run(1)
    local bodies = answered()
    assert.equal(20, #bodies)
    for _, body in ipairs(bodies) do assert.equal(2000, body.value.version) end
    assert.equal(2020, bodies[20].head)
  end)

  it("to who is evicted nothing more", function()
    far.port:send { type = "read", id = 7, to = url, body = {} }
    world:run(0.002)
    assert.is_true(anna:eval("return self.room:evict(...)", far.url))
    world:run(5)
    local bodies = answered()
    assert.same({ 403, "evicted" }, { bodies[1].code, bodies[1].desc })
    assert.equal(1, #bodies)
  end)

  it("to nobody when the object is deleted meanwhile", function()
    far.port:send { type = "read", id = 7, to = url, body = {} }
    world.rt:run(0.003)
    assert.is_true(anna:eval "return self.room:delete()")
    world:run(5)
    local bodies = answered()
    assert.equal(503, bodies[#bodies].code)
  end)

  it("changes since a position that do not fit are the whole", function()
    anna:eval [[
      for i = 1, 600 do
        self.room.data["k" .. i] = ("\1"):rep(600)
      end]]
    world:run()
    world:forget()
    far:request("read", url, { since = { epoch = anna:eval "return self.room.epoch",
      version = 2000 } })
    local bodies = answered()
    assert.is_true(bodies[1].responses > 2)
    assert.is_nil(bodies[1].value.changes)
  end)

  it("one object after the other, where too many are read at once", function()
    local urls = anna:eval [[
      local urls = {}
      for i = 1, 70 do
        local object = self.syncher:create { schema = "Resource", name = "n" .. i, public = true }
        for k = 1, 5 do object.data["k" .. k] = ("x"):rep(40000) end
        urls[i] = object.url
      end
      return urls]]
    world:run(1)
    world:forget()
    for i, object in ipairs(urls) do
      far.port:send { type = "read", id = i, to = object, body = { window = 1 } }
    end
    world:run(1)
    local codes = {}
    for _, body in ipairs(answered()) do codes[body.code] = (codes[body.code] or 0) + 1 end
    assert.same({ [200] = 64, [503] = 6 }, codes)
    for i, object in ipairs(urls) do -- nobody reads the first ones any more
      if i > 64 then assert.equal(200, (far:request("read", object, { window = 1 }))) end
    end
  end)

  it("and is put together by who observes, or reads once", function()
    world.carl = require("spec.support.objects").load(world.rt, "carl")
    world:join("carl", url)
    assert.same(anna:eval(COPY), world.carl:eval(COPY))
    assert.equal("live", world.carl:eval "return self.room:status().state")
    local whole = world.carl:eval("return (self.syncher:read(...))", url)
    assert.same({ 2000, 2000, { n = 1 } },
      { #whole.childrenObjects.items, whole.version, whole.data })
  end)
end)

describe("an observer of an object in parts", function()
  local world, anna, ben, url

  local function begin(options)
    world = network.world(options)
    anna, ben = world.anna, world.ben
    url = world:room({ n = 0 }, anna)
    add(anna, 4000)
    world:settle()
  end

  after_each(function() world:finish() end)

  it("is level at the end, although the object changed all the time", function()
    begin { delay = { 0.01, 0.05 }, "anna", "ben" }
    anna:eval [[
      local hyperty = require "hyperty"
      self.task = hyperty.spawn(function()
        for i = 1, 400 do
          local items = self.room:children "items"
          self.room.data.n = i
          if i % 3 == 0 then items[i * 7].data.mark = "!" end
          if i % 5 == 0 then items[i * 3]:delete() end
          if i % 4 == 0 then self.room:add_child("items", { i = -i }) end
          hyperty.sleep(0.002)
        end
      end)]]
    world:join(ben, url)
    world:run(10)
    assert.same(anna:eval(COPY), ben:eval(COPY))
    assert.same({ 400, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("asks again for parts that are lost", function()
    begin { delay = { 0, 0.01 }, "anna", "ben" }
    local lost = 0
    world.runtimes.ben:intercept(function(message)
      local part = message.type == "response" and message.body and message.body.part
      if part and lost < 12 and (part % 3 == 0) and message.body.code == 100 then
        lost = lost + 1
        return "drop"
      end
      return "pass"
    end)
    world:join(ben, url)
    assert.equal(12, lost)
    assert.same(anna:eval(COPY), ben:eval(COPY))
  end)

  it("is told of a resync where it was away for too long, and of the differences", function()
    begin { delay = { 0, 0.01 }, "anna", "ben" }
    world:join(ben, url)
    world:settle()
    ben:eval [[
      self.heard = {}
      self.room:on("resync", function(from, to, reason) table.insert(self.heard, reason) end)
      self.room:on("change", function(c) table.insert(self.heard, c.path) end)
      self.room:on("child", function(e) table.insert(self.heard, e.kind .. e.child.data.i) end)]]
    world:disconnect "ben"
    anna:eval [[
      for i = 1, 5000 do self.room.data.n = i end
      self.room:children("items")[9]:delete()]]
    world:settle()
    world:connect "ben"
    world:run(5)
    assert.same({ "reconnected", "n", "delete9" }, ben:eval "return self.heard")
    assert.same(anna:eval(COPY), ben:eval(COPY))
    assert.equal("live", ben:eval "return self.room:status().state")
  end)

  it("of a data tree of several megabytes has all of it", function()
    begin { delay = { 0, 0.01 }, "anna", "ben" }
    anna:eval [[
      local data = self.room.data
      data.list, data["a.b"] = require("hyperty").array {}, { [""] = {} }
      for i = 1, 4000 do
        data.list[i] = { i, ("x"):rep(500) }
        data["a.b"][""]["k" .. i] = ("y"):rep(500)
        if i % 500 == 0 then require("hyperty").sleep(0.1) end
      end]]
    world:settle()
    world:join(ben, url)
    world:settle()
    local SUM = [[
      local data, sum = self.room.data, 0
      for i = 1, #data.list do sum = sum + i * data.list[i][1] + #data.list[i][2] end
      for i = 1, 4000 do sum = sum + #data["a.b"][""]["k" .. i] end
      return sum, #data.list]]
    assert.same({ anna:eval(SUM) }, { ben:eval(SUM) })
    assert.equal("live", ben:eval "return self.room:status().state")
  end)

  it("that leaves while they come leaves nothing behind", function()
    begin { delay = { 0.01, 0.02 }, "anna", "ben" }
    ben:eval([[
      local hyperty = require "hyperty"
      local url = ...
      hyperty.spawn(function() self.room = self.syncher:subscribe(url) end)]], url)
    world:run(0.15)
    ben:unload()
    world:run(60)
    assert.equal(0, #anna:eval "return self.room.observers")
  end)

  it("is one of many that come at once", function()
    begin { delay = { 0, 0.02 }, "anna", "ben", { "carl", "dora", "eve" } }
    local names = { "ben", "carl", "dora", "eve" }
    for _, name in ipairs(names) do
      world[name]:eval([[
        local url = ...
        require("hyperty").spawn(function() self.room = assert(self.syncher:subscribe(url)) end)]],
        url)
    end
    for i = 1, 20 do
      world:run(0.02)
      anna:eval("self.room.data.n = ...", i)
    end
    world:run(5)
    for _, name in ipairs(names) do
      assert.same(anna:eval(COPY), world[name]:eval(COPY))
      assert.same({ 20, "live" },
        { world[name]:eval "return self.room.data.n, self.room:status().state" })
    end
  end)
end)

describe("parts that make no sense", function()
  local world, ben, far

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL, { version = 3, data = { n = 3 } })
  end)

  after_each(function() world:finish() end)

  -- Sends parts as answers to a request; the last one as 200.
  local function respond(request, parts)
    local port = request.to == far.url and far.port or far.subscription
    for i, part in ipairs(parts) do
      local body = { code = i == #parts and 200 or 100, value = { epoch = far.epoch, version = 3 } }
      for key, value in pairs(part) do body[key] = value end
      for key, value in pairs(part.value or {}) do body.value[key] = value end
      assert(port:send { type = "response", id = request.id, from = request.to, to = request.from,
        body = body })
    end
  end

  local function first(fields)
    local part = { part = 1, responses = 2, value = { epoch = far.epoch, version = 3, name = "it",
      schema = far:whole().schema, data = { { host.array {}, { n = 3 } } } } }
    for key, value in pairs(fields or {}) do part[key] = value end
    return part
  end

  local function second(fields)
    local part = { part = 2, responses = 2, value = { epoch = far.epoch, version = 3,
      childrenObjects = { items = host.array {} }, childMarks = {} } }
    for key, value in pairs(fields or {}) do part[key] = value end
    return part
  end

  local function join()
    local ok, why, code = ben:eval([[
      local room, why, code = self.syncher:subscribe(...)
      self.room = room
      return room ~= nil, why, code]], URL)
    return ok, code, why
  end

  it("in the end make subscribing fail with a reason", function()
    local nonsense = {
      { first { part = 0 } }, { first { part = 9 } }, { first { responses = -1 } },
      { first { responses = 2000000000 } }, { first { part = "x", responses = 1 }, second() },
      { first(), second { responses = 3 } },
      { first { value = { epoch = far.epoch, version = 3, data = { { "a.b", 1 } } } } },
      { first { value = { epoch = 5, version = 3 } } },
      { first { value = { epoch = far.epoch, version = "x" } } },
      { first() }, -- the second never comes
      { first(), first(), first() },
      { second(), second() },
      { first { value = { epoch = far.epoch, version = 2, data = { { host.array {}, {} } } } },
        second() }, -- of two states
      { first(), second { value = { epoch = "0-0", version = 3 } } },
    }
    for i, parts in ipairs(nonsense) do
      far.on_subscribe = function(request) respond(request, parts) end
      far.on_read, far.asked = far.on_subscribe, {}
      local ok, code, why = join()
      assert.is_false(ok, i)
      assert.is_true(code == "unreachable" or code == "too_large" or code == "invalid", code)
      assert.is_true(#why > 10)
      assert.is_true(#far:got "read" <= 5, i)
      assert.equal(1, #far:got "unsubscribe", i)
      world:run(1)
    end
  end)

  it("do no harm where the right ones come, too, in any order and twice", function()
    far.on_read = function() error "it is not needed" end
    far.on_subscribe = function(request)
      respond(request, { first { part = 7 }, second(), second(), first(), first(), second() })
    end
    assert.is_true((join()))
    assert.same({ 3, 3 }, { ben:eval "return self.room.data.n, self.room.version" })
  end)

  it("give way to those of a later state", function()
    local function late(part)
      part.value.version = 4
      return part
    end
    far.on_subscribe = function(request)
      respond(request, { first(), late(second()), second(), late(first()) })
    end
    far.on_read = function() error "it is not needed" end
    assert.is_true((join()))
    assert.equal(4, ben:eval "return self.room.version")
  end)

  it("are the whole of it if an older peer sends them: no numbers, each with 100", function()
    far.on_subscribe = function(request)
      local one, two = first(), second()
      one.part, two.part, one.code, two.code = nil, nil, 100, 100
      one.value.data = { n = 3 }
      respond(request, { one, two })
    end
    assert.is_true((join()))
    assert.equal(3, ben:eval "return self.room.data.n")
    world:run(60) -- nothing is waited for any more
    assert.equal(0, #far:got "unsubscribe")
  end)

  it("make an observer read again, with backoff, and lag until it is whole", function()
    assert.is_true((join()))
    far.version = 5
    far.on_read = function(request)
      respond(request, { first { value = { epoch = far.epoch, version = 5,
        data = { { host.array {}, { n = 5 } } } } } })
    end
    far.asked = {}
    far:publish("event", { value = { digest = { epoch = far.epoch, version = 5 } } })
    world:run(60)
    assert.same({ 3, "lagging" }, { ben:eval "return self.room.data.n, self.room:status().state" })
    assert.is_true(#far:got "read" < 60)
    far.on_read = function(request)
      respond(request, {
        first { value = { epoch = far.epoch, version = 5, schema = far:whole().schema,
          data = { { host.array {}, { n = 5 } } } } },
        second { value = { epoch = far.epoch, version = 5 } } })
    end
    world:run(60)
    assert.same({ 5, "live" }, { ben:eval "return self.room.data.n, self.room:status().state" })
  end)

  it("make a read fail with a reason", function()
    far.on_read = function(request) respond(request, { first() }) end
    local value, _, code = ben:eval("return self.syncher:read(...)", URL)
    assert.same({ nil, "unreachable" }, { value, code })
  end)
end)
