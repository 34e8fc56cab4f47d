-- What goes wrong in a simulated world, and how it is made good again.
--
--   a way (one runtime    ended, interrupted, cut in one direction, slow, or its reader stalled:
--   to the node of one    until it is mended; or broken off: its stub connects again by itself
--   domain)
--   a node                killed, and started again after a while; or another in its place at once:
--                         with what it knew if it has a disk, else without
--   all of them           for a while messages are lost and come twice; all clocks jump
--   a runtime             stops; one more joins; how some are killed is in kills.lua
--
-- What is not whole is kept here by name, so that a quiet moment can mend all of it.
local handover = require "spec.sim.handover"

local M = {}

local WEATHER = { { 0.02, 0 }, { 0, 0.05 }, { 0.05, 0.05 }, { 0.15, 0.1 } }
local RUNTIMES_MAX = 12
local SLOW_BYTES = 4000        -- a second, over a slow way
local DAY_S = 24 * 3600
local JUMP_S = 400 * DAY_S     -- that far clocks jump

---The part of a world that is about faults.
function M.new(domains)
  return { domains = domains, ways = {}, down = {} }
end

local function way_name(runtime, domain) return runtime .. " to " .. domain end

local BEGIN = {
  disconnect = function(net, rt, domain) net:disconnect(rt, domain) end,
  interrupt = function(net, rt, domain) net:interrupt(rt, true, domain) end,
  ["cut up"] = function(net, rt, domain) net:cut(rt, true, false, domain) end,
  ["cut down"] = function(net, rt, domain) net:cut(rt, false, true, domain) end,
  stall = function(net, rt, domain) net:stall(rt, true, domain) end,
  slow = function(net, rt, domain) net:slow(rt, SLOW_BYTES, domain) end,
}

local END = {
  disconnect = function(net, rt, domain) net:connect(rt, domain) end,
  interrupt = function(net, rt, domain) net:interrupt(rt, false, domain) end,
  ["cut up"] = function(net, rt, domain) net:cut(rt, false, false, domain) end,
  ["cut down"] = function(net, rt, domain) net:cut(rt, false, false, domain) end,
  stall = function(net, rt, domain) net:stall(rt, false, domain) end,
  slow = function(net, rt, domain) net:slow(rt, 0, domain) end,
}

-- --- ways ----------------------------------------------------------------------------------------

local function mend(world, name)
  local way = world.faults.ways[name]
  world.faults.ways[name] = nil
  if not world.homes[way.runtime].is_up then return end
  world:tell("runtime %s is back (%s)", name, way.how)
  END[way.how](world.net, world.runtimes[way.runtime], way.domain)
  if way.how == "slow" then world.faults.slow_at = world.net:now() end
end

