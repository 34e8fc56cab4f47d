-- presence: who is here, with no list that anybody keeps.
local spec = require "hyperty.spec"

local function user(name) return "user://localhost/" .. name end

-- "ann here, bob away: lunch"
local function seen_by(presence)
  local lines = {}
  for i, person in ipairs(presence.people()) do
    lines[i] = person.user:match "[^/]+$" .. " " .. person.status
      .. (person.text ~= "" and ": " .. person.text or "")
  end
  return table.concat(lines, ", ")
end

-- What is told from now on, in order: "gone bob".
local function told(world, presence)
  local events = {}
  for _, name in ipairs { "here", "away", "gone" } do
    events[name] = world:events(presence, name)
  end
  local counts = { here = 0, away = 0, gone = 0 }
  return function()
    local lines = {}
    for _, name in ipairs { "here", "away", "gone" } do
      for i = counts[name] + 1, #events[name] do
        lines[#lines + 1] = name .. " " .. events[name][i].user:match "[^/]+$"
      end
      counts[name] = #events[name]
    end
    return table.concat(lines, ", ")
  end
end

describe("presence", function()
  local world

  -- A person in a process of their own.
  local function comes(name, config)
    local place = world:place(name, { user = user(name) })
    return place:load("presence", config), place
  end

  before_each(function()
    world = spec.world { network = { delay = { 0.001, 0.01 } }, user = user "ann" }
  end)

  after_each(function() world:close() end)

  it("shows all to all, soon after they come", function()
    local ann = world:load "presence"
    assert.equal("ann here", seen_by(ann))
    local bob = comes "bob"
    local carl = comes "carl"
    world:run(1)
    for _, each in ipairs { ann, bob, carl } do
      assert.equal("ann here, bob here, carl here", seen_by(each))
    end
  end)

  it("keeps places apart", function()
    local ann = world:load "presence"
    local bob = comes("bob", { place = "cellar" })
    world:run(15)
    assert.equal("ann here", seen_by(ann))
    assert.equal("bob here", seen_by(bob))
  end)

  it("shows what people say of themselves", function()
    local ann = world:load "presence"
    local bob = comes "bob"
    world:run(1)
    local news = told(world, ann)
    assert.is_true(bob.set("away", "lunch"))
    world:run(1)
    assert.equal("ann here, bob away: lunch", seen_by(ann))
    assert.equal("away bob", news())
    assert.is_true(bob.set("away", "long lunch"))
    world:run(1)
    assert.equal("away bob", news())
    assert.is_true(bob.set "here")
    world:run(30)
    assert.equal("here bob", news())
    assert.equal("ann here, bob here", seen_by(bob))
    assert.equal("invalid", (select(3, bob.set "gone")))
    assert.equal("invalid", (select(3, bob.set("here", 5))))
  end)

  it("tells at once who leaves", function()
    local ann = world:load "presence"
    local bob = comes "bob"
    world:run(1)
    local news = told(world, ann)
    world:unload(bob)
    world:run(0.1)
    assert.equal("ann here", seen_by(ann))
    assert.equal("gone bob", news())
    world:run(60)
    assert.equal("", news())
  end)

  it("tells at once whose process ends properly", function()
    local ann = world:load "presence"
    local _, there = comes "bob"
    world:run(1)
    local news = told(world, ann)
    there.runtime:stop()
    world:run(0.1)
    assert.equal("gone bob", news())
  end)

  it("has no ghosts: within two heartbeats it is known who has died", function()
    local ann = world:load "presence"
    local _, there = comes "bob"
    world:run(1)
    local news = told(world, ann)
    there.runtime:crash()
    world:run(8)
    assert.equal("ann here, bob here", seen_by(ann))
    world:run(12.1)
    assert.equal("ann here", seen_by(ann))
    assert.equal("gone bob", news())
    local carl = comes "carl"
    world:run(60)
    assert.equal("ann here, carl here", seen_by(carl))
    assert.equal("here carl", news())
    assert.equal(3, #world.here.runtime:objects()) -- her own, and copies of two
  end)

  it("believes nobody who is stuck", function()
    local ann = world:load "presence"
    local bob = comes "bob"
    world:run(1)
    local news = told(world, ann)
    world:eval(bob, "self.own = { data = {} }") -- its heartbeat goes nowhere
    world:run(21)
    assert.equal("gone bob", news())
    world:run(60)
    assert.equal("", news())
    assert.equal("ann here", seen_by(ann))
  end)

  it("takes back who was away for a while, or for long", function()
    local ann = world:load "presence"
    local _, there = comes "bob"
    world:run(1)
    local news = told(world, ann)
    for _, seconds in ipairs { 25, 120 } do
      world.network:interrupt(there.runtime, true)
      world:run(seconds)
      assert.equal("gone bob", news())
      world.network:interrupt(there.runtime, false)
      world:run(30)
      assert.equal("here bob", news())
    end
  end)

  it("sees who did not answer at first", function()
    local _, there = comes "bob"
    world.network:interrupt(there.runtime, true)
    local ann = world:load "presence"
    world:run(8)
    assert.equal("ann here", seen_by(ann))
    world.network:interrupt(there.runtime, false)
    world:run(25)
    assert.equal("ann here, bob here", seen_by(ann))
  end)

  it("counts a user with several connections once", function()
    local ann = world:load "presence"
    local bob, there = comes "bob"
    local phone = there:load("presence", { as = "phone" })
    world:run(1)
    local news = told(world, ann)
    assert.equal(2, ann.people()[2].connections)
    bob.set("away", "lunch")
    world:run(1)
    assert.equal("ann here, bob here", seen_by(ann))
    phone.set("away", "walking")
    world:run(1)
    assert.equal("ann here, bob away: walking", seen_by(ann))
    bob.set("away", "dinner")
    world:run(1)
    assert.equal("ann here, bob away: dinner", seen_by(ann))
    phone.set("away", "walking")
    world:run(30)
    assert.equal("ann here, bob away: walking", seen_by(ann))
    assert.equal("away bob, away bob, away bob", news())
    world:unload(phone)
    world:run(1)
    assert.equal("ann here, bob away: dinner", seen_by(ann))
    assert.equal("away bob", news())
    world:unload(bob)
    world:run(1)
    assert.equal("gone bob", news())
  end)

  it("is as before after a reload, and tells nothing of it", function()
    local ann = world:load "presence"
    local bob = comes "bob"
    world:run(1)
    local news = told(world, ann)
    bob.set("away", "lunch")
    world:run(1)
    world:reload(ann)
    world:reload(bob)
    world:run(30)
    assert.equal("away bob", news())
    assert.equal("ann here, bob away: lunch", seen_by(ann))
    assert.equal("ann here, bob away: lunch", seen_by(bob))
  end)

  it("does without what other things report under its name", function()
    local ann = world:load "presence"
    local objects = #world.here.runtime:objects()
    world:load_text [[
      local hyperty = require "hyperty"
      local Other = { name = "Other", version = 1 }
      function Other:start()
        assert(self.syncher:create { schema = "Context", name = "lobby", public = true,
          data = { id = "x", values = hyperty.array {} } })
      end
      return Other]]
    world:run(30)
    assert.equal("ann here", seen_by(ann))
    assert.equal(objects + 1, #world.here.runtime:objects())
  end)

  it("makes do with what others write", function()
    local ann = world:load "presence"
    local bob = comes "bob"
    world:run(1)
    world:eval(bob, "self.own.data.values[1].value = 'gone'")
    world:run(1)
    assert.equal("ann here, bob away", seen_by(ann))
    world:eval(bob, "self.own.data.values = require 'hyperty'.array {}")
    world:run(1)
    assert.equal("ann here, bob away", seen_by(ann))
  end)
end)
