-- The story of one observer: its first copy and every event after it, repeated on plain tables. At
-- each step the copy must be a state that the model went through, nothing may be left out or come
-- twice, and after the end nothing may come at all.
local check = require "spec.sim.check"
local edits = require "spec.sim.edits"
local handover = require "spec.sim.handover"
local plain = require "spec.sim.plain"

local M = {}

local Story = {}
Story.__index = Story

---`entry` tells how the party began: its version, data and children.
function M.new(actor, object, entry)
  local self = setmetatable({ name = entry.party, actor = actor, object = object, is_open = true,
    version = entry.version, next_change = 1, next_child = 1, heard = {}, began = entry.at or 0,
  }, Story)
  local state = object:state(entry.version, self.name)
  check.equal("copy", state.data, entry.data, "%s: first copy", self.name)
  check.equal("copy", check.plain_kept(state.children), check.plain_kept(entry.children),
    "%s: first children", self.name)
  self:anchor(entry.version)
  return self
end

---The same where what it began with may have been lost since.
function M.adrift(actor, object, entry)
  return setmetatable({ name = entry.party, actor = actor, object = object, is_open = true,
    version = entry.version, next_change = 1, next_child = 1, heard = {}, is_adrift = true,
    began = entry.at or 0,
  }, Story)
end

---It is known to be at that version: from there on it has to hear of everything.
function Story:anchor(version)
  local object, state = self.object, self.object:state(version, self.name)
  self.version, self.data, self.children = version, state.data, state.children
  object:promise(version)
  self.is_adrift, self.last, self.next_change, self.next_child = false, nil, 1, 1
  while (object.changed[self.next_change] or math.huge) <= version do
    self.next_change = self.next_change + 1
  end
  while object.log[self.next_child] and object.log[self.next_child].version <= version do
    self.next_child = self.next_child + 1
  end
end

---The next version that it has to hear of; nil: it has heard of all.
function Story:next_version()
  local child = self.object.log[self.next_child]
  local change = self.object.changed[self.next_change]
  local version = math.min(change or math.huge, child and child.version or math.huge)
  return version < math.huge and version or nil
end

-- It goes on to a version: until now its copy must have been what the reporter had.
local function go_on(self, version)
  local state = self.object:state(self.version, self.name)
  check.equal("order", state.data, self.data, "%s: copy at version %d", self.name, self.version)
  check.equal("order", state.children, self.children, "%s: children at version %d", self.name,
    self.version)
  -- From here on what was not changed is the model's own, which makes comparing cheap.
  self.data, self.children = state.data, state.children
  local due = self:next_version() or math.huge
  if due < version then check.fault("order", "%s heard nothing of version %d", self.name, due) end
  if due > version then check.fault("order", "%s heard of version %d again", self.name, version) end
  self.version, self.came_in = version, nil
  self.object:promise(version)
end

function Story:change(entry)
  if entry.version ~= self.version or self.last ~= "change" then -- else one batch
    go_on(self, entry.version)
    self.next_change = self.next_change + 1
  end
  self.last = "change"
  self.data = edits.repeat_event(self.data, entry)
  if not self.data then
    check.fault("order", "%s: %s does not fit its copy", self.name, plain.show(entry, 300))
  end
end

-- --- children ----------------------------------------------------------------------------------

local function find(list, id)
  for i, child in ipairs(list) do
    if child.id == id then return i, child end
  end
end

local function repeat_changes(self, child, changes)
  local after = plain.shallow(child)
  for _, change in ipairs(changes) do
    after.data = edits.repeat_event(after.data, change)
    if not after.data then
      check.fault("order", "%s: %s does not fit child %s", self.name, plain.show(change, 300),
        child.id)
    end
  end
  return after
end

local function repeat_child(self, entry, logged)
  local children = plain.shallow(self.children)
  local at, child = find(children, entry.id)
  if entry.kind == "create" then
    if entry.reporter ~= self.actor.url then -- who made it may be ahead
      check.equal("copy", logged.data, entry.data, "%s: child %s", self.name, entry.id)
    end
    table.insert(children, { id = entry.id, collection = entry.collection, data = logged.data,
      order = logged.version, reporter = entry.reporter, state = "kept" })
  elseif entry.kind == "delete" then
    table.remove(children, at)
  else
    children[at] = repeat_changes(self, child, entry.changes)
  end
  self.children = children
end

function Story:child(entry)
  if entry.kind == "refused" then return end
  if entry.kind == "expired" then
    local made = self.object.made[entry.id]
    if not made or made.party ~= self.name then return end -- its creator left in the middle of it
    if self.object.is_disturbed then return end -- the reporter was away
    check.fault("acknowledged", "%s: child %s expired", self.name, entry.id)
  end
  local logged = self.object.log[self.next_child]
  if not logged and self.object:is_beyond() then return end
  if not logged or logged.kind ~= entry.kind or logged.id ~= entry.id then
    check.fault("order", "%s heard %s of child %s, not %s", self.name, entry.kind, entry.id,
      logged and logged.kind .. " of " .. logged.id or "nothing")
  end
  go_on(self, logged.version)
  self.last, self.next_child = "child", self.next_child + 1
  repeat_child(self, entry, logged)
