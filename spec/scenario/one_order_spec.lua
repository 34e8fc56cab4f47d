-- Reporter and observers write children at the same moment: each hears of all of them, its own
-- included, in the one order that the object has.
local objects = require "spec.support.objects"

local NAMES = { "anna", "ben", "carl" }

describe("children that are written at the same moment", function()
  local world

  before_each(function()
    world = objects.world(NAMES)
    world:join("carl", world:room())
    for _, name in ipairs(NAMES) do
      world[name]:eval [[
        self.heard = {}
        self.room:on("child", function(event)
          local text = event.change and event.change.value or event.child.data.text
          table.insert(self.heard, event.kind .. " " .. text)
        end)]]
    end
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  -- After a second, in this order but before anything of it has arrived, each does that.
  local function at_once(doings)
    for _, doing in ipairs(doings) do
      world[doing[1]]:eval([[require("hyperty").after(1, function() ]] .. doing[2] .. " end)")
    end
    world:run(3)
  end

  local function add(name, text)
    return { name, ('self.child = self.room:add_child("items", { text = %q })'):format(text) }
  end

  local function all_heard(lines)
    for _, name in ipairs(NAMES) do
      assert.same(lines, world[name]:eval "return self.heard", name)
    end
  end

  it("are heard of in their order, by the reporter, too", function()
    at_once { add("ben", "b"), add("anna", "a"), add("carl", "c"), add("anna", "A") }
    all_heard { "create a", "create A", "create b", "create c" }
    for _, name in ipairs(NAMES) do
      assert.same({ "a", "A", "b", "c" }, world[name]:eval [[
        local texts = {}
        for _, child in ipairs(self.room:children "items") do
          table.insert(texts, child.data.text)
        end
        return texts]])
    end
  end)

  it("so are their changes and deletions", function()
    at_once { add("anna", "a"), add("ben", "b") }
    at_once {
      { "ben", [[self.child.data.text = "bb"]] },
      { "anna", [[self.child.data.text = "aa"]] },
      { "ben", "self.child:delete()" },
      { "anna", "self.child:delete()" },
    }
    all_heard { "create a", "create b", "update aa", "delete aa", "update bb", "delete bb" }
  end)

  it("and a reporter that deletes the object meanwhile harms nothing", function()
    world.anna:eval [[self.room:on("child", function() self.room:delete() end)]]
    at_once { add("ben", "b"), add("anna", "a") }
    assert.same({}, world.rt:objects())
  end)
end)
