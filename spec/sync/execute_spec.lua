-- PROTOCOL.md section 5, Execute; and section 1: provisional answers, the time to decide, and
-- repeated requests.
local wire = require "spec.support.wire"

local has = wire.has

describe("executing", function()
  local world, anna, ben, url, far

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    far:subscribe()
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function handle(code)
    anna:eval(([[self.room:on("execute", function(request)
      self.count = (self.count or 0) + 1 %s
    end)]]):format(code))
  end

  local function execute(body, fields)
    return far:request("execute", url, body or { method = "turn", params = { "left", 90 } }, fields)
  end

  it("is a request from the observer to the object", function()
    handle "request:accept { request.from, request.method, request.params }"
    assert.same({ ben.url, "turn", { "left", { deep = true } } },
      ben:eval [[return self.room:execute("turn", "left", { deep = true })]])
    local request = world:only { type = "execute" }
    assert.same({ ben.url, url, "turn", { "left", { deep = true } } },
      { request.from, request.to, request.body.method, request.body.params })
  end)

  it("is answered 200 with the value, whatever it is", function()
    handle "request:accept(request.params[1])"
    for _, value in ipairs { 5, "text", false, { 1, 2 }, { a = { b = 1 } } } do
      assert.same({ 200, value }, { execute { method = "echo", params = { value } } })
    end
  end)

  it("may lack its parameters, or have them of another type", function()
    handle "request:accept(#request.params)"
    assert.same({ 200, 0 }, { execute { method = "count" } })
    assert.same({ 200, 0 }, { execute { method = "count", params = "none" } })
  end)

  it("is refused 403 with the reason", function()
    handle [[request:reject("not now")]]
    assert.same({ 403, nil, "not now" }, { execute() })
  end)

  it("is refused 403 without a handler, or one that decides nothing", function()
    assert.same({ 403, nil, 'no handler for "execute" in anna' }, { execute() })
    handle ""
    assert.same({ 403, nil, "not accepted" }, { execute() })
  end)

  it("is refused 403 to who does not observe", function()
    handle "request:accept()"
    far:request("unsubscribe", url .. "/subscription", { source = far.url })
    assert.same({ 403, nil, "only observers of the object may execute" }, { execute() })
    assert.is_nil(anna:eval "return self.count")
  end)

  it("is 400 without a method", function()
    assert.same({ 400, nil, 'execute needs "method"' }, { execute {} })
    assert.same({ 400, nil, 'execute needs "method"' }, { execute { method = 5 } })
  end)

  it("gets a 100 every four seconds while it is decided", function()
    handle "require('hyperty').sleep(30) request:accept('done')"
    local before = world.rt:now()
    assert.same({ 200, "done" }, { execute() })
    assert.equal(30, world.rt:now() - before)
    assert.equal(7, #world:sent { type = "response", to = far.url, code = 100 })
  end)

  it("is refused after a minute", function()
    handle "require('hyperty').sleep(90) self.late = { request:accept() }"
    local before = world.rt:now()
    assert.same({ 403, nil, "no decision in time" }, { execute() })
    assert.equal(60, world.rt:now() - before)
    world:run(60)
    assert.equal("conflict", anna:eval "return self.late[3]")
    assert.equal(14, #world:sent { type = "response", to = far.url, code = 100 })
  end)

  it("that nobody answers ends after five seconds", function()
    world:drop { type = "execute" }
    local before = world.rt:now()
    local gave, text, code = ben:eval [[return self.room:execute("x")]]
    assert.same({ nil, "timeout" }, { gave, code })
    assert.equal("no answer within 5000 ms from " .. url, text)
    assert.equal(5, world.rt:now() - before)
  end)

  it("has each 100 start the five seconds anew", function()
    local object = wire.reporter(world, "resource://localhost/other")
    object.port:listen(object.url, function(message)
      if message.type == "execute" then object.late = message end
    end)
    world:join("ben", object.url)
    ben:eval [[require("hyperty").spawn(function()
      self.got = table.pack(self.room:execute("x"))
    end)]]
    for _ = 1, 4 do
      world:run(4)
      object:respond(object.late, 100)
    end
    world:run(4)
    object:respond(object.late, 200, "at last")
    world:run()
    assert.equal("at last", ben:eval "return self.got[1]")
  end)

  describe("twice with one id", function()
    it("is done once and answered twice the same, for a minute", function()
      handle "request:accept(self.count)"
      far.answers = {}
      far.port:listen(far.url, function(message)
        if message.type == "response" and message.id == 7 then
          table.insert(far.answers, message.body)
        end
      end)
      local request = { type = "execute", id = 7, to = url, body = { method = "count" } }
      for _ = 1, 3 do
        far.port:send(request)
        world:run(10)
      end
      local answer = { code = 200, value = 1 }
      assert.same({ answer, answer, answer }, far.answers)
      world:run(60)
      far.port:send(request)
      world:run()
      assert.same({ code = 200, value = 2 }, far.answers[4])
    end)

    it("while it is decided, is done once", function()
      handle "require('hyperty').sleep(3) request:accept(self.count)"
      for _ = 1, 3 do
        far.port:send { type = "execute", id = 7, to = url, body = { method = "count" } }
      end
      world:run(5)
      assert.equal(1, anna:eval "return self.count")
      assert.equal(1, #world:sent { type = "response", to = far.url, code = 200 })
    end)

    it("and two ids is done twice", function()
      handle "request:accept(self.count)"
      assert.same({ 1, 2 }, { select(2, execute()), (select(2, execute())) })
    end)
  end)

  it("may be answered after the object has gone", function()
    handle "self.room:delete() require('hyperty').sleep(20) request:accept('bye')"
    assert.equal("bye", ben:eval [[return self.room:execute("delete")]])
  end)

  it("is refused when the reporter's hyperty stops meanwhile", function()
    handle "require('hyperty').sleep(20) request:accept()"
    ben:eval [[require("hyperty").spawn(function()
      self.got = table.pack(self.room:execute("x"))
    end)]]
    world:run(1)
    anna:unload()
    world:run(1)
    assert.same({ nil, "the hyperty has stopped", "forbidden" },
      { ben:eval "return table.unpack(self.got, 1, 3)" })
  end)

  describe("at a hyperty", function()
    local service

    before_each(function()
      service = assert(world.rt:load_text([[
        local hyperty = require "hyperty"
        return { name = "Service", api = {
          add = function(self, a, b) return a + b end,
          none = function() end,
          fail = function() return nil, "out of order", "unreachable" end,
          slow = function() hyperty.sleep(12) return "slow" end,
          oops = function() error("oops") end,
        } }]], { as = "service" }))
      world:forget()
    end)

    local function call(method, params)
      return far:request("execute", service.url, { method = method, params = params })
    end

    it("is answered 200 with what its api gives", function()
      assert.same({ 200, 5 }, { call("add", { 2, 3 }) })
      assert.equal(200, (call "none"))
      assert.equal(5, ben:eval("return require('hyperty').call(..., 'add', 2, 3)", service.url))
    end)

    it("is answered 404 for what its api does not have", function()
      local code, _, desc = call "nothing"
      assert.equal(404, code)
      has('has no function "nothing": it has add, fail, none, oops, slow', desc)
    end)

    it("is answered with the failure that it tells", function()
      local code, _, desc = call "fail"
      assert.same({ 503, "out of order" }, { code, desc })
    end)

    it("takes the time that it takes", function()
      assert.same({ 200, "slow" }, { call "slow" })
      assert.equal(2, #world:sent { type = "response", to = far.url, code = 100 })
    end)

    it("is 400 without a method, and for what is no execute", function()
      assert.same({ 400, nil, 'execute needs "method"' }, { call(nil) })
      for _, type_ in ipairs { "read", "update", "delete", "subscribe" } do
        assert.same({ 400, nil, "a hyperty takes execute and create" },
          { far:request(type_, service.url, {}) })
      end
    end)

    it("that is not there is 404", function()
      local gave, text, code = ben:eval [[
        return require("hyperty").call("hyperty://localhost/nobody", "x")]]
      assert.same({ nil, "nobody is at hyperty://localhost/nobody", "not_found" },
        { gave, text, code })
    end)
  end)
end)
