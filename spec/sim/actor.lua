-- One hyperty of a simulated world. It does what the world tells it, decides what it is asked by a
-- small generator of its own, and keeps a journal of all that it sees; the world drains that and
-- has it judged. It runs inside the core: everything here goes through the API that scripts have.
--
-- A party (its reporter or observer of some object) is known by a name like "a3.7" as long as the
-- world runs; an object that it observes again is another party.
local hyperty = require "hyperty"

local Actor = { name = "Actor", schemas = { "Resource", "Pair" }, api = {} }

-- --- decisions ---------------------------------------------------------------------------------

local function draw(self, low, high)
  self.seed = (self.seed * 1103515245 + 12345) & 0x7fffffff
  return low + (self.seed >> 8) % (high - low + 1)
end

local function think(self)
  if draw(self, 1, 4) == 1 then hyperty.sleep(draw(self, 1, 1500) / 1000) end
end

-- --- journal -----------------------------------------------------------------------------------

local function note(self, what, entry)
  entry.what = what
  entry.at = hyperty.now()
  table.insert(self.journal, entry)
end

local function note_failure(self, what, of, text, code)
  note(self, what, { party = of, failed = true, text = text, code = code })
end

-- Change objects as plain tables.
local function plain_changes(changes)
  local list = hyperty.array {}
  for i, change in ipairs(changes) do
    list[i] = { keys = change.keys, kind = change.kind, value = change.value, count = change.count }
  end
  return list
end

-- `copy` makes what is shown last; data that leaves at once is copied on its way.
local function plain_children(party, copy)
  local list = hyperty.array {}
  for i, child in ipairs(party:children()) do
    list[i] = { id = child.id, collection = child.collection,
      data = copy and copy(child.data) or child.data,
      reporter = child.reporter, user = child.user, order = child.order, state = child.state }
  end
  return list
end

-- --- taking part ---------------------------------------------------------------------------------

local function enlist(self, party)
  self.count = self.count + 1
  local name = self.own_name .. "." .. self.count
  self.parties[name] = party
  self.names[party] = name
  return name
end

local function listen_to_events(self, name, party)
  party:on("event", function(event)
    note(self, "event", { party = name, collection = event.collection, from = event.from,
      value = event.value })
  end)
end

-- In nobody's hands just now: it is being handed over, or another session has it.
local function is_frozen(party)
  return not pcall(party.batch, party, function() end)
end

local function child_entry(name, event)
  local child = event.child
  local entry = { party = name, kind = event.kind, id = child.id, collection = child.collection,
    reporter = child.reporter, state = child.state }
  if event.kind == "create" then entry.data = hyperty.copy(child.data) end
  if event.change then
    entry.changes, entry.version = plain_changes(event.changes), event.change.version
  end
  return entry
end

local function hear_child(self, name, event)
  local entry = child_entry(name, event)
  local is_own = entry.reporter == self.url and entry.state ~= "pending"
  local made = self.made[name] -- of one that it took over, where it had children as an observer
  if made and not made[entry.id] then is_own = false end
  if is_own or entry.state == "deleted" then return note(self, "echo", entry) end -- it did that
  think(self)
  entry.verdict = "keep"
  if draw(self, 1, 8) == 1 then
    if not event:refuse("not here") then return end
    entry.verdict = "refuse"
  end
  local party = self.parties[name]
  if party.epoch and not is_frozen(party) then note(self, "judged", entry) end -- else asked again
end

local function decide_subscribe(self, name, request)
  think(self)
  local choice = draw(self, 1, 10)
  local verdict = choice == 1 and "reject" or choice == 2 and "ignore" or "accept"
  note(self, "asked", { party = name, from = request.from, verdict = verdict })
  if verdict == "accept" then request:accept() end
  if verdict == "reject" then request:reject("not today") end
end

local function report(self, party)
  local name = enlist(self, party)
  self.reports[name] = true
  party:on("subscribe", function(request) decide_subscribe(self, name, request) end)
  party:on("unsubscribe", function(event)
    note(self, "left", { party = name, from = event.from })
  end)
  party:on("read", function(request)
    think(self)
    request:accept()
  end)
  party:on("execute", function(request)
    think(self)
    if request.method == "refuse" or not party.epoch then return request:reject("never") end
    if is_frozen(party) then return request:reject("not now") end
    if request.method == "write" then
      request:accept(Actor.api.write(self, name, table.unpack(request.params)))
    else
      request:accept(request.params)
    end
  end)
  party:on("child", function(event) hear_child(self, name, event) end)
  listen_to_events(self, name, party)
  return name
end

