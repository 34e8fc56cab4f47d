-- What a simulated world must look like, by means that share nothing with the core.
--
--      journals ──► model of each object: the reporter's data by the same edits on plain tables,
--                   children in the order in which it kept them, one state per version
--               ──► story of each party: first copy, then event by event
--
-- While a world runs, the oracle takes in the journals of its actors: what a reporter did goes into
-- the model at once; what observers saw is put by until the world is quiet and then checked against
-- the states that the model went through. When it is quiet, every copy must be the reporter's.
local edits = require "spec.sim.edits"
local plain = require "spec.sim.plain"

local M = {}

local Oracle = {}
Oracle.__index = Oracle

function M.new()
  return setmetatable({ objects = {}, by_url = {}, parties = {}, edits = {}, later = {},
    sent = {} }, Oracle)
end

local function fault(text, ...)
  error({ fault = text:format(...) }, 0)
end
M.fault = fault

local function compare(expected, actual, what)
  local found = plain.difference(expected, actual)
  if found then fault("%s differs at %s", what, found) end
end

-- --- the model ---------------------------------------------------------------------------------

-- The kept ones of a list by collection, in the order in which the list has them.
local function kept(children)
  local by_name, list = {}, {}
  for _, child in ipairs(children) do
    if child.state == "kept" then
      by_name[child.collection] = by_name[child.collection] or {}
      table.insert(by_name[child.collection], child)
    end
  end
  for _, name in ipairs(plain.keys(by_name)) do
    table.move(by_name[name], 1, #by_name[name], #list + 1, list)
  end
  return list
end

-- The same with copies of what the model knows.
local function plain_kept(children)
  local list = {}
  for i, child in ipairs(kept(children)) do
    list[i] = { id = child.id, collection = child.collection, data = plain.copy(child.data),
      order = child.order, reporter = child.reporter, state = "kept" }
  end
  return list
end

-- One version more, as the object is now.
local function remember(object)
  object.version = object.version + 1
  object.history[object.version] = { data = plain.copy(object.data),
    children = plain_kept(object.kept) }
end

---A reporter has made the object, with that data.
function Oracle:created(label, actor, party, url, data)
  local object = { label = label, url = url, actor = actor, party = party, data = plain.copy(data),
    version = -1, kept = {}, by_id = {}, log = {}, changed = {}, made = {}, own = {}, echoed = {},
    history = {}, evictions = {}, is_live = true }
  remember(object)
  self.objects[#self.objects + 1] = object
  self.objects[label], self.by_url[url] = object, object
  self.parties[party] = { name = party, actor = actor, object = object, is_reporter = true,
    is_open = true }
  return object
end

---The reporter will be told to do this edit, now or later; gives its number.
function Oracle:expect_edit(edit)
  self.edits[#self.edits + 1] = edit
  return #self.edits
end

function Oracle:wrote(entry)
  local object = self.parties[entry.party].object
  local edit = self.edits[entry.number]
  local steps = edits.apply(object.data, edit)
  if entry.done ~= (steps ~= nil) then
    fault("%s: %s %s: %s", object.label, plain.show(edit, 300),
      entry.done and "did not raise" or "raised", tostring(entry.text))
  end
  if (steps or 0) > 0 then
    remember(object)
    object.changed[#object.changed + 1] = object.version
  end
  if entry.version ~= object.version then
    fault("%s: version %d after %s, not %d", object.label, entry.version, plain.show(edit, 300),
      object.version)
  end
end

---A creator made a child of these parts.
function Oracle:expect_child(party, id, collection, data)
  local made = self.parties[party].object.made
  if made[id] then fault("child id %s was given twice", id) end
  made[id] = { id = id, collection = collection, data = plain.copy(data), edits = {} }
end

---Its creator changed it so (and saw that at once).
function Oracle:expect_update(party, id, edit)
  table.insert(self.parties[party].object.made[id].edits, edit)
end

local function keep_create(object, made, reporter)
  local child = { id = made.id, collection = made.collection, data = plain.copy(made.data),
    reporter = reporter, order = object.version + 1, state = "kept" }
  table.insert(object.kept, child)
  object.by_id[made.id] = child
end

local function keep_delete(object, id)
  for i, child in ipairs(object.kept) do
    if child.id == id then table.remove(object.kept, i) break end
  end
  object.by_id[id] = nil
end

-- The reporter kept an operation, which counts from now on.
local function stamp(object, kind, id)
  local child = object.by_id[id]
  if kind == "delete" then keep_delete(object, id) end
  remember(object)
  table.insert(object.log, { version = object.version, kind = kind, id = id,
    data = kind == "create" and plain.copy(child.data) or nil })
end

-- The edit of that child that the event tells of.
local function told_edit(made, entry)
  local change = entry.changes[1]
  for i, edit in ipairs(made.edits) do
    local keys, value = edits.place(edit)
    if not plain.difference(keys, change.keys) and not plain.difference(value, change.value) then
      table.remove(made.edits, i)
      return edit
    end
  end
  fault("child %s: nobody wrote %s", made.id, plain.show(entry.changes, 300))
end

---The reporter decided about a child operation of somebody else.
function Oracle:judged(entry)
  local object = self.parties[entry.party].object
  local made = object.made[entry.id]
  if not made then fault("%s: nobody made child %s", object.label, entry.id) end
  local child, keeps = object.by_id[entry.id], entry.verdict == "keep"
  if entry.kind == "create" then
    if made.verdict then fault("%s: create of %s was asked twice", object.label, entry.id) end
    compare(made.data, entry.data, object.label .. ": child " .. entry.id .. " as asked")
    made.verdict = entry.verdict
    if keeps then keep_create(object, made, entry.reporter) end
  elseif not child then
    return -- it was deleted while the reporter thought
  elseif entry.kind == "update" then
    local edit = told_edit(made, entry)
    if keeps and not edits.apply(child.data, edit) then keeps = false end
  end
  if keeps then
    stamp(object, entry.kind, entry.id)
  else
    remember(object) -- a refusal is a version, too
  end
end

---The reporter did a child operation itself. `steps`: as edits.apply.
function Oracle:did_child(party, kind, id, edit)
  local object = self.parties[party].object
  if kind == "create" then
    object.made[id].verdict = "keep"
    keep_create(object, object.made[id], self.parties[party].actor.url)
  elseif kind == "update" and edits.apply(object.by_id[id].data, edit) ~= 1 then
    return
  end
  stamp(object, kind, id)
  table.insert(object.own, { kind = kind, id = id })
end

-- --- stories of observers ------------------------------------------------------------------------

-- What a reporter still thinks about when its object ends is kept, and it cannot note that any more.
-- So of such an object observers may know more than the model.
local function is_beyond_model(object, version)
  return object.is_dying and not object.history[version or object.version + 1]
end

-- What the model says an observer's copy is at that version.
local function state_at(party, version)
  local state = party.object.history[version]
  if not state then
    fault("%s is at version %s, which %s never had", party.name, tostring(version),
      party.object.label)
  end
  return state
end

function Oracle:joined(actor, entry)
  local object = self.by_url[entry.url]
  if is_beyond_model(object, entry.version) then return end
  local party = { name = entry.party, actor = actor, object = object, is_open = true,
    version = entry.version, data = plain.copy(entry.data), children = plain_kept(entry.children),
    next_change = 1, next_child = 1, events = {} }
  self.parties[entry.party] = party
  local state = state_at(party, entry.version)
  compare(state.data, party.data, party.name .. ": first copy")
  compare(state.children, party.children, party.name .. ": first children")
  while (object.changed[party.next_change] or math.huge) <= party.version do
    party.next_change = party.next_change + 1
  end
  while object.log[party.next_child] and object.log[party.next_child].version <= party.version do
    party.next_child = party.next_child + 1
  end
end

-- The party goes on to a version: nothing in between may be left out, and until now its copy must
-- have been what the reporter had.
local function go_on(party, version)
  local state = state_at(party, party.version)
  compare(state.data, party.data, ("%s: copy at version %d"):format(party.name, party.version))
  compare(state.children, plain_kept(party.children),
    ("%s: children at version %d"):format(party.name, party.version))
  local change, child = party.object.changed[party.next_change],
    party.object.log[party.next_child]
  local missed = math.min(change or math.huge, child and child.version or math.huge)
  if missed < version then fault("%s heard nothing of version %d", party.name, missed) end
  if missed > version then fault("%s heard of version %d again", party.name, version) end
  party.version = version
end

function Oracle:changed(party, entry)
  if entry.version ~= party.version or party.last ~= "change" then
    go_on(party, entry.version)
    party.next_change = party.next_change + 1
  end
  party.last = "change"
  party.data = edits.repeat_event(party.data, entry)
  if not party.data then
    fault("%s: %s does not fit its copy", party.name, plain.show(entry, 300))
  end
end

local function find(list, id)
  for i, child in ipairs(list) do
    if child.id == id then return i, child end
  end
end

local function repeat_child(party, entry, logged)
  local at, child = find(party.children, entry.id)
  if entry.kind == "create" then
    if entry.reporter ~= party.actor.url then -- who made it may be ahead
      compare(logged.data, entry.data, party.name .. ": child " .. entry.id)
    end
    table.insert(party.children, { id = entry.id, collection = entry.collection,
      data = plain.copy(logged.data), order = logged.version, reporter = entry.reporter,
      state = "kept" })
  elseif entry.kind == "delete" then
    table.remove(party.children, at)
  else
    for _, change in ipairs(entry.changes) do
      child.data = edits.repeat_event(child.data, change)
      if not child.data then
        fault("%s: %s does not fit child %s", party.name, plain.show(change, 300), entry.id)
      end
    end
  end
end

function Oracle:child(party, entry)
  if entry.kind == "refused" then return end
  if entry.kind == "expired" then
    if entry.reporter ~= party.actor.url then return end -- its creator left in the middle of it
    fault("%s: child %s expired", party.name, entry.id)
  end
  local logged = party.object.log[party.next_child]
  if not logged and is_beyond_model(party.object) then return end
  if not logged or logged.kind ~= entry.kind or logged.id ~= entry.id then
    fault("%s heard %s of child %s, not %s", party.name, entry.kind, entry.id,
      logged and logged.kind .. " of " .. logged.id or "nothing")
  end
  go_on(party, logged.version)
  party.last, party.next_child = "child", party.next_child + 1
  repeat_child(party, entry, logged)
end

function Oracle:event(party, entry)
  local key = plain.show { entry.collection, entry.from, entry.value }
  party.heard = party.heard or {}
  party.heard[key] = (party.heard[key] or 0) + 1
end

function Oracle:ended(party, entry)
  party.is_open = false
  party.reason = entry.reason
  if entry.reason ~= "evicted" then return end
  local evicted_at = party.object.evictions[party.actor.url]
  if not evicted_at then fault("%s was evicted by nobody", party.name) end
  if entry.version > evicted_at then
    fault("%s went on to version %d after it was evicted at %d", party.name, entry.version,
      evicted_at)
  end
end

function Oracle:answered(party, entry)
  local done = entry.value == true
  if entry.method == "unsubscribe" and done then party.is_open = false end
  if entry.method == "delete" and done then party.object.is_live = false end
end

-- --- taking in -----------------------------------------------------------------------------------

local seen = { -- by what an observer tells
  change = Oracle.changed, child = Oracle.child, event = Oracle.event, ended = Oracle.ended,
  answer = Oracle.answered,
  echo = function(_, party, entry)
    table.insert(party.object.echoed, { kind = entry.kind, id = entry.id })
  end,
  resync = function(_, party, entry)
    fault("%s had to resync from %d to %d: %s", party.name, entry.from, entry.to, entry.reason)
  end,
}

local function take_gone(self, actor)
  for _, party in pairs(self.parties) do
    if party.actor == actor then
      party.is_open = false
      if party.is_reporter then party.object.is_live = false end
    end
  end
end

local function take_later(self, actor, entry)
  if entry.what == "gone" then return take_gone(self, actor) end
  if entry.what == "joined" then return self:joined(actor, entry) end
  if entry.what == "read" and entry.version then
    local state = self.by_url[entry.url].history[entry.version]
    return compare(state and state.data, entry.data, "what " .. actor.name .. " read")
  end
  local party = entry.party and self.parties[entry.party]
  if not party or not seen[entry.what] then return end
  if not party.is_open and entry.what ~= "answer" then
    fault("%s heard %s after its end", party.name, plain.show(entry, 300))
  end
  seen[entry.what](self, party, entry)
end

---Takes in what an actor's journal says.
function Oracle:take(actor, entries)
  for _, entry in ipairs(entries) do
    if entry.what == "wrote" then
      self:wrote(entry)
    elseif entry.what == "judged" then
      self:judged(entry)
    elseif entry.what == "asks" and entry.method == "evict" then
      self.parties[entry.party].object.evictions[entry.who] = entry.version
    else
      self.later[#self.later + 1] = { actor, entry }
    end
  end
end

---The actor is gone, with all that it reported and observed. Nothing of it is to be used any more;
---what it saw before is still to be judged.
function Oracle:gone(actor)
  for _, object in ipairs(self.objects) do
    if object.actor == actor then object.is_dying = true end
  end
  self.later[#self.later + 1] = { actor, { what = "gone" } }
end

---Somebody sent an event: who hears it once is settled at the next quiet moment.
function Oracle:sent_event(party, collection, value)
  self.sent[#self.sent + 1] = { party = self.parties[party], collection = collection,
    value = value }
end

-- --- when the world is quiet ---------------------------------------------------------------------

local function open_parties(self, object)
  local list = {}
  for _, name in ipairs(plain.keys(self.parties)) do
    local party = self.parties[name]
    if party.object == object and party.is_open and not party.is_reporter then
      list[#list + 1] = party
    end
  end
  return list
end

local function check_events(self, sent)
  local sender, object = sent.party, sent.party.object
  local key = plain.show { sent.collection, sender.actor.url, sent.value }
  for _, name in ipairs(plain.keys(self.parties)) do
    local party = self.parties[name]
    local count = party.heard and party.heard[key] or 0
    local is_sure = party.was_open and party.is_open and sender.was_open and sender.is_open
      and object.is_live
    local wanted = party.object == object and party.actor ~= sender.actor and 1 or 0
    if count > wanted or (is_sure and count < wanted) then
      fault("%s heard event %s of %s %d times, not %d", name, key, sender.name, count, wanted)
    end
  end
end

-- Metadata that are the same for all.
local function common(metadata)
  local copy = plain.copy(metadata)
  copy.lastModified = nil
  return copy
end

local function check_reporter(object, look)
  local name = object.label .. " at its reporter"
  if not look then fault("%s is closed", name) end
  compare(object.data, look.data, name)
  if look.version ~= object.version then
    fault("%s has version %d, not %d", name, look.version, object.version)
  end
  compare(plain_kept(object.kept), plain_kept(look.children), name .. ", children")
  compare(object.own, object.echoed, name .. ", own child events")
end

---Compares a copy with the reporter's (both as an actor's `look` tells) and with the model.
function Oracle:check_copy(party, look, original)
  local name, object = party.name, party.object
  if not look then fault("%s is closed, and was not told so", name) end
  local status = look.status
  if status.state ~= "live" or status.pending ~= 0 or status.head ~= look.version then
    fault("%s: not level: %s", name, plain.show(status))
  end
  if look.version ~= original.version or look.epoch ~= original.epoch then
    fault("%s: at %s/%d, the reporter at %s/%d", name, look.epoch, look.version, original.epoch,
      original.version)
  end
  compare(original.data, look.data, name)
  compare(object.data, look.data, name .. " (to the model)")
  compare(kept(original.children), kept(look.children), name .. ", children")
  compare(plain_kept(object.kept), plain_kept(look.children), name .. ", children (to the model)")
  compare(common(original.metadata), common(look.metadata), name .. ", metadata")
  compare(party.data, look.data, name .. " (to what its events told)")
  compare(plain_kept(party.children), plain_kept(look.children), name .. ", children (to what was told)")
  local change, child = object.changed[party.next_change], object.log[party.next_child]
  if change or child then
    fault("%s never heard of version %d", name,
      math.min(change or math.huge, child and child.version or math.huge))
  end
end

local function check_object(self, object, look)
  local original = look(object.actor, object.party)
  check_reporter(object, original)
  local urls = plain.array {}
  for _, party in ipairs(open_parties(self, object)) do
    self:check_copy(party, look(party.actor, party.name), original)
    urls[#urls + 1] = party.actor.url
  end
  local observers = plain.copy(original.observers)
  table.sort(urls)
  table.sort(observers)
  compare(urls, observers, object.label .. ": who observes it")
end

---Checks everything. `look(actor, party name)` gives what the party shows, or nil once it is closed.
function Oracle:check(look)
  local later = self.later
  self.later = {}
  for _, pair in ipairs(later) do take_later(self, pair[1], pair[2]) end
  for _, object in ipairs(self.objects) do
    if object.is_live then
      check_object(self, object, look)
    else
      for _, party in ipairs(open_parties(self, object)) do
        fault("%s was not told that %s was deleted", party.name, object.label)
      end
    end
  end
  for _, sent in ipairs(self.sent) do check_events(self, sent) end
  self.sent = {}
  for _, party in pairs(self.parties) do party.was_open = party.is_open end
end

return M
