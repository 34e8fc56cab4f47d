-- What a simulated world must look like, by means that share nothing with the core.
--
--      journals ──► model of each object (model.lua): what its reporter must have
--               ──► story of each observer (story.lua): first copy, then event by event
--
-- While a world runs, the oracle takes in the journals of its actors: what a reporter did goes into
-- the model at once; what observers saw is put by until the world is quiet and then checked against
-- the states that the model went through. When it is quiet, every copy must be the reporter's.
local check = require "spec.sim.check"
local copies = require "spec.sim.copies"
local handover = require "spec.sim.handover"
local models = require "spec.sim.model"
local plain = require "spec.sim.plain"
local stories = require "spec.sim.story"

local M = {}

local Oracle = {}
Oracle.__index = Oracle

function M.new()
  return setmetatable({
    objects = {}, -- models, in order
    by_url = {},
    parties = {}, -- by name: stories, and of reporters {name, actor, object, is_reporter, is_open}
    order = {},   -- the same in the order in which they came, without those long closed
    edits = {},   -- by number
    later = {},   -- what observers saw and is not judged yet
    sent = {},    -- events since the last quiet moment
    lost = {},    -- URLs of actors that have gone without a word
    away = {},    -- stories whose copies are kept where somebody was killed
  }, Oracle)
end

-- --- what is to be expected ----------------------------------------------------------------------

