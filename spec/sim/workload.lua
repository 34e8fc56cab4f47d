-- What happens in a simulated world: one random operation after the other, each told to an actor
-- and to the oracle. Which ones make sense is asked from the oracle's model, never from the core.
local check = require "spec.sim.check"
local edits = require "spec.sim.edits"
local faults = require "spec.sim.faults"
local handover = require "spec.sim.handover"
local intruder = require "spec.sim.intruder"
local kills = require "spec.sim.kills"
local plain = require "spec.sim.plain"

local M = {}

local OBJECTS_MAX = 3
-- An object with that is read in parts, and two of them are more than its history holds.
local HUGE = ("huge"):rep(35000)
local SWELLING = ("swell"):rep(8000) -- two of them, and an object comes in parts
local FLOOD = ("flood"):rep(260) -- some 25 of them are more than a small queue holds
local COLLECTIONS = { Resource = { "items" }, Pair = { "notes", "marks" } }

-- --- choosing ------------------------------------------------------------------------------------

local function some_actor(world)
  local alive = {}
  for _, actor in ipairs(world.actors) do
    if actor.is_alive then alive[#alive + 1] = actor end
  end
  return world.draw:one(alive)
end

local function is_usable(party)
  return party.is_open and party.actor.is_alive and party.object.is_live
    and not party.object.is_dying and not party.is_leaving
end

-- An object that nobody deletes just now.
local function some_object(world)
  local live = {}
  for _, object in ipairs(world.oracle.objects) do
    if object.is_live and not object.is_dying then live[#live + 1] = object end
  end
  return #live > 0 and world.draw:one(live) or nil
end

-- A party that takes part now, as far as is known: a reporter, an observer or (role nil) either.
local function some_party(world, role)
  local list = {}
  for _, party in ipairs(world.oracle.order) do
    local fits = not role or (role == "reporter") == (party.is_reporter or false)
    if fits and is_usable(party) then list[#list + 1] = party end
  end
  return #list > 0 and world.draw:one(list) or nil
end

local function some_collection(world, party)
  return world.draw:one(COLLECTIONS[party.object.schema])
end

local function tell(world, party, text, ...)
  world:tell("%s " .. text, party.name, ...)
end

-- --- objects -------------------------------------------------------------------------------------

local function create(world)
  local draw = world.draw
  local count = 0
  for _, object in ipairs(world.oracle.objects) do
    if object.is_live then count = count + 1 end
  end
  if count >= OBJECTS_MAX then return end
  local actor, schema = some_actor(world), draw:one { "Resource", "Pair" }
  local label = "o" .. world:next_label()
  local data = edits.tree(draw, draw:chance(0.2))
  local guest = draw:chance(0.2) and some_actor(world) or nil -- invited from the beginning
  if guest then guest.is_asking = true end
  local is_mutual = world:draw_mutual()
  world:expect_object(label, schema, data, is_mutual)
  world:tell("%s creates %s%s: %s %s", actor.name, label, is_mutual and " (mutual)" or "", schema,
    data)
  world:call(actor, "create", label, { schema = schema, name = label, data = data,
    description = "in a world", public = draw:chance(0.3), tags = plain.array { "wide" },
    observers = guest and plain.array { guest.url },
    store = world.is_durable and world.level, mutual = is_mutual or nil })
end

local function write(world)
  local party = some_party(world, "reporter")
  if not party then return end
  world:drain(party.actor)
  local edit = edits.draw(world.draw, party.object.data, true)
  tell(world, party, "writes %s", edit)
  world:take(party.actor, world:call(party.actor, "write_and_drain", party.name,
    world.oracle:expect_edit(edit), edit))
end

-- An observer of that object in another runtime reads slowly for a while.
local function slow_down_one(world, object)
  local list = {}
  for _, party in ipairs(world.oracle.order) do
    if party.object == object and is_usable(party) and party.actor.runtime ~= object.actor.runtime
    then
      list[#list + 1] = party
    end
  end
  if #list > 0 then faults.slow(world, world.draw:one(list).actor.runtime, object.actor.domain) end
end

-- More at once than a small queue holds.
local function burst(world)
  local party = some_party(world, "reporter")
  if not party or world.has_burst or not world.is_narrow then return end
  world.has_burst = true
  world:drain(party.actor)
  slow_down_one(world, party.object)
  local count = world.draw:int(25, 30)
  tell(world, party, "writes %d times", count)
  for i = 1, count do
    local text = FLOOD
    local value = plain.is_array(party.object.data) and plain.array { text, i }
      or { text = text, count = i }
    local edit = { kind = "whole", value = value }
    world:call(party.actor, "write", party.name, world.oracle:expect_edit(edit), edit)
  end
  world:drain(party.actor)
end

-- More than the history of an object holds: who is behind cannot be told what it missed.
local function huge(world)
  local party = some_party(world, "reporter")
  if not party or world.is_narrow or world.has_burst then return end
  world.has_burst, party.object.may_resync = true, true
  world:drain(party.actor)
  slow_down_one(world, party.object)
  tell(world, party, "writes more than is remembered")
  for i = 1, 3 do
    local text = i < 3 and HUGE or "small"
    local value = plain.is_array(party.object.data) and plain.array { text } or { text = text }
    local edit = { kind = "whole", value = value }
    world:call(party.actor, "write", party.name, world.oracle:expect_edit(edit), edit)
    world.net:run(0.3)
  end
  world:drain(party.actor)
end

local function delete(world)
  local party = some_party(world, "reporter")
  if not party then return end
  party.object.is_dying = true
  tell(world, party, "deletes %s", party.object.label)
  world:call(party.actor, "ask", party.name, "delete")
end

-- --- taking part ---------------------------------------------------------------------------------

-- Who was thrown out has to be let in once more. Some keep their copy.
local function ask_in(world, actor, object)
  local stored = world.is_durable and world.draw:chance(0.5) and world.level or nil
  actor.is_asking = true
  world:call(actor, "subscribe", object.url, handover.grants_of(object, actor.url), stored)
end

local function subscribe(world)
  local object, actor = some_object(world), some_actor(world)
  if not object then return end
  world:tell("%s subscribes to %s", actor.name, object.label)
  ask_in(world, actor, object)
end

local function unsubscribe(world)
  local party = some_party(world, "observer")
  if not party then return end
  party.is_leaving = true
  tell(world, party, "leaves %s", party.object.label)
  world:call(party.actor, "ask", party.name, "unsubscribe")
  if world.draw:chance(0.4) then -- and comes back at once
    world:tell("%s subscribes to %s", party.actor.name, party.object.label)
    ask_in(world, party.actor, party.object)
  end
end

local function evict(world)
  local party = some_party(world, "reporter")
  if not party then return end
  local actor = some_actor(world)
  tell(world, party, "evicts %s from %s", actor.name, party.object.label)
  local is_away = world.runtimes[party.actor.runtime]:is_away(party.object.url)
  world:call(party.actor, "ask", party.name, "evict", actor.url, is_away) -- for the journal alone
  if world.draw:chance(0.4) then
    world:tell("%s subscribes to %s", actor.name, party.object.label)
    ask_in(world, actor, party.object)
  end
end

local function invite(world)
  local party = some_party(world, "reporter")
  if not party then return end
  local actor = some_actor(world)
  tell(world, party, "invites %s to %s", actor.name, party.object.label)
  actor.is_asking = true
  world:call(party.actor, "ask", party.name, "invite", plain.array { actor.url })
end

local function leave_the_world(world)
  if world.is_durable then return kills.rest(world) end
  local alive = 0
  for _, actor in ipairs(world.actors) do alive = alive + (actor.is_alive and 1 or 0) end
  if alive < 3 then return end
  local actor = some_actor(world)
  if handover.is_at(world.oracle, actor) then return end
  world:drain(actor)
  world:tell("%s is unloaded", actor.name)
  actor.is_alive, actor.was_unloaded = false, true
  world.oracle:gone(actor)
  actor.inst:unload()
  if world.draw:chance(0.5) and faults.is_whole(world, actor.runtime) then
    world:load_actor(actor.runtime)
  end
end

-- --- children ------------------------------------------------------------------------------------

local function add(world, party, data)
  local collection = some_collection(world, party)
  world:drain(party.actor)
  local id = world:call(party.actor, "add_child", party.name, collection, data)
  tell(world, party, "adds child %s to %s: %s", tostring(id), collection, data)
  if not id then return end -- its party has ended meanwhile
  party.object:expect_child(id, party.name, collection, data)
  if party.is_reporter then party.object:do_child("create", id) end
end

local function add_child(world)
  local party = some_party(world)
  if party then add(world, party, edits.tree(world.draw, world.draw:chance(0.2))) end
end

-- So much that from then on the object comes in parts: in one, or in a few.
local function swell(world)
  local party = some_party(world, "reporter")
  if not party or world.is_narrow or party.object.is_swollen then return end
  party.object.is_swollen = true
  for i = 1, world.draw:int(2, 5) do add(world, party, { text = SWELLING, count = i }) end
end

-- A child that this party sees and that fits, with its data.
local function some_child(world, party, fits)
  local list = {}
  for _, child in ipairs(world:call(party.actor, "children", party.name)) do
    if fits(child) then list[#list + 1] = child end
  end
  local child = #list > 0 and world.draw:one(list) or nil
  if child then child.data = world:call(party.actor, "child_data", party.name, child.id) end
  return child
end

-- A hyperty that reports and observes writes what it made in one of both roles.
local function is_second_role(party)
  return not party.is_reporter and party.actor == party.object.actor
end

local function write_child(world)
  local party = some_party(world)
  if not party or is_second_role(party) then return end
  world:drain(party.actor)
  local child = some_child(world, party, function(child)
    return party.object:may_write(party, child)
  end)
  if not child then return end
  local edit = edits.draw_for_child(world.draw, child.data)
  local after = edits.apply(child.data, edit)
  local done, text = world:call(party.actor, "write_child", party.name, child.id, edit)
  tell(world, party, "writes in child %s: %s", child.id, edit)
  if done == nil then return end
  if done ~= (after ~= nil) then
    check.fault("reporter", "child %s: %s %s: %s", child.id, plain.show(edit),
      done and "did not raise" or "raised", tostring(text))
  end
  if not after or after == child.data then return end
  if party.is_reporter then
    party.object:do_child("update", child.id, edit)
  else
    party.object:expect_update(child.id, edits.operation(child.data, edit))
  end
end

local function delete_child(world)
  local party = some_party(world)
  if not party or is_second_role(party) then return end
  world:drain(party.actor)
  local child = some_child(world, party, function(child)
    return party.object:may_delete(party, child)
  end)
  if not child then return end
  local done, text = world:call(party.actor, "delete_child", party.name, child.id)
  tell(world, party, "deletes child %s", child.id)
  if done == nil then return end
  if not done then check.fault("calls", "delete of child %s: %s", child.id, tostring(text)) end
  if party.is_reporter then party.object:do_child("delete", child.id) end
end

local function send_event(world)
  local party = some_party(world)
  if not party then return end
  local collection = some_collection(world, party)
  local value = { event = world:next_label(), value = edits.value(world.draw) }
  local is_sent = world:call(party.actor, "send_event", party.name, collection, value)
  tell(world, party, "sends event %s: %s", value, tostring(is_sent))
  if is_sent then world.oracle:sent_event(party, collection, value) end
end

-- --- asking --------------------------------------------------------------------------------------

local function execute(world)
  local party = some_party(world, "observer")
  if not party then return end
  local method = world.draw:one { "write", "write", "repeat", "refuse" }
  tell(world, party, "executes %s", method)
  if method ~= "write" then
    return world:call(party.actor, "ask", party.name, "execute", method, edits.value(world.draw))
  end
  local edit = edits.without_text(edits.draw(world.draw, party.object.data, true))
  tell(world, party, "wants %s", edit)
  world:call(party.actor, "ask", party.name, "execute", "write", world.oracle:expect_edit(edit),
    edit)
end

-- Another actor is to report it. Now and then one of both is killed in the middle of it.
local function delegate(world)
  for _, actor in ipairs(world.actors) do
    if actor.is_alive then world:drain(actor) end
  end
  local party, heirs = some_party(world, "reporter"), {}
  if not party or party.object.heir or party.object.is_mutual then return end
  for _, actor in ipairs(world.actors) do
    local fits = actor.is_alive and actor ~= party.actor and actor.domain == party.actor.domain
    if fits then heirs[#heirs + 1] = actor end
  end
  if #heirs == 0 then return end
  local heir = world.draw:one(heirs)
  party.object.heir = heir
  tell(world, party, "hands %s over to %s", party.object.label, heir.name)
  world:call(party.actor, "ask", party.name, "delegate", heir.url)
  if not world.is_durable or not world.draw:chance(world.roughness * 2) then return end
  world.net:run(world.draw:one { 0, 0.005, 0.1, 0.6 })
  kills.kill(world, world.draw:one { heir.runtime, party.actor.runtime })
end

-- One asks another, which says the same again.
local function call(world)
  local actor, other = some_actor(world), some_actor(world)
  local value = { said = edits.value(world.draw) }
  world:tell("%s calls %s: %s", actor.name, other.name, value)
  world:call(actor, "call", other.url, value)
end

local function save(world)
  local party = world.is_durable and some_party(world, "reporter")
  if not party then return end
  tell(world, party, "waits until all is saved")
  world:call(party.actor, "ask", party.name, "saved")
end

local function read(world)
  local object, actor = some_object(world), some_actor(world)
  if not object then return end
  world:tell("%s reads %s", actor.name, object.label)
  world:call(actor, "read", object.url)
end

-- --- all of it -----------------------------------------------------------------------------------

local OPERATIONS = {
  { 30, write }, { 14, subscribe }, { 12, add_child }, { 12, write_child }, { 5, delete_child },
  { 8, execute }, { 5, send_event }, { 5, unsubscribe }, { 4, evict }, { 3, invite }, { 3, read },
  { 2, create }, { 1, delete }, { 1, leave_the_world },
  { 1, burst }, { 1, huge }, { 1, swell }, { 4, save }, { 4, delegate }, { 2, call },
  { 2, function(world) intruder.try(world, some_object(world)) end },
}

local FAULTS = {
  { 8, faults.way }, { 3, faults.break_off }, { 2, faults.node }, { 1, faults.restart_node },
  { 2, faults.weather }, { 1, faults.jump }, { 6, kills.kill }, { 1, faults.join },
  { 1, faults.leave }, { 2, kills.in_a_row }, { 2, kills.together },
  { 2, kills.rest },
  { 1, function(world) world:wait() end },
}

---The first objects, with some who observe them.
function M.begin(world)
  for _ = 1, world.draw:int(1, 2) do create(world) end
  world:begin()
  for _ = 1, world.draw:int(2, 8) do subscribe(world) end
end

---One operation.
function M.step(world)
  if world.draw:chance(world.roughness) then world.draw:weighted(FAULTS)(world) end
  world.draw:weighted(OPERATIONS)(world)
end

return M