end

-- --- the rest ----------------------------------------------------------------------------------

---What tells events apart: no two of a world are alike.
function M.event_key(collection, from, value)
  return plain.show { collection, from, value }
end

---Any party heard an event.
function M.hear(party, entry)
  local key = M.event_key(entry.collection, entry.from, entry.value)
  party.heard[key] = (party.heard[key] or 0) + 1
end

function Story:event(entry) M.hear(self, entry) end

-- It starts over, where that could not be helped: also who comes back at last with what it kept,
-- in the epoch in which that was (`came_in`). What it is told of the differences is not repeated
-- here: until the next quiet moment only its copy counts.
function Story:resync(entry)
  local object = self.object
  local is_late = self.came_in and handover.is_late(object, self.came_in, self.version)
  local is_above = entry.to > self.version or object.restarts > 0 or is_late
  local is_older = self.actor.has_lost and self.stored ~= "sync" -- also in an older epoch
  if (object.may_resync or is_older or is_late) and is_above then
    self.is_adrift = true
    return
  end
  check.fault("resync", "%s had to resync from %d to %d: %s", self.name, entry.from, entry.to,
    entry.reason)
end

-- Who is struck off hears nothing of what is written after evict has returned, whatever goes wrong.
-- Not so if its reporter was cut off when it called: then evict returns when it has noted it, on
-- its disk if it has one, and the node is told as soon as can be. While all goes well, what is
-- written after evict was called does not reach it either; else its runtime may be told later than
-- its fellows there bring the copy level that they share. So may one of another domain: that is
-- told by another node, and may even come when it has been let in again. Who was let in again
-- before it was told may go on as it was.
function Story:ended(entry)
  self.is_open = false
  if entry.reason ~= "evicted" or self.object.has_lost then return end
  local eviction = self.object:eviction(self.actor.url, entry.at)
  if not eviction and self.may_have_left then return end
  if not eviction then check.fault("ends", "%s was evicted by nobody", self.name) end
  local is_near, is_disturbed = self.actor.domain == self.object.actor.domain,
    self.object.is_disturbed
  local is_stale = not is_near and eviction.at < self.began
  if is_disturbed and (eviction.is_noted or is_stale) then return end
  if self.object:was_let_in(self.actor.url, eviction.at, entry.at) then return end
  local last = is_near and not is_disturbed and eviction.first or eviction.last
  if last and entry.version > last then
    check.fault("ends", "%s went on to version %d after it was evicted at %d", self.name,
      entry.version, last)
  end
end

-- An execute that was answered has been done, and the answer is to that one.
local function executed(self, entry, all_edits)
  if entry.who == "refuse" then
    check.fault("acknowledged", "%s was told that what was refused was done", self.name)
  elseif entry.who == "repeat" then
    local asked = entry.asked
    if asked == nil then asked = plain.null end -- as an argument alone it is nothing
    check.equal("acknowledged", plain.array { asked }, entry.value, "%s: what came back", self.name)
  elseif not self.is_adrift and not self.object:is_beyond(entry.value) then
    self.object:state(entry.value, self.name)
    self.object:promise(entry.value)
    local edit = all_edits[entry.asked]
    if not edit.is_done and not edit.is_idle then
      check.fault("acknowledged", "%s was told that %s was done, which it never was", self.name,
        plain.show(edit, 300))
    end
  end
end

function Story:answer(entry, all_edits)
  if entry.method == "unsubscribe" and entry.value == true then self.is_open = false end
  if entry.method == "execute" and not entry.code then executed(self, entry, all_edits) end
end

function Story:waited(entry)
  local child = entry.kept and self.object.by_id[entry.id]
  if child then self.object:promise(child.order) end
  if not entry.kept or self.object.was_kept[entry.id] or self.object.is_dying then return end
  check.fault("acknowledged", "%s was told that child %s is kept, which it never was", self.name,
    entry.id)
end

local TELLS = { change = Story.change, child = Story.child, event = Story.event,
  resync = Story.resync, ended = Story.ended, answer = Story.answer,
  waited = Story.waited }

-- What does not count while it is adrift.
local STRICT = { change = true, child = true, resync = true }

---Takes in what its journal tells.
function Story:take(entry, all_edits)
  local tell = TELLS[entry.what]
  if not tell or (self.is_adrift and STRICT[entry.what]) then return end
  if not self.is_open and entry.what ~= "answer" and entry.what ~= "waited" then
    check.fault("ends", "%s heard %s after its end", self.name, plain.show(entry, 300))
  end
  tell(self, entry, all_edits)
end

return M
