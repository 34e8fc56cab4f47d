-- Who is who, at a node that asks for tokens (PROTOCOL.md section 10): each runtime speaks for the
-- users of its token and nobody else, and who is asked may rely on that.
local durable = require "spec.support.durable"
local network = require "spec.support.network"
local objects = require "spec.support.objects"
local permits = require "spec.support.permits"

local function user(name) return "user://localhost/" .. name end

local LIAR = "hyperty://localhost/liar"
local VERIFIED = { name = "verified", effect = "allow", condition = { verified = true } }
local FRIENDS = { name = "friends", effect = "allow",
  condition = { group = "friends", verified = true } }

describe("who is who:", function()
  local world, anna

  -- Anna's room, whose handlers note who asks, and accept.
  local function begin(options)
    options.auth = options.auth ~= false
    world = permits.world(options)
    anna = world.anna
    world:make(false)
  end

  local function note(...)
    anna:eval([[
      self.asked = {}
      for _, event in ipairs { ... } do
        self.room:on(event, function(request)
          local identity = request.identity
          table.insert(self.asked, { event, identity.user or "nobody", identity.verified })
          request:accept(event == "execute" and "done" or nil)
        end)
      end]], ...)
  end

  local function asked()
    return anna:eval "local asked = self.asked self.asked = {} return asked"
  end

  after_each(function() world:finish() end)

  -- --- what is relied on ------------------------------------------------------------------------

  for _, auth in ipairs { true, false } do
    local word = auth and "with tokens" or "without tokens"
    for _, name in ipairs { "near", "far", "carl", "dora" } do
      it(word .. " each request of " .. name .. " says so", function()
        begin { auth = auth }
        note("read", "subscribe", "execute")
        -- Who shares Anna's runtime is known to it, but by its token alone.
        world[name]:eval("assert(self.syncher:read(...))", world.url)
        assert.is_true(world:observe(name))
        assert.equal("done", world[name]:eval "return self.room:execute 'open'")
        local wanted = {}
        for i, event in ipairs { "read", "subscribe", "execute" } do
          wanted[i] = { event, user(name), auth }
        end
        assert.same(wanted, asked())
      end)
    end

    it(word .. " rules tell the verified apart", function()
      begin { auth = auth, policy = { rules = { VERIFIED } } }
      for _, name in ipairs { "near", "far", "carl" } do
        assert.equal(auth or nil, world:observe(name))
      end
      local why = world:why "far"
      assert.equal(auth and 'rule "verified"' or nil, why.guest and why.guest.rule)
      assert.equal(auth and "allow" or "ask", why.now.observe.ruling)
    end)
  end

  for _, auth in ipairs { true, false } do
    it((auth and "with" or "without") .. " tokens one's own hyperties say so too", function()
      begin { auth = auth, policy = { rules = { { name = "no", effect = "deny",
        target = { action = "create", name = "mine" }, condition = { verified = false } } } } }
      local made = world.far:eval [[
        return self.syncher:create { schema = "Resource", name = "mine" } and true]]
      assert.equal(auth or nil, made)
    end)
  end

  it("a call of a hyperty says so too", function()
    begin { policy = { rules = { { name = "no", effect = "deny", target = { action = "execute" },
      condition = { verified = false } } } } }
    local function call(name)
      return select(2, world[name]:eval("return require('hyperty').call(...)", anna.url, "go"))
    end
    for _, name in ipairs { "near", "far" } do
      assert.is_nil(call(name):find("refused by policy", 1, true))
    end
  end)

  it("friends come in by their user, and go with it", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = { user "far" } } }
    assert.is_true(world:observe "far")
    assert.is_nil((world:observe "carl"))
    world:group { add = { user "carl" } }
    assert.is_true(world:observe "carl")
    world:group { remove = { user "far" } }
    world:settle()
    assert.same({ world.carl.url }, anna:eval "return self.room.observers")
    assert.is_nil((world:observe "far"))
  end)

  it("a user's entry in the list lets in all of its hyperties, until it is struck off", function()
    begin {}
    anna:eval("assert(self.room:authorise(...))", user "carl")
    assert.is_true(world:observe "carl")
    assert.is_nil((world:observe "dora"))
    anna:eval("assert(self.room:revoke(...))", user "carl")
    world:settle()
    assert.same({}, anna:eval "return self.room.observers")
    assert.is_nil((world:observe "carl"))
  end)

  it("a child's user is whom its creator subscribed as, for all", function()
    begin {}
    note "subscribe"
    for _, name in ipairs { "near", "far", "carl" } do assert.is_true(world:observe(name)) end
    world.far:eval [[assert(self.room:add_child("items", { text = "x" }):wait())]]
    world:settle()
    for _, name in ipairs { "anna", "near", "far", "carl" } do
      assert.equal(user "far", world[name]:eval [[return self.room:children("items")[1].user]])
    end
  end)

  -- --- who claims to be another -----------------------------------------------------------------

  it("who is of a user whom the token does not name gets nowhere", function()
    begin {}
    local ran, text = pcall(objects.load, world.runtimes.far, "mallory", user "carl")
    assert.is_false(ran)
    assert.truthy(text:find("does not speak for " .. user "carl", 1, true), text)
    assert.same({}, world.carl:eval("return self.syncher:discover { user = ... }", user "mallory")
      or {})
  end)

  describe("a runtime that lies", function()
    local port

    before_each(function()
      begin { tokens = { far = { user "far" } } }
      note("subscribe", "read", "execute")
      port = world.runtimes.far:port(LIAR)
      port:send { type = "event", to = LIAR .. "/events", body = {} }
    end)

    local function ask(type_, to, body, fields)
      local message = { type = type_, to = to, body = body }
      for key, value in pairs(fields or {}) do message[key] = value end
      local answer = assert(port:request(message)).body
      return answer.code, answer.desc
    end

    local function subscribe(identity)
      return ask("subscribe", world.url .. "/subscription",
        { subscriber = LIAR, source = LIAR, ext = 1, identity = identity })
    end

    local LIE = { user = user "carl", verified = true }

    local function is_refused(code, desc)
      assert.equal(403, code)
      assert.truthy(desc:find("does not speak for " .. user "carl", 1, true), desc)
    end

    it("is refused at /subscription, in reads, executes and creates", function()
      is_refused(subscribe(LIE))
      is_refused(ask("read", world.url, { identity = LIE }))
      is_refused(ask("execute", anna.url, { method = "go", params = {}, identity = LIE }))
      is_refused(ask("create", anna.url, { source = LIAR, identity = LIE }))
      is_refused(ask("execute", world.url, { method = "open", params = {}, identity = LIE }))
      assert.same({}, asked())
    end)

    it("is refused at the registry", function()
      is_refused(ask("create", "domain://registry.localhost",
        { value = { url = LIAR, user = user "carl" } }))
    end)

    it("is nobody where it tells no user, whatever it says of being verified", function()
      assert.equal(200, (ask("read", world.url, { identity = { verified = true } })))
      assert.equal(200, (subscribe { verified = true }))
      assert.same({ { "read", "nobody", false }, { "subscribe", "nobody", false } }, asked())
    end)

    it("gets no answer of an honest request by repeating it with a lie", function()
      subscribe { user = user "far", verified = true }
      local codes = {}
      port:listen(LIAR, function(message) table.insert(codes, message.body.code) end)
      for _, identity in ipairs { { user = user "far" }, { user = user "far" }, LIE } do
        port:send { type = "execute", id = 4711, to = world.url,
          body = { method = "open", params = {}, identity = identity } }
        world:settle()
      end
      assert.same({ 200, 200, 403 }, codes)
      assert.same({ { "subscribe", user "far", true }, { "execute", user "far", true } }, asked())
    end)

    it("gives its children no other's name", function()
      subscribe { user = user "far", verified = true }
      local code = ask("create", world.url .. "/children/items",
        { resource = "liar#1", value = { data = {}, user = user "carl" } })
      assert.equal(403, code)
      assert.same({}, anna:eval [[return self.room:children("items")]])
    end)
  end)

  it("a script has no way to say who it is", function()
    begin {}
    note("subscribe", "read", "execute")
    world.far:eval([[
      local hyperty = require "hyperty"
      local url, other = ...
      local lie = { user = other, verified = true }
      local function try(fn) return pcall(fn) end
      self.user, self.identity = other, lie
      try(function() self.syncher.user = other end)
      try(function() self.syncher:read(url, { identity = lie }) end)
      try(function() self.room = self.syncher:subscribe(url, { identity = lie, user = other }) end)
      self.room = self.room or self.syncher:subscribe(url)
      try(function() self.room:execute("identity", lie, { identity = lie }) end)
      try(function() self.room.metadata.user = other end)
      try(function() hyperty.call(url, "open", { identity = lie }) end)
      try(function() self.room:add_child("items", { user = other, identity = lie }):wait() end)
      try(function() self.room:add_child("items", { text = "x" }, { user = other }):wait() end)
      try(function() hyperty.emit("identity", lie) end)
      for _, fields in ipairs { { user = other }, { identity = lie }, { metadata = lie }, {} } do
        fields.schema, fields.name, fields.data = "Resource", "mine", { user = other }
        try(function() self.mine = self.syncher:create(fields) or self.mine end)
      end
      try(function() self.mine.metadata.user = other end)
      try(function() self.mine:set("user", other) end)
      try(function() self.mine:invite { url } end)
      self.syncher:discover { name = "mine" }]], world.url, user "carl")
    world:settle()
    local all = asked()
    assert.truthy(#all >= 2)
    for _, one in ipairs(all) do assert.same({ user "far", true }, { one[2], one[3] }) end
    for _, child in ipairs(anna:eval [[
        local users = {}
        for i, child in ipairs(self.room:children("items")) do users[i] = child.user end
        return users]]) do assert.equal(user "far", child) end
    assert.equal(user "far", world.far:eval "return self.mine.metadata.user")
    local found = world.carl:eval [[return self.syncher:discover { name = "mine" }]]
    assert.equal(user "far", found[1].user)
  end)

  -- --- what lasts -------------------------------------------------------------------------------

  it("who takes an object over knows who is who", function()
    begin { policy = { rules = { VERIFIED } } }
    for _, name in ipairs { "far", "carl" } do assert.is_true(world:observe(name)) end
    world.far:eval [[self.syncher:on("delegate", function(offer)
      self.mine = offer:accept()
      self.mine:on("execute", function(request)
        self.by = request.identity
        request:accept()
      end)
    end)]]
    assert.is_true(anna:eval("return self.room:delegate(...)", world.far.url))
    world:settle()
    world.carl:eval "return self.room:execute 'open'"
    assert.same({ user = user "carl", verified = true }, world.far:eval "return self.by")
  end)
end)

