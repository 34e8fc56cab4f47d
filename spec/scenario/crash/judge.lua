-- Judges what the processes of a world said (actor.lua). It goes through the tenures of the
-- reporters (in a life, from when one had the object) in the order of their epochs, and makes the
-- one history that there must be: what each wrote, and of that what the next had when it came.
-- Everything that anybody saw, and every acknowledgement, must be in that history.
--
--   reporters' tenures ► history: operations by version ──► states, where one was claimed
--   observers' lives ──► each is a walk along the history, none left out, none twice
--   acknowledgements ──► each once in it; no child and no execute more than once
--
-- What was acknowledged when, and what a process knew that was killed, is in the order of its lines
-- alone; no clock is asked.
local check = require "spec.sim.check"
local states = require "spec.scenario.crash.states"

local M = {}

local Judge = {}
Judge.__index = Judge

function M.new()
  return setmetatable({
    history = {},    -- by version: {text = changes, seen = by whom (or nil)}
    claims = {},     -- {version, state, who}
    saved = 0,       -- the version of the last acknowledgement to the reporter
    lost = {},       -- operations that a life wrote and the next did not have: {text, version}
    resyncs = 0, executes = 0, kept = 0,
  }, Judge)
end

local function words(line)
  local list = {}
  for word in line:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- --- the reporter --------------------------------------------------------------------------------