-- `how`: {grants, stored, resumed}, as far as that is known
local function observe(self, party, how)
  local name = enlist(self, party)
  note(self, "joined", { party = name, url = party.url, version = party.version,
    grants = how.grants, stored = how.stored, resumed = how.resumed, epoch = party.epoch,
    data = hyperty.copy(party.data), children = plain_children(party, hyperty.copy) })
  party:on("change", function(change)
    note(self, "change", { party = name, keys = change.keys, kind = change.kind,
      value = change.value, version = change.version })
  end)
  party:on("child", function(event) note(self, "child", child_entry(name, event)) end)
  party:on("resync", function(from, to, reason)
    note(self, "resync", { party = name, from = from, to = to, reason = reason })
  end)
  party:on("delete", function(reason)
    note(self, "ended", { party = name, reason = reason, version = party.version })
  end)
  party:on("status", function(status)
    note(self, "status", { party = name, state = status.state })
  end)
  listen_to_events(self, name, party)
end

local function took_part(self, url, how, party, text, code)
  if not party then
    note(self, "refused", { url = url, text = text, code = code })
  elseif not self.names[party] and party.epoch then
    how.resumed = party.resumed
    observe(self, party, how)
  end
end

local function is_observer(party) return tostring(party):find "^observer" ~= nil end

local function resume_one(self, party)
  if is_observer(party) then
    return took_part(self, party.url, { stored = true }, party)
  end
  if not party.epoch then return end -- it ended while the others were waited for
  local name = report(self, party)
  note(self, "resumed", { party = name, url = party.url, label = party.metadata.name,
    epoch = party.epoch, version = party.version, data = hyperty.copy(party.data),
    children = plain_children(party, hyperty.copy), state = hyperty.copy(self.state) })
end

-- What it reported (`urls`) or kept (`copies`) before it was killed is taken up again, as soon as
-- that can be: tries that reach no node do not count.
local function resume(self, urls, copies)
  local tries = 0
  while tries < 40 do
    local missing = false
    local list, _, code = self.syncher:resume {}
    if code ~= "unreachable" then tries = tries + 1 end
    list = list or {}
    for _, party in ipairs(list) do
      if not self.names[party] then resume_one(self, party) end
    end
    local there, observed = {}, {}
    for _, party in ipairs(list) do
      (is_observer(party) and observed or there)[party.url] = true
    end
    for _, url in ipairs(urls) do missing = missing or not there[url] end
    for _, url in ipairs(copies) do missing = missing or not observed[url] end
    if not missing then return end
    hyperty.sleep(2)
  end
end

-- What another reporter hands over to it.
local function take_over(self, offer)
  think(self)
  if draw(self, 1, 5) == 1 then return offer:decline("too much") end
  local party, text, code = offer:accept()
  if not party then
    return note(self, "not taken", { url = offer.url, text = text, code = code })
  end
  local name = report(self, party)
  self.made[name] = {}
  note(self, "took", { party = name, url = party.url, epoch = party.epoch,
    version = party.version, data = hyperty.copy(party.data),
    children = plain_children(party, hyperty.copy) })
end

function Actor:start(config)
  self.own_name, self.seed = config.as, config.seed
  self.parties, self.names, self.reports = {}, {}, {} -- by name; names by party
  self.made = {} -- by name, of what it took over: ids of children that it made as its reporter
  self.journal, self.count, self.calls = {}, config.count or 0, config.count or 0
  if config.urls then hyperty.spawn(function() resume(self, config.urls, config.copies) end) end
  self.syncher:on("invite", function(invitation)
    think(self)
    if draw(self, 1, 4) == 1 then return invitation:decline("no time") end
    took_part(self, invitation.url, {}, invitation:accept())
  end)
  self.syncher:on("delegate", function(offer) take_over(self, offer) end)
end

-- --- what the world tells it to do -------------------------------------------------------------

function Actor.api.drain(self)
  local journal = self.journal
  self.journal = {}
  return hyperty.array(journal)
end

function Actor.api.create(self, label, options)
  hyperty.spawn(function()
    local party, text, code = self.syncher:create(options)
    if not party then return note_failure(self, "created", label, text, code) end
    if self.names[party] then return end -- who resumes all has found it before
    note(self, "created", { label = label, party = report(self, party), url = party.url,
      epoch = party.epoch })
  end)
end

---`grants` comes with what is noted of it, as many as there were.
function Actor.api.subscribe(self, url, grants, stored)
  hyperty.spawn(function()
    took_part(self, url, { grants = grants, stored = stored },
      self.syncher:subscribe(url, { store = stored }))
  end)
end

-- A method that waits, its outcome in the journal.
local function ask(self, name, method, ...)
  local arguments = table.pack(...)
  local party = self.parties[name]
  self.calls = self.calls + 1
  local call = self.calls
  hyperty.spawn(function()
    note(self, "asks", { party = name, method = method, version = party.version,
      who = arguments[1], call = call })
    local value, text, code = party[method](party, table.unpack(arguments, 1, arguments.n))
    note(self, "answer", { party = name, method = method, who = arguments[1], call = call,
      asked = arguments[2], value = value, text = text, code = code, version = party.version,
      epoch = party.epoch })
  end)
end

function Actor.api.ask(self, name, method, ...)
  ask(self, name, method, ...)
end

function Actor.api.read(self, url)
  hyperty.spawn(function()
    local value, text, code = self.syncher:read(url)
    note(self, "read", { url = url, version = value and value.version, data = value and value.data,
      text = text, code = code })
  end)
