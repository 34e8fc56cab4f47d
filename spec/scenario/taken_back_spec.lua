-- What let somebody observe is taken back: by the list, a group, the rules, the time, a handler's
-- evict. Nothing that is written then reaches who was struck off; what lets it in again does.
local durable = require "spec.support.durable"
local permits = require "spec.support.permits"

local FRIENDS = { name = "friends", effect = "allow", target = { action = "observe" },
  condition = { group = "friends" } }
local NOBODY = { name = "nobody", effect = "deny", target = { action = "observe" } }

local NO_HANDLER = 'no handler for "subscribe" in anna'
local DENIED = 'refused by policy rule "nobody"'

describe("what is taken back:", function()
  local world, anna

  local function begin(options)
    world = permits.world(options)
    anna = world.anna
  end

  after_each(function() world:finish() end)

  local function ask(method, who)
    return function(name)
      local url = who == "user" and "user://localhost/" .. name or world[name].url
      assert.is_true(anna:eval(("return self.room:%s(...)"):format(method), url))
    end
  end

  local function rules(...)
    local list = { ... }
    return function() world:rules(table.unpack(list)) end
  end

  local function group(key)
    return function(name) world:group { [key] = { "user://localhost/" .. name } } end
  end

  -- what lets in and how it is told, what takes it back, what is told who asks again
  local CASES = {
    { "a group", give = group "add", take = group "remove", by = "rule", text = NO_HANDLER },
    { "the group's rule", give = rules { name = "all", effect = "allow" }, take = rules(),
      by = "rule", text = NO_HANDLER },
    { "a rule that another overrides", give = rules { name = "all", effect = "allow" },
      take = rules(NOBODY, { name = "all", effect = "allow" }), by = "rule", text = DENIED },
    { "the list", give = ask "authorise", take = ask "revoke", by = "list", text = NO_HANDLER },
    { "the list, a user's entry", give = ask("authorise", "user"), take = ask("revoke", "user"),
      by = "list", text = NO_HANDLER },
    { "an invitation", take = ask "revoke", by = "invited", text = NO_HANDLER,
      give = function(name) anna:eval("self.room:invite { ... }", world[name].url) end },
    { "publicness", public = true, give = rules(), take = rules(NOBODY), by = "public",
      text = DENIED },
    { "its handler", event = "subscribe", give = function() end, take = ask "evict",
      by = "handler" },
  }

  for _, case in ipairs(CASES) do
    for _, name in ipairs { "near", "far", "carl" } do
      it("from " .. name .. " what " .. case[1] .. " gave", function()
        begin { policy = { rules = { FRIENDS } }, groups = { friends = {} } }
        world:make(case.public, case.event)
        anna:eval("assert(self.room:authorise(...))", world.dora.url)
        assert.is_true(world:observe "dora")
        case.give(name)
        assert.is_true(world:observe(name))
        local guest = world:why(name).guest
        assert.same({ true, case.by }, { guest.observing, guest.by })
        world:settle()
        world:listen "dora"
        world:listen(name)
        anna:eval [[
          self.left = {}
          self.room:on("unsubscribe", function(e) table.insert(self.left, e.from) end)]]
        case.take(name)
        anna:eval [[self.room.data.n = "secret"]]
        world:run(30)
        assert.same({ "evicted" }, world:heard(name))
        assert.same({ "n=secret" }, world:heard "dora")
        assert.same({ world.dora.url }, anna:eval "return self.room.observers")
        local left = case.text and { world[name].url } or {} -- who evicts knows it
        assert.same(left, anna:eval "return self.left")
        if case.text then
          for _ = 1, 2 do
            assert.same({ nil, case.text, "forbidden" }, { world:observe(name) })
          end
          assert.equal(1, world:said(case.text .. ""), table.concat(world.lines, "\n"))
        end
        case.give(name)
        assert.is_true(world:observe(name))
        assert.equal("secret", world[name]:eval "return self.room.data.n")
      end)
    end
  end

  it("not a byte of the object goes to the runtime of who was alone there", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = { "user://localhost/far" } } }
    world:make()
    assert.is_true(world:observe "far")
    world:settle()
    local came = {}
    world.runtimes.far:intercept(function(message)
      if message.from:sub(1, #world.url) == world.url then table.insert(came, message.type) end
      return "pass"
    end)
    world:group { remove = { "user://localhost/far" } }
    anna:eval [[
      self.room.data.n = "secret"
      self.room:add_child("items", { text = "secret" })]]
    world:run(60)
    assert.same({ "unsubscribe" }, came)
  end)

  it("it is told in the log and by why(), with what let it in", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = { "user://localhost/*" } } }
    world:make()
    assert.is_true(world:observe "far")
    assert.equal('rule "friends"', world:why("far").guest.rule)
    world:group { remove = { "user://localhost/*" } }
    local text = 'what let it in (rule "friends") does not any more'
    assert.same({ ("%s: %s may not observe any more: %s"):format(world.url, world.far.url, text) },
      world.lines)
    local known = world:why "far"
    assert.same({ "observe", text, true, 1 }, { known.refusals[1].action, known.refusals[1].text,
      known.refusals[1].struck, known.refusals[1].count })
    assert.same({ "ask", "ask" }, { known.now.observe.ruling, known.now.execute.ruling })
    assert.is_false(known.guest.evicted)
    world:rules(NOBODY)
    assert.same({ "deny", 'rule "nobody"' },
      { world:why("far").now.observe.ruling, world:why("far").now.observe.rule })
  end)

  it("what a handler or something else lets in stays", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = {} } }
    world:make(false, "subscribe")
    assert.is_true(world:observe "near")
    anna:eval("assert(self.room:authorise(...))", world.far.url)
    assert.is_true(world:observe "far")
    world:group { add = { "user://localhost/carl" } }
    assert.is_true(world:observe "carl")
    world:rules(NOBODY)
    world:run(5)
    assert.same({ world.near.url, world.far.url }, anna:eval "return self.room.observers")
    assert.equal("list", world:why("far").guest.by)
  end)

  it("what lets in besides takes the place of what is taken back", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = { "user://localhost/far" } } }
    world:make()
    anna:eval("assert(self.room:authorise(...))", world.far.url)
    assert.is_true(world:observe "far")
    world:listen "far"
    ask "revoke" "far"
    assert.equal("rule", world:why("far").guest.by)
    world:rules { name = "other", effect = "allow" }
    assert.equal('rule "other"', world:why("far").guest.rule)
    world:run(5)
    assert.same({}, world:heard "far")
    world:rules()
    world:run(5)
    assert.same({ "evicted" }, world:heard "far")
  end)

  it("who was evicted is asked about, whatever a rule or a user's entry says", function()
    begin { policy = { rules = { { name = "all", effect = "allow" } } } }
    world:make()
    assert.is_true(world:observe "far")
    anna:eval("assert(self.room:authorise('user://localhost/far'))")
    ask "evict" "far"
    world:run(1)
    assert.same({ nil, NO_HANDLER, "forbidden" }, { world:observe "far" })
    anna:eval("assert(self.room:authorise('user://localhost/far'))")
    assert.is_true(world:observe "far")
  end)

  it("what is not on the list cannot be taken off, and what is no URL is not put on it", function()
    begin {}
    world:make(false, "subscribe")
    assert.is_true(world:observe "far")
    assert.same({ nil, world.far.url .. " is not on the list of " .. world.url, "not_found" },
      { anna:eval("return self.room:revoke(...)", world.far.url) })
    assert.same({ nil, "comm://localhost/1 is not the URL of a hyperty or user", "invalid" },
      { anna:eval "return self.room:authorise('comm://localhost/1')" })
  end)

  it("a rule that knows of time lets in as long as it lasts", function()
    begin {}
    world:make()
    local function office(time)
      world:rules { name = "office", effect = "allow", condition = { time = time } }
    end
    office "00:00-24:00"
    assert.is_true(world:observe "far")
    world:listen "far"
    local hour, minute = world:why("far").guest.at:match "T(%d+):(%d+)"
    local function in_minutes(n)
      local at = (hour * 60 + minute + n) % 1440
      return ("%02d:%02d"):format(at // 60, at % 60)
    end
    office(in_minutes(0) .. "-" .. in_minutes(3))
    world:run(110)
    assert.same({}, world:heard "far")
    anna:eval "self.room.data.n = 1"
    world:run(70)
    assert.same({ "n=1", "evicted" }, world:heard "far")
    assert.same({ nil, NO_HANDLER, "forbidden" }, { world:observe "far" })
    office(in_minutes(0) .. "-" .. in_minutes(9))
    assert.is_true(world:observe "far")
  end)

  it("while the reporter is cut off from the node, and comes back", function()
    begin { policy = { rules = { FRIENDS } }, groups = { friends = { "user://localhost/*" } } }
    world:make()
    assert.is_true(world:observe "far")
    assert.is_true(world:observe "near")
    world:settle()
    world:listen "far"
    world:interrupt("anna", true)
    world:group { remove = { "user://localhost/*" } }
    anna:eval [[self.room.data.n = "secret"]]
    world:run(5)
    world:interrupt("anna", false)
    world:run(60)
    local heard = world:heard "far"
    assert.equal("evicted", heard[#heard])
    assert.falsy(table.concat(heard, " "):find "secret")
    assert.same({}, anna:eval "return self.room.observers")
  end)
end)

describe("how somebody was let in", function()
  local world

  after_each(function() world:finish() end)

  local CREATE = [[
    self.room = assert(self.syncher:create { schema = "Resource", name = "room", store = true,
      data = { n = 0 } })
    return self.room.url]]

  local url

  local function begin(policy)
    world = durable.world { users = true, policy = policy, delay = { 0, 0.01 },
      groups = { friends = { "user://localhost/ben" } }, without = { ben = true },
      "anna", "ben", "carl" }
    url = world.anna:eval(CREATE)
    world.anna:eval("assert(self.room:authorise(...))", world.carl.url)
    world:join(world.ben, url)
    world:join(world.carl, url)
    world.anna:eval "assert(self.room:saved())"
    for _, name in ipairs { "ben", "carl" } do world:listen(name) end
  end

  local function restart()
    world:crash "anna"
    world:run(1)
    world:start "anna"
    assert.equal(url, world.anna:eval(CREATE))
    world.anna:eval [[self.room.data.n = "secret"]]
    world:run(60)
  end

  -- What the instance heard, but for how its copy is.
  local function heard(name)
    local list = {}
    for _, text in ipairs(world:heard(name)) do
      if text ~= "disconnected" and text ~= "live" then list[#list + 1] = text end
    end
    return list
  end

  local function guest(name)
    return world.runtimes.anna:why(url, world[name].url).guest
  end

  it("is known after a restart, and can be taken back then", function()
    begin { rules = { FRIENDS } }
    local since = guest("ben").at
    restart()
    assert.same({ "n=secret" }, heard "ben")
    assert.same({ "rule", 'rule "friends"', since, true },
      { guest("ben").by, guest("ben").rule, guest("ben").at, guest("ben").observing })
    assert.same({ "list", true }, { guest("carl").by, guest("carl").listed })
    assert(world.runtimes.anna:group("friends", { remove = { "user://localhost/ben" } }))
    assert.is_true(world.anna:eval("return self.room:revoke(...)", world.carl.url))
    world.anna:eval [[self.room.data.n = "more"]]
    world:run(5)
    assert.same({ "evicted" }, heard "ben")
    assert.same({ "n=secret", "evicted" }, heard "carl")
    assert.same({}, world.anna:eval "return self.room.observers")
  end)

  it("is judged by the rules of the next start", function()
    begin { rules = { FRIENDS } }
    world.options.policy = { rules = {} }
    restart()
    assert.same({ "evicted" }, heard "ben")
    assert.same({ "n=secret" }, heard "carl")
  end)

  it("stays taken back after a restart", function()
    begin { rules = { FRIENDS } }
    assert(world.runtimes.anna:group("friends", { remove = { "user://localhost/ben" } }))
    world.anna:eval "assert(self.room:saved())"
    world.options.groups = { friends = {} }
    restart()
    assert.same({ "evicted" }, heard "ben")
    assert.same({ world.carl.url }, world.anna:eval "return self.room.observers")
  end)

  it("goes to the heir of the object, whose rules it is judged by", function()
    begin { rules = { FRIENDS } }
    world.carl:eval [[self.syncher:on("delegate", function(offer) self.mine = offer:accept() end)]]
    local runtime = world.runtimes.carl
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.carl.url))
    world:run(2)
    local known = runtime:why(url, world.ben.url).guest
    assert.same({ "rule", 'rule "friends"', true }, { known.by, known.rule, known.observing })
    assert(runtime:policy { rules = {} })
    world.carl:eval [[self.mine.data.n = "secret"]]
    world:run(5)
    assert.same({ "evicted" }, heard "ben")
  end)

  it("does not count with an heir without rules, where all stay, unless one denies it", function()
    begin { rules = { FRIENDS } }
    local runtime = world.runtimes.carl
    assert(runtime:policy { rules = {} })
    world.carl:eval [[self.syncher:on("delegate", function(offer) self.mine = offer:accept() end)]]
    assert.is_true(world.anna:eval("return self.room:delegate(...)", world.carl.url))
    world:run(2)
    assert.equal("before", runtime:why(url, world.ben.url).guest.by)
    world.carl:eval [[self.mine.data.n = 1]]
    world:run(2)
    assert.same({ "n=1" }, heard "ben")
  end)
end)
