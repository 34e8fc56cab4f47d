-- One hyperty of a world of real processes (world.lua): the reporter, its deputy, to whom it may
-- hand the object over and who may hand it back, or an observer. It
-- does what it likes at full speed until `work_until`, then waits until it is level and shows what
-- it has. All that it does and hears it prints at once, one line each, for the judge (judge.lua):
-- what it wrote is on stderr before its turn ends, and so before any commit, and stays there when
-- the process is killed.
--
-- The file is written anew for each process, with its CONFIG above these lines: role, name, url (of
-- the object, for observers), store, work_until, seed.
--
--   @ reports NEW|KEPT URL EPOCH VERSION STATE     the reporter has the object
--   @ wrote VERSION CHANGE…        @ saved VERSION
--   @ hands URL   @ handed         it gives the object to its peer   @ replaced
--   @ asked ID create|update|delete VALUE          what an observer wants of a child; kept by it
--   @ joined EPOCH VERSION STATE   @ resync …      an observer has a copy
--   @ change EPOCH VERSION CHANGE  @ child KIND ID VALUE
--   @ adds|updates|deletes ID VALUE    @ kept ID   @ asks TOKEN   @ did TOKEN VERSION
--   @ look EPOCH VERSION STATE                     its work is done, and it is level
--
-- CHANGE is set:PATH=VALUE, add:… or cut:PATH; STATE is one word (`state` below).
local hyperty = require "hyperty"

local CONFIG = CONFIG -- luacheck: ignore
local Actor = { name = "Actor", schemas = { "Resource" } }

local BURST = 12       -- changes in a turn
local CHILDREN_MAX = 60 -- of its own; then it deletes some
local LOG_MAX = 12     -- items of the array
local UNANSWERED_MAX = 30
local RESUME_S = 0.3   -- between two attempts
local LOOK_S = 0.25    -- nothing has happened for so long

local MASTER = { state = "live", pending = 0 } -- how a reporter stands

local last_value = 0

-- A value that nobody else writes, whatever lives there were before.
local function next_value()
  last_value = last_value + 1
  return CONFIG.seed * 1000000 + last_value
end

local function say(...)
  print(table.concat({ "@", ... }, " "))
end

local function is_working() return hyperty.now() < CONFIG.work_until end

local function pause(max_ms) hyperty.sleep(math.random(0, max_ms) / 1000) end

-- --- what an object is, as one word --------------------------------------------------------------

