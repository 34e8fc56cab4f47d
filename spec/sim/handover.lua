-- Objects that pass from one reporter to another, and who may observe them whoever reports them, as
-- the oracle judges it.
--
--      giver: asks delegate ─► (its writes are put off) ─► answer: true, and its party is closed
--      heir:                        took, or, if it was killed meanwhile, resumed
--
-- The heir begins with what the giver had last, in a higher epoch. Its journal is taken in after
-- that of the giver: the giver has written nothing since, or both have. Until all is quiet an
-- object has one heir at most.
local check = require "spec.sim.check"

local M = {}

-- --- passing on ----------------------------------------------------------------------------------

---Is that actor in the middle of giving or taking something, or may it be asked about that?
function M.is_at(oracle, actor)
  for _, object in ipairs(oracle.objects) do
    local is_either = object.actor == actor or object.heir == actor or object.giver == actor
    if object.heir and is_either then return true end
  end
  return false
end

---Does the entry say that the actor reports now what another one did?
function M.is_taken(oracle, actor, entry)
  local object = entry.url and oracle.by_url[entry.url]
  if entry.what == "took" then return true end
  if entry.what ~= "resumed" or not object or object.heir ~= actor then return false end
  return object.actor ~= actor or not object.party -- its giver may have heard first
end

-- The number of an epoch; 0 before there is one.
local function number(epoch)
  return epoch and math.tointeger(epoch:match "^(%d+)%-") or 0
end

---Each who begins to write an object does so in an epoch above those before.
function M.begin_epoch(object, entry)
  local before = object.epoch
  object.epoch = entry.epoch
  table.insert(object.epochs, number(entry.epoch))
  if not before or object.has_lost then return end
  if number(entry.epoch) > number(before) then return end
  check.fault("epochs", "%s goes on in epoch %s, which is not above %s", entry.party, entry.epoch,
    before)
end

---All is quiet. Where others might start over, so may who was below this and comes back later.
function M.note_break(object)
  if not object.may_resync then return end
  object.broken = { epoch = number(object.epoch), version = object.version }
end

---Is who comes back at that position too late to be told what it missed? So it is where two epochs
---began since, and where what it missed is more than was remembered, or not all in one history.
function M.is_late(object, epoch, version)
  local mine, begun, broken = number(epoch), 0, object.broken
  for _, one in ipairs(object.epochs) do
    if one > mine then begun = begun + 1 end
  end
  if begun > 1 or not broken then return begun > 1 end
  return mine < broken.epoch or mine == broken.epoch and version < broken.version
end

---Who reports it now has said so in the metadata.
function M.sign(object, entry)
  if entry.version == object.version + 1 then object:pass() end
end

local function check_state(object, entry)
  M.sign(object, entry)
  if entry.version ~= object.version then
    check.fault("writers", "%s took over %s at version %d, and its reporter before was at %d",
      entry.party, object.label, entry.version, object.version)
  end
  check.equal("handed over", object.data, entry.data, "%s as %s took it over", object.label,
    entry.party)
  check.equal("handed over", check.plain_kept(object.kept), check.plain_kept(entry.children),
    "%s as %s took it over, children", object.label, entry.party)
end

local function close(oracle, object)
  local before = object.party and oracle.parties[object.party]
  if before then before.is_open = false end
  object.party = nil
end

---The heir reports the object. All that the giver has told is known.
function M.take(oracle, actor, entry, is_disturbed)
  local object = oracle.by_url[entry.url]
  if object.heir ~= actor then
    check.fault("writers", "%s took over %s, which nobody handed over to it", entry.party,
      object.label)
  end
  M.begin_epoch(object, entry)
  check_state(object, entry)
  close(oracle, object)
  object.actor, object.party, object.heir, object.giver = actor, entry.party, nil, nil
  object.is_down, object.is_dying, object.is_orphan = false, false, false
  object.own, object.echoed, object.noted = {}, {}, {}
  object.restarts = object.restarts + 1
  object.may_resync = object.may_resync or is_disturbed and object.restarts > 1
  oracle:add_party { name = entry.party, actor = actor, object = object, is_reporter = true,
    is_open = true, heard = {}, has_taken = true }
end

---The giver was told how that has turned out.
function M.answered(oracle, entry)
  local object = oracle.parties[entry.party].object
  if object.party ~= entry.party then return end -- the heir has told it already
  if not entry.value then
    object.heir = nil
    if entry.epoch and entry.epoch ~= object.epoch then -- it has come back, later
      M.begin_epoch(object, entry)
      object.restarts = object.restarts + 1
      object.may_resync = object.may_resync or object.restarts > 1
    end
    return
  end
  close(oracle, object)
  object.giver = object.actor -- should the node forget it, the giver tells the heir
  object.actor, object.is_down = object.heir, object.heir.is_down or false
end

---Is it its giver's again? He was told that it was handed over; but where he was killed and the
---node has forgotten that, before the heir has heard of it, it is his who asks first.
function M.is_back(object, actor)
  local is_back = object.giver == actor and not object.party
  if is_back then object.actor, object.heir, object.giver = actor, nil, nil end
  return is_back
end

---A party that is no reporter any more did an edit.
function M.check_writer(object, entry)
  if object.party == entry.party then return end
  check.fault("writers", "%s wrote version %d of %s, which it does not report any more",
    entry.party, entry.version, object.label)
end

---All is quiet: what was to be handed over is here or there.
function M.settle(oracle)
  for _, object in ipairs(oracle.objects) do
    object.heir = nil
    if object.is_live and not object.is_down and not object.party then
      check.fault("handed over", "%s was handed over to %s, which does not know of it",
        object.label, object.actor.name)
    end
  end
end

-- --- who may observe -----------------------------------------------------------------------------

---How often it was let in, if it needs to be once more; else nil.
function M.grants_of(object, url)
  local grants = object.grants[url] or 0
  return object.struck[url] == grants and grants or nil
end

---A hyperty observes. When it asked it had been thrown out, and let in that often before.
function M.check_joined(object, url, entry)
  if not entry.grants or object.has_lost then return end
  if (object.grants[url] or 0) > entry.grants then return end
  check.fault("who", "%s was thrown out of %s, and is in again without being let in", entry.party,
    object.label)
end

return M