end

function Actor.api.echo(_, value) return value end

---Asks another hyperty to say the same.
function Actor.api.call(self, url, value)
  hyperty.spawn(function()
    local echoed, text, code = hyperty.call(url, "echo", value)
    note(self, "called", { url = url, asked = value, value = echoed, text = text, code = code })
  end)
end

---Gives what the registry has, as far as it is judged.
function Actor.api.discover(self, criteria)
  local found, text, code = self.syncher:discover(criteria)
  if not found then return nil, text, code end
  local list = hyperty.array {}
  for i, entry in ipairs(found) do
    list[i] = { url = entry.url, status = entry.status, reporter = entry.reporter }
  end
  return list
end

local function walk(node, path)
  for _, key in ipairs(path) do node = node[key] end
  return node
end

-- Text for a path where it can be told so.
local function path_of(edit)
  local path = { table.unpack(edit.at) }
  path[#path + 1] = edit.key
  if edit.style ~= "text" then return path end
  for _, key in ipairs(path) do
    if key == "" or tostring(key):find(".", 1, true) then return path end
  end
  return table.concat(path, ".")
end

local perform = {}

local function do_edit(party, data, edit) perform[edit.kind](party, data, edit) end

function perform.set(party, data, edit)
  if not party or edit.style == "assign" then
    walk(data, edit.at)[edit.key] = edit.value
  else
    party:set(path_of(edit), edit.value)
  end
end

function perform.unset(party, data, edit)
  if not party or edit.style == "assign" then
    walk(data, edit.at)[edit.key] = nil
  else
    party:set(path_of(edit), nil)
  end
end

function perform.insert(_, data, edit) table.insert(walk(data, edit.at), edit.index, edit.value) end

function perform.remove(_, data, edit) table.remove(walk(data, edit.at), edit.index) end

function perform.sort(_, data, edit) table.sort(walk(data, edit.at)) end

function perform.whole(party, _, edit) party:set("", edit.value) end

function perform.batch(party, data, edit)
  party:batch(function()
    for _, inner in ipairs(edit.edits) do pcall(do_edit, party, data, inner) end
    if edit.raises then error("on purpose") end
  end)
end

function Actor.api.write(self, name, number, edit)
  local party = self.parties[name]
  if not party.epoch or is_frozen(party) then
    note(self, "put off", { party = name, number = number })
    return party.version
  end
  local before = party.version
  local done, text = pcall(do_edit, party, party.data, edit)
  if party.version > before then self.state[name] = party.version end -- in the same turn
  note(self, "wrote", { party = name, number = number, done = done, text = text,
    version = party.version })
  return party.version
end

---Both in one call: this is what worlds do most.
function Actor.api.write_and_drain(self, name, number, edit)
  Actor.api.write(self, name, number, edit)
  return Actor.api.drain(self)
end

local function find_child(party, id)
  for _, child in ipairs(party:children()) do
    if child.id == id then return child end
  end
end

function Actor.api.add_child(self, name, collection, data)
  local child = self.parties[name]:add_child(collection, data)
  if not child then return false end -- the party has ended meanwhile, or is handed over
  if self.made[name] then self.made[name][child.id] = true end
  if draw(self, 1, 3) == 1 then
    hyperty.spawn(function()
      local kept, why, code = child:wait()
      note(self, "waited", { party = name, id = child.id, kept = kept, text = why, code = code })
    end)
  end
  return child.id
end

---What there is to choose from; none once the party has ended.
function Actor.api.children(self, name)
  local party, list = self.parties[name], hyperty.array {}
  for i, child in ipairs(party.epoch and party:children() or list) do
    list[i] = { id = child.id, reporter = child.reporter, state = child.state }
  end
  return list
end

function Actor.api.child_data(self, name, id)
  return find_child(self.parties[name], id).data
end

---Gives true, or false and the error's text; nil: not now.
function Actor.api.write_child(self, name, id, edit)
  if self.reports[name] and is_frozen(self.parties[name]) then return nil end
  local child = find_child(self.parties[name], id)
  if not child then return false, "no such child" end
  local done, text = pcall(do_edit, nil, child.data, edit)
  return done, not done and tostring(text) or nil
end

function Actor.api.delete_child(self, name, id)
  if self.reports[name] and is_frozen(self.parties[name]) then return nil end
  local child = find_child(self.parties[name], id)
  if not child then return false, "no such child" end
  local done, text = child:delete()
  return done or false, text
end

function Actor.api.send_event(self, name, collection, value)
  return self.parties[name]:send_event(collection, value) or false
end

---All that the party shows now; nil once it is closed.
function Actor.api.look(self, name)
  local party = self.parties[name]
  if not party.epoch then return nil end
  local look = { data = party.data, version = party.version, epoch = party.epoch,
    metadata = party.metadata, children = plain_children(party) }
  if self.reports[name] then look.observers = party.observers else look.status = party:status() end
  return look
end

return Actor
