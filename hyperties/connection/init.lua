-- Connection: two find out how to reach one another. Each side reports a Connection object of its
-- own, with a session description and candidates, and observes the other's; session.lua tells how
-- that goes. What is connected are endpoints: simulated.lua shows what one has to be.
--
--   > ann = load "connection"
--   > bob = load("connection", { user = "user://localhost/bob", auto = true })
--   > bob.on("connected", function(c) print("with " .. c.user) end)
--   > call = ann.call "user://localhost/bob"
--   > ann.calls()
--   > ann.hang_up(call)
--
-- config: `auto`, true: who calls is accepted at once; `calls`, how many at a time (1), beyond
-- which this side is busy; `endpoint`, the file of the endpoint ("simulated"); in seconds, `ring`,
-- how long a call waits to be accepted (30), `connect`, how long for a path (15), and `lost`, how
-- long a connection lasts when nothing is heard of the other side (10).
--
-- Events, each with one table { call, peer, user, status, is_incoming }: `ringing`: somebody calls;
-- `connected`; `closed` and `failed`, with a reason. A reload of the code ends all calls.

local hyperty = require "hyperty"
local Session = require "session"

---@class Connection : hyperty.Hyperty
local Connection = { name = "Connection", version = 1, schemas = { "Connection" } }

function Connection:start(config)
  self.config = config
  self.endpoint = require(config.endpoint or "simulated")
  self.calls_max = config.calls or 1
  self.patience = {
    ring = config.ring or 30, connect = config.connect or 15, lost = config.lost or 10,
  }
  self.sessions = {} -- hyperty url of the other side → session
  self.syncher:on("invite", function(invitation) self:welcome(invitation) end)
  for _, object in ipairs(self.syncher:resume { schema = "Connection" } or {}) do
    hyperty.spawn(function() self:end_old(object) end)
  end
end

function Connection:stop()
  for _, session in pairs(self.sessions) do session:finish("closed", "stopped") end
end

-- Its endpoint went with the code before.
function Connection:end_old(object)
  if object.role == "observer" then return object:unsubscribe() end
  object:batch(function()
    object.data.reason = "reloaded"
    object.data.status = "closed"
  end)
  object:delete()
end

local function count(sessions)
  local n = 0
  for _ in pairs(sessions) do n = n + 1 end
  return n
end

-- --- who calls -----------------------------------------------------------------------------------

-- The other side asks us to observe its object: it calls, or answers our call.
function Connection:welcome(invitation)
  if not (invitation.schema or ""):find "Connection$" then
    return invitation:decline "this takes part in Connection objects only"
  end
  local remote, why = invitation:accept()
  if not remote then
    return hyperty.log.warn("was called, but does not see by whom:", why, {
      peer = invitation.from,
    })
  end
  local data = remote.data
  if data.owner ~= invitation.from or data.peer ~= self.url then return remote:unsubscribe() end
  local session = self.sessions[invitation.from]
  if session and session.remote and session.remote.url ~= remote.url then
    session:finish("closed", "the other side has called anew")
    session = nil
  end
  if session then -- an invitation may come twice
    if not session.remote then session:pair(remote) end
  else
    self:ring(remote, invitation.from)
  end
end

function Connection:ring(remote, peer)
  if remote.data.answers then return remote:unsubscribe() end -- a call that is over by now
  if count(self.sessions) >= self.calls_max then
    remote:execute("decline", "busy")
    return remote:unsubscribe()
  end
  local session = Session.new(self, peer, remote.metadata.user)
  session:pair(remote)
  session.is_accepted = self.config.auto == true
  if session:open(remote.url) and not session.is_accepted then session:tell "ringing" end
end

-- --- the api -------------------------------------------------------------------------------------

-- The hyperty of that person that can be called, and whose it is.
local function look_up(self, who)
  if type(who) ~= "string" or not who:find "^%a[%w+.-]*://" then
    return nil, ("%s is no person: give a user or hyperty url"):format(tostring(who)), "invalid"
  end
  local is_hyperty = who:find "^hyperty://" ~= nil
  local found, why, code = self.syncher:discover {
    type = "hyperty", [is_hyperty and "url" or "user"] = who,
  }
  if not found then return nil, why, code end
  for _, entry in ipairs(found) do
    local is_one = entry.name == self.name and entry.url ~= self.url
    if is_one and entry.status ~= "disconnected" then return entry end
  end
  return nil, ("%s has no connection running"):format(who), "not_found"
end

Connection.api = {}
local api = Connection.api

local function find(self, call)
  for _, session in pairs(self.sessions) do
    if session.id == call and call ~= nil then return session end
  end
  return nil, ("there is no call %s any more"):format(tostring(call)), "not_found"
end

---Calls somebody, or accepts their call if they were first; gives the call.
---@param self Connection
---@param who string user or hyperty url
function api.call(self, who)
  local entry, why, code = look_up(self, who)
  if not entry then return nil, why, code end
  local session = self.sessions[entry.url]
  if session then
    session:accept()
    if session.id then return session.id end
    return nil, "a call with them is just beginning", "conflict"
  elseif count(self.sessions) >= self.calls_max then
    return nil, "in a call already: hang up first", "conflict"
  end
  session = Session.new(self, entry.url, entry.user)
  local ok
  ok, why, code = session:open()
  return ok and session.id, why, code
end

---@param self Connection
---@param call string as the event `ringing` gives it
function api.accept(self, call)
  local session, why, code = find(self, call)
  if not session then return nil, why, code end
  session:accept()
  return true
end

---@param self Connection
---@param call string
---@param reason? string
function api.decline(self, call, reason)
  local session, why, code = find(self, call)
  if not session then return nil, why, code end
  session:finish("closed", reason or "declined")
  return true
end

---@param self Connection
---@param call string
function api.hang_up(self, call)
  return api.decline(self, call, "hung up")
end

---{ { call =, peer =, user =, status =, is_incoming = }, … }
---@param self Connection
function api.calls(self)
  local list = hyperty.array {}
  for _, session in pairs(self.sessions) do list[#list + 1] = session:describe_call() end
  table.sort(list, function(a, b) return a.peer < b.peer end)
  return list
end

return Connection
