-- PROTOCOL.md section 5, Delegate: an object passes to another reporter. Its URL stays, and so do
-- those who observe it.
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local NODE = "domain://msg-node.localhost/sm"

-- The instance takes over what it is offered, as self.mine, and lets everybody in.
local function willing(instance)
  instance:eval [[
    self.syncher:on("delegate", function(offer)
      self.offer = { url = offer.url, from = offer.from, name = offer.name, text = tostring(offer) }
      local mine, why = offer:accept()
      self.mine, self.why = mine, why
      if mine then
        mine:on("subscribe", function(request) request:accept() end)
        mine:on("execute", function(request) request:accept("from " .. self.url) end)
      end
    end)]]
end

local function delegate(instance, url)
  return instance:eval([[
    local gave, text, code = self.room:delegate(...)
    require("hyperty").sleep(0.1)
    return gave, text, code]], url)
end

-- Delegates without waiting for the end, which is kept as self.result.
local function begin(instance, url)
  instance:eval([[
    local url = ...
    require("hyperty").spawn(function()
      local gave, text, code = self.room:delegate(url)
      self.result = { gave = gave, text = text, code = code }
    end)]], url)
end

describe("delegating", function()
  local world, anna, ben, carl, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", { "carl", "dora" } }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, carl)
    world:settle()
    for _, name in ipairs { "anna", "carl" } do world:listen(name) end
  end)

  after_each(function() world:finish() end)

  local function holder()
    local far = world.net:runtime { paths = {} }
    return far:port(far:url() .. "/x"):request { type = "execute", to = NODE,
      body = { method = "holder", params = { url } } }.body.value.holder
  end

  describe("to a hyperty that accepts", function()
    before_each(function()
      willing(ben)
      anna:eval [[
        self.room.data.n = 1
        self.room:add_child("items", { text = "a" })]]
      world:run(1)
      assert.same({ true }, { delegate(anna, ben.url) })
      world:run(1)
    end)

    it("gives it the reporter, and all that the object was", function()
      assert.same({ url = url, from = anna.url, name = "room", text = "offer from " .. anna.url },
        ben:eval "return self.offer")
      assert.equal(ben.url, holder())
      assert.same({ url, 1, "a", { carl.url } }, { ben:eval [[
        local mine = self.mine
        return mine.url, mine.data.n, mine:children("items")[1].data.text, mine.observers]] })
    end)

    it("ends that of the old one, which is told so", function()
      assert.same({ "create a", "replaced" }, world:heard "anna")
      objects.has("is closed", objects.raised(anna, "self.room.data.n = 9"))
      assert.same({ nil, url .. " is closed", "closed" }, { delegate(anna, ben.url) })
    end)

    it("leaves those who observe where they are: no resync, no gap", function()
      assert.same({ "n=1", "create a" }, world:heard "carl")
      ben:eval [[
        self.mine.data.n = 2
        self.mine:add_child("items", { text = "b" })]]
      carl:eval [[self.room:add_child("items", { text = "c" })]]
      world:run(1)
      assert.same({ "n=2", "create b", "create c" }, world:heard "carl")
      assert.equal("live", carl:eval "return self.room:status().state")
      assert.equal(ben:eval "return self.mine.epoch", carl:eval "return self.room.epoch")
      assert.equal(ben:eval "return self.mine.version", carl:eval "return self.room.version")
    end)

    it("says in the metadata who reports it", function()
      assert.equal(ben.url, carl:eval "return self.room.metadata.reporter")
      assert.equal(world.runtimes.ben:url(), carl:eval "return self.room.metadata.runtime")
    end)

    it("says in the registry who reports it", function()
      local found = carl:eval "return (self.syncher:discover { name = 'room' })"
      assert.same({ 1, url, ben.url, "live" },
        { #found, found[1].url, found[1].reporter, found[1].status })
    end)

    it("brings what is asked of the object to it", function()
      assert.equal("from " .. ben.url, carl:eval [[return self.room:execute "who"]])
      world:join(anna, url)
      world:join(world.dora, url)
      assert.equal(3, #ben:eval "return self.mine.observers")
    end)

    it("goes on with evicting and deleting", function()
      assert.is_true(ben:eval("return self.mine:evict(...)", carl.url))
      world:run(1)
      assert.same({ "n=1", "create a", "evicted" }, world:heard "carl")
      world:join(carl, url)
      world:listen "carl"
      assert.is_true(ben:eval "return self.mine:delete()")
      world:run(1)
      assert.same({ "deleted" }, world:heard "carl")
    end)

    it("lets it be handed on, and back", function()
      willing(world.dora)
      willing(anna)
      assert.same({ true }, { ben:eval([[
        self.room = self.mine return self.room:delegate(...)]], world.dora.url) })
      world:run(0.1)
      assert.same({ true }, { world.dora:eval("return self.mine:delegate(...)", anna.url) })
      world:run(0.1)
      anna:eval "self.mine.data.n = 5"
      world:run(1)
      assert.same({ "n=1", "create a", "n=5" }, world:heard "carl")
      assert.equal(anna.url, holder())
    end)

    it("does not give the old reporter a handle of what is another's", function()
      local made = anna:eval [[
        return assert(self.syncher:create { schema = "Resource", name = "room", data = {} }).url]]
      assert.not_equal(url, made)
    end)
  end)

  it("to an observer leaves it an observer, too", function()
    willing(carl)
    assert.is_true(delegate(anna, carl.url))
    carl:eval "self.mine.data.n = 7"
    world:run(1)
    assert.same({ "n=7" }, world:heard "carl")
    assert.same({ carl.url }, carl:eval "return self.mine.observers")
    carl:eval [[self.child = self.room:add_child("items", { text = "x" })]]
    world:run(5)
    assert.equal("kept", carl:eval "return self.child.state")
    assert.is_true(carl:eval "return self.room:unsubscribe()")
    carl:eval "self.mine.data.n = 8"
    assert.same({}, carl:eval "return self.mine.observers")
  end)

  it("within a runtime goes on, too", function()
    local eve = objects.load(world.runtimes.anna, "eve")
    world.eve = eve
    world:join(eve, url)
    world:listen "eve"
    willing(eve)
    assert.is_true(delegate(anna, eve.url))
    eve:eval "self.mine.data.n = 3"
    world:run(1)
    assert.same({ "n=3" }, world:heard "eve")
    assert.same({ "n=3" }, world:heard "carl")
    assert.same({ "replaced" }, world:heard "anna")
    assert.equal(eve.url, holder())
    world:join(anna, url)
    eve:eval "self.mine.data.n = 4"
    world:run(1)
    assert.equal(4, anna:eval "return self.room.data.n")
  end)

  it("leaves those who observe in the old reporter's runtime", function()
    local eve = objects.load(world.runtimes.anna, "eve")
    world.eve = eve
    world:join(eve, url)
    world:listen "eve"
    willing(ben)
    assert.is_true(delegate(anna, ben.url))
    ben:eval "self.mine.data.n = 3"
    world:run(1)
    eve:eval [[self.room:add_child("items", { text = "e" })]]
    world:run(5)
    assert.same({ "n=3", "create e" }, world:heard "eve")
    assert.same({ "n=3", "create e" }, world:heard "carl")
  end)

  it("keeps out who was evicted, and lets in who was invited", function()
    willing(ben)
    assert.is_true(anna:eval("return self.room:evict(...)", carl.url))
    anna:eval("self.room:invite { ... }", world.dora.url)
    world:run(1)
    assert.is_true(delegate(anna, ben.url))
    ben:eval [[
      self.asked = {}
      self.mine:on("subscribe", function(request) table.insert(self.asked, request.from) end)]]
    world:join(world.dora, url)
    assert.same({}, ben:eval "return self.asked")
  end)

  it("does not do twice what the old one has answered", function()
    willing(ben)
    local body
    world.runtimes.carl:intercept(function(message)
      if message.type == "create" then body = message.body end
      return "pass"
    end)
    carl:eval [[self.child = self.room:add_child("items", { text = "once" })]]
    world:run(1)
    assert.is_true(delegate(anna, ben.url))
    local port = world.runtimes.carl:port(carl.url)
    local function again(text)
      body.value.data.text = text
      return port:request { type = "create", to = url .. "/children/items", body = body }.body.code
    end
    assert.same({ 200, 409 }, { again "once", again "other" })
    ben:eval "self.mine:children('items')[1]:delete()"
    world:run(1)
    assert.same({ 200, 409 }, { again "once", again "other" })
    world:run(30)
    assert.equal(0, ben:eval "return #self.mine:children 'items'")
    assert.same({ "create once", "delete once" }, world:heard "carl")
  end)

  describe("while it has not turned out", function()
    before_each(function()
      ben:eval [[
        self.syncher:on("delegate", function(offer)
          require("hyperty").sleep(8)
          self.mine, self.why = offer:accept()
        end)]]
      begin(anna, ben.url)
      world:run(1)
    end)

    it("nothing can be written", function()
      local text = url .. " is being handed over to " .. ben.url
      objects.has(text, objects.raised(anna, "self.room.data.n = 9"))
      for _, code in ipairs {
        [[return self.room:add_child("items", {})]], "return self.room:delete()",
        [[return self.room:invite { "hyperty://localhost/x" }]],
        [[return self.room:evict("hyperty://localhost/x")]],
        [[return self.room:delegate("hyperty://localhost/x")]],
      } do
        local gave, why, word = anna:eval(code)
        assert.is_nil(gave)
        objects.has(text, why)
        assert.equal("conflict", word)
      end
      world:run(20)
      assert.same({ gave = true }, anna:eval "return self.result")
    end)

    it("what others add waits, and is kept by the new one", function()
      carl:eval [[self.child = self.room:add_child("items", { text = "c" })]]
      world:run(1)
      assert.equal("pending", carl:eval "return self.child.state")
      world:run(30)
      assert.equal("kept", carl:eval "return self.child.state")
      assert.equal(1, ben:eval "return #self.mine:children 'items'")
    end)

    it("who reads is answered", function()
      assert.equal(0, carl:eval("return assert(self.syncher:read(...)).data.n", url))
      world:run(20)
    end)
  end)

  describe("that comes to nothing", function()
    local function stays()
      assert.equal(anna.url, holder())
      local epoch = carl:eval "return self.room.epoch"
      anna:eval "self.room.data.n = 1"
      world:run(1)
      assert.same({ "n=1" }, world:heard "carl")
      assert.same({}, world:heard "anna")
      assert.equal(epoch, anna:eval "return self.room.epoch")
    end

    it("as nobody is there, tells so", function()
      assert.same({ nil, "there is no hyperty at hyperty://localhost/nobody; " .. url ..
        " stays here", "not_found" }, { delegate(anna, "hyperty://localhost/nobody") })
      stays()
    end)

    it("as it is dead, tells so", function()
      world:disconnect "ben"
      world:run(40)
      world:heard "anna"
      local gave, text, code = delegate(anna, ben.url)
      assert.is_nil(gave)
      assert.equal(ben.url .. " does not answer (it is not connected); " .. url .. " stays here",
        text)
      assert.equal("unreachable", code)
      stays()
    end)

    it("as it does not answer, tells so", function()
      world:stall("ben", true)
      local gave, text, code = delegate(anna, ben.url)
      assert.same({ nil, ben.url .. " does not answer (no answer within 5000 ms from " ..
        world.runtimes.ben:url() .. "/sm); " .. url .. " stays here", "timeout" },
        { gave, text, code })
      stays()
      world:stall("ben", false)
      world:run(1)
      assert.equal(anna.url, holder())
    end)

    it("as it declines, tells why", function()
      ben:eval [[self.syncher:on("delegate", function(offer) offer:decline("too much") end)]]
      assert.same({ nil, ben.url .. " does not take over " .. url .. ": too much", "forbidden" },
        { delegate(anna, ben.url) })
      stays()
    end)

    it("as it does not care, tells so", function()
      assert.same({ nil, ben.url .. " does not take over " .. url ..
        ": it has no handler of \"delegate\"", "forbidden" }, { delegate(anna, ben.url) })
      stays()
    end)

    it("as it decides nothing, tells so", function()
      ben:eval [[self.syncher:on("delegate", function() end)]]
      assert.same({ nil, ben.url .. " does not take over " .. url .. ": not accepted",
        "forbidden" },
        { delegate(anna, ben.url) })
      stays()
    end)

    it("as it thinks for too long, tells so; it cannot accept any more", function()
      ben:eval [[
        self.syncher:on("delegate", function(offer)
          require("hyperty").sleep(40)
          self.answer = { offer:accept() }
        end)]]
      begin(anna, ben.url)
      world:run(60)
      assert.same({ code = "timeout",
        text = ben.url .. " has not decided within 30 s; " .. url .. " stays here" },
        anna:eval "return self.result")
      assert.same({ "this is decided already", "conflict" },
        { ben:eval "return self.answer[2], self.answer[3]" })
      stays()
    end)

    it("as it is told to itself, tells so", function()
      assert.same({ nil, anna.url .. " reports " .. url .. " already", "invalid" },
        { delegate(anna, anna.url) })
      stays()
    end)

    it("as it is no address of a hyperty, tells so", function()
      assert.same({ nil, "user://localhost/ben is not the address of a hyperty", "invalid" },
        { delegate(anna, "user://localhost/ben") })
      stays()
    end)

    it("as it is of another domain, tells so", function()
      assert.same({ nil, "hyperty://far/ben is of another domain than " .. url ..
        ": an object is reported in its own domain", "invalid" },
        { delegate(anna, "hyperty://far/ben") })
      stays()
    end)

    it("as the node is away, tells so", function()
      world:disconnect "anna"
      assert.same({ nil, url .. ": the message node is not connected, without which it cannot " ..
        "be handed over; it stays here", "unreachable" }, { delegate(anna, ben.url) })
      world:connect "anna"
      world:run(5)
      world:heard "carl"
      stays()
    end)

    it("as it stops before it is there, goes on", function()
      ben:eval [[
        self.syncher:on("delegate", function(offer) require("hyperty").sleep(60) end)]]
      begin(anna, ben.url)
      world:run(1)
      ben:unload()
      world:run(1)
      objects.has(" does not take over " .. url, anna:eval "return self.result.text")
      stays()
    end)
  end)

  it("is left also by who is of the reporter's runtime, however it turns out", function()
    ben:eval [[
      self.syncher:on("delegate", function(offer)
        require("hyperty").sleep(3)
        if not self.is_willing then return offer:decline "no" end
        self.mine = offer:accept()
      end)]]
    for _, is_willing in ipairs { false, true } do
      local eve = objects.load(world.runtimes.anna, is_willing and "eve" or "erin")
      world:join(eve, url)
      ben:eval("self.is_willing = ...", is_willing)
      begin(anna, ben.url)
      world:run(1)
      assert.is_true(eve:eval "return self.room:unsubscribe()")
      world:run(60)
      local observers = is_willing and ben:eval "return self.mine.observers"
        or anna:eval "return self.room.observers"
      assert.same({ carl.url }, observers)
    end
  end)

  it("lets the old reporter observe, which asked meanwhile and hears all of it then", function()
    ben:eval [[
      self.syncher:on("delegate", function(offer)
        require("hyperty").sleep(3)
        self.mine = offer:accept()
        self.mine:on("subscribe", function(request) request:accept() end)
      end)]]
    begin(anna, ben.url)
    world:run(1)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function()
        self.told = {}
        self.own = assert(self.syncher:subscribe(url))
        self.own:on("event", function(event) table.insert(self.told, event.value) end)
      end)]], url)
    world:run(30)
    carl:eval [[self.room:send_event("items", "hello")]]
    world:run(1)
    assert.same({ "hello" }, anna:eval "return self.told")
  end)

  it("twice at once is refused the second time", function()
    willing(ben)
    begin(anna, ben.url)
    world:run(0.001)
    assert.same({ nil, url .. " is being handed over to " .. ben.url ..
      ": write when it has turned out whose it is", "conflict" }, { delegate(anna, carl.url) })
    world:run(2)
    assert.same({ gave = true }, anna:eval "return self.result")
  end)

  it("of an object that does not fit into a message brings it in parts", function()
    willing(ben)
    anna:eval [[
      for i = 1, 6 do self.room.data["big" .. i] = ("x"):rep(400000) end
      for i = 1, 2000 do self.room:add_child("items", { text = ("y"):rep(500) .. i }) end]]
    world:run(5)
    world:heard "carl"
    world:heard "anna"
    assert.is_true(delegate(anna, ben.url))
    assert.same({ 400000, 2000, ("y"):rep(500) .. 2000 }, { ben:eval [[
      local items = self.mine:children "items"
      return #self.mine.data.big6, #items, items[2000].data.text]] })
    ben:eval "self.mine.data.n = 1"
    carl:eval [[self.room:add_child("items", { text = "c" })]]
    world:run(5)
    assert.same({ "n=1", "create c" }, world:heard "carl")
    assert.equal("live", carl:eval "return self.room:status().state")
  end)

  it("of such an object goes on here if its reader dies", function()
    ben:eval [[self.syncher:on("delegate", function(offer) offer:accept() end)]]
    anna:eval [[for i = 1, 40 do self.room.data["big" .. i] = ("x"):rep(400000) end]]
    world:run(5)
    begin(anna, ben.url)
    world:run(0.02)
    ben:unload()
    world:run(60)
    assert.is_nil(anna:eval "return self.result.gave")
    anna:eval "self.room.data.n = 1"
    world:run(1)
    assert.equal(1, carl:eval "return self.room.data.n")
  end)

  it("ends with its hyperty, whatever it has come to", function()
    willing(ben)
    begin(anna, ben.url)
    anna:unload()
    world:run(70)
    assert.is_nil(ben:eval "return self.mine")
  end)
end)
