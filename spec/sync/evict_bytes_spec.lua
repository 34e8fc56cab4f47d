-- PROTOCOL.md section 5, Evict: after evict() not one more byte of the object reaches the evicted,
-- wherever it was on its way.
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local SECRET = "secret"

describe("after evict()", function()
  local world, anna, ben, carl, url

  -- ben is alone in his runtime, dora and carl share one, and eve is in that of the reporter.
  before_each(function()
    world = network.world { delay = { 0, 0.01 }, { "anna", "eve" }, "ben", { "carl", "dora" } }
    anna, ben, carl = world.anna, world.ben, world.carl
    url = world:room({ n = 0 }, anna, ben, carl, world.dora, world.eve)
    world:settle()
    for _, name in ipairs { "ben", "carl", "dora", "eve" } do world:listen(name) end
  end)

  after_each(function() world:finish() end)

  -- Notes in `came` what the runtime of that name gets of the object by its node: what names it and
  -- does not go out.
  local function watch(name)
    local came = {}
    local rt = world.runtimes[name]
    rt:intercept(function(message)
      local of_object = message.from:sub(1, #url) == url or message.to:sub(1, #url) == url
      local is_out = message.to:sub(1, #url) == url and message.from:sub(1, #url) ~= url
      if of_object and not is_out then table.insert(came, message) end
      return "pass"
    end)
    return came
  end

  -- Only that it is struck off, which it may hear more than once, and refusals.
  local function is_nothing(came)
    for _, message in ipairs(came) do
      local code = message.type == "response" and message.body.code or 0
      local is_fine = message.type == "unsubscribe" or code >= 400
      assert(is_fine, ("%s from %s to %s came"):format(message.type, message.from, message.to))
    end
  end

  local function evict(who)
    assert.is_true(anna:eval("return self.room:evict(...)", who.url))
  end

  -- Of one whose runtime takes nothing from the node: what waits there does not come afterwards.
  local function evict_slow(name)
    evict(world[name])
    local came = watch(name)
    world:stall(name, false)
    world:run(60)
    is_nothing(came)
  end

  local function write()
    anna:eval([[
      self.room.data.n = ...
      self.room:add_child("items", { text = ... })
      self.room:send_event("items", ...)]], SECRET)
    carl:eval([[
      self.room:add_child("items", { text = ... })
      self.room:send_event("items", ...)]], SECRET)
  end

  it("nothing that is written comes: changes, children of all, events, digests", function()
    evict(ben)
    local came = watch "ben"
    write()
    world:run(60)
    is_nothing(came)
    assert.same({ "evicted" }, world:heard "ben")
    assert.equal(SECRET, carl:eval "return self.room.data.n")
  end)

  it("nothing comes of what waited for a slow reader at the node", function()
    world:stall("ben", true)
    for _ = 1, 20 do write() end
    world:run(1)
    evict_slow "ben"
    assert.same({ "evicted" }, world:heard "ben")
  end)

  it("nor of an answer that waited there: to a read", function()
    world:stall("ben", true)
    ben:eval([[
      local url = ...
      require("hyperty").spawn(function() self.got = { self.syncher:read(url) } end)]], url)
    anna:eval("self.room.data.n = ...", SECRET)
    world:run(1)
    evict_slow "ben"
    assert.is_nil(ben:eval "return self.got[1]")
  end)

  it("nor of an invitation that waited there", function()
    local finn = objects.load(world.net:runtime { paths = {} }, "finn")
    local rt = world.net:runtime { paths = {} }
    local gina = objects.load(rt, "gina")
    world.gina, world.runtimes.gina = gina, rt
    assert.is_not_nil(finn)
    gina:eval [[self.syncher:on("invite", function(invitation) self.invited = invitation.name end)]]
    world:stall("gina", true)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function() self.room:invite { url } end)]], gina.url)
    world:run(1)
    evict_slow "gina"
    assert.is_nil(gina:eval "return self.invited")
  end)

  it("nothing of what its reporter writes then that is cut off for a moment", function()
    world:interrupt("anna", true)
    world:run(1)
    evict(ben)
    local came = watch "ben"
    anna:eval("self.room.data.n = ...", SECRET)
    world:run(1)
    world:interrupt("anna", false)
    world:run(60)
    is_nothing(came)
    assert.equal(SECRET, carl:eval "return self.room.data.n")
  end)

  it("who was invited and has not come is asked about when it comes", function()
    local rt = world.net:runtime { paths = {} }
    local gina = objects.load(rt, "gina")
    anna:eval("self.room:invite { ... }", gina.url)
    world:run(1)
    anna:eval [[self.asked = {}
      self.room:on("subscribe", function(request) table.insert(self.asked, request.from) end)]]
    evict(gina)
    world:join(gina, url)
    assert.same({ gina.url }, anna:eval "return self.asked")
  end)

  it("who shares a runtime with another observer is cut off when evict() is back", function()
    carl:eval "self.data = self.room.data"
    evict(carl)
    assert.same({ nil, url .. " is closed", "closed" }, { carl:eval "return self.room:status()" })
    objects.has("is closed", objects.raised(carl, "return self.data.n"))
    anna:eval("self.room.data.n = ...", SECRET)
    world:run(60)
    assert.same({ "evicted" }, world:heard "carl")
    assert.same({ "n=" .. SECRET }, world:heard "dora")
  end)

  it("who shares one is cut off also if the message was lost, before evict() is back", function()
    local lost = 0
    world.runtimes.carl:intercept(function(message)
      if message.type == "unsubscribe" and message.to == carl.url and lost < 1 then
        lost = lost + 1
        return "drop"
      end
      return "pass"
    end)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function() self.done = self.room:evict(url) end)]], carl.url)
    world:run(1)
    assert.equal(1, lost)
    assert.is_nil(anna:eval "return self.done")
    world:run(30)
    assert.is_true(anna:eval "return self.done")
    assert.same({ "evicted" }, world:heard "carl")
  end)

  local function evict_meanwhile(who)
    anna:eval([[
      local url = ...
      require("hyperty").spawn(function() self.done = { self.room:evict(url) } end)]], who.url)
  end

  local function done() return anna:eval "return table.unpack(self.done or { 'not' }, 1, 3)" end

  it("who shares one is cut off first, also while the node learns anew who observes", function()
    local holds = false
    world.runtimes.anna:intercept(function(message)
      holds = holds or message.type == "subscribe" and message.body.guard
      return "pass"
    end)
    world:reconnect "anna"
    while not holds do world:run(0.0001) end
    world:stall("carl", true)
    evict_meanwhile(carl)
    world:run(3)
    assert.equal("not", done())
    world:stall("carl", false)
    world:run(10)
    assert.is_true(done())
    write()
    world:run(60)
    assert.same({ "disconnected", "evicted" }, world:heard "carl")
  end)

  it("who shares one that does not answer may hear more, which evict() tells", function()
    world:stall("carl", true)
    evict_meanwhile(carl)
    world:run(10)
    assert.equal("not", done())
    world:run(20)
    assert.equal("timeout", (select(3, done())))
    world:stall("carl", false)
    world:run(60)
    assert.same({ "evicted" }, world:heard "carl")
    assert.equal("not_found", (select(3, anna:eval("return self.room:evict(...)", carl.url))))
  end)

  it("that is under way ends with the reporter's runtime", function()
    world:stall("anna", true)
    evict_meanwhile(carl)
    world:run(0.1)
    assert.equal("not", done())
  end)

  it("who is in the reporter's own runtime hears nothing of what is written then", function()
    anna:eval([[
      local url, secret = ...
      self.room.data.n = 1
      require("hyperty").after(0, function() self.room.data.n = secret end)
      assert(self.room:evict(url))]], world.eve.url, SECRET)
    world:run(60)
    assert.same({ "n=1", "evicted" }, world:heard "eve")
    write()
    world:run(60)
    assert.same({}, world:heard "eve")
  end)

  it("what its own children had pending is nothing to the others, and it hears no stamp", function()
    world:cut("ben", true, false)
    ben:eval [[self.child = self.room:add_child("items", { text = "mine" })]]
    world:run(0.1)
    evict(ben)
    local came = watch "ben"
    world:cut("ben", false, false)
    world:run(60)
    is_nothing(came)
    assert.equal(0, anna:eval "return #self.room:children 'items'")
  end)

  it("who was away and comes back hears nothing but that it is out", function()
    world:disconnect "ben"
    world:run(1)
    evict(ben)
    write()
    local came = watch "ben"
    world:connect "ben"
    world:run(60)
    is_nothing(came)
    local heard = world:heard "ben"
    assert.equal("evicted", heard[#heard])
  end)

  it("who was away with another one of its runtime sees nothing of what it is told", function()
    world:disconnect "carl"
    world:run(40)
    evict(world.dora)
    world:connect "carl"
    for _ = 1, 20 do
      anna:eval([[
        self.room.data.n = ...
        self.room:add_child("items", { text = ... })]], SECRET)
      world:run(0.003)
    end
    world:run(60)
    for _, text in ipairs(world:heard "dora") do
      assert.truthy(({ disconnected = 1, lagging = 1, evicted = 1 })[text], text)
    end
    assert.same({ SECRET, 20, "live" }, { carl:eval [[
      return self.room.data.n, #self.room:children "items", self.room:status().state]] })
  end)

  it("who has not heard that it is out sees nothing of what another one gets that comes", function()
    carl:eval "self.room:unsubscribe()"
    world:settle()
    world:interrupt("carl", true)
    evict_meanwhile(world.dora)
    world:run(11.5) -- what was said last is too old by now, and it is not said again yet
    assert.is_true(done())
    anna:eval("self.room.data.n = ...", SECRET)
    world:interrupt("carl", false)
    carl:eval([[
      local url = ...
      require("hyperty").spawn(function()
        repeat self.room = self.syncher:subscribe(url) until self.room
      end)]], url)
    world:run(60)
    for _, text in ipairs(world:heard "dora") do
      assert.truthy(({ disconnected = 1, live = 1, evicted = 1 })[text], text)
    end
    assert.equal(SECRET, carl:eval "return self.room.data.n")
  end)

  it("who shares one hears nothing either of a reporter that has just taken it over", function()
    ben:eval([[
      local url, secret = ...
      self.syncher:on("delegate", function(offer)
        self.room = offer:accept()
        require("hyperty").after(0, function() self.room.data.n = secret end)
        self.done = { self.room:evict(url) }
      end)]], world.dora.url, SECRET)
    assert.is_true(anna:eval("return self.room:delegate(...)", ben.url))
    world:run(60)
    assert.same({ true }, ben:eval "return self.done")
    assert.same({ "evicted" }, world:heard "dora")
    assert.equal(SECRET, carl:eval "return self.room.data.n")
  end)

  it("a public object is not public to the evicted: its reporter decides", function()
    local open = anna:eval [[
      self.open = assert(self.syncher:create { schema = "Resource", name = "open", public = true,
        data = { n = 1 } })
      return self.open.url]]
    world:join(ben, open)
    assert.is_true(anna:eval("return self.open:evict(...)", ben.url))
    assert.same({ nil, "forbidden" }, { ben:eval([[
      local gave, text, code = self.syncher:read(...) return gave, code]], open) })
    assert.same({ nil, "forbidden" }, { ben:eval([[
      local gave, text, code = self.syncher:subscribe(...) return gave, code]], open) })
    assert.equal(1, carl:eval("return self.syncher:read(...).data.n", open))
  end)
end)
