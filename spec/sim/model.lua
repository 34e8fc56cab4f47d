-- The model of one object of a world: what its reporter must have, by the same edits on plain
-- tables, its children in the order in which it kept them, and the state at every version.
local check = require "spec.sim.check"
local edits = require "spec.sim.edits"
local plain = require "spec.sim.plain"

local M = {}

local Model = {}
Model.__index = Model

-- One version more, as the object is now.
local function remember(self)
  self.version = self.version + 1
  self.history[self.version] = { data = self.data, children = self.kept }
end

---`fields`: label, url, actor and party of its reporter, schema, data.
function M.new(fields)
  local self = setmetatable({ version = -1, history = {}, is_live = true,
    kept = {}, by_id = {}, -- children: another list after each change, in the order of stamps
    made = {},             -- by id: what creators wanted, kept or not
    times = {},            -- when it had which version
    was_kept = {},         -- ids of children that were kept once
    changed = {},          -- versions that changed the data
    noted = {},            -- versions that its reporter wrote, as the party that it is
    log = {},              -- versions that children made, refusals left out
    own = {}, echoed = {}, -- what the reporter did to children, and what it was told of that
    evictions = {},        -- by hyperty URL: {at, first, last, is_noted}: time, versions
    epochs = {},           -- the numbers of those after the first, as they began
    restarts = 0,          -- of its reporter, since the last quiet moment: new epochs
    former = {},           -- states that it had and that a disk has lost since then, by version
    asleep = {},           -- by URL of hyperties whose disk has a copy: {is_lossy, is_long}
    grants = {},           -- by hyperty URL: how often it was let in
    let_ins = {},          -- the same as {url, at}
    struck = {},           -- by hyperty URL: how often until it was thrown out
    promised = 0,          -- the highest version that somebody was told of, or saw
    done = {},             -- {version, undo} of what has to be undone if that version is lost
  }, Model)
  for key, value in pairs(fields) do self[key] = value end
  remember(self)
  return self
end

