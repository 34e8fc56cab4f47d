-- Mutual objects: those who take part see what they would see anyway; nobody on the way sees it.
local sealed = require "spec.support.sealed"

describe("a mutual object", function()
  local world

  after_each(function() world:finish() end)

  local function owner(name) return world[name]:eval "return self.room.data.owner" end

  describe("between runtimes", function()
    before_each(function()
      world = sealed.world { delay = { 0, 0.01 }, "anna", "ben", { "carl", "dora" } }
    end)

    it("is seen by all who observe it, with its changes, children, events and answers", function()
      world:room({ owner = "lapwing" }, "anna", "ben", "carl", "dora")
      assert.equal("lapwing", owner "ben")
      world.anna:eval "self.room.data.owner = 'godwit'"
      world:say("anna", "ruff")
      world:say("ben", "dunlin")
      world:settle()
      world:say("carl", "curlew")
      world.ben:eval [[
        self.room:on("event", function(event) self.event = event.value.word end)]]
      world.dora:eval [[self.room:send_event("items", { word = "whimbrel" })]]
      world:settle()
      for _, name in ipairs { "anna", "ben", "carl", "dora" } do
        assert.equal("godwit", owner(name))
        assert.equal("ruff dunlin curlew", world:texts(name))
      end
      assert.equal("whimbrel", world.ben:eval "return self.event")
      assert.equal("answer to avocet", world.dora:eval [[
        return self.room:execute("ask", "avocet")]])
      for _, word in ipairs { "lapwing", "godwit", "ruff", "dunlin", "curlew", "whimbrel",
        "avocet", "answer to" } do
        assert.equal(0, world:finds(word), word)
      end
      assert.same({}, world.warned)
    end)

    it("says of itself that it is one", function()
      world:room({}, "anna", "ben")
      assert.is_true(world.ben:eval "return self.room.metadata.mutual")
    end)

    it("can be read by who observes it, and by nobody else", function()
      local url = world:room({ owner = "lapwing" }, "anna", "ben")
      assert.equal("lapwing", world.ben:eval("return self.syncher:read(...).data.owner", url))
      local got, why, code = world.carl:eval("return self.syncher:read(...)", url)
      assert.same({ "nil", "forbidden" }, { tostring(got), code })
      assert.truthy(why:find "not authenticated" or why:find "only who observes it", why)
      assert.equal(0, world:finds "lapwing")
    end)

    it("comes in parts if it is large", function()
      local words = {}
      for i = 1, 30 do words[i] = ("lapwing %d "):format(i):rep(3000) end
      world:room({ words = words }, "anna", "ben")
      assert.equal(words[30], world.ben:eval "return self.room.data.words[30]")
      assert.equal(0, world:finds "lapwing")
    end)

    it("invites without telling of its data", function()
      world.ben:eval [[
        self.syncher:on("invite", function(invitation)
          self.room = assert(invitation:accept())
        end)]]
      local url = world:room({ owner = "lapwing" }, "anna")
      world.anna:eval("assert(self.room:invite { ... })", world.ben.url)
      world:settle()
      assert.equal("lapwing", owner "ben")
      assert.equal(url, world.ben:eval "return self.room.url")
      assert.equal(0, world:finds "lapwing")
    end)

    it("takes no change that sealed does not fit into a message", function()
      world:room({}, "anna", "ben")
      local _, why, code = world.anna:eval [[
        local ok, err = pcall(function() self.room.data.owner = ("x"):rep(900000) end)
        return nil, tostring(err), ok]]
      assert.is_false(code)
      assert.truthy(why:find "does not fit into a message", why)
    end)

    it("cannot be handed over", function()
      world:room({}, "anna", "ben")
      local ok, why, code = world.anna:eval("return self.room:delegate(...)", world.ben.url)
      assert.same({ "nil", "invalid" }, { tostring(ok), code })
      assert.truthy(why:find("is mutual, and stays with its reporter", 1, true), why)
    end)
  end)

  describe("when somebody goes", function()
    local function generation()
      for i = #world.passed, 1, -1 do
        local found = world.passed[i].text:match '"generation":(%d+)'
        if found then return tonumber(found) end
      end
      return 0
    end

    before_each(function()
      world = sealed.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
      world:room({}, "anna", "ben", "carl")
    end)

    it("goes on with another key when it is struck off", function()
      local before = generation()
      world.anna:eval("assert(self.room:evict(...))", world.carl.url)
      world.anna:eval "self.room.data.owner = 'lapwing'"
      world:settle()
      assert.equal("lapwing", owner "ben")
      assert.truthy(generation() > before)
      world:say("ben", "dunlin")
      world:settle()
      assert.equal("dunlin", world:texts "anna")
      assert.same({}, world.warned)
    end)

    it("goes on with another key when it leaves", function()
      local before = generation()
      world.carl:eval "assert(self.room:unsubscribe())"
      world:settle()
      world:say("ben", "dunlin")
      world.anna:eval "self.room.data.owner = 'lapwing'"
      world:settle()
      assert.truthy(generation() > before)
      assert.equal("lapwing", owner "ben")
      assert.equal("dunlin", world:texts "ben")
    end)

    it("has it come back", function()
      local url = world.anna:eval "return self.room.url"
      world.carl:eval "assert(self.room:unsubscribe())"
      world.anna:eval "self.room.data.owner = 'lapwing'"
      world:join("carl", url)
      world.anna:eval "self.room.data.owner = 'godwit'"
      world:settle()
      assert.equal("godwit", owner "carl")
      assert.equal("godwit", owner "ben")
    end)

    it("is read again by who lost the new key", function()
      world.carl:eval "assert(self.room:unsubscribe())"
      world:settle()
      local lost = 0
      world.rule = function(message, is_up)
        if not is_up and message.body.mutual and message.body.mutual.keys then
          lost = lost + 1
          return "drop"
        end
      end
      world.anna:eval "self.room.data.owner = 'lapwing'"
      world:settle()
      assert.equal(1, lost)
      assert.equal("lapwing", owner "ben")
      world:say("ben", "dunlin")
      world:settle()
      assert.equal("dunlin", world:texts "anna")
    end)
  end)

  describe("after a break", function()
    local function works()
      world.anna:eval "self.room.data.owner = 'godwit'"
      world:say("ben", "dunlin")
      world:settle()
      world:run(1)
      assert.equal("godwit", owner "ben")
      assert.equal("dunlin", world:texts "anna")
      assert.equal(0, world:finds "godwit")
      assert.equal(0, world:finds "dunlin")
    end

    it("goes on when the sessions were lost", function()
      world = sealed.world { delay = { 0, 0.01 }, "anna", "ben" }
      world:room({}, "anna", "ben")
      world:reconnect "ben"
      world:reconnect "anna"
      world:run(5)
      works()
    end)

    it("goes on when the node was restarted", function()
      world = sealed.world { delay = { 0, 0.01 }, "anna", "ben" }
      world:room({}, "anna", "ben")
      world:restart_node("anna", "ben")
      world:run(5)
      works()
    end)

    it("goes on when its observer was killed", function()
      world = sealed.durable { delay = { 0, 0.01 }, "anna", "ben" }
      local url = world:room({ owner = "lapwing" }, "anna", "ben")
      world:settle()
      world:crash "ben"
      world.anna:eval "self.room.data.owner = 'godwit'"
      world:run(1)
      world:start "ben"
      world.ben:eval "self.stored = true"
      world:join("ben", url)
      world:say("ben", "ruff")
      world:run(5)
      assert.equal("godwit", owner "ben")
      assert.equal("ruff", world:texts "anna")
      assert.equal(0, world:finds "ruff")
      assert.equal(0, world:finds "lapwing")
    end)

    it("goes on when its reporter was killed", function()
      world = sealed.durable { delay = { 0, 0.01 }, "anna", "ben" }
      world:room({ owner = "lapwing" }, "anna", "ben")
      world:settle()
      world:crash "anna"
      world:say("ben", "ruff")
      world:run(1)
      world:start "anna"
      world.anna:eval "self.stored = true"
      world:room({ owner = "another" }, "anna")
      world:run(10)
      assert.equal("lapwing", owner "anna")
      assert.equal("ruff", world:texts "anna")
      world.anna:eval "self.room.data.owner = 'godwit'"
      world:run(1)
      assert.equal("godwit", owner "ben")
      assert.equal(0, world:finds "ruff")
      assert.equal(0, world:finds "lapwing")
    end)
  end)
end)
