-- Three people write in a room; its node is killed in the middle of it and started again. Nobody
-- does anything about that: their runtimes find the node again, and nothing is lost or said twice.
local network = require "spec.support.network"

local NAMES = { "anna", "ben", "carl" }
local EACH = 40 -- messages, one every 0.25 s

describe("a room whose node is killed and started again while three people write", function()
  local world

  local function begin(disk)
    world = network.world { delay = { 0, 0.02 }, node_disk = disk, "anna", "ben", "carl" }
    world:room({}, world.anna, world.ben, world.carl)
    world:settle()
    for _, name in ipairs(NAMES) do world:listen(name) end
  end

  after_each(function() world:finish() end)

  local function all_write()
    for _, name in ipairs(NAMES) do
      world[name]:eval(([[
        local hyperty = require "hyperty"
        hyperty.spawn(function()
          for i = 1, %d do
            self.room:add_child("items", { text = "%s " .. i })
            hyperty.sleep(0.25)
          end
        end)]]):format(EACH, name))
    end
  end

  -- What was heard: the creations, and the statuses. One may be lagging for a moment at any time,
  -- as what three people write overtakes.
  local function heard(name)
    local texts, states = {}, { "live" }
    for _, text in ipairs(world:heard(name)) do
      local of = text:match "^create (.*)"
      if of then
        table.insert(texts, of)
      elseif text ~= "lagging" and text ~= states[#states] then
        table.insert(states, text)
      end
    end
    return texts, states
  end

  local function shown(name)
    return world[name]:eval [[
      local texts = {}
      for _, child in ipairs(self.room:children "items") do
        assert(child.state == "kept", child.state)
        table.insert(texts, child.data.text)
      end
      return texts]]
  end

  local function tell_story()
    all_write()
    world:run(3)
    world.net:kill_node()
    world:run(4)
    world.net:start_node()
    world:run(120)
    local order = shown "anna"
    assert.equal(3 * EACH, #order)
    local seen = {}
    for _, text in ipairs(order) do
      assert.is_nil(seen[text], text)
      seen[text] = true
    end
    for _, name in ipairs(NAMES) do
      local texts, states = heard(name)
      assert.same(order, texts, name)
      assert.same(order, shown(name), name)
      if name ~= "anna" then assert.same({ "live", "disconnected", "live" }, states, name) end
    end
  end

  it("has every message once, in one order, and says how it stands", function()
    begin()
    tell_story()
  end)

  it("has so too if the node comes back with its store, whose disk is slow", function()
    begin { delay = 0.01 }
    tell_story()
  end)
end)
