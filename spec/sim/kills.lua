-- Processes of a simulated world that are killed and started again, on disks that may have lost
-- power: one, the same again while it takes up what it had, two at once, a node and a runtime at
-- once; and those that end in good order, to be started again later. Actors are loaded again under
-- their names and go on with what they reported and kept.
local check = require "spec.sim.check"
local copies = require "spec.sim.copies"
local faults = require "spec.sim.faults"
local handover = require "spec.sim.handover"
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
    local is_passing = object.heir == actor or object.giver == actor
    if is_its or is_passing then urls[#urls + 1] = object.url end
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
local function take_down(world, runtime, loses_power, rests)
  local home = world.homes[runtime]
  world.is_disturbed = true
  world:catch_up()
  for _, actor in ipairs(world.actors) do
    if actor.runtime == runtime and (actor.is_alive or actor.is_down) then
      actor.is_alive, actor.is_down = false, true
      world.oracle:killed(actor, loses_power, rests)
    end
  end
  home.is_up, home.is_down = false, true
  faults.forget_ways(world, runtime)
end

local function die(world, runtime)
  local home, loses_power = world.homes[runtime], world.draw:chance(POWER_LOSS)
  home.has_lost = home.has_lost or loses_power
  take_down(world, runtime, loses_power)
  world.runtimes[runtime]:crash()
  if loses_power then home.disk:power_loss() end
  world:tell("runtime %d is killed%s", runtime, loses_power and ", and its disk loses power" or "")
end

---A runtime is killed: that one; or else some, or one that was killed is started again.
function M.kill(world, runtime)
  if not world.is_durable then return end
  for i, home in ipairs(not runtime and world.homes or {}) do
    if home.is_down and world.draw:chance(0.6) and is_fair(world) then return boot(world, i) end
  end
  runtime = runtime or faults.some_runtime(world)
  if not runtime or not others_live(world, { runtime }) then return end
  die(world, runtime)
  if is_fair(world) and world.draw:chance(0.5) then boot(world, runtime) end
end

---A runtime is killed, and again and again before it is back.
function M.in_a_row(world)
  local runtime = world.is_durable and faults.some_runtime(world)
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
  local one = world.is_durable and faults.some_runtime(world)
  if not one or not others_live(world, { one }) then return end
  local domain, another = world.homes[one].domain, faults.some_runtime(world)
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

-- --- ended in good order -------------------------------------------------------------------------

---An actor is unloaded, or its whole runtime stops: nothing of it gets lost. It is loaded again at
---once, or some time later.
function M.rest(world)
  local runtime = world.is_durable and faults.some_runtime(world)
  if not runtime or not others_live(world, { runtime }) then return end
  local actors, is_whole = {}, world.draw:chance(0.4)
  for _, actor in ipairs(world.actors) do
    if actor.runtime == runtime and actor.is_alive then
      if handover.is_at(world.oracle, actor) then return end
      actors[#actors + 1] = actor
    end
  end
  if not actors[1] then return end
  if not is_whole then actors = { world.draw:one(actors) } end
  if is_whole then
    take_down(world, runtime, false, true)
    world:tell("runtime %d stops, and will be back", runtime)
  else
    world.is_disturbed = true
    world:catch_up()
    actors[1].is_alive, actors[1].is_down = false, true
    world.oracle:killed(actors[1], false, true)
    world:tell("%s is unloaded, and will be back", actors[1].name)
  end
  if is_whole then world.runtimes[runtime]:stop() else actors[1].inst:unload() end
  if not is_fair(world) or world.draw:chance(0.3) then return end
  world.net:run(world.draw:one(LIVES))
  if is_whole then boot(world, runtime) else revive(world, actors[1]) end
end

-- --- making good ---------------------------------------------------------------------------------

---All that are down run again: also those that need an address, and reach their node only now.
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
