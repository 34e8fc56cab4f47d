-- Presence: who is here, and who is only away for a moment. Each connection of a person reports a
-- Context object of its own under the name of the place, and observes those of all others; nobody
-- keeps a list for them.
--
--   > here = load("presence", { user = "user://localhost/ann" })
--   > here.on("away", function(p) print(p.user, p.text) end)
--   > load("presence", { user = "user://localhost/bob", as = "bob" }).set("away", "lunch")
--   > here.people()
--
-- A connection renews its lease with each heartbeat: who leaves properly is gone at once, and who
-- is not heard for two heartbeats, too. A user with several connections counts once: is here if one
-- of them is, and gone once none is left.
--
-- config: `place` ("lobby"); `heartbeat`, seconds (10). Events, each one table { user, status,
-- text, connections }: `here`, `away`, `gone`; again when the text changes.

local hyperty = require "hyperty"

---@class Presence : hyperty.Hyperty
local Presence = { name = "Presence", version = 1, schemas = { "Context" } }

local TAG = "presence"
local STATUS, TEXT = 1, 2 -- where they are among the values
local LEASE = 2 -- heartbeats
local HEARTBEAT_MIN, HEARTBEAT_MAX = 0.1, 3600 -- seconds that are believed of others

function Presence:start(config)
  self.place, self.heartbeat = config.place or "lobby", config.heartbeat or 10
  self.peers = {} -- url of an object → a connection, our own included
  self.is_live = {} -- url of an object → true, of all that the registry has for this place
  local kept = self.syncher:resume { schema = "Context", name = self.place } or {}
  if #kept == 0 or not self.state.told then
    self.state.told = hyperty.object {} -- user → what was told last of who is not gone
  end
  self:report()
  for _, object in ipairs(kept) do -- from before a reload: nobody has come or gone
    if object.role == "observer" then self:watch(object) end
  end
  if not self.peers[self.own.url] then self:watch(assert(self.syncher:subscribe(self.own.url))) end
  for _, peer in pairs(self.peers) do self:tell(peer.user) end
  self:look()
  hyperty.every(self.heartbeat, function()
    self.own.data.time = hyperty.now()
    self:forget_lost()
    for url in pairs(self.is_live) do self:subscribe(url) end -- those who did not answer before
  end)
end

function Presence:report()
  self.own = assert(self.syncher:create {
    schema = "Context", name = self.place, public = true, tags = { TAG },
    data = {
      id = self.url, tag = TAG, time = hyperty.now(), values = {
        {
          name = "status", value = "here", sampleTime = hyperty.now(), updateTime = self.heartbeat,
        },
        { name = "text", value = "" },
      },
    },
  })
end

-- --- finding the others --------------------------------------------------------------------------

function Presence:look()
  local here = { type = "dataObject", schema = "Context", name = self.place }
  self.syncher:on("registration", here, function(event)
    local url = event.entry.url
    self.is_live[url] = event.kind == "live" or nil
    if self.is_live[url] then self:subscribe(url) end
  end)
end

-- Does not wait: one who has died keeps nobody from seeing the others.
function Presence:subscribe(url)
  if self.peers[url] then return end
  local pending = {}
  self.peers[url] = pending
  hyperty.spawn(function()
    local copy, why = self.syncher:subscribe(url, { schema = "Context" })
    if self.peers[url] ~= pending then return end
    self.peers[url] = nil
    if not copy then
      hyperty.log.info("somebody is not seen yet:", why, { object = url })
    elseif copy.data.tag ~= TAG then
      self.is_live[url] = nil -- something else of that name
      copy:unsubscribe()
    else
      self:tell(self:watch(copy).user)
    end
  end)
end

function Presence:watch(copy)
  local peer = { copy = copy, user = copy.metadata.user or copy.metadata.reporter }
  self.peers[copy.url] = peer
  self:renew(peer)
  copy:on("change", "time", function()
    self:renew(peer)
    self:tell(peer.user)
  end)
  copy:on("change", "values.**", function() self:tell(peer.user) end)
  copy:on("delete", function()
    peer.timer:cancel()
    if self.peers[copy.url] == peer then self.peers[copy.url] = nil end
    self:tell(peer.user)
  end)
  return peer
