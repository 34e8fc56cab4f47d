-- Requests and invitations: what handlers decide, and how that ends.
local objects = require "spec.support.objects"

local has = objects.has

describe("a request", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = objects.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room { n = 1 }
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  describe("to read", function()
    it("is granted to observers at once", function()
      local value = ben:eval("return self.syncher:read(...)", url)
      assert.same({ n = 1 }, value.data)
      assert.equal("room", value.name)
      assert.equal(0, value.version)
    end)

    it("of others is refused without a handler", function()
      assert.equal("forbidden", carl:eval("return select(3, self.syncher:read(...))", url))
    end)

    it("of others is decided by the handler", function()
      anna:eval [[self.room:on("read", function(request)
        self.from, self.url = request.from, request.url
        request:accept()
      end)]]
      assert.same({ n = 1 }, carl:eval("return self.syncher:read(...)", url).data)
      assert.same({ carl.url, url }, { anna:eval "return self.from, self.url" })
    end)
  end)

  describe("to execute", function()
    it("is kept with its parameters, which are a list", function()
      anna:eval [[self.room:on("execute", function(request)
        request.params[1] = request.params[1] + 1
        request:accept { request.params, #request.params, request.method }
      end)]]
      assert.same({ { 2, "b" }, 2, "add" }, ben:eval [[return self.room:execute("add", 1, "b")]])
    end)

    it("is answered with false and null, too", function()
      anna:eval [[self.room:on("execute", function(request)
        request:accept(request.method == "null" and require("hyperty").null)
      end)]]
      assert.is_false(ben:eval [[return self.room:execute("false")]])
      assert.is_true(ben:eval [[return self.room:execute("null") == require("hyperty").null]])
    end)

    it("is answered later by another task, as long as the handler has not ended", function()
      anna:eval [[self.room:on("execute", function(request)
        local hyperty = require "hyperty"
        hyperty.spawn(function() hyperty.sleep(1) request:accept("later") end)
        hyperty.sleep(2)
      end)]]
      assert.equal("later", ben:eval [[return self.room:execute("x")]])
    end)

    it("cannot be answered with what is not JSON; then it is still open", function()
      anna:eval [[self.room:on("execute", function(request)
        local ok, err = pcall(request.accept, request, { a = print })
        self.text = tostring(err)
        request:accept("fine")
      end)]]
      assert.equal("fine", ben:eval [[return self.room:execute("x")]])
      has("accept: a: a function is not JSON", anna:eval "return self.text")
    end)

    it("is refused when its hyperty stops", function()
      anna:eval [[self.room:on("execute", function() require("hyperty").sleep(50) end)]]
      ben:eval [[require("hyperty").spawn(function()
        self.got = table.pack(self.room:execute("x"))
      end)]]
      world:run(1)
      anna:unload()
      world:run(10)
      assert.truthy(ben:eval "return self.got and self.got[1] == nil and self.got[3]")
    end)

    it("decided twice tells so", function()
      anna:eval [[self.room:on("execute", function(request)
        request:accept()
        self.second = table.pack(request:reject("no"))
      end)]]
      assert.is_true(ben:eval [[return self.room:execute("x")]])
      assert.same({ nil, "this is decided already", "conflict" },
        { anna:eval "return table.unpack(self.second, 1, 3)" })
    end)

    it("whose handler raises tells the asker so", function()
      anna:eval [[
        self.room:on("execute", function(request) if request.user then request:accept() end end)
        self.room:on("read", function() error "oops" end)]]
      assert.same({ nil, "the handler of execute failed", "internal" },
        { ben:eval [[return self.room:execute("x")]] })
      assert.same({ nil, "the handler of read failed", "internal" },
        { carl:eval("return self.syncher:read(...)", url) })
      local logged = world:errors()
      assert.equal(2, #logged)
      has('a request has no "user" (it has: from, identity, ', logged[1])
    end)

    it("raises for unknown names, and is read-only", function()
      anna:eval [[self.room:on("execute", function(request)
        self.nothing = select(2, pcall(function() return request.nothing end))
        self.text = select(2, pcall(function() request.from = 1 end))
        self.reason = select(2, pcall(request.reject, request, {}))
        request:accept()
      end)]]
      ben:eval [[return self.room:execute("x")]]
      local nothing, text, reason = anna:eval "return self.nothing, self.text, self.reason"
      has('a request has no "nothing" (it has: from, identity, method, params, url, ', nothing)
      has("is read-only", text)
      has("string expected", reason)
    end)
  end)

  describe("to come (an invitation)", function()
    it("is declined where nobody listens", function()
      assert.is_true(anna:eval("return self.room:invite { ... }", carl.url))
      world:run()
      assert.equal(nil, carl:eval "return self.room")
    end)

    it("shows what is invited to, and accepting it gives the observer", function()
      carl:eval [[self.syncher:on("invite", function(invitation)
        self.seen = { url = invitation.url, from = invitation.from, name = invitation.name,
          schema = invitation.schema, reporter = invitation.value.reporter,
          text = tostring(invitation),
          nothing = select(2, pcall(function() return invitation.params end)) }
        self.room = invitation:accept()
      end)]]
      anna:eval("self.room:invite { ... }", carl.url)
      world:run()
      local seen = carl:eval "return self.seen"
      assert.equal(url, seen.url)
      assert.equal("room", seen.name)
      has("Resource", seen.schema)
      assert.equal(anna.url, seen.reporter)
      assert.equal(anna.url, seen.from)
      assert.equal("invitation from " .. anna.url, seen.text)
      has('an invitation has no "params" (it has: from, ', seen.nothing)
      assert.equal(1, carl:eval "return self.room.data.n")
    end)

    it("is declined with a reason", function()
      carl:eval [[self.syncher:on("invite", function(invitation)
        self.declined = { invitation:decline("no time"), (select(3, invitation:accept())) }
      end)]]
      anna:eval("self.room:invite { ... }", carl.url)
      world:run()
      assert.same({ true, "conflict" }, carl:eval "return self.declined")
    end)

    it("is no longer heard of by a handler that was cancelled", function()
      carl:eval [[
        local handler = self.syncher:on("invite", function() self.heard = true end)
        handler:cancel()]]
      anna:eval("self.room:invite { ... }", carl.url)
      world:run()
      assert.equal(nil, carl:eval "return self.heard")
    end)
  end)
end)
