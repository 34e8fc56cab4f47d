-- PROTOCOL.md section 7: an observer's runtime loses its session with the node and comes back.
local network = require "spec.support.network"

describe("an observer that was cut off", function()
  local world, anna, ben, url

  before_each(function()
    world = network.world { delay = { 0, 0.01 }, "anna", "ben", "carl" }
    anna, ben = world.anna, world.ben
    url = world:room({ n = 0 }, anna, ben)
    world:settle()
    world:listen "anna"
    world:listen "ben"
  end)

  after_each(function() world:finish() end)

  local function status() return ben:eval "return self.room:status().state" end

  it("is disconnected, and then live again", function()
    world:disconnect "ben"
    world:run(1)
    assert.equal("disconnected", status())
    assert.same({ "disconnected" }, world:heard "ben")
    world:connect "ben"
    world:run(1)
    assert.equal("live", status())
    assert.same({ "live" }, world:heard "ben")
  end)

  it("hears once what was written meanwhile, in its order, without starting over", function()
    world:disconnect "ben"
    anna:eval [[
      self.room.data.n = 1
      self.room:add_child("items", { text = "a" })
      self.room.data.n = 2]]
    world:run(10)
    world:connect "ben"
    world:run(1)
    assert.same({ "disconnected", "n=1", "create a", "n=2", "live" }, world:heard "ben")
    anna:eval "self.room.data.n = 3"
    world:run(1)
    assert.same({ "n=3" }, world:heard "ben")
  end)

  it("is not asked whether it may", function()
    anna:eval [[
      self.asked = 0
      self.room:on("subscribe", function() self.asked = self.asked + 1 end)]]
    world:reconnect "ben"
    world:run(5)
    assert.equal(0, anna:eval "return self.asked")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  it("has its children kept that it made meanwhile, once", function()
    world:disconnect "ben"
    ben:eval [[
      self.child = self.room:add_child("items", { text = "mine" })
      self.child.data.text = "own"
      self.other = self.room:add_child("items", { text = "second" })]]
    world:run(20)
    assert.equal("pending", ben:eval "return self.child.state")
    anna:eval [[self.room:add_child("items", { text = "first" })]]
    world:connect "ben"
    world:run(60)
    assert.same({ "kept", "kept" }, { ben:eval "return self.child.state, self.other.state" })
    local function sorted(list)
      table.sort(list)
      return list
    end
    assert.same({ "create first", "create mine", "create second", "update own" },
      sorted(world:heard "anna"))
    local heard = {}
    for _, text in ipairs(world:heard "ben") do
      if text:find " " then heard[#heard + 1] = text end
    end
    -- its own child it sees as it has made it
    assert.same({ "create first", "create own", "create second", "update own" }, sorted(heard))
  end)

  it("goes on with a child that was under way when it was cut off", function()
    ben:eval [[self.child = self.room:add_child("items", { text = "mine" })]]
    world:disconnect "ben"
    world:run(3)
    world:connect "ben"
    world:run(40)
    assert.equal("kept", ben:eval "return self.child.state")
    assert.same({ "create mine" }, world:heard "anna")
  end)

  it("has all that it did to a child done soon, though the first of it was lost", function()
    world:cut("ben", true, false)
    ben:eval [[self.child = self.room:add_child("items", { text = "mine" })]]
    world:run(0.1)
    world:cut("ben", false, false)
    ben:eval [[for i = 1, 20 do self.child.data.text = i end]]
    world:run(6) -- what was lost is repeated after 5 s
    assert.equal(0, ben:eval "return self.room:status().pending")
    local heard = world:heard "anna"
    assert.same({ "create mine", "update 1", "update 20" }, { heard[1], heard[2], heard[21] })
  end)

  it("that was struck off meanwhile is out", function()
    world:disconnect "ben"
    assert.is_true(anna:eval("return self.room:evict(...)", ben.url))
    anna:eval "self.room.data.n = 1"
    world:run(3)
    world:connect "ben"
    world:run(3)
    assert.same({ "disconnected", "evicted" }, world:heard "ben")
    assert.same({}, world.runtimes.ben:routes())
    assert.same({}, anna:eval "return self.room.observers")
  end)

  it("that was struck off while the reporter was cut off, too", function()
    world:disconnect "ben"
    world:disconnect "anna"
    assert.is_true(anna:eval("return self.room:evict(...)", ben.url))
    world:connect "ben"
    world:run(3)
    world:connect "anna"
    world:run(40)
    assert.same({ "disconnected", "evicted" }, world:heard "ben")
  end)

  it("hears that the object was deleted meanwhile", function()
    world:disconnect "ben"
    assert.is_true(anna:eval "return self.room:delete()")
    world:run(3)
    world:connect "ben"
    world:run(3)
    assert.same({ "disconnected", "deleted" }, world:heard "ben")
    assert.same({}, world.runtimes.ben:routes())
  end)

  it("that left meanwhile does not come back", function()
    world:disconnect "ben"
    ben:eval "self.room:unsubscribe()"
    world:run(3)
    world:connect "ben"
    world:run(40)
    assert.same({}, world.runtimes.ben:routes())
    assert.same({}, anna:eval "return self.room.observers")
    anna:eval "self.room.data.n = 1"
    world:run(3)
    assert.same({ "disconnected" }, world:heard "ben")
  end)

  it("that left and came back meanwhile observes", function()
    world:disconnect "ben"
    ben:eval "self.room:unsubscribe()"
    world:connect "ben"
    world:join(ben, url)
    world:run(40)
    anna:eval "self.room.data.n = 7"
    world:run(1)
    assert.equal(7, ben:eval "return self.room.data.n")
    assert.same({ ben.url }, anna:eval "return self.room.observers")
  end)

  it("in the same session reads what it missed", function()
    world:interrupt("ben", true)
    anna:eval [[self.room.data.n = 1 self.room:add_child("items", { text = "a" })]]
    world:run(3)
    world:interrupt("ben", false)
    world:run(1)
    local heard = world:heard "ben"
    assert.same("disconnected", table.remove(heard, 1))
    table.sort(heard) -- what the node kept comes beside the read
    assert.same({ "create a", "live", "n=1" }, heard)
    anna:eval "self.room.data.n = 2"
    world:run(1)
    assert.same({ "n=2" }, world:heard "ben")
  end)

  it("follows events again", function()
    ben:eval([[
      self.news = {}
      assert(require("hyperty").follow(..., "news", function(n) table.insert(self.news, n) end))]],
      anna.url)
    world:reconnect "ben"
    world:run(1)
    anna:eval [[require("hyperty").emit("news", 1)]]
    world:run(1)
    assert.same({ 1 }, ben:eval "return self.news")
  end)

  it("can be invited again", function()
    ben:eval [[
      self.syncher:on("invite", function(invitation) self.invited = invitation.url end)]]
    world:reconnect "ben"
    world:run(1)
    anna:eval("self.room:invite { ... }", ben.url)
    world:run(1)
    assert.equal(url, ben:eval "return self.invited")
  end)

  it("hears of an invitation that it got meanwhile", function()
    world.carl:eval [[
      self.count = 0
      self.syncher:on("invite", function(invitation)
        self.count = self.count + 1
        self.room = invitation:accept()
      end)]]
    world:disconnect "carl"
    assert.is_true(anna:eval("return self.room:invite { ... }", world.carl.url))
    world:run(5)
    world:connect "carl"
    world:run(20)
    assert.same({ 1, "live" }, { world.carl:eval "return self.count, self.room:status().state" })
  end)

  it("that never comes back leaves nothing behind", function()
    local url2 = ben:eval [[
      self.other = self.syncher:create { schema = "Resource" }
      self.third = self.syncher:create { schema = "Resource", name = "third" }
      return self.other.url]]
    anna:eval([[
      self.invited = {}
      self.syncher:on("invite", function(invitation) self.invited[1] = invitation.url end)
      assert(require("hyperty").follow(..., "news", print))]], ben.url)
    world:disconnect "ben"
    ben:eval([[
      self.room:add_child("items", { text = "never" })
      self.room:unsubscribe()
      self.third:invite { ... }
      self.other:delete()]], anna.url)
    world:run(3)
    assert.same({}, anna:eval "return self.invited")
    assert.truthy(url2)
  end)

  it("that stops while it is cut off leaves nothing at the node", function()
    world:disconnect "ben"
    local address = ben.url
    ben:unload()
    world:run(1)
    world:connect "ben"
    world:run(40)
    assert.same({}, anna:eval "return self.room.observers")
    assert.same({}, anna:eval("return (self.syncher:discover { url = ... })", address))
  end)
end)