end

-- What a peer writes is its own affair: it may not be there.
local function entry_of(peer, which) return peer.copy.data.values[which] or {} end

-- A sign of life. What it says of the time is by its own clock, so it is not read.
function Presence:renew(peer)
  if peer.timer then peer.timer:cancel() end
  local heartbeat = entry_of(peer, STATUS).updateTime or self.heartbeat
  heartbeat = math.max(HEARTBEAT_MIN, math.min(heartbeat, HEARTBEAT_MAX))
  peer.is_silent = false
  peer.timer = hyperty.after(LEASE * heartbeat, function()
    peer.is_silent = true
    self:tell(peer.user)
  end)
end

-- Those whose reporter is gone for good: should one come back, it is found as the first time.
function Presence:forget_lost()
  for url, peer in pairs(self.peers) do
    if peer.is_silent and peer.copy:status().state == "disconnected" then
      self.peers[url] = nil
      hyperty.spawn(function() peer.copy:unsubscribe() end)
    end
  end
end

-- --- who is here ---------------------------------------------------------------------------------

-- Two words and a text, whatever a peer writes.
local function status_of(peer)
  return entry_of(peer, STATUS).value == "here" and "here" or "away"
end

local function text_of(peer) return tostring(entry_of(peer, TEXT).value or "") end

local function said_at(peer)
  local time = entry_of(peer, STATUS).sampleTime
  return type(time) == "number" and time or 0
end

-- Whether the one says more of its user than the other: here before away, then what was said last.
-- All who see both find the same.
local function counts_more(a, b)
  if status_of(a) ~= status_of(b) then return status_of(a) == "here" end
  if said_at(a) ~= said_at(b) then return said_at(a) > said_at(b) end
  return a.copy.url < b.copy.url
end

-- What there is to say of a user; nil if they are gone.
function Presence:summary(user)
  local best, connections = nil, 0
  for _, peer in pairs(self.peers) do
    if peer.user == user and not peer.is_silent then
      connections = connections + 1
      if not best or counts_more(peer, best) then best = peer end
    end
  end
  return best and {
    user = user, status = status_of(best), text = text_of(best), connections = connections,
  }
end

-- Tells what has changed of a user for those who are told the whole time.
function Presence:tell(user)
  local before, now = self.state.told[user], self:summary(user)
  if not now then
    if before then
      self.state.told[user] = nil
      hyperty.emit("gone", { user = user, status = "gone", text = "", connections = 0 })
    end
  elseif not before or before.status ~= now.status or before.text ~= now.text then
    self.state.told[user] = { status = now.status, text = now.text }
    hyperty.emit(now.status, now)
  end
end

-- --- the api -------------------------------------------------------------------------------------

Presence.api = {}
local api = Presence.api

---Who is here or away: { { user =, status =, text =, connections = }, … }.
---@param self Presence
function api.people(self)
  local users, list = {}, hyperty.array {}
  for _, peer in pairs(self.peers) do
    if peer.user then users[peer.user] = true end
  end
  for user in pairs(users) do list[#list + 1] = self:summary(user) end
  table.sort(list, function(a, b) return a.user < b.user end)
  return list
end

---Says of this connection that its user is "here" or "away", and what else there is to say.
---@param self Presence
---@param status "here"|"away"
---@param text? string
function api.set(self, status, text)
  if status ~= "here" and status ~= "away" then
    return nil, 'set takes "here" or "away", and a text', "invalid"
  elseif text ~= nil and type(text) ~= "string" then
    return nil, "what is said besides is a text", "invalid"
  end
  self.own:batch(function()
    local data = self.own.data
    data.time = hyperty.now()
    data.values[STATUS].value, data.values[STATUS].sampleTime = status, data.time
    data.values[TEXT].value = text or ""
  end)
  return true
end

return Presence