describe("who is who, where runtimes start again:", function()
  local world

  after_each(function() world:finish() end)

  it("who observed before is known as before, and goes on as that", function()
    world = durable.world { users = true, auth = true, delay = { 0, 0.01 }, "anna", "ben",
      policy = { rules = { VERIFIED } } }
    local function open()
      return world.anna:eval [[
        self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
          data = { n = 0 } })
        self.room:on("execute", function(request)
          self.by = request.identity
          request:accept()
        end)
        return self.room.url]]
    end
    local url = open()
    world:join(world.ben, url)
    world:run(1)
    world:crash "anna"
    world:run(1)
    world:start "anna"
    open()
    world:run(30)
    world.ben:eval "assert(self.room:execute 'open' ~= false)"
    assert.same({ user = user "ben", verified = true }, world.anna:eval "return self.by")
  end)
end)

describe("who is who, in a domain whose node asks for no tokens:", function()
  it("nobody is verified, whatever the own node says", function()
    local world = network.world { users = true, auth = true, "anna",
      { "eve", domain = "far" } }
    local url = world.eve:eval [[
      self.room = assert(self.syncher:create { schema = "Resource", name = "room" })
      self.asked = {}
      for _, event in ipairs { "subscribe", "read" } do
        self.room:on(event, function(request)
          table.insert(self.asked, { request.identity.user, request.identity.verified })
          request:accept()
        end)
      end
      return self.room.url]]
    local port = world.runtimes.anna:port(LIAR)
    port:send { type = "event", to = LIAR .. "/events", body = {} }
    world.anna:eval("self.room = assert(self.syncher:subscribe(...))", url)
    assert(port:request { type = "read", to = url,
      body = { identity = { user = user "carl", verified = true } } })
    assert.same({ { user "anna", false }, { user "carl", false } },
      world.eve:eval "return self.asked")
    world:finish()
  end)
end)