---A reporter has made an object. `fields` as models.new.
function Oracle:created(fields)
  local object = models.new(fields)
  self.objects[#self.objects + 1] = object
  self.by_url[object.url] = object
  self:add_party { name = object.party, actor = object.actor, object = object,
    is_reporter = true, is_open = true, heard = {} }
end

function Oracle:add_party(party)
  self.parties[party.name] = party
  self.order[#self.order + 1] = party
end

---A reporter will be told to do this edit, now or later; gives its number.
function Oracle:expect_edit(edit)
  self.edits[#self.edits + 1] = edit
  return #self.edits
end

---A party sent an event: who hears it once is settled at the next quiet moment.
function Oracle:sent_event(party, collection, value)
  self.sent[#self.sent + 1] = { party = party,
    key = stories.event_key(collection, party.actor.url, value) }
end

---The actor is gone, with all that it reported and observed. Nothing of it is to be used any more;
---what it saw before is still to be judged.
function Oracle:gone(actor)
  for _, object in ipairs(self.objects) do
    if object.actor == actor then object.is_dying = true end
  end
  if actor.is_lost then self.lost[actor.url] = true end
  self.later[#self.later + 1] = { actor, { what = "gone" } }
end

---Nobody is told any more of what was deleted until now.
function Oracle:forget_deleted()
  for _, object in ipairs(self.objects) do
    object.is_forgotten = object.is_dying or not object.is_live
  end
end

-- --- taking in -----------------------------------------------------------------------------------

local function take_gone(self, actor)
  for _, party in ipairs(self.order) do
    if party.actor == actor then
      party.is_open = false
      if party.object.party == party.name then party.object.is_live = false end
    end
  end
end

local function take_reporter(party, entry)
  if entry.what == "echo" then
    if party.object.party ~= party.name then return end
    table.insert(party.object.echoed, { kind = entry.kind, id = entry.id })
  elseif entry.what == "event" then
    stories.hear(party, entry)
  elseif entry.what == "answer" and entry.method == "delete" and entry.value == true then
    party.object.is_live, party.is_open = false, false
  elseif entry.what == "answer" and entry.method == "delete" and entry.code == "conflict" then
    party.object.is_dying = false -- it was being handed over
  elseif entry.what == "answer" and entry.method == "saved" and entry.value then
    party.object:promise(entry.value)
  end
end

local function take_later(self, actor, entry)
  local object = entry.url and self.by_url[entry.url]
  local party = entry.party and self.parties[entry.party]
  if entry.what == "gone" then
    take_gone(self, actor)
  elseif entry.what == "joined" then
    local before, sleep = copies.came_back(self, actor, object, entry), copies.woke(actor, object)
    if object:is_beyond(entry.version) then return end
    if not entry.resumed then handover.check_joined(object, actor.url, entry) end
    -- Its own disk may have gone back to what its reporter's has lost.
    local is_adrift = object.is_lossy or entry.resumed and actor.has_lost and object.has_lost
      or entry.resumed and sleep and object:had(entry.version, entry.data)
    local story = (is_adrift and stories.adrift or stories.new)(actor, object, entry)
    local may_lack = actor.has_lost or sleep and sleep.is_lossy
    story.may_have_left = entry.resumed and may_lack -- and its disk has lost that
    if entry.resumed then story.came_in = entry.epoch end
    story.stored = before and before.stored or entry.stored
    story.settled = before and before.settled
    self:add_party(story)
  elseif entry.what == "called" and not entry.code then
    check.equal("acknowledged", entry.asked, entry.value, "what %s said to %s", entry.url,
      actor.name)
  elseif entry.what == "read" and entry.version then
    if object:is_beyond(entry.version) or object:had(entry.version, entry.data) then return end
    check.equal("copy", object:state(entry.version, actor.name).data, entry.data, "what %s read",
      actor.name)
  elseif party and party.is_reporter then
    take_reporter(party, entry)
  elseif party then
    party:take(entry, self.edits)
  end
end

-- --- killed and restarted ------------------------------------------------------------------------

---Judges what was put by until now. `is_disturbed`: things went wrong since the last quiet moment.
function Oracle:judge(is_disturbed)
  local later = self.later
  for _, object in ipairs(self.objects) do object.is_disturbed = is_disturbed end
  self.later = {}
  for _, pair in ipairs(later) do take_later(self, pair[1], pair[2]) end
end

---The actor was killed, and all that it knew has been taken in and judged. What it reported is to
---be there again; where the disk may have lost some of it (`is_lossy`), observers may know more.
function Oracle:killed(actor, is_lossy, rests)
  self.lost[actor.url] = true
  actor.has_lost = actor.has_lost or is_lossy
  copies.killed(self, actor, is_lossy, rests)
  for _, party in ipairs(self.order) do
    if party.actor == actor then
      party.is_open = false
    end
  end
  for _, object in ipairs(self.objects) do
    if object.actor == actor then
      -- One that was not back may have begun an epoch that nobody has told of.
      if object.is_down then object.restarts = object.restarts + 1 end
      object.rests_at = rests and not object.is_down and object.version or nil
      object.is_down = true
      object.is_lossy = object.is_lossy or is_lossy and not object.is_synced
      object.has_lost = object.has_lost or object.is_lossy
    end
  end
  for _, party in ipairs(self.order) do
    if is_lossy and party.object.is_lossy and not party.is_reporter then party.is_adrift = true end
  end
end

-- What it noted in its own state, as the party that it was, is of the last write that survived:
-- both were one turn.
local function check_own_state(object, entry)
  local noted
  for _, version in ipairs(object.noted) do
    if version <= entry.version then noted = version end
  end
  local found = entry.state and object.party and entry.state[object.party]
  if found == noted or not entry.state or not object.party then return end
  check.fault("acknowledged", "%s at version %d, its last write made %s, and what it noted was %s",
    object.label, entry.version, tostring(noted), tostring(found))
end

---The actor reports one of its objects again.
function Oracle:resumed(actor, entry, expected)
  local object = self.by_url[entry.url]
  if not object then -- it was killed before it heard that it was made
    self:created { label = entry.label, actor = actor, party = entry.party, url = entry.url,
      schema = expected.schema, data = expected.data, is_synced = expected.is_synced,
      epoch = entry.epoch }
    return
  end
  if object.actor ~= actor and not object.is_down and not handover.is_back(object, actor) then
    check.fault("writers", "%s reports %s again, which %s does", entry.party, object.label,
      object.actor.name)
  end
  handover.begin_epoch(object, entry)
  local may_lack = object.is_lossy or object.is_orphan
  if not object.is_live and not may_lack then
    check.fault("acknowledged", "%s was deleted, and is reported again", object.label)
  end
  if not object.party then handover.sign(object, entry) end -- its giver has told of it
  local state = object:state(entry.version, entry.party)
  if entry.version < object.promised and not may_lack then
    check.fault("acknowledged", "%s came back at version %d, and %d was told of", object.label,
      entry.version, object.promised)
  end
  if object.rests_at and entry.version ~= object.rests_at then
    check.fault("acknowledged", "%s came back at version %d, and had %d when its reporter stopped",
      object.label, entry.version, object.rests_at)
  end
  check.equal("acknowledged", state.data, entry.data, "%s as it came back", object.label)
  check.equal("acknowledged", check.plain_kept(state.children),
    check.plain_kept(entry.children), "%s as it came back, children", object.label)
  check_own_state(object, entry)
  object:restore(entry.version)
  object.promised, object.party, object.actor = entry.version, entry.party, actor
  object.is_down, object.is_dying, object.is_orphan, object.is_live = false, false, false, true
  object.noted = {}
  object.rests_at = nil
  -- Who was away for more than one epoch cannot know whether its state lies on the way.
  object.restarts = object.restarts + 1
  object.may_resync = object.may_resync or object.is_lossy or object.restarts > 1
  self:add_party { name = entry.party, actor = actor, object = object, is_reporter = true,
    is_open = true, heard = {} }
end

---Takes in what an actor's journal says.
function Oracle:take(actor, entries)
  for _, entry in ipairs(entries) do
    local party = entry.party and self.parties[entry.party]
    local object = party and party.object
    if party then party.heard_at = entry.at end
    if entry.what == "wrote" then
      local edit = self.edits[entry.number]
      if edit.is_done then check.fault("once", "%s did %s twice", entry.party, plain.show(edit)) end
      edit.is_done = true
      handover.check_writer(object, entry)
      local before = object.version
      object:write(edit, entry)
      if object.version > before then table.insert(object.noted, object.version) end
    elseif entry.what == "judged" then
      object:judge(entry)
    elseif entry.what == "answer" and entry.method == "evict" then
      object:end_eviction(entry)
    elseif entry.what == "asks" and entry.method == "evict" then
      object:begin_eviction(entry)
    elseif entry.what == "asks" and entry.method == "invite" then
      for _, url in ipairs(entry.who) do object:let_in(url, entry.at) end
    else
      if entry.what == "asked" and entry.verdict == "accept" then
        object:let_in(entry.from, entry.at)
      elseif entry.what == "answer" and entry.method == "delegate" then
        handover.answered(self, entry)
      end
      self.later[#self.later + 1] = { actor, entry }
    end
  end
end

-- --- when the world is quiet ---------------------------------------------------------------------

local function open_stories(self, object)
  local list = {}
  for _, party in ipairs(self.order) do
    if party.object == object and party.is_open and not party.is_reporter then
      list[#list + 1] = party
    end
  end
  return list
end

-- Everybody but the sender hears it once, for sure if they took part all the time.
local function check_event(self, sent, is_disturbed, is_doubled)
  local sender = sent.party
  for _, party in ipairs(self.order) do
    local name = party.name
    local count = party.heard and party.heard[sent.key] or 0
    local is_sure = party.was_open and party.is_open and sender.was_open and sender.is_open
      and sender.object.is_live and not is_disturbed
    local wanted = party.object == sender.object and party.actor ~= sender.actor and 1 or 0
    if (count > wanted and not (is_doubled and wanted == 1)) or (is_sure and count < wanted) then
      check.fault("events", "%s heard event %s of %s %d times, not %d", name, sent.key,
        sender.name, count, wanted)
    end
  end
end

-- Metadata that are the same for all.
local function common(metadata)
  local copy = plain.shallow(metadata)
  copy.lastModified = nil
  return copy
end

local function check_reporter(object, look)
  local name = object.label .. " at its reporter"
  if not look then check.fault("ends", "%s is closed", name) end
  check.equal("reporter", object.data, look.data, name)
  if look.version ~= object.version then
    check.fault("reporter", "%s has version %d, not %d", name, look.version, object.version)
  end
  check.equal("reporter", check.plain_kept(object.kept), check.plain_kept(look.children),
    "%s, children", name)
  check.equal("events", object.own, object.echoed, "%s, own child events", name)
  if look.metadata.reporter ~= object.actor.url then
    check.fault("reporter", "%s is said to be that of %s", name, tostring(look.metadata.reporter))
  end
end

local function users(children)
  local list = {}
  for i, child in ipairs(children) do list[i] = child.user or "?" end
  return list
end

---Compares a copy with the reporter's (both as an actor's `look` tells), with the model and with
---what its events told. The reporter's is the model's: that is checked before.
function M.check_copy(story, look, original)
  local name, object = story.name, story.object
  if not look then check.fault("ends", "%s is closed, and was not told so", name) end
  local status = look.status
  if status.state ~= "live" or status.pending ~= 0 or status.head ~= look.version then
    check.fault("status", "%s: not level: %s", name, plain.show(status))
  end
  if look.version ~= original.version or look.epoch ~= original.epoch then
    check.fault("level", "%s: at %s/%d, the reporter at %s/%d", name, look.epoch, look.version,
      original.epoch, original.version)
  end
  if story.is_adrift then story:anchor(look.version) end
  local kept = check.plain_kept(object.kept)
  check.equal("copy", object.data, look.data, name)
  check.equal("copy", kept, check.plain_kept(look.children), "%s, children", name)
  check.equal("copy", users(check.kept(original.children)), users(check.kept(look.children)),
    "%s, users of the children", name)
  check.equal("copy", common(original.metadata), common(look.metadata), "%s, metadata", name)
  check.equal("order", object.data, story.data, "%s (what its events told)", name)
  check.equal("order", kept, check.plain_kept(story.children), "%s, children (what was told)", name)
  local missed = story:next_version()
  if missed then check.fault("order", "%s never heard of version %d", name, missed) end
end

-- It has not come back after its reporter was killed: it was being deleted, or the disk lost it.
local function given_up(self, object)
  if not object.is_dying and not object.is_lossy then
    check.fault("acknowledged", "%s has not come back after its reporter was killed", object.label)
  end
  object.is_live, object.is_orphan = false, object.is_lossy
  for _, story in ipairs(open_stories(self, object)) do story.is_open = false end
end

local function check_object(self, object, look)
  local original = look(object.actor, object.party)
  check_reporter(object, original)
  local urls = plain.array {}
  for _, story in ipairs(open_stories(self, object)) do
    M.check_copy(story, look(story.actor, story.name), original)
    if not self.lost[story.actor.url] then urls[#urls + 1] = story.actor.url end
  end
  local observers = plain.array {}
  for _, url in ipairs(original.observers) do
    if not self.lost[url] then observers[#observers + 1] = url end
  end
  table.sort(urls)
  table.sort(observers)
  check.equal("who", urls, observers, "%s: who observes it", object.label)
end

-- The reporter of such an object has gone without a word.
local function check_orphan(story, look)
  local shown = look(story.actor, story.name)
  if not shown then check.fault("ends", "%s is closed, and was not told so", story.name) end
  if shown.status.state ~= "disconnected" then
    check.fault("status", "%s: its reporter is gone, but %s", story.name, plain.show(shown.status))
  end
end

---Notes what the time is: until now the objects had the versions that they have.
function Oracle:tick(now)
  for _, object in ipairs(self.objects) do
    if object.version_told ~= object.version then
      table.insert(object.times, { now = now, version = object.version })
      object.version_told = object.version
    end
  end
end

-- The version that an object had at that time, or later.
local function version_at(object, time)
  local version = 0
  for _, one in ipairs(object.times) do
    if one.now <= time then version = one.version end
  end
  return version
end

-- A copy while all is in motion.
local function glance(story, shown, due)
  local object = story.object
  if not shown or story.is_adrift or object:is_beyond(shown.version) then return end
  local state = object:state(shown.version, story.name)
  check.equal("copy", state.data, shown.data, "%s: at version %d", story.name, shown.version)
  if shown.status.state == "live" and shown.version < due then
    check.fault("status", "%s is called live at version %d, and was left behind by %d long ago",
      story.name, shown.version, due)
  end
end

---Checks what must hold at each moment, `honest_s` being the time after which a copy that was left
---behind must not be called live. `choose` gives one of a list; without it all are looked at. While
---a way is slow (until `slow_at`, if there was one), who hears something cannot know that it was
---said long ago.
function Oracle:glance(look, now, honest_s, choose, slow_at)
  self:tick(now)
  for _, object in ipairs(self.objects) do
    local list = object.is_live and open_stories(self, object) or {}
    if choose and #list > 1 then list = { choose(list) } end
    for _, story in ipairs(list) do
      local heard_at = math.min(story.heard_at or 0, slow_at or 0)
      local is_excused = heard_at > now - honest_s
      local due = is_excused and 0 or version_at(object, now - honest_s)
      glance(story, look(story.actor, story.name), due)
    end
  end
end

---Checks everything. `look(actor, party name)` gives what the party shows; nil once it is closed.
---After sessions were lost, events may be lost, too; they come twice where messages do.
function Oracle:check(look, is_disturbed, is_doubled)
  local sent = self.sent
  self.sent = {}
  self:judge(is_disturbed)
  handover.settle(self)
  for _, object in ipairs(self.objects) do
    if object.is_live and object.is_down then given_up(self, object) end
    if object.is_live then
      check_object(self, object, look)
    elseif object.is_orphan or object.is_lossy or object.actor.is_lost or object.is_forgotten then
      object.is_orphan = object.is_orphan or object.is_lossy -- that it was deleted may be lost, too
      for _, story in ipairs(open_stories(self, object)) do check_orphan(story, look) end
    else
      for _, story in ipairs(open_stories(self, object)) do
        check.fault("ends", "%s was not told that %s was deleted", story.name, object.label)
      end
    end
  end
  copies.settle(self)
  for _, one in ipairs(sent) do check_event(self, one, is_disturbed, is_doubled) end
  for _, object in ipairs(self.objects) do
    handover.note_break(object)
    object.may_resync, object.is_lossy, object.restarts = false, false, 0
    object:forget_former()
  end
  local order = {}
  for _, party in ipairs(self.order) do
    party.actor.has_lost = false
    party.was_open, party.heard, party.came_in = party.is_open, {}, nil
    if party.is_open then order[#order + 1] = party end
  end
  self.order = order
end

return M
