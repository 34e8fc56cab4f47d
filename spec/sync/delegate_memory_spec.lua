-- An object is handed over while memory runs out in the middle of it: it is here or there in the
-- end, whole, with one writer, and nothing is left over.
local host = require "hyperty.host"
local network = require "spec.support.network"

local FIRST, LAST, STEP = 1, 900, 7

describe("an object that is handed over while memory runs out", function()
  local function story(n, is_big)
    local world = network.world { delay = { 0, 0 }, "anna", "ben", "carl" }
    local anna, ben, carl = world.anna, world.ben, world.carl
    world:room({ n = 1 }, anna, carl)
    anna:eval([[
      if ... then for i = 1, 4 do self.room.data["big" .. i] = ("x"):rep(400000) end end
      self.room:add_child("items", { text = "a" })]], is_big)
    ben:eval [[
      self.syncher:on("delegate", function(offer)
        self.mine = offer:accept()
        if self.mine then
          self.mine:on("subscribe", function(request) request:accept() end)
        end
      end)]]
    world:settle()
    anna:eval([[
      local url = ...
      require("hyperty").after(0.1, function()
        self.done, self.why = self.room:delegate(url)
        self.over = true
      end)]], ben.url)
    world:run(0.09)
    host.fail_after(n)
    pcall(world.run, world, 0.5)
    host.fail_after(-1)
    world:run(120)
    -- Where memory ran out for Lua itself, nobody is there to tell what became of it.
    local mine = ben:eval "return self.mine and self.mine.url"
    local room = anna:eval "return (pcall(function() return self.room.data.n end))"
    assert.is_false(room and mine ~= nil, n)
    local is_taken = not room
    if is_taken and not mine then
      ben:eval "self.mine = self.syncher:resume()[1]"
    end
    local writer = is_taken and ben or anna
    if is_taken and not ben:eval "return self.mine ~= nil" then
      world.logged = {}
      world:finish()
      return
    end
    writer:eval("self.writer = self." .. (is_taken and "mine" or "room"))
    writer:eval "self.writer.data.n = 2"
    carl:eval [[self.room:add_child("items", { text = "c" })]]
    world:run(80)
    assert.same({ 2, 2, "live" }, { carl:eval [[
      return self.room.data.n, #self.room:children "items", self.room:status().state]] }, n)
    world.logged = {}
    world:finish()
  end

  it("is in one place in the end", function()
    for n = FIRST, LAST, STEP do story(n, false) end
  end)

  it("is in one place in the end, also if it goes in parts", function()
    for n = FIRST, 1500, 41 do story(n, true) end
  end)
end)
