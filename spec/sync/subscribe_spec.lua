-- PROTOCOL.md section 5, Subscribe: from the syncher's request to its 200, and what may go wrong on
-- the way. Leaving is at the end.
local wire = require "spec.support.wire"

local has = wire.has

local NODE = "domain://msg-node.localhost"

describe("subscribing", function()
  local world, anna, ben, carl, sm

  before_each(function()
    world = wire.world { "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    sm = world.rt:url() .. "/sm"
  end)

  after_each(function() world:finish() end)

  -- Anna reports a room; her handler is that code.
  local function room(handler, fields)
    return anna:eval(([[
      self.room = self.syncher:create(...)
      self.room:on("subscribe", function(request) self.asked = (self.asked or 0) + 1 %s end)
      return self.room.url]]):format(handler or "request:accept()"),
      fields or { schema = "Resource", name = "room", data = { n = 1 } })
  end

  local function subscribe(who, url)
    return who:eval([[
      local it, text, code = self.syncher:subscribe(...)
      self.room = it
      if not it then return nil, text, code end
      return it.url]], url)
  end

  describe("in steps:", function()
    local url, steps

    before_each(function()
      url = room()
      world:forget()
      ben:eval([[
        self.room = assert(self.syncher:subscribe(..., { schema = "Resource" }))]], url)
      steps = {}
      for _, message in ipairs(world.messages) do
        local step = message.type .. " " .. message.to:match "[^/]+$"
        steps[#steps + 1] = step .. (message.type == "response" and message.body.code or "")
      end
    end)

    it("the syncher asks its sync manager", function()
      local request = world:only { type = "subscribe", to = sm }
      assert.equal(ben.url, request.from)
      assert.equal(url, request.body.resource)
    end)

    it("which routes changes and children at the node, for that hyperty", function()
      local request = world:only { type = "subscribe", to = NODE .. "/sm" }
      assert.equal(sm, request.from)
      assert.same({ resources = { url .. "/changes", url .. "/children/", url .. "/registration" },
        source = ben.url },
        request.body)
    end)

    it("answers 100 with the collections", function()
      local answer = world:only { type = "response", from = sm, to = ben.url, code = 100 }
      assert.same({ resource = url, childrenResources = { "items" } }, answer.body.value)
    end)

    it("asks the reporter's sync manager, saying for whom, and which schema it has", function()
      local request = world:only { type = "subscribe", to = url .. "/subscription" }
      local digest = anna:eval "return self.room.metadata.schemaDigest"
      assert.equal(sm, request.from)
      assert.same({ subscriber = ben.url, source = ben.url, ext = 1, window = 8,
        dataschema = digest,
        identity = { user = "user://localhost/me", verified = false } }, request.body)
    end)

    it("which asks the reporter", function()
      local request = world:only { type = "forward", to = anna.url }
      assert.equal(url, request.from)
      assert.same({ "subscribe", ben.url, url, "user://localhost/me" },
        { request.body.type, request.body.from, request.body.to, request.body.identity.user })
      assert.equal(1, anna:eval "return self.asked")
    end)

    it("has the node admit the observer before the snapshot is taken", function()
      local request = world:only { type = "execute", to = NODE .. "/sm" }
      assert.same({ method = "admit", params = { url, ben.url } }, request.body)
    end)

    it("and answers with metadata, data, position, children and marks", function()
      local value = world:only { type = "response", from = url .. "/subscription", code = 200 }
        .body.value
      assert.same({ n = 1 }, value.data)
      assert.same({ url, "room", anna.url, 0 },
        { value.url, value.name, value.reporter, value.version })
      assert.equal(anna:eval "return self.room.epoch", value.epoch)
      assert.same({ {}, {} }, { value.childrenObjects, value.childMarks })
    end)

    it("in this order", function()
      local order = {}
      for _, step in ipairs(steps) do
        if not step:find "^response [^s]" or step:find "00$" then order[#order + 1] = step end
      end
      local name = function(address) return address:match "[^/]+$" end
      assert.same({
        "subscribe sm", "subscribe sm", "response sm200", "response " .. name(ben.url) .. "100",
        "subscribe subscription", "forward " .. name(anna.url), "response " .. name(url) .. "200",
        "execute sm", "response sm200", "response sm200", "response " .. name(ben.url) .. "200",
      }, order)
    end)
  end)

  describe("is decided:", function()
    it("refused where the reporter has no handler", function()
      local url = anna:eval [[
        self.room = self.syncher:create { schema = "Resource" }
        return self.room.url]]
      assert.same({ nil, 'no handler for "subscribe" in anna', "forbidden" },
        { subscribe(ben, url) })
      assert.equal(1, #world.rt:routes())
    end)

    it("refused with the reporter's reason", function()
      local url = room [[request:reject("full")]]
      assert.same({ nil, "full", "forbidden" }, { subscribe(ben, url) })
      assert.same({}, anna:eval "return self.room.observers")
    end)

    it("refused when the handler ends undecided", function()
      local url = room "request = nil"
      assert.same({ nil, "not accepted", "forbidden" }, { subscribe(ben, url) })
    end)

    it("at leisure: the asker gets 100 every four seconds", function()
      local url = room [[require("hyperty").sleep(30) request:accept()]]
      world:forget()
      assert.equal(url, (subscribe(ben, url)))
      local count = #world:sent { type = "response", to = ben.url, code = 100 }
      assert.truthy(count >= 7 and count <= 9, count)
    end)

    it("but within a minute, or it is refused", function()
      local url = room [[require("hyperty").sleep(70) self.late = { request:accept() }]]
      local before = world.rt:now()
      assert.same({ nil, "no decision in time", "forbidden" }, { subscribe(ben, url) })
      assert.equal(60, world.rt:now() - before)
      world:run(20)
      assert.same({ [3] = "conflict" }, { [3] = anna:eval "return self.late[3]" })
    end)

    it("without the reporter for the pre-authorised", function()
      local url = room()
      anna:eval("self.room:invite { ... }", ben.url)
      world:run()
      assert.equal(url, (subscribe(ben, url)))
      assert.is_nil(anna:eval "return self.asked")
    end)

    it("without the reporter for who observes already", function()
      local url = room()
      local far = wire.observer(world, "hyperty://localhost/far", url)
      assert.equal(200, (far:subscribe()))
      assert.equal(200, (far:subscribe()))
      assert.equal(1, anna:eval "return self.asked")
    end)

    it("without the reporter for a public object", function()
      local url = room(nil, { schema = "Resource", public = true })
      assert.equal(url, (subscribe(ben, url)))
      assert.is_nil(anna:eval "return self.asked")
    end)

    it("with 410 when its hyperty has stopped", function()
      local url = room()
      anna:unload()
      local _, text, code = subscribe(ben, url)
      assert.same({ url .. "/changes was deleted", "deleted" }, { text, code })
    end)

    it("with 410 when the object is deleted meanwhile", function()
      local url = room [[require("hyperty").sleep(1) self.room:delete() request:accept()]]
      local gave, _, code = subscribe(ben, url)
      assert.same({ nil, "deleted" }, { gave, code })
      assert.same({}, world.rt:routes())
    end)
  end)

  describe("to what is not there", function()
    it("tells so", function()
      local gave, text, code = subscribe(ben, "resource://localhost/nothing")
      assert.same({ nil, "not_found" }, { gave, code })
      has("nobody is at resource://localhost/nothing", text)
      assert.same({}, world.rt:routes())
    end)

    it("or is no address of an object tells what is wrong", function()
      for url, expected in pairs {
        ["no address"] = "no address",
        ["resource://localhost"] = "resource://localhost is not the address of a data object",
        ["resource://localhost/it/changes"] = "not the address of a data object",
        ["hyperty://localhost/someone"] = "not the address of a data object",
        ["hyperty-runtime://localhost/someone"] = "not the address of a data object",
        ["user://localhost/me"] = "not the address of a data object",
        ["domain://registry.localhost"] = "not the address of a data object",
      } do
        local gave, text, code = subscribe(ben, url)
        assert.same({ nil, "invalid" }, { gave, code }, url)
        has(expected, text)
      end
      assert.same({}, world.rt:routes())
    end)

    it("or is of another schema tells so, and the reporter hears that nobody stays", function()
      local url = room()
      local _, text, code = ben:eval([[
        return self.syncher:subscribe(..., { schema = "Communication" })]], url)
      assert.equal("invalid", code)
      assert.equal(url .. " is not of schema Communication", text)
      world:run()
      assert.same({}, anna:eval "return self.room.observers")
    end)
  end)

  describe("at a reporter of another make", function()
    local url = "resource://localhost/far"
    local far

    before_each(function() far = wire.reporter(world, url, { data = { n = 1 } }) end)

    it("that does not answer ends after five seconds", function()
      far.on_subscribe = function() end
      local gave, text, code = subscribe(ben, url)
      assert.same({ nil, "timeout" }, { gave, code })
      assert.equal("no answer within 5000 ms from " .. url .. "/subscription", text)
      assert.same({}, world.rt:routes())
    end)

    it("that answers too late is told that nobody waits any more", function()
      local late
      far.on_subscribe = function(request) late = request end
      subscribe(ben, url)
      far:respond(late, 200, far:whole())
      world:run()
      assert.same({ { source = ben.url } }, { far:got "unsubscribe"[1].body })
    end)

    it("that answers when the asker has stopped is told so, too", function()
      local late
      far.on_subscribe = function(request) late = request end
      ben:eval([[
        local url = ...
        require("hyperty").spawn(function() self.syncher:subscribe(url) end)]], url)
      world:run()
      ben:unload()
      far:respond(late, 200, far:whole())
      world:run()
      assert.equal(ben.url, far:got "unsubscribe"[1].body.source)
    end)

    it("takes its codes as text, and its reasons under an older name", function()
      far.on_subscribe = function(request)
        far.subscription:send { type = "response", id = request.id, from = request.to,
          to = request.from, body = { code = "403", description = "not you" } }
      end
      assert.same({ nil, "not you", "forbidden" }, { subscribe(ben, url) })
    end)

    it("that answers with no object, or half of one, is refused and told so", function()
      for text, value in pairs {
        ["the answer has no object"] = "x",
        ['malformed object: no "data"'] = { epoch = "1-a", version = 0 },
        ["malformed object: no position"] = { data = {} },
        ["malformed object: children of a wrong type"] = { data = {}, epoch = "1-a", version = 0,
          childrenObjects = 5 },
        ["malformed children: items is no list"] = { data = {}, epoch = "1-a", version = 0,
          childrenObjects = { items = 5 } },
        ["malformed child of items"] = { data = {}, epoch = "1-a", version = 0,
          childrenObjects = { items = { { resource = "x#1" } } } },
        ["malformed childMarks"] = { data = {}, epoch = "1-a", version = 0,
          childMarks = { x = 5 } },
      } do
        far.asked = {}
        far.on_subscribe = function(request) far:respond(request, 200, value) end
        assert.same({ nil, text, "invalid" }, { subscribe(ben, url) })
        world:run()
        assert.equal(1, #far:got "unsubscribe", text)
        assert.same({}, world.rt:routes())
      end
    end)
  end)

  describe("several hyperties of one runtime", function()
    local url

    before_each(function()
      url = room()
      subscribe(ben, url)
      world:forget()
      subscribe(carl, url)
      for _, it in ipairs { ben, carl } do
        it:eval [[
          self.heard = {}
          self.room:on("change", function(change) table.insert(self.heard, change.value) end)
          self.room:on("child", function(event) table.insert(self.heard, event.kind) end)
          self.room:on("event", function(event) table.insert(self.heard, event.value) end)]]
      end
    end)

    it("have routes of their own and share the copy: the second asks since it", function()
      assert.equal(carl.url, world:only { type = "subscribe", to = NODE .. "/sm" }.body.source)
      local request = world:only { type = "subscribe", to = url .. "/subscription" }
      assert.same({ epoch = anna:eval "return self.room.epoch", version = 0 }, request.body.since)
      local answer = world:only { type = "response", from = url .. "/subscription", code = 200 }
      assert.same({}, answer.body.value.changes)
      assert.is_nil(answer.body.value.data)
    end)

    it("get everything once", function()
      world:forget()
      anna:eval [[
        self.room.data.n = 2
        self.room:add_child("items", {})
        self.room:send_event("items", "hello")]]
      world:run()
      assert.equal(1, #world:sent { type = "update", to = url .. "/changes" })
      assert.same({ 2, "create", "hello" }, ben:eval "return self.heard")
      assert.same({ 2, "create", "hello" }, carl:eval "return self.heard")
    end)

    it("leave one by one", function()
      ben:eval "self.room:unsubscribe()"
      anna:eval "self.room.data.n = 2"
      world:run()
      assert.same({ {}, { 2 } }, { ben:eval "return self.heard", carl:eval "return self.heard" })
      assert.same({ carl.url }, anna:eval "return self.room.observers")
    end)

    it("may read each what it is allowed to: one's refusal does not touch the other", function()
      anna:eval [[self.room:on("subscribe", function(request) request:reject("no more") end)]]
      local dora = assert(world.rt:load_text("return { name = 'Dora' }"))
      anna:eval "self.asked = 0"
      dora:eval("self.result = table.pack(self.syncher:subscribe(...))", url)
      anna:eval "self.room.data.n = 3"
      world:run()
      assert.same({ { 3 }, { 3 } }, { ben:eval "return self.heard", carl:eval "return self.heard" })
    end)
  end)

  describe("twice by one hyperty", function()
    it("at the same time asks once and gives both the same", function()
      local url = room()
      world:forget()
      assert.is_true(ben:eval([[
        local hyperty, url = require "hyperty", ...
        local one
        hyperty.spawn(function() one = self.syncher:subscribe(url) end)
        local two = self.syncher:subscribe(url)
        hyperty.sleep(1)
        return one ~= nil and one == two]], url))
      world:only { type = "subscribe", to = url .. "/subscription" }
    end)

    it("with leaving between asks anew, also before the node has answered", function()
      local url = room()
      subscribe(ben, url)
      assert.is_true(ben:eval([[
        local hyperty, url = require "hyperty", ...
        hyperty.spawn(function() self.room:unsubscribe() end)
        hyperty.sleep(0)
        self.room = self.syncher:subscribe(url)
        return self.room ~= nil]], url))
      anna:eval "self.room.data.n = 5"
      world:run()
      assert.equal(5, ben:eval "return self.room.data.n")
      assert.same({ ben.url }, anna:eval "return self.room.observers")
    end)
  end)

  describe("a hyperty that leaves", function()
    local url

    before_each(function()
      url = room()
      subscribe(ben, url)
      anna:eval [[self.room:on("unsubscribe", function(event) self.left = event.from end)]]
      world:forget()
      ben:eval "self.room:unsubscribe()"
      world:run()
    end)

    it("has its sync manager take the routes down and tell the reporter's", function()
      assert.same({ resources = { url .. "/changes", url .. "/children/", url .. "/registration" },
        source = ben.url },
        world:only { type = "unsubscribe", to = NODE .. "/sm" }.body)
      local told = world:only { type = "unsubscribe", to = url .. "/subscription" }
      assert.equal(ben.url, told.body.source)
      assert.truthy(told.id)
    end)

    it("is an event at the reporter", function()
      assert.same({ "unsubscribe", ben.url }, (function()
        local body = world:only { type = "forward", to = anna.url }.body
        return { body.type, body.from }
      end)())
      assert.equal(ben.url, anna:eval "return self.left")
      assert.same({}, anna:eval "return self.room.observers")
    end)

    it("is no longer admitted at the node", function()
      assert.same({ method = "expel", params = { url, ben.url } },
        world:only { type = "execute", to = NODE .. "/sm" }.body)
    end)

    it("of another schema than asked for is refused, also when it is there already", function()
      subscribe(ben, url)
      local _, text, code = ben:eval([[
        return self.syncher:subscribe(..., { schema = "Communication" })
      ]], url)
      assert.equal("invalid", code)
      has("is not of schema Communication", text)
    end)

    it("is asked about when it comes again", function()
      subscribe(ben, url)
      assert.equal(2, anna:eval "return self.asked")
    end)
  end)

  describe("at /subscription", function()
    local far

    before_each(function()
      far = wire.observer(world, "hyperty://localhost/far", room())
    end)

    it("names who subscribes", function()
      for _, body in ipairs { {}, { subscriber = "hyperty://localhost/far", source = anna.url },
          { subscriber = 5 } } do
        local code, _, desc = far:request("subscribe", far.object .. "/subscription", body)
        assert.same({ 400, 'subscribe needs "subscriber", the same as "source"' }, { code, desc })
      end
    end)

    it("only subscribes and unsubscribes", function()
      local code, _, desc = far:request("execute", far.object .. "/subscription", { method = "x" })
      assert.same({ 400, "/subscription takes subscribe and unsubscribe" }, { code, desc })
    end)

    it("unsubscribes whoever, observing or not", function()
      assert.equal(200, (far:request("unsubscribe", far.object .. "/subscription",
        { source = far.url })))
      assert.equal(200, (far:request("unsubscribe", far.object .. "/subscription", {})))
    end)
  end)
end)
