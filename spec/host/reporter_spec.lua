-- Reporters as scripts see them: making one, writing, who may observe, the end.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a reporter", function()
  local world, anna, ben

  before_each(function()
    world = objects.world { "anna", "ben", "carl" }
    anna, ben = world.anna, world.ben
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  describe("that is new", function()
    it("shows what it is", function()
      local it = anna:eval [[
        local room = self.syncher:create { schema = "Resource", name = "room",
          data = { values = { 1, "two" } }, description = "where we meet", tags = { "a", "b" } }
        self.room = room
        return { url = room.url, version = room.version, epoch = room.epoch,
          resumed = room.resumed, observers = room.observers, data = room.data,
          metadata = room.metadata, text = tostring(room) }]]
      assert.truthy(it.url:find "^resource://localhost/%S+$")
      assert.equal(0, it.version)
      assert.truthy(it.epoch:find "^%d+%-")
      assert.is_false(it.resumed)
      assert.same({}, it.observers)
      assert.same({ values = { 1, "two" } }, it.data)
      assert.equal("room", it.metadata.name)
      assert.equal("where we meet", it.metadata.description)
      assert.same({ "a", "b" }, it.metadata.tags)
      assert.equal(anna.url, it.metadata.reporter)
      assert.equal("reporter " .. it.url, it.text)
    end)

    it("starts with an empty object when there is no data", function()
      assert.same({ 0 }, anna:eval [[
        local n = 0
        for _ in pairs(self.syncher:create { schema = "Resource" }.data) do n = n + 1 end
        return { n }]])
    end)

    it("copies the data that it is given", function()
      assert.equal(1, anna:eval [[
        local data = { a = 1 }
        local room = self.syncher:create { schema = "Resource", data = data }
        data.a = 2
        return room.data.a]])
    end)
  end)

  describe("that is there already", function()
    it("is given back under its schema and name, with its own data", function()
      assert.same({ true, true, 1 }, { anna:eval [[
        local a = self.syncher:create { schema = "Resource", name = "room", data = { n = 1 } }
        local b = self.syncher:create { schema = "Resource", name = "room", data = { n = 2 } }
        return a == b, b.resumed, b.data.n]] })
    end)

    it("stays when a new one is forced", function()
      assert.same({ false, false, 2 }, { anna:eval [[
        local a = self.syncher:create { schema = "Resource", name = "room", data = { n = 1 } }
        local b = self.syncher:create { schema = "Resource", name = "room", data = { n = 2 },
          new = true }
        return a.url == b.url, b.resumed, b.data.n]] })
    end)

    it("is listed by resume, by schema and name", function()
      assert.same({ 2, 1, 0, true }, { anna:eval [[
        local a = self.syncher:create { schema = "Resource", name = "a" }
        local b = self.syncher:create { schema = "Resource", name = "b" }
        return #self.syncher:resume(), #self.syncher:resume { schema = "Resource", name = "b" },
          #self.syncher:resume { schema = "Context" }, self.syncher:resume { name = "b" }[1] == b
        ]] })
    end)
  end)

  describe("is refused", function()
    it("with an unknown argument, which is named with those that there are", function()
      local text = raised(anna, [[self.syncher:create { schema = "Resource", nmae = "room" }]])
      has('create: there is no argument "nmae"', text)
      has("schema, name, data", text)
      has("there is no argument", raised(anna, [[self.syncher:create { "Resource" }]]))
    end)

    it("with an argument of the wrong type", function()
      has("create: name must be a string", raised(anna,
        [[self.syncher:create { schema = "Resource", name = 1 }]]))
      has("create: public must be true or false", raised(anna,
        [[self.syncher:create { schema = "Resource", public = "yes" }]]))
      has("create: observers must be a list of strings", raised(anna,
        [[self.syncher:create { schema = "Resource", observers = { 1 } }]]))
      has("create: tags must be a list of strings", raised(anna,
        [[self.syncher:create { schema = "Resource", tags = "a" }]]))
      has('create: store must be false, true or "sync"', raised(anna,
        [[self.syncher:create { schema = "Resource", store = "disk" }]]))
      has("create: name must be", raised(anna,
        [[self.syncher:create { schema = "Resource", name = "\xff" }]]))
      has("create: data must be an object or a list", raised(anna,
        [[self.syncher:create { schema = "Resource", data = 1 }]]))
      has("table expected", raised(anna, [[self.syncher:create()]]))
    end)

    it("without a schema", function()
      has("create: schema is missing", raised(anna, [[self.syncher:create {}]]))
    end)

    it("with data that is not JSON, naming line and place", function()
      local text = raised(anna,
        [[self.syncher:create { schema = "Resource", data = { values = { 1, print } } }]])
      has("create: data: values.2: a function is not JSON", text)
      assert.truthy(text:find ":%d+: ")
    end)

    it("when it is called with a dot", function()
      has("call it with a colon", raised(anna, [[self.syncher.create { schema = "Resource" }]]))
    end)

    it("where p2p cannot be served", function()
      local gave, text, code = anna:eval(
        [[return self.syncher:create { schema = "Resource", p2p = true }]])
      assert.same({ nil, "invalid" }, { gave, code })
      has("p2p", text)
    end)

    it("for a schema that nobody knows", function()
      local gave, _, code = anna:eval [[return self.syncher:create { schema = "Nowhere" }]]
      assert.same({ nil, "not_found" }, { gave, code })
    end)
  end)

  describe("writes", function()
    before_each(function() world:room { values = { 1, 2, 3 }, title = "x" } end)

    it("at once and counts the version up", function()
      assert.same({ "y", 1 }, { anna:eval [[
        self.room.data.title = "y"
        return self.room.data.title, self.room.version]] })
      world:run()
      assert.same({ "y", 1 }, { ben:eval "return self.room.data.title, self.room.version" })
    end)

    it("at a path, text or list of keys", function()
      assert.same({ true, { 1, 20, 3, 4 }, "deep" }, { anna:eval [=[
        self.room:set("values.2", 20)
        self.room:set({ "values", 4 }, 4)
        self.room:set("inner", { a = {} })
        self.room:set({ "inner", "a", "b.c" }, "deep")
        return self.room:set("title", "z"), self.room.data.values,
          self.room.data.inner.a["b.c"]]=] })
    end)

    it("nil at a path to take out a key or the last element", function()
      assert.same({ { values = { 1, 2 } }, 2 }, { anna:eval [[
        self.room:set("title", nil)
        self.room:set("values.3", nil)
        self.room:set("nothing", nil)
        return self.room.data, self.room.version]] })
    end)

    it("the whole data", function()
      anna:eval [[self.room:set("", { other = true })]]
      world:run()
      assert.same({ other = true }, ben:eval "return self.room.data")
    end)

    it("not where there is nothing to write in, and says where", function()
      local text = raised(anna, [[self.room:set("inner.a", 1)]])
      has("inner", text)
      has("there is no object or array here", text)
      has("resource://", text)
      assert.truthy(text:find ":%d+: ")
      text = raised(anna, [[self.room:set("values.7", 1)]])
      has("values", text)
      assert.truthy(text:find ":%d+: ")
      has("values.1", raised(anna, [[self.room:set("values.1", print)]]))
      has("path", raised(anna, [[self.room:set(1, 1)]]))
      has("value expected", raised(anna, [[self.room:set("title")]]))
      raised(anna, [[self.room:set("", 1)]])
      raised(anna, [[self.room:set("", nil)]])
      assert.equal(0, anna:eval "return self.room.version")
    end)

    it("a batch as one version", function()
      assert.same({ 1, "done", 2 }, { anna:eval [[
        local results = table.pack(self.room:batch(function()
          self.room.data.title = "a"
          self.room.data.values[1] = 10
          self.room:set("more", true)
          return "done", 2
        end))
        return self.room.version, table.unpack(results, 1, results.n)]] })
      world:run()
      assert.same({ { title = "a", values = { 10, 2, 3 }, more = true }, 1 },
        { ben:eval "return self.room.data, self.room.version" })
    end)

    it("nothing when a batch raises, and raises the same again", function()
      assert.same({ true, { values = { 1, 2, 3 }, title = "x" }, 0 }, { anna:eval [[
        local oops = { "oops" }
        local ok, err = pcall(self.room.batch, self.room, function()
          self.room.data.title = nil
          table.insert(self.room.data.values, 4)
          self.room.data.values = {}
          error(oops)
        end)
        return not ok and err == oops, self.room.data, self.room.version]] })
    end)

    it("no batch inside a batch, and waits in none", function()
      has("batch", raised(anna, [[
        self.room:batch(function() self.room:batch(function() end) end)]]))
      has("cannot wait here", raised(anna, [[
        self.room:batch(function() require("hyperty").sleep(1) end)]]))
      has("cannot wait here", raised(anna, [[
        self.room:batch(function() self.room:delete() end)]]))
      assert.equal(0, anna:eval "return self.room.version")
      assert.equal(1, anna:eval "self.room.data.title = 1 return self.room.version")
    end)

    it("and an empty batch is no version", function()
      assert.equal(0, anna:eval "self.room:batch(function() end) return self.room.version")
    end)

    it("and saved() gives the version at once where nothing is stored", function()
      assert.same({ 1, 1 }, { anna:eval [[
        self.room.data.title = 1
        return self.room:saved(), self.room:saved(5)]] })
      has("number", raised(anna, [[self.room:saved("soon")]]))
    end)
  end)

  describe("decides who observes:", function()
    local url

    before_each(function()
      url = anna:eval [[
        self.room = self.syncher:create { schema = "Resource", name = "room", data = { n = 1 } }
        return self.room.url]]
    end)

    local function subscribe(instance)
      return instance:eval([[
        local observer, text, code = self.syncher:subscribe(...)
        self.room = observer
        return observer and observer.url, text, code]], url)
    end

    it("without a handler nobody", function()
      local gave, _, code = subscribe(ben)
      assert.same({ nil, "forbidden" }, { gave, code })
    end)

    it("a handler accepts, knowing who asks", function()
      anna:eval [[
        self.room:on("subscribe", function(request)
          self.seen = { from = request.from, identity = request.identity, url = request.url,
            method = request.method, text = tostring(request) }
          self.twice = { request:accept(), (select(3, request:accept())) }
        end)]]
      assert.equal(url, (subscribe(ben)))
      local seen, twice = anna:eval "return self.seen, self.twice"
      assert.equal(ben.url, seen.from)
      assert.equal(url, seen.url)
      assert.equal(nil, seen.method)
      assert.equal("request from " .. ben.url, seen.text)
      assert.is_false(seen.identity.verified)
      assert.same({ true, "conflict" }, twice)
      assert.same({ ben.url }, anna:eval "return self.room.observers")
    end)

    it("a handler rejects with a reason", function()
      anna:eval [[self.room:on("subscribe", function(r) r:reject("not you") end)]]
      assert.same({ nil, "not you", "forbidden" }, { subscribe(ben) })
    end)

    it("a handler that ends without deciding has refused", function()
      anna:eval [[self.room:on("subscribe", function() end)]]
      assert.equal("forbidden", select(3, subscribe(ben)))
    end)

    it("a handler that raises has not refused but failed, and is logged once", function()
      anna:eval [[self.room:on("subscribe", function() error("oops") end)]]
      assert.same({ nil, "the handler of subscribe failed", "internal" }, { subscribe(ben) })
      local logged = world:errors()
      assert.equal(1, #logged)
      has("anna", logged[1])
      has("handler of subscribe", logged[1])
      has("oops", logged[1])
      has("traceback", logged[1])
    end)

    it("a handler may take its time", function()
      anna:eval [[self.room:on("subscribe", function(request)
        require("hyperty").sleep(20)
        request:accept()
      end)]]
      assert.equal(url, (subscribe(ben)))
    end)

    it("but not forever", function()
      anna:eval [[self.room:on("subscribe", function(request)
        require("hyperty").sleep(100)
        self.late = { request:accept() }
      end)]]
      assert.equal("forbidden", select(3, subscribe(ben)))
      world:run(100)
      assert.equal("conflict", anna:eval "return self.late[3]")
    end)

    it("of several handlers the first decision counts, and the last end", function()
      anna:eval [[
        self.room:on("subscribe", function(request)
          require("hyperty").sleep(3)
          self.first = table.pack(request:reject())
        end)
        self.room:on("subscribe", function(request)
          require("hyperty").sleep(2)
          request:accept()
        end)
        self.room:on("subscribe", function() end)]]
      assert.equal(url, (subscribe(ben)))
      world:run(5)
      assert.same({ nil, "conflict" },
        { anna:eval "return self.first[1], self.first[3]" })
    end)

    it("an answer to a subscribe carries no value", function()
      anna:eval [[self.room:on("subscribe", function(request)
        local ok, err = pcall(request.accept, request, 1)
        self.text = tostring(err)
        request:accept()
      end)]]
      subscribe(ben)
      has("only what was executed", anna:eval "return self.text")
    end)

    it("whom it invited needs no handler", function()
      assert.is_true(anna:eval("return self.room:invite { ... }", ben.url))
      world:run()
      assert.equal(url, (subscribe(ben)))
      has("list of hyperty URLs expected", raised(anna, [[self.room:invite("ben")]]))
    end)

    it("and so does who was named when it was made", function()
      url = anna:eval([[
        return self.syncher:create { schema = "Resource", observers = { ... } }.url]], ben.url)
      world:run()
      assert.equal(url, (subscribe(ben)))
    end)

    it("a public object lets everybody in", function()
      url = anna:eval [[return self.syncher:create { schema = "Resource", public = true }.url]]
      assert.equal(url, (subscribe(ben)))
    end)

    it("and hears of who leaves", function()
      anna:eval [[
        self.room:on("subscribe", function(r) r:accept() end)
        self.room:on("unsubscribe", function(event) self.left = event.from end)]]
      subscribe(ben)
      assert.is_true(ben:eval "return self.room:unsubscribe()")
      world:run()
      assert.same({ ben.url, {} }, { anna:eval "return self.left, self.room.observers" })
    end)

    it("evicts", function()
      anna:eval [[self.room:on("subscribe", function(r) r:accept() end)]]
      subscribe(ben)
      ben:eval [[
        self.handle = self.room.data
        self.room:on("delete", function(reason) self.reason = reason end)]]
      assert.is_true(anna:eval("return self.room:evict(...)", ben.url))
      world:run()
      assert.equal("evicted", ben:eval "return self.reason")
      has("is closed", raised(ben, "return self.handle.n"))
      assert.same({}, anna:eval "return self.room.observers")
      assert.same({ nil, "not_found" },
        { anna:eval([[local gave, _, code = self.room:evict(...) return gave, code]],
          world.carl.url) })
    end)
  end)

  describe("ends", function()
    local url

    before_each(function() url = world:room() end)

    it("for itself and its observers", function()
      ben:eval [[self.room:on("delete", function(reason)
        self.reason, self.last = reason, self.room.data.values[1]
      end)]]
      assert.is_true(anna:eval "return self.room:delete()")
      world:run()
      assert.same({ "deleted", 1 }, { ben:eval "return self.reason, self.last" })
      for _, instance in ipairs { anna, ben } do
        has(url .. " is closed", raised(instance, "return self.room.data"))
        assert.same({ nil, url .. " is closed", "closed" },
          { instance:eval [[return self.room:add_child("items", {})]] })
        assert.same({ nil, "closed" }, { instance:eval [[
          local gave, _, code = self.room:on("status", print) return gave, code]] })
        assert.equal(url, instance:eval "return self.room.url")
      end
      for _, call in ipairs { [[set("values", 1)]], "batch(print)", "saved()", "invite {}",
          [[evict("hyperty://localhost/x")]], "delete()", [[children("items")]],
          [[send_event("items", 1)]] } do
        assert.same({ nil, url .. " is closed", "closed" },
          { anna:eval("return self.room:" .. call) }, call)
      end
      assert.equal(nil, anna:eval "return self.room.observers")
    end)

    it("once: who deletes it meanwhile hears so", function()
      assert.same({ true, nil, "closed" }, { anna:eval [=[
        local hyperty, second = require "hyperty", nil
        hyperty.spawn(function() second = table.pack(self.room:delete()) end)
        local first = self.room:delete()
        hyperty.sleep(1)
        return first, second[1], second[3]]=] })
    end)

    it("inside its own handler", function()
      anna:eval [[
        self.room:on("subscribe", function() self.others = (self.others or 0) + 1 end)
        self.room:on("unsubscribe", function() self.deleted = self.room:delete() end)
        self.room:on("unsubscribe", function() self.also = true end)]]
      ben:eval "self.room:unsubscribe()"
      world:run()
      assert.same({ true, true }, { anna:eval "return self.deleted, self.also" })
    end)

    it("with its hyperty, also from its own handler", function()
      world:join("carl", url)
      anna:eval [[self.room:on("unsubscribe", function() self.room.data.values[1] = 5 end)]]
      ben:eval [[self.room:on("delete", function(reason) self.reason = reason end)]]
      anna:unload()
      world:run()
      assert.equal("deleted", ben:eval "return self.reason")
    end)
  end)

  describe("as an object of Lua", function()
    before_each(function() world:room() end)

    it("raises for unknown names, and is read-only", function()
      has('a reporter has no "nothing" (it has: url, ', raised(anna, "return self.room.nothing"))
      has('a reporter has no "unsubscribe"', raised(anna, "return self.room.unsubscribe"))
      has('a reporter has no "1"', raised(anna, "return self.room[1]"))
      has('a reporter has no "0"', raised(anna, "return self.room[0]"))
      has("is read-only", raised(anna, "self.room.url = 1"))
      has('a reporter has no "mine"', raised(anna, "self.room.mine = 1"))
      has("data cannot be replaced by assignment: assign to its fields (object.data.x = …)",
        raised(anna, "self.room.data = 1"))
      assert.is_false(anna:eval "return getmetatable(self.room)")
    end)

    it("checks what its methods are called on", function()
      has("delete: this is an observer", ben:eval [[
        local reporter = self.syncher:create { schema = "Resource" }
        local ok, err = pcall(reporter.delete, self.room)
        return tostring(err)]])
      has("hyperty.party expected", raised(anna, "self.room.on()"))
    end)

    it("knows its events", function()
      local text = raised(anna, [[self.room:on("change", print)]])
      has('"change" is no event of a reporter', text)
      has("subscribe, unsubscribe, read, execute, child, event, status", text)
      has("function expected", raised(anna, [[self.room:on("child")]]))
      has('only "change" takes a pattern', raised(anna, [[self.room:on("child", "a", print)]]))
    end)

    it("lets go of a handler that is cancelled", function()
      anna:eval [[
        self.count = 0
        local handler
        handler = self.room:on("unsubscribe", function()
          self.count = self.count + 1
          handler:cancel()
          handler:cancel()
        end)]]
      local url = anna:eval "return self.room.url"
      for _ = 1, 2 do
        ben:eval "self.room:unsubscribe()"
        world:run()
        world:join("ben", url)
      end
      assert.equal(1, anna:eval "return self.count")
    end)
  end)
end)
