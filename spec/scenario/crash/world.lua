-- A world of real processes on one machine: a message node, a reporter and its observers, who write
-- at full speed while they are killed, stopped and started again at random moments. A round is some
-- legs; at the end of each all have to become level, and are judged (judge.lua). All that was
-- decided comes from the seed; what the machine makes of it differs from run to run.
--
--   local fault, summary = require("spec.scenario.crash.world").play(7)     fault: text, or nil
local check = require "spec.sim.check"
local draws = require "spec.sim.draw"
local fleets = require "spec.scenario.crash.fleet"
local judges = require "spec.scenario.crash.judge"
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"
local tree = require "spec.support.tree"

local M = {}

local World = {}
World.__index = World

local STEP_S = 0.01
local READY_S = 20 -- until all are there
local LEVEL_S = 60 -- until all are level after the last blow
local STATES = " slots:%S*;counts:" -- is in lines that are too long to tell
local LINES = 12   -- of each member, in the story

local ACTOR = tree.read "spec/scenario/crash/actor.lua"

-- What a blow is: kind, and how often. All at once: the machine goes down.
local KINDS = { { 6, "kill" }, { 4, "stop" }, { 1, "end" } }
local STOPS = { { 5, { 100, 500 } }, { 3, { 500, 2000 } }, { 1, { 2000, 8000 } } }

-- True if the program has that option for the command.
local function has_option(command, option)
  return program.run({ "help", command }).out:find("\n  " .. option .. " ", 1, true) ~= nil
end

-- --- members -------------------------------------------------------------------------------------

local function write_actor(self, name, role, life)
  local member = self.by_name[name]
  self.lives = self.lives + 1
  local peer = self.by_name[name == "anna" and "eve" or name == "eve" and "anna" or ""]
  local function text(value) return value and ("%q"):format(value) or "nil" end
  local config = ("local CONFIG = { name = %q, role = %q, reports = %s, url = %s, peer = %s, "
    .. "store = %s, work_until = %.3f, seed = %d }\n"):format(name, role,
    tostring(role == "reporter" or role == "deputy"), text(self.url), text(peer and peer.url),
    tostring(member.has_store), self.work_until, self.lives)
  local path = ("%s/%s-%d"):format(self.dir, name, life)
  program.make_dir(path, { [name .. ".lua"] = config .. ACTOR })
  return ("%s/%s.lua"):format(path, name)
end

local function add_node(self)
  self.node = self.fleet:add { name = "node", is_ready = "listens on", has_store = self.can_node,
    args = function()
      local args = { "node", "--listen", self.address, "--grace", tostring(self.grace),
        "--drain", "0.5" }
      if self.can_node then
        table.insert(args, "--store")
        table.insert(args, self.dir .. "/node.db")
      end
      return args
    end }
end

local function add_actor(self, name, role, has_store)
  local member
  member = self.fleet:add { name = name, role = role, has_store = has_store and self.can_store,
    is_ready = "@ starts ",
    args = function(life)
      local args = { "run", "--node", self.address, write_actor(self, name, role, life) }
      if member.has_store then
        table.insert(args, "--store")
        table.insert(args, ("%s/%s.db"):format(self.dir, name))
      end
      return args
    end }
  self.by_name[name] = member
  return member
end

