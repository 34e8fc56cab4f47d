-- A simulated world: runtimes that share one node, actors in them, a random workload, and an oracle
-- that judges what came of it. All on a virtual clock; one seed is one run, told by the transcript.
--
--   local fault, transcript = require("spec.sim.world").play(7)     fault: text, or nil
--
-- Most worlds are small, three runtimes and a hundred operations; some are bigger. Delays are drawn
-- for each message, in order between two runtimes, so that what comes from different ones
-- overtakes. What the world does is in workload.lua, what actors do in actor.lua. The transcript is
-- kept as it comes and becomes text only when somebody wants to read it.
local host = require "hyperty.host"
local check = require "spec.sim.check"
local draws = require "spec.sim.draw"
local faults = require "spec.sim.faults"
local handover = require "spec.sim.handover"
local intruder = require "spec.sim.intruder"
local kills = require "spec.sim.kills"
local lookups = require "spec.sim.lookups"
local oracle = require "spec.sim.oracle"
local plain = require "spec.sim.plain"
local workload = require "spec.sim.workload"

local M = {}

local World = {}
World.__index = World

local START = 1767225600 -- the wall clock of a virtual world begins here
local STORY_LINES = 14
local LINE_MAX = 400
local SCHEMAS = { Pair = { scheme = "pair", children = { notes = {}, marks = {} } } }

-- the shortest and the longest delay of a message, in seconds
local DELAYS = { { 0, 0 }, { 0, 0.003 }, { 0.001, 0.02 }, { 0.005, 0.2 }, { 0, 0.9 } }
-- what a node keeps for a slow reader, in bytes (more than any object has), and for how long one
-- may be away, in seconds; 0: as usual
local QUEUES = { { 3, 0 }, { 1, 30000 } }
local GRACES = { { 2, 0 }, { 1, 3 } }
-- how much of what happened to an object its runtime keeps: more than is written while somebody may
-- be away, but for what workload.lua writes to exceed it
local HISTORY_BYTES = 1 << 18
-- how many actors there are in a runtime
local ACTORS = { { 16, 1 }, { 3, 2 }, { 1, 3 } }
-- how often the node of the first domain keeps what it knows on a disk
local NODE_STORED = 0.35
-- how long a commit takes
local DISK_DELAYS = { 0, 0, 0.003, 0.08 }
-- how much time passes after an operation
local PAUSES = { { 50, 0 }, { 40, 0.002 }, { 30, 0.05 }, { 10, 1.3 }, { 3, 8 } }
-- how many objects are mutual, where some are
local MUTUAL_OBJECTS = 0.7
-- how often something goes wrong
local ROUGHNESS = { 0, 0.05, 0.1, 0.25 }
-- how many of them end without memory
local STARVED = 0.15
-- whoever hears nothing for so long must know that it may be behind
local HONEST_S = 45

-- --- making --------------------------------------------------------------------------------------

-- All actors of all worlds run the same script, which so is compiled once; without what is there
-- for debuggers, which is most of what loading it takes.
local script

local function compiled()
  local path = not script and assert(package.searchpath("spec.sim.actor", package.path))
  script = script or string.dump(assert(loadfile(path, "t")), true)
  return script
end

-- How many runtimes, and how many operations.
local function draw_size(draw)
  local runtimes = draw:weighted { { 12, 3 }, { 2, draw:int(2, 5) }, { 1, draw:int(6, 10) } }
  return runtimes, runtimes == 3 and 100 or draw:int(40, 120)
end

local function new_disk(draw)
  return host.disk { seed = draw:int(1, 1 << 30), delay = draw:one(DISK_DELAYS) }
end

-- Its draws are its own: but for what is sealed, a world goes as it would without.
local function draw_mutual(seed)
  return draws.new(seed ~ 0x5EA1ED)
end