---The reporter did that edit; `entry` tells how it went.
function Model:write(edit, entry)
  local after = edits.apply(self.data, edit)
  if entry.done ~= (after ~= nil) then
    check.fault("reporter", "%s: %s %s: %s", self.label, plain.show(edit, 300),
      entry.done and "did not raise" or "raised", tostring(entry.text))
  end
  self:undoable(function() edit.is_done = false end)
  if after and after ~= self.data then
    self.data = after
    remember(self)
    self.changed[#self.changed + 1] = self.version
  else
    edit.is_idle = true -- and nothing of it can be lost
  end
  if entry.version ~= self.version then
    check.fault("reporter", "%s: version %d after %s, not %d", self.label, entry.version,
      plain.show(edit, 300), self.version)
  end
end

-- --- lost and found ----------------------------------------------------------------------------

---What is to be called if the version that is made next does not survive.
function Model:undoable(undo)
  table.insert(self.done, { version = self.version + 1, undo = undo })
end

---Somebody was told of that version: it must not be lost any more.
function Model:promise(version)
  if version and version > self.promised and self.history[version] then self.promised = version end
end

local function drop_above(list, version, version_of)
  while #list > 0 and version_of(list[#list]) > version do table.remove(list) end
end

---Its reporter was killed and is there again, as it was at that version.
function Model:restore(version)
  for v = version + 1, self.version do
    self.former[v] = self.former[v] or {}
    if self.is_lossy then table.insert(self.former[v], self.history[v]) end
    self.history[v] = nil
  end
  for i = #self.done, 1, -1 do
    if self.done[i].version > version then table.remove(self.done, i).undo() end
  end
  for id, made in pairs(self.made) do -- what never left that process may be given again
    local own = (self.actor.as or self.actor.name) .. "."
    local is_own = made.party:sub(1, #own) == own
    if is_own and not made.is_judged then self.made[id] = nil end
  end
  drop_above(self.changed, version, function(v) return v end)
  drop_above(self.log, version, function(one) return one.version end)
  drop_above(self.times, version, function(one) return one.version end)
  local state = self.history[version]
  self.version, self.data, self.kept = version, state.data, state.children
  self.by_id, self.own, self.echoed = {}, {}, {}
  for _, child in ipairs(self.kept) do self.by_id[child.id] = child end
end

-- --- children ----------------------------------------------------------------------------------

---A party (by name) made a child of these parts.
function Model:expect_child(id, party, collection, data)
  if self.made[id] and not self.has_lost then
    check.fault("child ids", "child id %s was given twice", id)
  end
  self.made[id] = { id = id, party = party, collection = collection,
    data = data, operations = {} }
end

---Its creator changed it so (and saw that at once): an operation of edits.operation.
function Model:expect_update(id, operation)
  table.insert(self.made[id].operations, operation)
end

-- The list with another record of that child; none: without it.
local function replace(self, id, child)
  local list = {}
  for _, one in ipairs(self.kept) do
    if one.id ~= id then list[#list + 1] = one elseif child then list[#list + 1] = child end
  end
  self.kept, self.by_id[id] = list, child
end

local function keep_create(self, made, reporter)
  local child = { id = made.id, collection = made.collection, data = made.data,
    reporter = reporter, order = self.version + 1, state = "kept" }
  self.kept = table.move(self.kept, 1, #self.kept, 1, {})
  table.insert(self.kept, child)
  self.was_kept[made.id] = true
  self.by_id[made.id] = child
end

local function keep_update(self, child, data)
  local after = plain.shallow(child)
  after.data = data
  replace(self, child.id, after)
end

-- The reporter kept an operation, which counts from now on.
local function stamp(self, kind, id)
  local child = self.by_id[id]
  if kind == "delete" then replace(self, id, nil) end
  remember(self)
  table.insert(self.log, { version = self.version, kind = kind, id = id,
    data = kind == "create" and child.data or nil })
end

-- The operation on that child that the event tells of.
local function told_operation(made, entry)
  local change = entry.changes[1]
  local path = edits.wire_path(change.keys)
  for i, operation in ipairs(made.operations) do
    if not plain.difference(operation.path, path)
      and not plain.difference(operation.value, change.value) then
      return table.remove(made.operations, i), i
    end
  end
  check.fault("child ids", "child %s: nobody wrote %s", made.id, plain.show(entry.changes, 300))
end

---The reporter decided about a child operation of somebody else.
function Model:judge(entry)
  local made = self.made[entry.id]
  if not made then check.fault("child ids", "%s: nobody made child %s", self.label, entry.id) end
  local child, keeps = self.by_id[entry.id], entry.verdict == "keep"
  if entry.kind == "create" then
    if made.is_judged then
      check.fault("once", "%s: create of %s was asked twice", self.label, entry.id)
    end
    check.equal("copy", made.data, entry.data, "%s: child %s as asked", self.label, entry.id)
    made.is_judged = true
    self:undoable(function() made.is_judged, self.was_kept[made.id] = nil, nil end)
    if keeps then keep_create(self, made, entry.reporter) end
  elseif not child then
    return -- it was deleted while the reporter thought
  elseif entry.kind == "update" then
    local operation, at = told_operation(made, entry)
    self:undoable(function() table.insert(made.operations, at, operation) end)
    local after = keeps and edits.apply_operation(child.data, operation)
    if after then keep_update(self, child, after) else keeps = false end
  end
  if keeps then
    stamp(self, entry.kind, entry.id)
  else
    remember(self) -- a refusal is a version, too
  end
end

---The reporter did a child operation itself.
function Model:do_child(kind, id, edit)
  if kind == "create" then
    self.made[id].is_judged = true
    self:undoable(function() self.made[id].is_judged, self.was_kept[id] = nil, nil end)
    keep_create(self, self.made[id], self.actor.url)
  elseif kind == "update" then
    local child = self.by_id[id]
    local after = edits.apply(child.data, edit)
    if not after or after == child.data then return end
    keep_update(self, child, after)
  end
  stamp(self, kind, id)
  table.insert(self.own, { kind = kind, id = id })
end

---May the party change that child (as its `look` tells it)? One that was under way when its creator
---left is given up.
function Model:may_write(party, child)
  if child.reporter ~= party.actor.url then return false end
  local is_kept = child.state == "kept" and not party.has_taken -- it may observe, too, and write
  return is_kept or self.made[child.id].party == party.name
end

---May it delete that? A reporter may whatever is its own or of others.
function Model:may_delete(party, child)
  local is_own = child.reporter == party.actor.url
  return party.is_reporter and not (is_own and party.has_taken) or self:may_write(party, child)
end

---A version in which nothing changes that is looked at: metadata.
function Model:pass() remember(self) end

-- --- letting in and striking off -----------------------------------------------------------------

---Its reporter said that this hyperty may observe.
function Model:let_in(url, at)
  self.grants[url] = (self.grants[url] or 0) + 1
  table.insert(self.let_ins, { url = url, at = at })
end

---Was it let in between those times?
function Model:was_let_in(url, from, to)
  for _, one in ipairs(self.let_ins) do
    if one.url == url and one.at >= from and one.at <= to then return true end
  end
  return false
end

---Its reporter strikes a hyperty off.
function Model:begin_eviction(entry)
  local list = self.evictions[entry.who] or {}
  self.evictions[entry.who] = list
  list[#list + 1] = { at = entry.at, first = entry.version, call = entry.call,
    grants = self.grants[entry.who] or 0 }
end

---It has heard that this is done: it must not observe any more, unless it was let in since that
---began. One that fails in spite of having begun counts all the same. Whose object was handed over
---meanwhile does not know the version any more. One that was asked for without a connection is only
---noted.
function Model:end_eviction(entry)
  for _, one in ipairs(entry.value and self.evictions[entry.who] or {}) do
    if one.call == entry.call then
      one.last, one.is_noted = entry.epoch and entry.version, entry.asked
      self.struck[entry.who] = one.grants
    end
  end
end

---The eviction that ended somebody at that time: between which versions it was; nil: there was
---none.
function Model:eviction(who, time)
  local found
  for _, one in ipairs(self.evictions[who] or {}) do
    if one.at <= time then found = one end
  end
  return found
end

-- --- asking ------------------------------------------------------------------------------------

---What a reporter still thinks about when its object ends is kept, and it cannot note that any
---more. So of such an object observers may know more than the model.
function Model:is_beyond(version)
  return self.is_dying and not self.history[version or self.version + 1]
end

---Forgets what it had before a disk lost it, unless another disk has it still: nobody is told of
---that any more.
function Model:forget_former()
  if not next(self.asleep) then self.former = {} end
end

---Had it that data at that version, before its disk lost it?
function Model:had(version, data)
  for _, state in ipairs(self.former[version] or {}) do
    if not plain.difference(state.data, data) then return true end
  end
  return false
end

---The state at a version, for a party that says it is there.
function Model:state(version, party)
  local state = self.history[version]
  if not state then
    check.fault("copy", "%s is at version %s, which %s never had", party, tostring(version),
      self.label)
  end
  return state
end

return M
