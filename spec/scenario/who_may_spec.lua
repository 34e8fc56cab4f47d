-- Who may do what: by list, rules, publicness and handlers, before and after it is taken back, in
-- the runtime of the reporter and across a node.
local permits = require "spec.support.permits"

local function allow(action)
  return { rules = { { name = "yes", effect = "allow", target = { action = action } } } }
end

local function deny(action)
  return { rules = { { name = "no", effect = "deny", target = { action = action } } } }
end

local NO = 'refused by policy rule "no"'

describe("who may", function()
  local world, anna

  local function begin(options)
    world = permits.world(options)
    anna = world.anna
  end

  after_each(function() world:finish() end)

  -- --- what the order of section 5 says ---------------------------------------------------------

  local ACTIONS = {
    observe = { event = "subscribe", good = { true },
      try = function(name) return world:observe(name) end },
    read = { event = "read", good = { 0 }, try = function(name)
      return world[name]:eval([[
        local whole, message, code = self.syncher:read(...)
        return whole and whole.data.n, message, code]], world.url)
    end },
    execute = { event = "execute", good = { "done" }, joins = true, try = function(name)
      return world[name]:eval "return self.room:execute 'open'"
    end },
    child = { event = "child", good = { true }, joins = true, try = function(name)
      return world[name]:eval [[return self.room:add_child("items", { text = "x" }):wait()]]
    end },
  }

  -- action, rules, whether there is a handler: what comes of it, true for what it is good for
  local ROWS = {
    { "observe", nil, false, 'no handler for "subscribe" in anna' },
    { "observe", nil, true, true },
    { "observe", allow "observe", false, true },
    { "observe", allow "read", false, 'no handler for "subscribe" in anna' },
    { "observe", deny "observe", true, NO },
    { "observe", deny "read", true, true },
    { "read", nil, false, 'no handler for "read" in anna' },
    { "read", nil, true, true },
    { "read", allow "read", false, true },
    { "read", deny { "read", "child" }, true, NO },
    { "execute", nil, false, 'no handler for "execute" in anna' },
    { "execute", nil, true, true },
    { "execute", allow "execute", false, 'no handler for "execute" in anna' },
    { "execute", allow "execute", true, true },
    { "execute", deny "execute", true, NO },
    { "child", nil, false, true },
    { "child", allow "child", true, true },
    { "child", deny "child", true, NO },
  }

  local function told(rule)
    if not rule then return "no rule" end
    local actions = rule.target.action
    if type(actions) == "table" then actions = table.concat(actions, ", ") end
    return rule.effect .. " " .. actions
  end

  for _, row in ipairs(ROWS) do
    local action, policy, has_handler, wanted = row[1], row[2], row[3], row[4]
    local rule = policy and policy.rules[1]
    for _, name in ipairs { "near", "far" } do
      local handler = has_handler and "a handler" or "no handler"
      it("to " .. action .. ", " .. name .. ": " .. told(rule) .. ", and " .. handler, function()
        begin { policy = policy }
        local a = ACTIONS[action]
        world:make(false, has_handler and a.event or nil, a.joins and "subscribe" or nil)
        if a.joins then
          anna:eval("assert(self.room:authorise(...))", world[name].url)
          assert.is_true(world:observe(name))
        end
        for _ = 1, 3 do
          if wanted == true then
            assert.same(a.good, { a.try(name) })
          else
            assert.same({ nil, wanted, "forbidden" }, { a.try(name) })
          end
        end
        if wanted == true then return assert.equal(0, #world.lines) end
        assert.equal(1, world:said(wanted), table.concat(world.lines, "\n"))
        local refusal = world:why(name).refusals[1]
        assert.same({ action, wanted, 3 }, { refusal.action, refusal.text, refusal.count })
      end)
    end
  end

  it("create: whom no rule denies it", function()
    begin { policy = { rules = { { name = "no", effect = "deny",
      target = { action = "create", schema = "Resource", name = "secret*" },
      condition = { source = "user://localhost/anna" } } } } }
    local function create(name, object)
      return world[name]:eval([[
        local object, message, code = self.syncher:create { schema = "Resource", name = ... }
        return object and true, message, code]], object)
    end
    assert.same({ nil, NO, "forbidden" }, { create("anna", "secrets") })
    assert.is_true(create("anna", "room"))
    assert.is_true(create("near", "secrets"))
    assert.equal(2, #world.runtimes.anna:objects())
  end)

  it("execute on the hyperty itself: whom no rule denies it", function()
    begin { policy = { rules = { { name = "no", effect = "deny",
      target = { action = "execute", method = "stop" } } } } }
    local function call(method)
      return world.far:eval("return require('hyperty').call(...)", anna.url, method)
    end
    assert.same({ nil, NO, "forbidden" }, { call "stop" })
    assert.truthy(select(2, call "go") ~= NO)
  end)

  it("the handler is not asked about what a rule denies", function()
    begin { policy = deny "child" }
    world:make(false, "subscribe")
    anna:eval [[
      self.asked = 0
      self.room:on("child", function() self.asked = self.asked + 1 end)]]
    for _, name in ipairs { "near", "far", "carl" } do
      assert.is_true(world:observe(name))
      world[name]:eval [[self.room:add_child("items", { text = "x" }):wait()]]
    end
    assert.equal(0, anna:eval "return self.asked")
    world:run(1)
    assert.equal(0, world.carl:eval [[return #self.room:children("items")]])
  end)

  it("the reporter itself is not judged", function()
    begin { policy = { rules = { { effect = "deny",
      target = { action = { "child", "execute", "read" } } } } } }
    world:make(false, "subscribe")
    assert.is_true(anna:eval [[
      local child = self.room:add_child("items", { text = "x" })
      return child:wait() and self.syncher:read(self.room.url) ~= nil]])
  end)

  it("a list is before rules, rules before publicness and handlers", function()
    begin { policy = deny "observe" }
    world:make(true, "subscribe")
    assert.same({ nil, NO, "forbidden" }, { world:observe "far" })
    assert.is_true(anna:eval("return self.room:authorise(...)",
      { "user://localhost/far", world.near.url }))
    assert.is_true(world:observe "far")
    assert.is_true(world:observe "near")
    assert.same({ nil, NO, "forbidden" }, { world:observe "carl" })
    assert.same({ "list", "list", true }, { world:why("far").guest.by, world:why("near").guest.by,
      world:why("near").guest.listed })
    world:rules()
    assert.is_true(world:observe "carl")
    assert.equal("public", world:why("carl").guest.by)
  end)

  it("is answered by the rules of now when a handler has thought about it", function()
    begin {}
    world:make()
    anna:eval [[
      self.room:on("subscribe", function(request)
        require("hyperty").sleep(3)
        request:accept()
      end)]]
    world.far:eval([[
      local url = ...
      require("hyperty").spawn(function()
        self.got = table.pack(self.syncher:subscribe(url))
      end)]], world.url)
    world:run(1)
    world:rules(deny("observe").rules[1])
    world:run(4)
    assert.same({ NO, "forbidden" }, { world.far:eval "return self.got[2], self.got[3]" })
    assert.same({}, anna:eval "return self.room.observers")
  end)
end)