local function new(seed, is_mutual)
  local draw = draws.new(seed)
  local domains = draw:weighted { { 3, { "localhost" } }, { 2, { "localhost", "far.example" } } }
  local runtimes, steps = draw_size(draw)
  local world = setmetatable({ seed = seed, draw = draw, oracle = oracle.new(), transcript = {},
    actors = {}, runtimes = {}, homes = {}, steps = steps,
    last_label = 0, jumped = 0, urls = {}, expected = {}, faults = faults.new(domains),
    is_mutual = is_mutual, mutual_draw = is_mutual and draw_mutual(seed) or nil,
  }, World)
  local delay, queue, grace = draw:one(DELAYS), draw:weighted(QUEUES), draw:weighted(GRACES)
  world.is_durable, world.level = draw:chance(0.4), draw:one { true, true, "sync" }
  world.delay, world.roughness, world.is_narrow = delay, draw:one(ROUGHNESS), queue > 0
  world.node_disk = draw:chance(NODE_STORED) and new_disk(draw) or nil
  world.net = host.network { seed = seed, delay = delay, queue_bytes = queue, grace = grace,
    node_store = world.node_disk, history_bytes = HISTORY_BYTES }
  for i = 2, #domains do world.net:domain(domains[i]) end
  world:tell("world %d: %d domains%s, delays %g to %g s, queues of %d bytes, grace %d s, %d steps",
    seed, #domains, world.node_disk and " (one stored)" or "", delay[1], delay[2], queue, grace,
    world.steps)
  for _ = 1, runtimes do world:add_runtime() end
  return world
end

local function each_alive(self, fn)
  for _, actor in ipairs(self.actors) do
    if actor.is_alive then fn(actor) end
  end
end

---One more runtime, with its actors.
function World:add_runtime()
  local i, domain = #self.homes + 1, self.draw:one(self.faults.domains)
  self.homes[i] = { domain = domain, disk = self.is_durable and new_disk(self.draw) or nil }
  self:start_runtime(i)
  for _ = 1, self.draw:weighted(ACTORS) do self:load_actor(i) end
end

---The runtime runs, on its disk if it has one.
function World:start_runtime(i)
  local home = self.homes[i]
  self.runtimes[i] = self.net:runtime { domain = home.domain, schemas = SCHEMAS, paths = {},
    store = home.disk,
    log = function(level, who, text)
      if level == "error" then self.logged = self.logged or who .. ": " .. text end
    end }
  home.is_up, home.is_down = true, false
end

---All that has happened until this moment is known to the oracle, and judged.
function World:catch_up()
  self.net:run(0)
  each_alive(self, function(actor) self:drain(actor) end)
  self.oracle:judge(self.is_disturbed)
end

---The user for whom all actors of that runtime act. Where objects are mutual, each runtime has one
---of its own, as two keys of one user have to be accepted by people.
function World:user_of(runtime)
  local name = self.mutual_draw and "owner-" .. runtime or "me"
  return ("user://%s/%s"):format(self.homes[runtime].domain, name)
end

---Is the next object a mutual one?
function World:draw_mutual()
  return self.mutual_draw ~= nil and self.mutual_draw:chance(MUTUAL_OBJECTS)
end

---An actor's instance in that runtime; nil, text if it cannot be loaded.
function World:load(runtime, config)
  config.seed, config.user = self.draw:int(0, 0x7fffffff), self:user_of(runtime)
  return self.runtimes[runtime]:load_compiled(compiled(), config, "actor.lua")
end