-- The members that a blow may meet.
local function victims(self)
  local list = { self.node }
  for _, name in ipairs { "anna", "ben", "carl", "eve" } do list[#list + 1] = self.by_name[name] end
  return list
end

-- --- time passes ---------------------------------------------------------------------------------

-- Who hands the object over is stopped or killed, or its heir is.
local function strike_at_handover(self, member)
  local draw, now = self.blow_draw, socket.gettime()
  self.blows = self.blows + 1
  local heir = self.by_name[member.name == "anna" and "eve" or "anna"]
  local victim = draw:chance(0.6) and member or heir
  if draw:chance(0.5) then
    self.fleet:stop(victim, now + draw:int(50, 2000) / 1000)
  else
    self.fleet:kill(victim, now + draw:int(0, 300) / 1000)
  end
end

local function step(self)
  self.fleet:poll()
  local handing = self.handing
  self.handing = nil
  if handing then strike_at_handover(self, handing) end
  socket.sleep(STEP_S)
end

local function wait(self, what, seconds, fn)
  local until_s = socket.gettime() + seconds
  while not fn() do
    if socket.gettime() > until_s then check.fault("level", "%s after %d s", what, seconds) end
    step(self)
  end
end

local function wait_until(self, time)
  while socket.gettime() < time do step(self) end
end

-- --- blows ---------------------------------------------------------------------------------------

local function strike(self, member)
  local draw = self.draw
  self.blows = self.blows + 1
  local kind = draw:weighted(KINDS)
  local may_die = not member.may_report or self.can_store
  if kind == "stop" or not may_die then
    local range = draw:weighted(STOPS)
    self.fleet:stop(member, socket.gettime() + draw:int(range[1], range[2]) / 1000)
    if may_die and draw:chance(0.2) then
      wait_until(self, socket.gettime() + draw:int(10, 300) / 1000)
      self.fleet:kill(member, socket.gettime() + draw:int(0, 200) / 1000)
    end
    return
  end
  local due = socket.gettime() + draw:int(0, draw:chance(0.2) and 1500 or 300) / 1000
  if kind == "kill" then self.fleet:kill(member, due) else self.fleet:terminate(member, due) end
end

-- One or some at a time, while all work.
local function strike_while_working(self)
  local count = self.draw:int(1, 4)
  for _ = 1, count do
    wait_until(self, socket.gettime() + self.draw:int(50, 600) / 1000)
    local list = victims(self)
    for _ = 1, self.draw:weighted { { 7, 1 }, { 2, 2 }, { 1, 4 } } do
      if #list > 0 then strike(self, table.remove(list, self.draw:int(1, #list))) end
    end
  end
end

-- --- a leg ---------------------------------------------------------------------------------------

-- The line that a member said last about what it shows: "@ look EPOCH VERSION STATE".
local function on_line(self)
  return function(member, line)
    local what, rest = line:match "^%S+: @ (%l+) ?(.*)"
    if what == "look" then
      member.look = rest:match "^%S+ %S+"
      self.tell("%s shows %s", member.name, member.look)
      return
    elseif what == "starts" then
      member.url = rest
    elseif what == "reports" then
      local url = rest:match "^%S+ (%S+)"
      self.url = self.url or url
    elseif what == "hands" and self.blow_draw:chance(0.3) then
      self.handing = member
    end
    if what then member.look = nil end
  end
end

local function is_level(self)
  if not self.fleet:is_whole() then return false end
  local look, reporters = self.by_name.dora.look, 0
  for _, member in pairs(self.by_name) do
    if member.look ~= look and (member.look or not member.may_report) then return false end
    if member.may_report and member.look then reporters = reporters + 1 end
  end
  return look and reporters == 1
end

local function judge(self)
  local verdict = judges.new()
  verdict:reporters(self.by_name.anna, self.by_name.eve)
  for _, name in ipairs { "ben", "carl", "dora" } do
    if self.by_name[name] then verdict:observer(name, self.by_name[name].lives) end
  end
  verdict:finish()
  self.summary = ("%d blows, %d versions, %d children and %d executes acknowledged, %d resyncs")
    :format(self.blows, #verdict.history, verdict.kept, verdict.executes, verdict.resyncs)
end

local function start_all(self)
  self.fleet:start(self.node)
  if not self.address:find "^unix" then
    wait(self, "the node does not listen", READY_S, function() return self.node.is_up end)
    for _, line in ipairs(self.node.lives[#self.node.lives]) do
      self.address = line:match "listens on (tcp://%S+)" or self.address
    end
  end
  local eve = self.by_name.eve
  if eve then
    self.fleet:start(eve)
    wait(self, "there is no deputy", READY_S, function() return eve.url end)
  end
  self.fleet:start(self.by_name.anna)
  wait(self, "there is no object", READY_S, function() return self.url end)
  for _, name in ipairs { "ben", "carl", "dora" } do self.fleet:start(self.by_name[name]) end
end

local function leg(self, number, count)
  self.work_until = socket.gettime() + self.draw:int(800, 2000) / 1000
  self.tell("leg %d of %d", number, count)
  start_all(self)
  strike_while_working(self)
  wait_until(self, self.work_until)
  wait(self, "they are not level", LEVEL_S, function() return is_level(self) end)
  judge(self)
  if number < count then
    for _, member in ipairs(self.fleet.members) do
      if self.can_store or member ~= self.by_name.anna then self.fleet:kill(member) end
      member.look = nil
    end
  end
end

-- --- telling what is wrong -----------------------------------------------------------------------

-- What was said of a child or an execute that the fault names.
local function said_of(self, fault, lines)
  local id = fault:match "%x+%-[%x-]+#%d+" or fault:match "execute (%d+)"
  for _, member in ipairs(id and self.fleet.members or {}) do
    for life, said in ipairs(member.lives) do
      for i, line in ipairs(said) do
        local is_it = (line .. " "):find("[ :]" .. id:gsub("%p", "%%%0") .. "[ =]")
        if is_it and not line:find(STATES) then
          lines[#lines + 1] = ("%7.3f  life %d, %s"):format(said.times[i] - self.began, life,
            line:sub(1, 150))
        end
      end
    end
  end
end

-- Who had the object when.
local TENURES = { reports = true, hands = true, handed = true, replaced = true }

local function tenures(self, lines)
  local list = {}
  for _, member in ipairs(self.has_deputy and self.fleet.members or {}) do
    for life, said in ipairs(member.lives) do
      for i, line in ipairs(said) do
        local is_it = TENURES[line:match "@ (%l+)"] or line:find "@ fails (%l+) .*handed"
        if is_it then
          list[#list + 1] = ("%7.3f  life %d, %s"):format(said.times[i] - self.began, life,
            line:gsub(STATES .. ".*", ""):sub(1, 150))
        end
      end
    end
  end
  table.sort(list)
  table.move(list, 1, #list, #lines + 1, lines)
end

local function story(self, fault)
  local lines = { ("seed %d: %s"):format(self.seed, fault), "", "what was done:" }
  table.move(self.story, 1, #self.story, #lines + 1, lines)
  if self.fleet then
    said_of(self, fault, lines)
    tenures(self, lines)
  end
  for _, member in ipairs(self.fleet and self.fleet.members or {}) do
    local said = member.lives[#member.lives] or {}
    lines[#lines + 1] = ("\nthe end of what %s said in life %d:"):format(member.name, #member.lives)
    for i = math.max(1, #said - LINES), #said do
      lines[#lines + 1] = ("%7.3f  %s"):format(said.times[i] - self.began, said[i]:sub(1, 150))
    end
  end
  lines[#lines + 1] = ("\nagain: tools/crash --from %d --rounds 1%s"):format(self.seed,
    self.has_deputy and " --deputy" or "")
  return table.concat(lines, "\n")
end

local function run(self, start)
  self.fleet = fleets.new(start, self.tell)
  self.fleet.on_line = on_line(self)
  add_node(self)
  add_actor(self, "anna", "reporter", true).may_report = true
  if self.has_deputy then add_actor(self, "eve", "deputy", true).may_report = true end
  add_actor(self, "ben", "observer", false)
  add_actor(self, "carl", "observer", true)
  add_actor(self, "dora", "watcher", false)
  self.blow_draw = draws.new(self.seed + 0x10000000) -- for what comes when the machine likes
  local legs = self.can_store and self.draw:int(1, 2) or 1
  for number = 1, legs do leg(self, number, legs) end
end

---Plays the round of that seed; with a deputy, to whom the object is handed over, if so wanted.
---Gives nil, or what is wrong as text for people; and a line that tells what there was.
function M.play(seed, has_deputy)
  local draw = draws.new(seed)
  local self = setmetatable({ seed = seed, draw = draw, by_name = {}, story = {}, lives = 0,
    blows = 0, can_store = has_option("run", "--store FILE"),
    can_node = has_option("node", "--store FILE"),
    grace = draw:one { 1, 3, 30 }, began = socket.gettime() }, World)
  self.has_deputy = self.can_store and has_deputy
  self.tell = function(text, ...)
    table.insert(self.story, ("%7.3f  "):format(socket.gettime() - self.began) .. text:format(...))
  end
  local fault
  process.with(function(start, dir)
    self.dir = dir
    self.address = draw:chance(0.5) and "tcp://127.0.0.1:0" or "unix://" .. dir .. "/node.sock"
    local ok, err = xpcall(run, function(err)
      local is_fault = type(err) == "table"
      return is_fault and err.oracle .. ": " .. err.fault or debug.traceback(tostring(err), 2)
    end, self, start)
    if not ok then fault = story(self, err) end
  end)
  return fault, self.summary
end

return M