local function append(self, text)
  self.history[#self.history + 1] = { text = text }
end

-- A life of a reporter has the object at this version. Where another had it before, that it has it
-- now is in the metadata, and a version that no event tells of.
local function come_back(self, tenure, is_kept, version, state)
  local who, is_heir = tenure.who, self.last_name and self.last_name ~= tenure.name
  local base = is_heir and version - 1 or version
  self.last_name = tenure.name
  if not is_kept and self.is_made then
    check.fault("acknowledged", "%s made a new object: that of before was not found", who)
  end
  self.is_made = true
  if base < self.saved then
    check.fault("acknowledged", "%s came back at version %d: version %d was acknowledged to it",
      who, version, self.saved)
  end
  if base > #self.history then
    check.fault("reporter", "%s came back at version %d: only %d were written", who, version,
      #self.history)
  end
  for at = #self.history, base + 1, -1 do
    self.lost[at] = self.history[at].text
    self.history[at] = nil
  end
  if is_heir then append(self, "reporter:" .. tenure.name) end
  while #self.claims > 0 and self.claims[#self.claims].version > version do
    table.remove(self.claims) -- of what it had and had not saved
  end
  self.saved = math.max(self.saved, version)
  self.claims[#self.claims + 1] = { version = version, state = state, who = who }
end

local REPORTER = {
  wrote = function(self, list)
    local version = math.tointeger(list[2])
    if version ~= #self.history + 1 then
      check.fault("reporter", "the reporter wrote version %d after version %d: %s", version,
        #self.history, table.concat(list, " ", 3))
    end
    append(self, table.concat(list, " ", 3))
  end,
  asked = function(self, list)
    local id, kind, value = list[2], list[3], list[4]
    append(self, ("%s:%s%s"):format(kind, id, value ~= "-" and "=" .. value or ""))
  end,
  saved = function(self, list)
    local version = math.tointeger(list[2])
    if version > #self.history then
      check.fault("reporter", "version %d was saved, and %d written", version, #self.history)
    end
    self.saved = math.max(self.saved, version)
  end,
  reports = function(self, list, tenure)
    come_back(self, tenure, list[2] == "KEPT", math.tointeger(list[5]), list[6])
  end,
  look = function(self, list)
    local version = math.tointeger(list[3])
    if version ~= #self.history then
      check.fault("reporter", "the reporter is at version %d, and wrote %d", version, #self.history)
    end
    self.claims[#self.claims + 1] = { version = version, state = list[4], who = "the reporter" }
  end,
}

-- Appends the tenures of one member: {who, number, at (to keep their order), lists of words}.
local function add_tenures(tenures, name, lives)
  for life, lines in ipairs(lives) do
    local tenure
    for _, line in ipairs(lines) do
      local text = line:match "@ (.*)"
      local list = text and words(text) or {}
      if list[1] == "reports" then
        tenure = { name = name, who = ("%s in life %d"):format(name, life), at = #tenures + 1,
          number = math.tointeger(list[4]:match "^%d+") }
        tenures[tenure.at] = tenure
      end
      if tenure and REPORTER[list[1]] then tenure[#tenure + 1] = list end
    end
  end
end

---Takes the lives of those who reported the object: {name, lives}, lives being lists of lines.
function Judge:reporters(...)
  local tenures = {}
  for _, member in ipairs { ... } do add_tenures(tenures, member.name, member.lives) end
  table.sort(tenures, function(a, b)
    if a.number ~= b.number then return a.number < b.number end
    return a.at < b.at
  end)
  for _, tenure in ipairs(tenures) do
    for _, list in ipairs(tenure) do REPORTER[list[1]](self, list, tenure) end
  end
end

-- --- an observer's life --------------------------------------------------------------------------

-- One walk: who, version, epoch, is_settling (after a resync what differed is told, too).
local function op_at(self, walk, version)
  local op = self.history[version]
  if op then return op end
  check.fault("copy", "%s saw version %d, which %s", walk.who, version,
    self.lost[version] and "was lost with the reporter's process: " .. self.lost[version]
    or "nobody wrote")
end

local function move(walk, epoch, version)
  local number = math.tointeger(epoch:match "^%d+")
  if number < walk.epoch then
    check.fault("back", "%s went from epoch %d back to %s", walk.who, walk.epoch, epoch)
  end
  if version < walk.version then
    check.fault("back", "%s went from version %d back to %d", walk.who, walk.version, version)
  end
  walk.epoch, walk.version = number, version
end

local function is_untold(op)
  return op and op.text:find "^reporter:"
end

-- It has heard all of the version at which it is; it goes on to `version` over what no event tells.
local function go_on(self, walk, version)
  local op = self.history[walk.version]
  op = op and op.text:gsub(" token:%d+", "")
  if walk.open and walk.open ~= op then
    check.fault("order", "%s heard of version %d only %s, not %s", walk.who, walk.version,
      walk.open, op)
  end
  walk.open = nil
  if version > walk.version and is_untold(self.history[walk.version + 1]) then
    walk.version = walk.version + 1
  end
end

-- A batch comes as several events with one version.
local function take_change(self, walk, list)
  local version, text = math.tointeger(list[3]), list[4]
  if version <= walk.resynced then return end
  if version == walk.version and walk.open then
    walk.open = walk.open .. " " .. text
  else
    go_on(self, walk, version)
    if version ~= walk.version + 1 then
      check.fault("order", "%s heard of version %d after version %d", walk.who, version,
        walk.version)
    end
    move(walk, list[2], version)
    walk.open = text
  end
  local op = op_at(self, walk, version).text:gsub(" token:%d+", "")
  if op:sub(1, #walk.open) ~= walk.open then
    check.fault("order", "%s heard %s as version %d, which is %s", walk.who, walk.open, version, op)
  end
end

-- Child events tell no version: what comes next in the history must be that.
local function take_child(self, walk, list)
  local kind, id, value = list[2], list[3], list[4]
  if kind == "expired" or kind == "refused" then return end
  go_on(self, walk, walk.version)
  local text = ("%s:%s%s"):format(kind, id, value ~= "-" and "=" .. value or "")
  local version = walk.version + 1
  if is_untold(self.history[version]) then version = version + 1 end
  local op = self.history[version]
  local is_it = op and (op.text == text or value == "-" and op.text:match "^[^=]+" == text)
  if is_it then
    walk.version = version
  elseif walk.version > walk.resynced then
    op_at(self, walk, version)
    check.fault("order", "%s heard %s after version %d; next is %s", walk.who, text, walk.version,
      op.text)
  end
end

local function claim(self, walk, version, state)
  if version > 0 then op_at(self, walk, version) end
  self.claims[#self.claims + 1] = { version = version, state = state, who = walk.who }
end

local OBSERVER = {
  joined = function(self, walk, list)
    move(walk, list[2], math.tointeger(list[3]))
    claim(self, walk, walk.version, list[4])
  end,
  resync = function(self, walk, list)
    self.resyncs = self.resyncs + 1
    move(walk, list[2], math.tointeger(list[3]))
    walk.resynced, walk.open = walk.version, nil
    claim(self, walk, walk.version, list[4])
  end,
  change = take_change,
  child = take_child,
  look = function(self, walk, list)
    local version = math.tointeger(list[3])
    go_on(self, walk, version)
    if version ~= walk.version then
      check.fault("order", "%s is at version %d, and heard of all up to %d", walk.who, version,
        walk.version)
    end
    claim(self, walk, version, list[4])
  end,
  deleted = function(_, walk, list)
    check.fault("ends", "%s was told that the object is gone: %s", walk.who,
      table.concat(list, " ", 2))
  end,
}

-- --- acknowledgements ----------------------------------------------------------------------------

-- How often each child was made and each execute done in the history.
local function count(self)
  local made, done, all, gone = {}, {}, {}, {}
  for version, op in ipairs(self.history) do
    for part in op.text:gmatch "%S+" do
      local id = part:match "^create:([^=]+)="
      local token = part:match "^token:(%d+)"
      if id and made[id] then
        check.fault("once", "child %s was made twice, as %d and %d", id, made[id], version)
      end
      if id then made[id] = version end
      if token and done[token] then
        check.fault("once", "execute %s was done twice, as %d and %d", token, done[token], version)
      end
      if token then done[token] = version end
      all[part] = true
      local deleted = part:match "^delete:(.*)"
      if deleted then gone[deleted] = true end
    end
  end
  return { made = made, done = done, all = all, gone = gone }
end

local function acknowledged(self, who, lines, found)
  for _, line in ipairs(lines) do
    local what, id, version = line:match "@ (%S+) (%S+) ?(%S*)"
    if what == "kept" then
      if not found.made[id] then
        check.fault("acknowledged", "%s was told that child %s is kept: it is lost", who, id)
      end
      self.kept = self.kept + 1
    elseif what == "did" then
      if found.done[id] ~= math.tointeger(version) then
        check.fault("acknowledged", "%s was told that execute %s is done as version %s: it is %s",
          who, id, version, found.done[id] or "lost")
      end
      self.executes = self.executes + 1
    end
  end
end

-- A life that came to its end with nothing unanswered: all that it wanted is done. (What it did to
-- a child that the life before had deleted came too late.)
local function all_done(who, lines, found)
  local wanted, is_level = {}, false
  for _, line in ipairs(lines) do
    local what, id, value = line:match "@ (%S+) (%S+) ?(%S*)"
    local kind = what == "updates" and "update" or what == "deletes" and "delete" or nil
    if kind and not (kind == "update" and found.gone[id]) then
      wanted[#wanted + 1] = ("%s:%s%s"):format(kind, id, value ~= "" and "=" .. value or "")
    end
    is_level = is_level or what == "look"
  end
  for _, part in ipairs(is_level and wanted or {}) do
    if not found.all[part] then
      check.fault("acknowledged", "%s: nothing is pending, but %s is lost", who, part)
    end
  end
end

---Takes the lives of an observer; after the reporters'.
function Judge:observer(name, lives)
  self.found = self.found or count(self)
  for life, lines in ipairs(lives) do
    local walk = { who = ("%s in life %d"):format(name, life), version = 0, epoch = 0,
      resynced = 0 }
    for _, line in ipairs(lines) do
      local text = line:match "@ (.*)"
      local list = text and words(text)
      local take = list and OBSERVER[list[1]]
      if take then take(self, walk, list) end
    end
    acknowledged(self, walk.who, lines, self.found)
    all_done(walk.who, lines, self.found)
  end
end

---Checks every state that somebody claimed to have; the last thing to do.
function Judge:finish()
  states.check(self.history, self.claims)
end

return M