---One of the runtimes that are up; nil if none is.
function M.some_runtime(world)
  local list = {}
  for i, home in ipairs(world.homes) do
    if home.is_up then list[#list + 1] = i end
  end
  return #list > 0 and world.draw:one(list) or nil
end

-- The domain that a runtime lives in, more often than another.
local function some_domain(world, runtime)
  if world.draw:chance(0.7) then return world.homes[runtime].domain end
  return world.draw:one(world.faults.domains)
end

local function begin(world, runtime, domain, how)
  local name = way_name(runtime, domain)
  world.is_disturbed = true
  world.faults.ways[name] = { runtime = runtime, domain = domain, how = how }
  world:tell("runtime %s: %s", name, how)
  BEGIN[how](world.net, world.runtimes[runtime], domain)
end

---One way goes wrong, or, if it is wrong already, is mended.
function M.way(world)
  local runtime = M.some_runtime(world)
  if not runtime then return end
  local domain = some_domain(world, runtime)
  local name = way_name(runtime, domain)
  if world.faults.ways[name] then return mend(world, name) end
  begin(world, runtime, domain, world.draw:weighted { { 3, "disconnect" }, { 4, "interrupt" },
    { 1, "cut up" }, { 1, "cut down" }, { 2, "stall" }, { 2, "slow" } })
  if world.draw:chance(0.25) then mend(world, name) end
end

---That runtime does not read for a while what comes from that domain.
function M.slow(world, runtime, domain)
  if world.roughness == 0 or world.faults.ways[way_name(runtime, domain)] then return end
  begin(world, runtime, domain, world.draw:one { "stall", "interrupt" })
end

---Until when any way was slow: now, if one still is; nil: none was.
function M.slow_at(world)
  for _, way in pairs(world.faults.ways) do
    if way.how == "slow" then return world.net:now() end
  end
  return world.faults.slow_at
end

---A connection breaks; nobody else has to do anything about it.
function M.break_off(world)
  local runtime = M.some_runtime(world)
  if not runtime then return end
  local domain = some_domain(world, runtime)
  world.is_disturbed = true
  world:tell("runtime %s breaks off", way_name(runtime, domain))
  world.net:break_off(world.runtimes[runtime], domain)
end

-- --- nodes ---------------------------------------------------------------------------------------

-- What a runtime said in its last moments is known to the node alone, and goes with it.
local function forget_goodbyes(world)
  for _, actor in ipairs(world.actors) do
    if actor.has_left then actor.is_lost, world.oracle.lost[actor.url] = true, true end
  end
end

function M.start_node(world, domain)
  world.faults.down[domain] = nil
  world:tell("the node of %s starts", domain)
  world.net:start_node(domain)
end

function M.kill_node(world, domain)
  world.is_disturbed = true
  world.faults.down[domain] = true
  forget_goodbyes(world)
  world:tell("the node of %s is killed", domain)
  world.net:kill_node(domain)
end

---A node is killed, or started again: its runtimes find that out by themselves.
function M.node(world)
  local domain = world.draw:one(world.faults.domains)
  if world.faults.down[domain] then return M.start_node(world, domain) end
  M.kill_node(world, domain)
  if world.draw:chance(0.3) then M.start_node(world, domain) end
end

---Another node takes the place of one at once; its runtimes come back when they are told to.
function M.restart_node(world)
  local domain = world.draw:one(world.faults.domains)
  world.is_disturbed = true
  world.faults.down[domain] = nil
  forget_goodbyes(world)
  world:tell("the node of %s restarts", domain)
  for _, name in ipairs(M.names(world)) do
    if world.faults.ways[name].domain == domain then mend(world, name) end
  end
  world.net:restart_node(domain)
  for i, home in ipairs(world.homes) do
    local name = way_name(i, domain)
    if home.is_up then
      world.faults.ways[name] = { runtime = i, domain = domain, how = "disconnect" }
      if world.draw:chance(0.7) then mend(world, name) end
    end
  end
end

-- --- weather -------------------------------------------------------------------------------------

local function fair(world)
  world.faults.is_foul = false
  world:tell "fair weather"
  world.net:faults { delay = world.delay }
end

---Everybody's wall clock is set, forward or back; nothing may depend on it, but that a node with a
---store knows no longer than a day, whether it runs or not, what was deleted.
function M.jump(world)
  local seconds = world.draw:int(-JUMP_S, JUMP_S)
  world:tell("the clocks jump by %d s", seconds)
  world:jump(seconds)
  if world.node_disk and seconds > DAY_S // 2 then world.oracle:forget_deleted() end
end

---From now on messages get lost or come twice; or no more.
function M.weather(world)
  if world.faults.is_foul then return fair(world) end
  local weather = world.draw:one(WEATHER)
  world.is_disturbed, world.is_doubled, world.faults.is_foul = true, true, true
  world:tell("foul weather: loss %g, repetition %g", weather[1], weather[2])
  world.net:faults { delay = world.delay, loss = weather[1], repeat_ = weather[2] }
end

-- --- runtimes ------------------------------------------------------------------------------------

---True if that runtime has all its ways, as far as is known.
function M.is_whole(world, runtime)
  if not world.homes[runtime].is_up or world.faults.is_foul or next(world.faults.down) then
    return false
  end
  for _, way in pairs(world.faults.ways) do
    if way.runtime == runtime then return false end
  end
  return true
end

---One more runtime, with an actor.
function M.join(world)
  if #world.homes >= RUNTIMES_MAX or world.is_disturbed then return end
  world:add_runtime()
end

---A runtime ends. With all its ways it says goodbye; else nobody hears of it.
function M.leave(world)
  local runtime, others = M.some_runtime(world), 0
  for _, actor in ipairs(world.actors) do
    if actor.is_alive and actor.runtime ~= runtime then others = others + 1 end
  end
  if others < 3 or world.is_durable then return end
  for _, actor in ipairs(world.actors) do
    if actor.runtime == runtime and handover.is_at(world.oracle, actor) then return end
  end
  local is_heard = M.is_whole(world, runtime) and not world.is_disturbed
  for _, actor in ipairs(world.actors) do
    if actor.was_unloaded and actor.runtime == runtime and not is_heard then
      actor.is_lost, world.oracle.lost[actor.url] = true, true -- what it said may wait yet
    elseif actor.is_alive and actor.runtime == runtime then
      world:drain(actor)
      actor.is_alive, actor.is_lost, actor.has_left = false, not is_heard, is_heard
      if actor.is_asking then world.oracle.lost[actor.url] = true end -- and may be let in later
      world.oracle:gone(actor)
    end
  end
  world.homes[runtime].is_up = false
  world:tell("runtime %d stops%s", runtime, is_heard and "" or ", unheard")
  world.runtimes[runtime]:stop()
end

-- --- making good ---------------------------------------------------------------------------------

---The names of the ways that are not whole, in an order that is the same in each run.
function M.names(world)
  local names = {}
  for name in pairs(world.faults.ways) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---Before a quiet moment is judged: what somebody said who left since the last one may have been
---lost with the connection of who should hear it.
function M.settle(world)
  for _, actor in ipairs(world.actors) do
    if actor.has_left and world.is_disturbed then world.oracle.lost[actor.url] = true end
    actor.has_left, actor.was_unloaded = false, false
  end
end

---That runtime has none of its ways any more.
function M.forget_ways(world, runtime)
  for _, name in ipairs(M.names(world)) do
    if world.faults.ways[name].runtime == runtime then world.faults.ways[name] = nil end
  end
end

---All is mended but what was killed, one thing after the other.
function M.heal(world)
  if world.faults.is_foul then fair(world) end
  for _, domain in ipairs(world.faults.domains) do
    if world.faults.down[domain] then M.start_node(world, domain) end
  end
  local order = {}
  for i, name in ipairs(M.names(world)) do table.insert(order, world.draw:int(1, i), name) end
  for _, name in ipairs(order) do
    mend(world, name)
    world.net:run(world.draw:weighted { { 3, 0 }, { 2, 0.01 }, { 1, 1 } })
  end
end

return M
