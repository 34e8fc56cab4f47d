-- What arrives broken or makes no sense gets a clear error and loses nothing: the messages of a
-- hyperty of another make, and of other runtimes. What is refused in a request is in the specs of
-- each theme.
local host = require "hyperty.host"
local wire = require "spec.support.wire"

local has = wire.has

local FROM = "hyperty://localhost/far"

describe("the bus", function()
  local world, anna, url

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna = world.anna
    url = world:room { n = 1 }
    world:forget()
  end)

  after_each(function()
    -- Whatever came, the room works.
    anna:eval "self.room.data.n = 2"
    world:run()
    assert.equal(2, world.ben:eval "return self.room.data.n")
    world:finish()
  end)

  local function text(fields)
    return ('{"id":1,"type":"read","from":"%s","to":"%s"%s}'):format(FROM, url, fields or "")
  end

  it("tells what is malformed in a message", function()
    for message, expected in pairs {
      [""] = "malformed message: ",
      ["nonsense"] = "malformed message: ",
      ["[]"] = "malformed message: a JSON object is expected",
      ["5"] = "malformed message: a JSON object is expected",
      ["{}"] = 'malformed message: "type" is missing',
      ['{"type":"read"}'] = 'malformed message: "from" is missing',
      [('{"type":"read","from":"%s"}'):format(FROM)] = 'malformed message: "to" is missing',
      [text() .. "x"] = "malformed message: ",
      [text():sub(1, -2)] = "malformed message: ",
      [text ',"id":2'] = 'malformed message: "id" is given twice',
      [text ',"body":5'] = 'malformed message: "body" is not an object',
      [text():gsub("1", "0", 1)] = 'malformed message: "id" is not an integer from 1 or a string',
      [text():gsub("1", "1.5", 1)] = 'malformed message: "id" is not an integer from 1 or a string',
      [text():gsub('"read"', "5")] = 'malformed message: "type" is not a string',
      [text():gsub("read", "dance")] = 'malformed message: unknown type "dance"',
      [text():gsub('"' .. FROM .. '"', "null")] = 'malformed message: "from" is not a string',
      [text():gsub(FROM, "far")] = 'malformed message: "from" is ',
      [text():gsub(FROM, "hyperty://local host/far")] = 'malformed message: "from" is ',
    } do
      local taken, why, code = world.rt:receive(message)
      assert.same({ nil, "invalid" }, { taken, code }, message)
      has(expected, why)
    end
  end)

  it("tells what is too large, too long or too deep", function()
    local deep = ("["):rep(200) .. ("]"):rep(200)
    for message, expected in pairs {
      [text(',"body":{"x":"' .. ("x"):rep(1 << 20) .. '"}')] =
        "message too large: %d+ bytes, at most 1048576",
      [text():gsub("far", ("x"):rep(2048))] = "at most 2048",
      [text(',"body":{"x":' .. deep .. "}")] = "malformed message: .*128",
    } do
      local taken, why = world.rt:receive(message)
      assert.is_nil(taken)
      assert.truthy(why:find(expected), why)
    end
  end)

  it("answers 400 to a request whose body turns out malformed", function()
    for _, body in ipairs { '{"a":1,"a":2}', '{"a":"\\ud800"}', '{"a":1e999}' } do
      local port = world.rt:port(FROM)
      local answer
      port:listen(FROM, function(message) answer = message end)
      local taken, why = world.rt:receive(text(',"body":' .. body))
      world:run()
      if taken then
        assert.equal(400, answer.body.code)
        has('malformed message: "body"', answer.body.desc)
      else
        has("malformed message", why)
      end
      port:close()
    end
  end)

  it("reads types without case, and passes unknown fields on", function()
    local port = world.rt:port(FROM)
    local answer
    port:listen(FROM, function(message) answer = message end)
    assert.is_true(world.rt:receive(text(',"future":{"a":[1]}'):gsub("read", "ReAd")))
    world:run()
    assert.equal(401, answer.body.code)
    assert.same({ a = { 1 } }, world:only { from = FROM }.future)
  end)

  it("answers 404 for nobody, and is silent for what is published to nobody", function()
    local port = world.rt:port(FROM)
    local answer = port:request { type = "execute", to = "hyperty://localhost/nobody", body = {} }
    assert.same({ code = 404, desc = "nobody is at hyperty://localhost/nobody" }, answer.body)
    port:send { type = "event", to = FROM .. "/events", body = {} }
    port:send { type = "response", id = 5, to = "hyperty://localhost/nobody",
      body = { code = 200 } }
    world:run()
  end)

  it("lets nobody send in another's name", function()
    local port = world.rt:port(FROM)
    for _, from in ipairs { url, anna.url, world.rt:url() .. "/sm", url .. "/subscription" } do
      local sent, why, code = port:send { type = "event", from = from, to = url, body = {} }
      assert.same({ nil, "forbidden" }, { sent, code })
      has(('not allowed to send from "%s"'):format(from), why)
    end
  end)

  it("survives any body in any message to each of its addresses", function()
    local port = world.rt:port(FROM)
    local sm = world.rt:url() .. "/sm"
    local bodies = { {}, { resource = 5 }, { resource = url, value = 5 }, { value = {} },
      { subscriber = FROM, since = 5 }, { subscriber = {}, source = 5 },
      { subscriber = FROM, since = { epoch = {}, version = "x" } }, { since = { {} } },
      { method = {}, params = 5 }, { type = "subscribe", from = 5 }, { type = "unsubscribe" },
      { authorise = { 5, {}, "x" }, resource = url }, { schema = 5, value = {} },
      { identity = 5, value = { data = 5 } }, { identity = { user = {} }, subscriber = FROM },
      { version = -5, resource = "far#1" }, { version = 1, resource = "far#1", attribute = {} },
      { value = { stamps = { 5, {}, { child = 5 } } } }, { changes = { {}, 5 }, version = 1 },
      { code = {}, desc = 5 }, { value = host.array {} }, { value = { lost = {} } } }
    local types = { "create", "read", "update", "delete", "subscribe", "unsubscribe", "execute",
      "forward", "event", "response" }
    local id = 0
    for _, to in ipairs { sm, url, url .. "/subscription", url .. "/changes", anna.url,
        url .. "/children/items", url .. "/children/", url .. "/children/nothing",
        anna.url .. "/events", world.rt:url() } do
      for _, type_ in ipairs(types) do
        for _, body in ipairs(bodies) do
          id = id + 1
          assert.is_true(port:send { type = type_, id = id, to = to, body = body })
          -- As if the node had let it through, in the name of a hyperty of this runtime.
          assert.is_true(world.rt:receive { type = type_, id = id, from = world.ben.url, to = to,
            body = body })
          assert.is_true(world.rt:receive { type = type_, id = id, from = url, to = to,
            body = type_ == "update" and {} or body })
        end
      end
      world:run()
    end
    -- Some of these messages were in order: ben may be out by now, or his copy beside the object.
    world.ben:eval("self.room = assert(self.syncher:subscribe(...))", url)
    world:run(60)
  end)
end)