---Loads one more actor into that runtime.
function World:load_actor(runtime)
  local inst, text = self:load(runtime, { as = "a" .. #self.actors + 1 })
  if not inst and self.is_disturbed then return end
  return self:add_actor(runtime, assert(inst, text))
end

function World:add_actor(runtime, inst, as)
  local name = "a" .. #self.actors + 1
  local actor = { name = name, as = as or name, runtime = runtime, inst = inst,
    url = inst.url, is_alive = true, domain = self.homes[runtime].domain,
    user = self:user_of(runtime) }
  self.actors[#self.actors + 1] = actor
  self.urls[actor.url] = name
  self:tell("%s is in runtime %d", name, runtime)
  return actor
end

-- --- telling -------------------------------------------------------------------------------------

---Notes what happens, for people: a format and what goes into it, values included.
function World:tell(text, ...)
  self.transcript[#self.transcript + 1] = { self.net:now(), text, ... }
end

function World:tell_entry(actor, entry)
  self.transcript[#self.transcript + 1] = { entry.at, "%s: %s %s", actor.name, entry.what, entry }
end

local function line(told)
  local values = { table.unpack(told, 3) }
  for i, value in ipairs(values) do
    if type(value) == "table" and value.what then -- a journal's entry
      value = plain.shallow(value)
      value.at, value.what = nil, nil
    end
    if type(value) == "table" then values[i] = plain.show(value) end
  end
  return ("%9.3f  "):format(told[1]) .. told[2]:format(table.unpack(values))
end

---The transcript from there on.
function World:text(first)
  local lines = {}
  for i = first, #self.transcript do lines[#lines + 1] = line(self.transcript[i]) end
  return table.concat(lines, "\n")
end

---A number that no other thing of this world has.
function World:next_label()
  self.last_label = self.last_label + 1
  return self.last_label
end

---An actor was told to create this object.
function World:expect_object(label, schema, data, is_mutual)
  self.expected[label] = { schema = schema, data = data, is_synced = self.level == "sync",
    is_mutual = is_mutual }
end

-- --- driving -------------------------------------------------------------------------------------

local function called(actor, method, value, text, code, ...)
  if value == nil and code ~= nil then
    check.fault("calls", "%s %s: %s", actor.name, method, tostring(text))
  end
  return value, text, code, ...
end

---Calls a function of the actor's api.
function World:call(actor, method, ...)
  return called(actor, method, actor.inst:call(method, ...))
end

---All clocks are set forward, or back. What happened until now keeps its time.
function World:jump(seconds)
  each_alive(self, function(actor) self:drain(actor) end)
  self.net:jump(seconds)
  self.jumped = self.jumped + seconds
end

---Takes the actor's journal to the oracle.
function World:drain(actor) self:take(actor, self:call(actor, "drain")) end

---The same for a journal that an actor gave.
function World:take(actor, entries)
  if #entries == 0 then return end
  for _, entry in ipairs(entries) do
    entry.at = entry.at - START - self.jumped
    self:tell_entry(actor, entry)
    if handover.is_taken(self.oracle, actor, entry) then
      local giver = self.oracle.by_url[entry.url].actor
      if giver ~= actor and giver.is_alive then self:drain(giver) end
      handover.take(self.oracle, actor, entry, self.is_disturbed)
    elseif entry.what == "resumed" then
      self.oracle:resumed(actor, entry, self.expected[entry.label])
      self.urls[entry.url] = entry.label
    elseif entry.what == "created" and not entry.failed then
      local expected = self.expected[entry.label]
      self.oracle:created { label = entry.label, actor = actor, party = entry.party,
        url = entry.url, schema = expected.schema, data = expected.data,
        is_synced = expected.is_synced, is_mutual = expected.is_mutual, epoch = entry.epoch }
      self.urls[entry.url] = entry.label
    elseif entry.what == "created" and not self.is_disturbed then
      check.fault("calls", "create of %s: %s", entry.party, entry.text)
    end
  end
  self.oracle:take(actor, entries)
end

-- Copies that wait to read again are not under way, but are not level either.
local function is_level(self)
  for i, runtime in ipairs(self.runtimes) do
    for _, party in ipairs(self.homes[i].is_up and runtime:objects() or {}) do
      local object = self.oracle.by_url[party.url]
      local is_lost = object and (object.is_orphan or object.actor.is_lost)
      if not is_lost and (party.state ~= "live" or party.pending > 0) then return false end
    end
  end
  return true
end

local function look(self, actor, party)
  return actor.is_alive and self:call(actor, "look", party) or nil
end

---Checks what can be said while all is in motion: each copy is a state that its reporter had, and
---none is called live long after it was left behind. One of each object is looked at, or all.
function World:glance(all)
  each_alive(self, function(actor) self:drain(actor) end)
  local choose = not all and function(list) return self.draw:one(list) end
  self.oracle:glance(function(actor, party) return look(self, actor, party) end,
    self.net:now(), HONEST_S, choose, faults.slow_at(self))
end

---For a while nobody does anything.
function World:wait()
  self:tell "a while"
  self.net:run(HONEST_S + 1)
  self:glance(true)
end

---Lets the first objects come to be.
function World:begin()
  self.net:settle(120)
  each_alive(self, function(actor) self:drain(actor) end)
end

---Lets everything arrive and has the oracle check it.
function World:quiet()
  faults.heal(self)
  kills.heal(self)
  if self.is_disturbed then self.net:run(90) end -- who was away has been told what it missed
  for _ = 1, self.is_disturbed and 60 or 20 do
    if not self.net:settle(120) then check.fault("rest", "the world does not come to rest") end
    self.net:run(2) -- who thinks has thought
    if self.net:settle(120) and is_level(self) then break end
  end
  each_alive(self, function(actor)
    self:drain(actor)
    actor.is_asking = false
  end)
  self:tell "quiet"
  faults.settle(self)
  intruder.settle(self)
  if self.logged then check.fault("log", "logged: %s", self.logged) end
  self.oracle:check(function(actor, party) return look(self, actor, party) end,
    self.is_disturbed, self.is_doubled)
  lookups.settle(self)
  self.is_disturbed, self.is_doubled, self.has_burst = false, false, false
end

-- At the end memory runs out now and then, in the middle of anything. What comes of that is
-- nobody's promise, but nothing dies of it and nothing stays behind.
local function starve(self)
  self:tell "memory runs out"
  for _ = 1, 8 do
    host.fail_after(self.draw:int(1, 2500))
    pcall(workload.step, self)
    pcall(self.net.run, self.net, 0.2)
    host.fail_after(-1)
    pcall(self.net.run, self.net, 1)
  end
end

local function run(self)
  workload.begin(self)
  local until_quiet = self.draw:int(30, 60)
  for _ = 1, self.steps do
    workload.step(self)
    self.net:run(self.draw:weighted(PAUSES))
    self.oracle:tick(self.net:now())
    if self.draw:chance(0.05) then self:glance() end
    until_quiet = until_quiet - 1
    if until_quiet == 0 then
      self:quiet()
      until_quiet = self.draw:int(30, 60)
    end
  end
  self:quiet()
  if self.draw:chance(STARVED) then starve(self) end
end

-- --- telling what is wrong -----------------------------------------------------------------------

-- Addresses as the story knows them.
local function label(self, text)
  for url, name in pairs(self.urls) do
    local identifier = url:match "[^/]+$"
    for _, form in ipairs { url, identifier } do
      text = text:gsub(form:gsub("%p", "%%%0"), name)
    end
  end
  return text
end

-- The object that a fault is about: named in it, or by one of its parties.
local function object_of(self, fault)
  for _, object in ipairs(self.oracle.objects) do
    if fault:find(object.label .. "%f[%D]") then return object end
  end
  for name in fault:gmatch "a%d+%.%d+" do
    local party = self.oracle.parties[name]
    if party then return party.object end
  end
end

-- Does that line tell of the object, or of something that concerns all?
local function concerns(self, object, told, text)
  local who = told[3]
  if type(who) ~= "string" or not who:find "^a%d" then return true end
  if text:find(object.label .. "%f[%D]") or text:find(object.url, 1, true) then return true end
  for name in text:gmatch "a%d+%.%d+" do
    local party = self.oracle.parties[name]
    if party and party.object == object then return true end
  end
  return false
end

-- The last lines that have to do with the fault, each cut where it gets long.
local function story(self, fault)
  local object, lines = object_of(self, fault), {}
  for i = #self.transcript, 1, -1 do
    local text = line(self.transcript[i])
    if not object or concerns(self, object, self.transcript[i], text) then
      text = label(self, text)
      table.insert(lines, 1, #text > LINE_MAX and text:sub(1, LINE_MAX) .. "…" or text)
    end
    if #lines == STORY_LINES then break end
  end
  return table.concat(lines, "\n")
end

local function report(self, promise, fault)
  pcall(each_alive, self, function(actor) self:drain(actor) end)
  fault = label(self, fault)
  local text = "seed %d, %s: %s\n\nthe end of its story:\n%s\n\n"
    .. "again: tools/sim --from %d --seeds 1%s"
  return text:format(self.seed, promise, fault, story(self, fault), self.seed,
    self.is_mutual and " --mutual" or "")
end

local function trace(err)
  return type(err) == "table" and err
    or { oracle = "error", fault = debug.traceback(tostring(err), 2) }
end

---Runs the world of that seed to its end. Gives nil, or what is wrong as text for people; a
---function that gives the transcript, which is the same for the same seed; and the oracle that
---found the fault.
function M.play(seed, is_mutual)
  local blocks = host.blocks()
  local world = new(seed, is_mutual)
  local ok, err = xpcall(run, trace, world)
  local text = not ok and report(world, err.oracle, err.fault) or nil
  local oracle_name = not ok and err.oracle or nil
  world.net:stop()
  for _, home in ipairs(world.homes) do
    if home.disk then home.disk:close() end
  end
  if world.node_disk then world.node_disk:close() end
  if not text and host.blocks() ~= blocks then
    oracle_name = "memory"
    text = report(world, oracle_name, ("%d blocks are left"):format(host.blocks() - blocks))
  end
  return text, function() return world:text(1) end, oracle_name
end

return M
