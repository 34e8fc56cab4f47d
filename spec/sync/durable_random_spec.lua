-- Stored objects in random histories: a reporter and two observers (one stores its copy) write,
-- are killed and come back, on disks that are slow. What was acknowledged is there in the end, what
-- was executed once was executed once, and all copies are equal.
local durable = require "spec.support.durable"
local host = require "hyperty.host"

local REPORTER = [[
  self.room = self.syncher:create { schema = "Resource", name = "room", store = true,
    data = { n = 0, done = {} } }
  if not self.room then return end
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("execute", function(request)
    local key = request.params[1]
    self.room.data.done[key] = (self.room.data.done[key] or 0) + 1
    request:accept(self.room.data.done[key])
  end)
  self.acked = self.acked or {}
  return self.room.url]]

local OBSERVER = [[
  local url, store = ...
  self.resyncs = 0
  self.acked, self.doing = self.acked or {}, 0
  self.room = self.syncher:subscribe(url, { store = store })
  if self.room then self.room:on("resync", function() self.resyncs = self.resyncs + 1 end) end]]

local function draw(seed)
  local state = seed * 7919 + 17
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
end

local function story(seed)
  local random = draw(seed)
  local blocks = host.blocks()
  local world = durable.world { seed = seed, delay = { 0, 0.02 }, disk_delay = 0.001 * random(40),
    without = { carl = true }, "anna", "ben", "carl" }
  local acked = { n = 0, children = {}, done = {} } -- what somebody was told that it is kept
  local written, made, is_big = 0, 0, seed % 2 == 0

  local url = assert(world.anna:eval(REPORTER))
  local function join(name)
    world[name]:eval(OBSERVER, url, name == "ben")
  end
  join "ben"
  join "carl"

  local function collect(name)
    local told = world[name]:eval [[local told = self.told self.told = nil return told or {}]]
    for _, entry in ipairs(told) do
      if entry[1] == "n" and entry[2] > acked.n then acked.n = entry[2] end
      if entry[1] == "child" then acked.children[entry[2]] = entry[3] end
      if entry[1] == "done" then acked.done[entry[2]] = entry[3] end
    end
  end

  local actions = {
    function() -- the reporter writes, and perhaps waits
      written = written + 1
      world.anna:eval([[
        local n, waits, size = ...
        if not self.room then return end
        pcall(function() self.room.data.n = n end)
        if size > 0 then -- so that there are snapshots now and then
          pcall(function() self.room.data["pad" .. n % 3] = ("x"):rep(size) end)
        end
        if not waits then return end
        require("hyperty").spawn(function()
          if self.room:saved() then
            self.told = self.told or {}
            table.insert(self.told, { "n", n })
          end
        end)]], written, random(2) == 0, is_big and random(3) * 20000 or 0)
    end,
    function() -- an observer makes a child
      made = made + 1
      local name = random(2) == 0 and "ben" or "carl"
      world[name]:eval([[
        local text = ...
        if not self.room then return end
        local ok, child = pcall(function() return self.room:add_child("items", { text = text }) end)
        if not ok then return end
        require("hyperty").spawn(function()
          if child:wait(50) then
            self.told = self.told or {}
            table.insert(self.told, { "child", child.id, text })
          end
        end)]], "c" .. made)
    end,
    function() -- one executes
      made = made + 1
      local name = random(2) == 0 and "ben" or "carl"
      world[name]:eval([[
        local key = ...
        if not self.room then return end
        require("hyperty").spawn(function()
          local value = self.room:execute("do", key)
          if value then
            self.told = self.told or {}
            table.insert(self.told, { "done", key, value })
          end
        end)]], "k" .. made)
    end,
    function()
      local name = ({ "anna", "ben", "carl" })[1 + random(3)]
      collect(name)
      world:crash(name)
      world:run(random(10) * 0.1)
      world:start(name)
      if name == "anna" then
        for _ = 1, 50 do
          if world.anna:eval(REPORTER) then break end
          world:run(1)
        end
        assert(world.anna:eval "return self.room and self.room.url" == url, "another object")
      else
        join(name)
      end
    end,
    function() world:run(random(100) * 0.01) end,
  }

  for _ = 1, 60 do
    actions[1 + random(#actions)]()
    world:run(random(4) * 0.005)
    for _, name in ipairs { "anna", "ben", "carl" } do collect(name) end
  end
  for name in pairs { ben = true, carl = true } do
    if not world[name]:eval "return self.room and self.room.url" then join(name) end
  end
  world:run(120)
  for _, name in ipairs { "anna", "ben", "carl" } do collect(name) end
  local state = world:state "anna"
  assert(state.data.n >= acked.n, ("n is %d, %d was saved"):format(state.data.n, acked.n))
  local ids = {}
  for _, item in ipairs(state.items) do ids[item.id] = item.text end
  for id, text in pairs(acked.children) do
    assert(ids[id] == text, ("child %s (%s) is lost"):format(id, text))
  end
  for key, value in pairs(acked.done) do
    local times = state.data.done[key]
    assert(value == 1 and times == 1, ("%s was done %s times, told %s"):format(key, times, value))
  end
  for _, times in pairs(state.data.done) do assert(times == 1, "done twice") end
  for _, name in ipairs { "ben", "carl" } do
    assert.same(state, world:state(name), name)
  end
  world:crash "anna"
  world:start "anna"
  assert(world.anna:eval(REPORTER))
  assert.same(state, world:state "anna")
  world.logged = {}
  world:finish()
  assert(host.blocks() == blocks)
end

local COUNT = tonumber(os.getenv "HYPERTY_SEEDS") or 20
local ONLY = tonumber(os.getenv "HYPERTY_SEED")

describe("a random history of a stored object", function()
  it("loses nothing that was acknowledged, and does nothing twice", function()
    for seed = ONLY or 1, ONLY or COUNT do
      local ok, err = pcall(story, seed)
      if not ok then error(("seed %d: %s"):format(seed, tostring(err)), 0) end
    end
  end)
end)
