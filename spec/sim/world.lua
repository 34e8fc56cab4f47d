-- A simulated world: runtimes that share one node, actors in them, a random workload, and an oracle
-- that judges what came of it. All on a virtual clock; one seed is one run, told by the transcript.
--
--   local fault, transcript = require("spec.sim.world").play(7)     fault: text, or nil
--
-- Delays are drawn for each message, in order between two runtimes, so that what comes from
-- different ones overtakes. What the world does is in workload.lua, what actors do in actor.lua.
local host = require "hyperty.host"
local check = require "spec.sim.check"
local draws = require "spec.sim.draw"
local oracle = require "spec.sim.oracle"
local plain = require "spec.sim.plain"
local workload = require "spec.sim.workload"

local M = {}

local World = {}
World.__index = World

local START = 1767225600 -- the wall clock of a virtual world begins here
local STORY_LINES = 40
local SCHEMAS = { Pair = { scheme = "pair", children = { notes = {}, marks = {} } } }

-- the shortest and the longest delay of a message, in seconds
local DELAYS = { { 0, 0 }, { 0, 0.003 }, { 0.001, 0.02 }, { 0.005, 0.2 }, { 0, 0.9 } }

-- --- the border to the core --------------------------------------------------------------------

local function to_host(v)
  if v == plain.null then return host.null end
  if type(v) ~= "table" then return v end
  local copy = {}
  for key, inner in pairs(v) do copy[key] = to_host(inner) end
  return plain.is_array(v) and host.array(copy) or copy
end

local function from_host(v)
  if v == host.null then return plain.null end
  if type(v) ~= "table" then return v end
  local copy = getmetatable(v) == false and plain.array {} or {}
  for key, inner in pairs(v) do copy[key] = from_host(inner) end
  return copy
end

local function convert(fn, ...)
  local values = table.pack(...)
  for i = 1, values.n do values[i] = fn(values[i]) end
  return table.unpack(values, 1, values.n)
end

-- --- making --------------------------------------------------------------------------------------

