-- PROTOCOL.md sections 5 and 8: a stored object goes back and forth between two reporters that write
-- all the time, are killed at any moment, one or both, and come back; the node is restarted, too.
-- What a reporter was told is saved is never lost, there is one reporter in the end, and the
-- observer has what that one has.
local durable = require "spec.support.durable"

local SEEDS = tonumber(os.getenv "HYPERTY_SEEDS" or "") or 6
local FIRST = tonumber(os.getenv "HYPERTY_FIRST_SEED" or "") or 1

local ACTOR = [[
  local hyperty, peer = require "hyperty", ...
  self.saved = 0
  local function serve(room)
    self.room = room
    room:on("subscribe", function(request) request:accept() end)
    room:on("status", function(status)
      if status.state == "replaced" and self.room == room then self.room = nil end
    end)
  end
  self.syncher:on("delegate", function(offer)
    local room = offer:accept()
    if room then serve(room) end
  end)
  hyperty.spawn(function()
    repeat
      local list = self.syncher:resume { schema = "Resource", name = "room" }
      if list and list[1] then serve(list[1]) end
      if not list then hyperty.sleep(0.5) end
    until list or self.room
  end)
  hyperty.spawn(function()
    while true do
      hyperty.sleep(0.02)
      local room = self.room
      if room and pcall(function() room.data.n = room.data.n + 1 end) then
        local n = room.data.n
        if room:saved() then self.saved = math.max(self.saved, n) end
      end
    end
  end)]]

local function play(seed)
  local random = seed
  local function draw(below)
    random = (random * 6364136223846793005 + 1442695040888963407) % (1 << 62)
    return (random >> 33) % below
  end
  draw(2)
  local world = durable.world { seed = seed, delay = { 0, ({ 0.002, 0.01, 0.1 })[draw(3) + 1] },
    disk_delay = ({ 0, 0.005, 0.05 })[draw(3) + 1], "anna", "ben", "carl" }
  local peers = { anna = world.ben.url, ben = world.anna.url }
  local saved = 0
  local function start(name)
    if not world.runtimes[name] then world:start(name) end
    world[name]:eval(ACTOR, peers[name])
  end
  local function note()
    for _, name in ipairs { "anna", "ben" } do
      if world.runtimes[name] then saved = math.max(saved, world[name]:eval "return self.saved") end
    end
  end
  local function crash(name)
    if not world.runtimes[name] then return end
    note()
    world:crash(name)
  end
  local url = world.anna:eval [[
    return assert(self.syncher:create { schema = "Resource", name = "room", store = true,
      data = { n = 1 } }).url]]
  start "anna"
  start "ben"
  world:run(1)
  world:join(world.carl, url)
  world:run(1)
  for _ = 1, 6 do
    for _, name in ipairs { "anna", "ben" } do
      world[name]:eval([[
        local to, room = ..., self.room
        if not room then return end
        require("hyperty").spawn(function() self.how = { pcall(room.delegate, room, to) } end)]],
        peers[name])
    end
    world:run(draw(200) / 1000)
    local what = draw(8)
    if what ~= 1 then crash(({ "anna", "ben" })[draw(2) + 1]) end
    if what < 3 then crash "anna" crash "ben" end
    world:run(({ 0, 0.3, 3, 50 })[draw(4) + 1])
    if draw(4) == 0 then
      world:restart_node()
      for _, name in ipairs { "anna", "ben", "carl" } do
        if world.runtimes[name] then world:reconnect(name) end
      end
      world:run(draw(3))
    end
    local order = draw(2) == 0 and { "anna", "ben" } or { "ben", "anna" }
    for _, name in ipairs(order) do
      if not world.runtimes[name] then start(name) end
      world:run(({ 0, 0.1, 5 })[draw(3) + 1])
    end
    world:run(100)
    note()
    local reporters = {}
    for _, name in ipairs { "anna", "ben" } do
      local reports = world[name]:eval "return pcall(function() return self.room.observers end)"
      if reports then table.insert(reporters, name) end
    end
    assert(#reporters == 1, ("seed %d: reported by: %s"):format(seed, table.concat(reporters, " ")))
    local n, here = world[reporters[1]]:eval "return self.room.data.n, self.room.url"
    assert(here == url, ("seed %d: another object is reported"):format(seed))
    assert(n >= saved, ("seed %d: %d was saved, and %d is there"):format(seed, saved, n))
    local copy = world.carl:eval "return self.room.data.n"
    assert(math.abs(copy - n) <= 20, ("seed %d: the copy has %d, not %d"):format(seed, copy, n))
  end
  world:finish()
end

describe("a stored object that goes back and forth", function()
  it("loses nothing that was saved, and has one reporter, whoever is killed when", function()
    for seed = FIRST, FIRST + SEEDS - 1 do play(seed) end
  end)
end)
