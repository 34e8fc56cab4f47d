-- PROTOCOL.md sections 1 and 5: an execute that its object's reporter has answered is not run again
-- when it is repeated, though another reports the object by now; of a stored object also when that
-- one was killed in between.
local durable = require "spec.support.durable"

local EXECUTE = [[
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("execute", function(request)
    self.room.data.n = self.room.data.n + 1
    request:accept { n = self.room.data.n, text = request.params[1] }
  end)]]

local OBSERVER = "hyperty://localhost/observer"

for _, store in ipairs { "false", "true" } do
  describe("an execute on an object with store = " .. store .. " that is handed over", function()
    local world, url, port, answers

    before_each(function()
      world = durable.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
      url = world.anna:eval(([[
        self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = %s,
          data = { n = 0 } })
        %s
        return self.room.url]]):format(store, EXECUTE))
      world.ben:eval(([[
        self.syncher:on("delegate", function(offer)
          self.room = offer:accept()
          %s
        end)]]):format(EXECUTE))
      port, answers = world.runtimes.carl:port(OBSERVER), {}
      port:listen(OBSERVER, function(message)
        if message.type == "response" then
          table.insert(answers, { message.id, message.body.code, message.body.value })
        end
      end)
      port:send { type = "subscribe", id = 1, to = url .. "/subscription",
        body = { subscriber = OBSERVER, source = OBSERVER, ext = 1 } }
      world:run(1)
      assert.equal(200, answers[1][2])
      answers[1] = nil
    end)

    after_each(function() world:finish() end)

    local function execute(id, ...)
      port:send { type = "execute", id = id, to = url, body = { method = "add", params = { ... } } }
      world:run(1)
    end

    local function delegate()
      assert.is_true((world.anna:eval("return self.room:delegate(...)", world.ben.url)))
      world:run(1)
    end

    it("is answered as before, and not run again", function()
      execute(7)
      execute "eight"
      delegate()
      execute(7)
      execute "eight"
      execute(9)
      assert.same({ { 7, 200, { n = 1 } }, { "eight", 200, { n = 2 } }, { 7, 200, { n = 1 } },
        { "eight", 200, { n = 2 } }, { 9, 200, { n = 3 } } }, answers)
    end)

    it("is run again after a minute, when nobody repeats it any more", function()
      execute(7)
      world:run(40)
      delegate()
      world:run(25)
      execute(7)
      assert.equal(2, world.ben:eval "return self.room.data.n")
    end)

    it("is handed over as far as it fits", function()
      for id = 1, 20 do execute(id, ("x"):rep(20000)) end
      delegate()
      execute(20)
      assert.equal(20, world.ben:eval "return self.room.data.n")
      execute(1)
      assert.equal(21, world.ben:eval "return self.room.data.n")
    end)

    if store == "true" then
      it("is not run again after a crash of the new reporter either", function()
        execute(7)
        delegate()
        world:crash "ben"
        world:run(1)
        world:start "ben"
        world.ben:eval([[
          self.room = assert(self.syncher:resume { schema = "Resource", name = "room" })[1] ]] ..
          EXECUTE)
        execute(7)
        execute(8)
        assert.same({ { 7, 200, { n = 1 } }, { 7, 200, { n = 1 } }, { 8, 200, { n = 2 } } }, answers)
      end)
    end
  end)
end
