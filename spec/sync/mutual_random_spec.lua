-- Random worlds with a mutual object: messages are late, lost and come twice, sessions break,
-- people leave, are struck off and come back, and everybody writes. Once traffic flows again all
-- who take part see the same, and nothing that was said has passed readable.
local sealed = require "spec.support.sealed"

local SEEDS, STEPS = 12, 40
local OTHERS = { "ben", "carl", "dora" }

local function story(seed)
  local random = seed * 7919 + 1
  local function draw(n)
    random = (random * 1103515245 + 12345) & 0x7fffffff
    return (random >> 8) % n + 1
  end
  local world = sealed.world { delay = { 0, 0.05 }, "anna", "ben", "carl", "dora" }
  local url = world:room({ owner = "lapwing" }, "anna", "ben", "carl", "dora")
  local calm = { delay = { 0, 0.05 } }
  local rough = { delay = { 0, 0.2 }, loss = 0.05, repeat_ = 0.1 }
  world.net:faults(rough)

  local function later(name, code, ...)
    world[name]:eval([[
      local url, text, n = ...
      require("hyperty").spawn(function() ]] .. code .. " end)", url, ...)
  end

  local function step(i)
    local name = OTHERS[draw(3)]
    local kind = draw(12)
    if kind <= 4 then
      world.anna:eval("self.room.data.owner = 'godwit ' .. ...", tostring(i))
    elseif kind <= 7 then
      later(name, [[if not self.room then return end
        pcall(function() self.room:add_child("items", { text = text }) end)]], "dunlin" .. i)
    elseif kind == 8 then
      world:reconnect(name)
    elseif kind == 9 then
      later(name, "local room = self.room self.room = nil if room then room:unsubscribe() end")
    elseif kind == 10 then
      later(name, [[if self.room then return end
        self.room = (self.syncher:subscribe(url))]])
    elseif kind == 11 then
      later("anna", "self.room:evict(text)", world[name].url)
    else
      world:reconnect "anna"
    end
    world:run(draw(20) / 10)
  end

  for i = 1, STEPS do step(i) end
  world.net:faults(calm)
  world:run(120)
  for _, name in ipairs(OTHERS) do
    world[name]:eval([[
      local url = ...
      local ok = pcall(function() assert(self.room.status.state ~= "closed") end)
      if not ok then self.room = nil end
      if not self.room then self.room = assert(self.syncher:subscribe(url)) end]], url)
  end
  world:run(120)
  return world
end

describe("mutual objects in random worlds", function()
  for seed = 1, SEEDS do
    it("come to be the same for all, seed " .. seed, function()
      local world = story(seed)
      local wanted = world.anna:eval "return self.room.data.owner"
      local texts = world:texts "anna"
      for _, name in ipairs(OTHERS) do
        assert.equal(wanted, world[name]:eval "return self.room.data.owner", name)
        assert.equal(texts, world:texts(name), name)
      end
      for _, word in ipairs { "lapwing", "godwit", "dunlin" } do
        assert.equal(0, world:finds(word), word)
      end
      world:finish()
    end)
  end
end)
