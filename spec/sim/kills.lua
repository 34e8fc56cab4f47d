-- Processes of a simulated world that are killed and started again, on disks that may have lost
-- power: one, the same again while it takes up what it had, two at once, a node and a runtime at
-- once. Actors are loaded again under their names and go on with what they reported and kept.
local check = require "spec.sim.check"
local copies = require "spec.sim.copies"
local faults = require "spec.sim.faults"
local plain = require "spec.sim.plain"

local M = {}

local POWER_LOSS = 0.3
-- how often what was killed is tried to be loaded again when all is well
local HEALS = 20
-- how long one that was started lives until it is killed again
local LIVES = { 0, 0.001, 0.005, 0.03, 0.3, 2 }

-- --- loaded again --------------------------------------------------------------------------------

-- An actor whose runtime was killed is loaded again, if that can be.
local function revive(world, actor)
  world.lives = (world.lives or 0) + 1
  local urls = plain.array {}
  for _, object in ipairs(world.oracle.objects) do
    local is_its = object.actor == actor and object.is_live and object.is_down
    if is_its or object.heir == actor then urls[#urls + 1] = object.url end
  end
  local inst = world:load(actor.runtime, { as = actor.as, count = world.lives * 1000, urls = urls,
    copies = copies.urls(world.oracle, actor) })
  if not inst then return end
  actor.inst, actor.is_down, actor.is_alive = inst, false, inst.url == actor.url
  if actor.is_alive then return end
  if not world.homes[actor.runtime].has_lost then
    check.fault("acknowledged", "%s has another address after its runtime was killed", actor.name)
  end
  actor.is_lost = true
  world:add_actor(actor.runtime, inst, actor.as)
end

local function boot(world, runtime)
  world:tell("runtime %d starts again", runtime)
  world:start_runtime(runtime)
  for _, actor in ipairs(world.actors) do
    if actor.is_down and actor.runtime == runtime then revive(world, actor) end
  end
end

-- --- killed --------------------------------------------------------------------------------------

-- Nothing is wrong with the nodes and the weather.
local function is_fair(world)
  return not world.faults.is_foul and not next(world.faults.down)
end

-- Are there actors alive outside of those runtimes?
local function others_live(world, runtimes)
  for _, actor in ipairs(world.actors) do
    local is_in = false
    for _, runtime in ipairs(runtimes) do is_in = is_in or actor.runtime == runtime end
    if actor.is_alive and not is_in then return true end
  end
  return false
end

-- What its actors have said and done until now is known, and judged.
local function die(world, runtime)
  local home, loses_power = world.homes[runtime], world.draw:chance(POWER_LOSS)
  world.is_disturbed = true
  home.has_lost = home.has_lost or loses_power
  world:catch_up()
  for _, actor in ipairs(world.actors) do
    local is_down = actor.is_down and loses_power -- it had not even been loaded again
    if actor.runtime == runtime and (actor.is_alive or is_down) then
      actor.is_alive, actor.is_down = false, true
      world.oracle:killed(actor, loses_power)
    end
  end
  world.runtimes[runtime]:crash()
  home.is_up, home.is_down = false, true
  faults.forget_ways(world, runtime)
  if loses_power then home.disk:power_loss() end
  world:tell("runtime %d is killed%s", runtime, loses_power and ", and its disk loses power" or "")
end

local function some_runtime(world)
  local list = {}
  for i, home in ipairs(world.homes) do
    if home.is_up then list[#list + 1] = i end
  end
  return #list > 0 and world.draw:one(list) or nil
end

---A runtime is killed: that one; or else some, or one that was killed is started again.
function M.kill(world, runtime)
  if not world.is_durable then return end
  for i, home in ipairs(not runtime and world.homes or {}) do
    if home.is_down and world.draw:chance(0.6) and is_fair(world) then return boot(world, i) end
  end
  runtime = runtime or some_runtime(world)
  if not runtime or not others_live(world, { runtime }) then return end
  die(world, runtime)
  if is_fair(world) and world.draw:chance(0.5) then boot(world, runtime) end
end

---A runtime is killed, and again and again before it is back.
function M.in_a_row(world)
  local runtime = world.is_durable and some_runtime(world)
  if not runtime or not others_live(world, { runtime }) then return end
  die(world, runtime)
  for _ = 1, world.draw:int(1, 3) do
    boot(world, runtime)
    world.net:run(world.draw:one(LIVES))
    die(world, runtime)
  end
  if is_fair(world) and world.draw:chance(0.7) then boot(world, runtime) end
end

---Two runtimes are killed in the same moment, or one and the node of its domain.
function M.together(world)
  local one = world.is_durable and some_runtime(world)
  if not one or not others_live(world, { one }) then return end
  local domain, another = world.homes[one].domain, some_runtime(world)
  local has_node = world.draw:chance(0.5) and not world.faults.down[domain]
  die(world, one)
  if has_node then
    faults.kill_node(world, domain)
  elseif another ~= one and others_live(world, { another }) then
    die(world, another)
  end
  world.net:run(world.draw:one(LIVES))
  local node_first = world.draw:chance(0.5)
  if has_node and node_first then faults.start_node(world, domain) end
  if not world.faults.is_foul then boot(world, one) end
  if has_node and not node_first then faults.start_node(world, domain) end
end

---All that were killed run again: also those that need an address, and reach their node only now.
function M.heal(world)
  for i, home in ipairs(world.homes) do
    if home.is_down then boot(world, i) end
  end
  for _ = 1, HEALS do
    local are_up = true
    for _, actor in ipairs(world.actors) do
      if actor.is_down then revive(world, actor) end
      are_up = are_up and not actor.is_down
    end
    if are_up then return end
    world.net:run(5)
  end
  check.fault("rest", "a hyperty cannot be loaded again")
end

return M
