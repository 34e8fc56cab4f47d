-- Random worlds for who watches the registry: objects come and go while connections are cut, lost,
-- slow, and nodes are restarted. What a watcher was told must at each moment be the life of each
-- entry (never twice the same), and once traffic flows again it must be what the registry has.
local network = require "spec.support.network"

local SEEDS, STEPS = 25, 40

local WATCH = [[
  self.known, self.faults = {}, {}
  self.syncher:on("registration", ..., function(event)
    local url, before = event.entry.url, self.known[event.entry.url]
    local is_news = before ~= event.kind and (before or event.kind ~= "deleted")
    if not is_news then
      table.insert(self.faults, url .. " is " .. event.kind .. " and was " .. tostring(before))
    end
    self.known[url] = event.kind ~= "deleted" and event.kind or nil
  end)]]

local function story(seed)
  local random = seed * 7919 + 1
  local function draw(n)
    random = (random * 1103515245 + 12345) & 0x7fffffff
    return (random >> 8) % n + 1
  end
  local names = { "anna", "ben", "carl" }
  local world = network.world { delay = { 0, 0.05 }, grace = draw(2) == 1 and 1 or 30,
    queue_bytes = draw(3) == 1 and 6000 or nil, node_disk = draw(3) == 1 and {} or nil,
    "anna", "ben", "carl" }
  world.ben:eval(WATCH, { schema = "Resource", type = "dataObject" })
  world.carl:eval(WATCH, { reporter = world.anna.url })
  local count = 0

  local function create(who)
    count = count + 1
    who:eval([[
      local name = ...
      self.objects = self.objects or {}
      require("hyperty").spawn(function()
        table.insert(self.objects,
          (self.syncher:create { schema = "Resource", name = name, new = true }))
      end)]], "o" .. count)
  end

  local function delete(who)
    who:eval [[
      local object = table.remove(self.objects or {}, 1)
      if object then require("hyperty").spawn(function() object:delete() end) end]]
  end

  local function fault(name)
    local kind = draw(6)
    if kind == 1 then world:reconnect(name) end
    if kind == 2 then world:interrupt(name, draw(2) == 1) end
    if kind == 3 then world:cut(name, draw(2) == 1, draw(2) == 1) end
    if kind == 4 then world:stall(name, draw(2) == 1) end
    if kind == 5 and draw(4) == 1 then world:restart_node(table.unpack(names)) end
  end

  for _ = 1, STEPS do
    local name = names[draw(3)]
    local what = draw(4)
    if what == 1 then fault(name) end
    if what == 2 then delete(world[name]) end
    if what >= 3 then create(world[name]) end
    if draw(2) == 1 then world:run(draw(20) / 20) end
  end
  for _, name in ipairs(names) do
    world:stall(name, false)
    world:cut(name, false, false)
    world:interrupt(name, false)
  end
  world:run(200)
  return world
end

-- What the registry has, as a watcher should know it.
local function registered(world, criteria)
  return world.anna:eval([[
    local known = {}
    for _, entry in ipairs(assert(self.syncher:discover(...))) do
      known[entry.url] = entry.status
    end
    return known]], criteria)
end

describe("watching in random worlds", function()
  for seed = 1, SEEDS do
    it("ends with what the registry has, seed " .. seed, function()
      local world = story(seed)
      for who, criteria in pairs {
        ben = { schema = "Resource", type = "dataObject" }, carl = { reporter = world.anna.url },
      } do
        local known, faults = world[who]:eval "return self.known, self.faults"
        assert.same({}, faults)
        assert.same(registered(world, criteria), known)
      end
      world.logged = {} -- what was cut off is told; that is not what is asked here
      world:finish()
    end)
  end
end)