local function pairs_text(map)
  local list = {}
  for key, value in pairs(map) do list[#list + 1] = key .. "=" .. value end
  table.sort(list)
  return table.concat(list, ",")
end

-- Of its own children it shows at once what it wants them to be: until that is answered, the value
-- is "*".
local function state(self, room)
  local items, children = {}, {}
  local is_ahead = not CONFIG.reports and assert(room:status()).pending > 0
  for i, item in ipairs(room.data.log) do items[i] = tostring(item) end
  for _, child in ipairs(room:children "items") do
    if child.state == "kept" then
      local value = is_ahead and child.reporter == self.url and "*" or child.data.text
      children[#children + 1] = ("%s@%d=%s"):format(child.id, child.order, value)
    end
  end
  return ("slots:%s;counts:%s;log:%s;children:%s"):format(pairs_text(room.data.slots),
    pairs_text(room.data.counts), table.concat(items, ","), table.concat(children, ","))
end

-- What a change event tells.
local function change_text(change)
  local path = table.concat(change.keys, ".")
  if change.kind == "remove" then return "cut:" .. path end
  local is_item = change.keys[1] == "log" and change.kind == "add"
  local value = math.type(change.value) and change.value or "*" -- after a resync it may be a table
  return ("%s:%s=%s"):format(is_item and "add" or "set", path, value)
end

-- --- looking -------------------------------------------------------------------------------------

-- Shows what it has each time that it is level and has been quiet for a while.
local function show(self)
  local shown, seen
  while true do
    local room = self.room
    while not room or not room.epoch do -- another reports it now, or it was taken away
      shown, seen = nil, nil
      hyperty.sleep(LOOK_S)
      room = self.room
    end
    local status = CONFIG.reports and MASTER or room:status()
    local position = room.epoch .. " " .. room.version
    local is_level = status.state == "live" and status.pending == 0
    if is_level and position == seen and position ~= shown then
      say("look", room.epoch, room.version, state(self, room))
      shown = position
    end
    if not is_level then shown = nil end
    seen = position
    hyperty.sleep(LOOK_S)
  end
end

local function finish(self)
  while is_working() or self.busy > 0 do hyperty.sleep(0.02) end
  show(self)
end

-- Runs it in a task of its own until the work is over.
local function keep_on(self, fn)
  self.busy = self.busy + 1
  hyperty.spawn(function()
    while is_working() do fn(self) end
    self.busy = self.busy - 1
  end)
end

-- --- children of its own, in either role ---------------------------------------------------------

local function own_children(self, room)
  local list = {}
  for _, child in ipairs(room:children "items") do
    local is_own = child.reporter == self.url and child.state == "kept"
    if is_own and not self.deleted[child.id] then list[#list + 1] = child end
  end
  return list
end

-- --- the reporter --------------------------------------------------------------------------------

local function wrote(room, ...)
  say("wrote", room.version, ...)
end

local function set_slot(data)
  local key, value = "s" .. math.random(1, 20), next_value()
  data.slots[key] = value
  return ("set:slots.%s=%d"):format(key, value)
end

local EDITS = {
  function(room) wrote(room, set_slot(room.data)) end,
  function(room)
    local list = {}
    room:batch(function()
      for i = 1, math.random(2, 4) do list[i] = set_slot(room.data) end
    end)
    wrote(room, table.unpack(list))
  end,
  function(room)
    local log, value = room.data.log, next_value()
    local at = math.random(1, #log + 1)
    if #log >= LOG_MAX then
      at = math.random(1, #log)
      table.remove(log, at)
      wrote(room, "cut:log." .. at)
    else
      table.insert(log, at, value)
      wrote(room, ("add:log.%d=%d"):format(at, value))
    end
  end,
  function(room, self)
    local list = own_children(self, room)
    local child, value = list[math.random(1, #list + 1)], next_value()
    if not child then
      child = room:add_child("items", { text = value, first = value })
      if child then wrote(room, "create:" .. child.id .. "=" .. value) end
    elseif #list > CHILDREN_MAX or math.random(1, 4) == 1 then
      if child:delete() then wrote(room, "delete:" .. child.id) end
    else
      child.data.text = value
      wrote(room, ("update:%s=%d"):format(child.id, value))
    end
  end,
}

local function save(room)
  if not CONFIG.store then return pause(6) end
  local version, why = room:saved(20)
  if version then say("saved", version) else say("unsaved", why) end
end

-- Runs it; that an object is not (any more) one to write is no error.
local function try(fn, ...)
  local done, err = pcall(fn, ...)
  if done then return true end
  err = tostring(err)
  local is_away = err:find("handed over", 1, true) or err:find("closed", 1, true)
    or err:find("reported elsewhere", 1, true)
  if not is_away or not CONFIG.peer then error(err, 0) end
  say("fails", "write", err)
end

local function says_reports(self, room, word)
  self.epoch = room.epoch
  say("reports", word, room.url, room.epoch, room.version, state(self, room))
end

-- One that did not come off may have taken an epoch.
local function hand_over(self)
  local room, peer = self.room, self.peer
  say("hands", peer)
  local done, why = room:delegate(peer)
  if done then
    if self.room == room then self.room = nil end
    return say "handed"
  end
  say("fails", "delegate", why)
  if self.room == room and room.epoch and room.epoch ~= self.epoch then
    says_reports(self, room, "KEPT")
  end
end

local function write(self)
  if not self.room then return hyperty.sleep(0.02) end
  if self.peer and math.random(1, 50) == 1 then return hand_over(self) end
  for _ = 1, math.random(1, BURST) do
    if not self.room or not try(EDITS[math.random(1, #EDITS)], self.room, self) then
      return hyperty.sleep(0.02)
    end
  end
  if math.random(1, 3) == 1 then pause(3) else save(self.room) end
end

local function add_to_count(room, request)
  local token, who = table.unpack(request.params)
  local counts = room.data.counts
  counts[who] = (counts[who] or 0) + 1
  wrote(room, ("set:counts.%s=%d"):format(who, counts[who]), "token:" .. token)
  request:accept(room.version)
end

local function execute(room, request)
  if not try(add_to_count, room, request) then request:reject "not now" end
end

-- The operation that an observer wants to be done to a child; it is kept when this handler ends.
local function hear_wish(self, event)
  local child = event.child
  if child.reporter == self.url or child.state == "deleted" then return end
  local value = event.kind == "create" and child.data.first
    or event.kind == "update" and event.change.value or "-"
  say("asked", child.id, event.kind, value)
end

local function serve(self, room, word)
  self.room = room
  says_reports(self, room, word)
  room:on("subscribe", function(request) request:accept() end)
  room:on("execute", function(request) execute(room, request) end)
  room:on("child", function(event) hear_wish(self, event) end)
  room:on("status", function(status)
    if status.state ~= "replaced" then return end
    say "replaced"
    if self.room == room then self.room = nil end
  end)
end

local function create(self)
  repeat
    local room, why = self.syncher:create { schema = "Resource", name = "room",
      store = CONFIG.store, data = { slots = {}, counts = {}, log = hyperty.array {} } }
    if room then return serve(self, room, room.resumed and "KEPT" or "NEW") end
    say("fails", "create", why)
    hyperty.sleep(0.1)
  until false
end

-- Takes the object up whenever it is here and not reported: after a restart, or because the heir
-- died before it had it.
local function resume(self)
  while true do
    local list, why, code
    if not self.room then
      list, why, code = self.syncher:resume { schema = "Resource", name = "room" }
    end
    if list and list[1] and self.room ~= list[1] then serve(self, list[1], "KEPT") end
    if why and code ~= "not_found" then say("fails", "resume", code, why) end
    hyperty.sleep(RESUME_S)
  end
end

local function report(self)
  self.peer = CONFIG.peer
  self.syncher:on("delegate", function(offer)
    local room, why = offer:accept()
    if not room then return say("fails", "accept", why) end
    self.peer = offer.from
    serve(self, room, "KEPT")
  end)
  if CONFIG.role == "reporter" and not (CONFIG.peer and CONFIG.url) then create(self) end
  if CONFIG.peer or CONFIG.role == "deputy" then hyperty.spawn(resume, self) end
  keep_on(self, write)
end

-- --- an observer ---------------------------------------------------------------------------------

-- A handler may come late, when more has happened to the child: `first` is what it was made with.
-- The value of its own child is known.
local function hear_child(self, event)
  local child, value = event.child, "-"
  local is_there = child.reporter ~= self.url and child.state ~= "deleted"
  if event.kind == "create" and is_there then value = child.data.first end
  if event.kind == "update" then value = event.change.value end
  say("child", event.kind, child.id, value)
end

local function listen(self, room)
  room:on("change", function(change)
    say("change", room.epoch, change.version, change_text(change))
  end)
  room:on("child", function(event) hear_child(self, event) end)
  room:on("resync", function(from, to, reason)
    say("resync", room.epoch, room.version, state(self, room), from, to, reason)
  end)
  room:on("delete", function(reason) say("deleted", reason) end)
  room:on("status", function(status) say("status", status.state) end)
end

local function wait_until_kept(self, child)
  local id = child.id
  hyperty.spawn(function()
    local kept, why = child:wait(60)
    if kept then say("kept", id) else say("unkept", id, why) end
    self.unanswered = self.unanswered - 1
  end)
end

local function add(self)
  local value = next_value()
  local child = self.room:add_child("items", { text = value, first = value })
  if not child then return end
  self.unanswered = self.unanswered + 1
  say("adds", child.id, value)
  wait_until_kept(self, child)
end

local function change_children(self)
  if self.unanswered > UNANSWERED_MAX then return hyperty.sleep(0.005) end
  for _ = 1, math.random(1, 6) do add(self) end
  local list = own_children(self, self.room)
  for _ = 1, math.random(0, #list // 2) do
    local child, value = table.remove(list, math.random(1, #list)), next_value()
    if #list > CHILDREN_MAX then
      if child:delete() then say("deletes", child.id) end
      self.deleted[child.id] = true -- it stays until that is stamped
    else
      child.data.text = value
      say("updates", child.id, value)
    end
  end
  pause(8)
end

local function ask(self)
  local token = next_value()
  say("asks", token)
  local version, why, code = self.room:execute("add", token, CONFIG.name)
  if version then return say("did", token, version) end
  say("fails", "execute", token, code, why)
  hyperty.sleep(0.05)
end

local function observe(self)
  local room, why
  repeat
    room, why = self.syncher:subscribe(CONFIG.url, { schema = "Resource", store = CONFIG.store })
    if not room then say("fails", "subscribe", why) hyperty.sleep(0.1) end
  until room
  self.room = room
  say("joined", room.epoch, room.version, state(self, room))
  listen(self, room)
  self.unanswered = 0
  if CONFIG.role == "watcher" then return end
  keep_on(self, change_children)
  for _ = 1, 3 do keep_on(self, ask) end
end

function Actor:start()
  math.randomseed(CONFIG.seed)
  self.busy, self.deleted = 0, {}
  say("starts", self.url)
  hyperty.spawn(function()
    if CONFIG.reports then report(self) else observe(self) end
    finish(self)
  end)
end

return Actor