local function source()
  local path = package.searchpath("spec.sim.actor", package.path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function new(seed)
  local draw = draws.new(seed)
  local world = setmetatable({ seed = seed, draw = draw, oracle = oracle.new(), transcript = {},
    actors = {}, runtimes = {}, steps = draw:int(40, 80),
    source = source(), last_label = 0, urls = {}, expected = {}, cut = {} }, World)
  local delay = draw:one(DELAYS)
  world.net = host.network { seed = seed, delay = delay }
  world:tell("world %d: delays %g to %g s, %d operations", seed, delay[1], delay[2], world.steps)
  for i = 1, draw:int(3, 10) do
    world.runtimes[i] = world.net:runtime { schemas = SCHEMAS, paths = {},
      log = function(level, who, text)
        if level == "error" then world.logged = world.logged or who .. ": " .. text end
      end }
    for _ = 1, draw:weighted { { 6, 1 }, { 3, 2 }, { 1, 3 } } do world:load_actor(i) end
  end
  return world
end

---Loads one more actor into that runtime.
function World:load_actor(runtime)
  local name = "a" .. #self.actors + 1
  local inst = assert(self.runtimes[runtime]:load_text(self.source,
    { as = name, seed = self.draw:int(0, 0x7fffffff) }, "actor.lua"))
  local actor = { name = name, runtime = runtime, inst = inst, url = inst.url, is_alive = true }
  self.actors[#self.actors + 1] = actor
  self.urls[actor.url] = name
  self:tell("%s is in runtime %d", name, runtime)
  return actor
end

-- --- telling -------------------------------------------------------------------------------------

function World:tell(text, ...)
  table.insert(self.transcript, ("%9.3f  "):format(self.net:now()) .. text:format(...))
end

function World:tell_entry(actor, entry)
  local at = entry.at - START
  local rest = plain.copy(entry)
  rest.at, rest.what = nil, nil
  table.insert(self.transcript, ("%9.3f  %s: %s %s"):format(at, actor.name, entry.what,
    plain.show(rest)))
end

---A number that no other thing of this world has.
function World:next_label()
  self.last_label = self.last_label + 1
  return self.last_label
end

---An actor was told to create this object.
function World:expect_object(label, schema, data)
  self.expected[label] = { schema = schema, data = data }
end

-- --- driving -------------------------------------------------------------------------------------

---Calls a function of the actor's api, with and giving plain values.
function World:call(actor, method, ...)
  local results = table.pack(convert(from_host,
    actor.inst:call(method, convert(to_host, ...))))
  if results[1] == nil and results[3] ~= nil then
    check.fault("%s %s: %s", actor.name, method, tostring(results[2]))
  end
  return table.unpack(results, 1, results.n)
end

---Takes the actor's journal to the oracle.
function World:drain(actor)
  local entries = self:call(actor, "drain")
  for _, entry in ipairs(entries) do
    self:tell_entry(actor, entry)
    if entry.what == "created" and not entry.failed then
      local expected = self.expected[entry.label]
      self.oracle:created { label = entry.label, actor = actor, party = entry.party,
        url = entry.url, schema = expected.schema, data = expected.data }
      self.urls[entry.url] = entry.label
    elseif entry.what == "created" and not self.is_disturbed then
      check.fault("create of %s: %s", entry.party, entry.text)
    end
  end
  self.oracle:take(actor, entries)
end

local function each_alive(self, fn)
  for _, actor in ipairs(self.actors) do
    if actor.is_alive then fn(actor) end
  end
end

---That runtime loses its session for a while: ended ("disconnect") or just out of reach
---("interrupt").
function World:lose(runtime, how)
  self.is_disturbed = true
  if self.cut[runtime] then return end
  self.cut[runtime] = how
  self:tell("runtime %d: %s", runtime, how)
  if how == "disconnect" then
    self.net:disconnect(self.runtimes[runtime])
  else
    self.net:interrupt(self.runtimes[runtime], true)
  end
end

function World:find(runtime)
  local how = self.cut[runtime]
  if not how then return end
  self.cut[runtime] = nil
  self:tell("runtime %d is back", runtime)
  if how == "disconnect" then
    self.net:connect(self.runtimes[runtime])
  else
    self.net:interrupt(self.runtimes[runtime], false)
  end
end

---Another node takes the place of the one that was.
function World:restart_node()
  self.is_disturbed = true
  self:tell "the node restarts"
  self.net:restart_node()
  for i in ipairs(self.runtimes) do self.cut[i] = "disconnect" end
end

-- Everybody comes back, one after the other.
local function find_all(self)
  local order = {}
  for i in ipairs(self.runtimes) do table.insert(order, self.draw:int(1, i), i) end
  for _, i in ipairs(order) do
    if self.cut[i] then
      self:find(i)
      self.net:run(self.draw:weighted { { 3, 0 }, { 2, 0.01 }, { 1, 1 } })
    end
  end
end

-- Copies that wait to read again are not under way, but are not level either.
local function is_level(self)
  for _, runtime in ipairs(self.runtimes) do
    for _, party in ipairs(runtime:objects()) do
      if party.state ~= "live" or party.pending > 0 then return false end
    end
  end
  return true
end

---Lets everything arrive and has the oracle check it.
function World:quiet()
  if next(self.cut) then find_all(self) end
  if self.is_disturbed then self.net:run(90) end -- who was away has been told what it missed
  for _ = 1, self.is_disturbed and 60 or 20 do
    if not self.net:settle(120) then check.fault "the world does not come to rest" end
    self.net:run(2) -- who thinks has thought
    if self.net:settle(120) and is_level(self) then break end
  end
  each_alive(self, function(actor) self:drain(actor) end)
  self:tell "quiet"
  if self.logged then check.fault("logged: %s", self.logged) end
  self.oracle:check(function(actor, party)
    return actor.is_alive and self:call(actor, "look", party) or nil
  end, self.is_disturbed)
  self.is_disturbed, self.has_deleted = false, false
end

local function run(self)
  workload.begin(self)
  local until_quiet = self.draw:int(8, 20)
  for _ = 1, self.steps do
    workload.step(self)
    self.net:run(self.draw:weighted { { 5, 0 }, { 4, 0.002 }, { 3, 0.05 }, { 1, 1.3 } })
    until_quiet = until_quiet - 1
    if until_quiet == 0 then
      self:quiet()
      until_quiet = self.draw:int(8, 20)
    end
  end
  self:quiet()
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

local function report(self, fault)
  pcall(each_alive, self, function(actor) self:drain(actor) end)
  local first = math.max(1, #self.transcript - STORY_LINES)
  local story = table.concat(self.transcript, "\n", first)
  local text = "seed %d: %s\n\nthe end of its story:\n%s\n\nagain: tools/sim --from %d --seeds 1"
  return text:format(self.seed, label(self, fault), label(self, story), self.seed)
end

---Runs the world of that seed to its end. Gives nil, or what is wrong as text for people; and the
---transcript, which is the same for the same seed.
function M.play(seed)
  local blocks = host.blocks()
  local world = new(seed)
  local ok, err = xpcall(run, function(err)
    return type(err) == "table" and err.fault or debug.traceback(tostring(err), 2)
  end, world)
  local text = not ok and report(world, err) or nil
  world.net:stop()
  if not text and host.blocks() ~= blocks then
    text = report(world, ("%d blocks of memory are left"):format(host.blocks() - blocks))
  end
  return text, table.concat(world.transcript, "\n")
end

return M
