-- One connection as one side has it: an object of its own, which it reports, the other side's,
-- which it observes, and an endpoint between them.
--
--      caller                                   callee
--      own: inviting         ── invite ──►      observes it; own: ringing, answers = the caller's
--      observes that         ◄── invite ──
--      own: offer            ────────────►      accept: the endpoint takes the offer
--                            ◄────────────      own: answer, connecting
--      own: connecting
--      own: candidates       ◄───────────►      own: candidates, each as soon as it is found
--      own: connected                           own: connected
--
-- When both call at once, either has an object already: each observes the other's, nobody is asked
-- to accept, and the one whose address is lower makes the offer.
--
-- `advance` looks at both objects and does what is next; so it does not matter in which order
-- things become known. It is safe to call it at any time.

local hyperty = require "hyperty"

local Session = {}
Session.__index = Session

local IS_END = { closed = true, failed = true }
local AGAIN = 2 -- seconds after which the other side is invited anew
local ENDED = "ended by the other side"

-- `hub` is the hyperty: its url, sessions, endpoint module and config.
function Session.new(hub, peer, user)
  local self = setmetatable({
    hub = hub, peer = peer, user = user, status = "inviting", taken = 0,
  }, Session)
  hub.sessions[peer] = self
  return self
end

-- --- the two objects -----------------------------------------------------------------------------

-- Makes our own object, and asks the other side to observe it. True, or nil, why, code.
function Session:open(answers)
  self.answers, self.status = answers, answers and "ringing" or "inviting"
  local own, why, code = self.hub.syncher:create {
    schema = "Connection", new = true, observers = { self.peer },
    data = {
      status = self.status, owner = self.hub.url, peer = self.peer, answers = answers,
      startingTime = hyperty.now(), ownerPeer = { iceCandidates = hyperty.array {} },
    },
  }
  if self.is_over then -- meanwhile
    if own then own:delete() end
    return nil, "it was ended by the other side", "closed"
  elseif not own then
    self:finish("failed", why)
    return nil, why, code
  end
  self.own, self.id = own, own.url
  own:on("execute", function(request) self:answer(request) end)
  self:set_deadline(self.hub.patience.ring, "there is no answer")
  self.inviting = hyperty.every(AGAIN, function() self:invite_again() end)
  self:advance()
  return true
end

function Session:is_observed()
  for _, url in ipairs(self.own.observers) do
    if url == self.peer then return true end
  end
  return false
end

-- An invitation may have been lost.
function Session:invite_again()
  if self:is_observed() then
    self.inviting:cancel()
  else
    self.own:invite { self.peer }
  end
end

-- Who is busy says so without an object, and who declines at once, before it is seen.
function Session:answer(request)
  if request.from ~= self.peer or request.method ~= "decline" then
    return request:reject "a connection knows only decline, from its peer"
  end
  request:accept(true)
  self:finish("closed", tostring(request.params[1] or "declined"))
end

-- Observes the other side's object from now on.
function Session:pair(remote)
  self.remote = remote
  remote:on("change", "reason", function(change) self.reason = change.value end)
  remote:on("change", "status", function(change)
    if IS_END[change.value] then self:finish(change.value, self.reason or ENDED) end
  end)
  remote:on("change", "ownerPeer.**", function() self:advance() end)
  remote:on("delete", function() self:finish("closed", "the other side is gone") end)
  remote:on("status", function(status) self:hear(status.state) end)
  self:advance()
end

-- A connection goes on for a while if nothing is heard of the other side.
function Session:hear(state)
  if state == "live" then
    if self.lost then self.lost:cancel() end
    self.lost = nil
  elseif state == "disconnected" and not self.lost and not self.is_over then
    self.lost = hyperty.after(self.hub.patience.lost, function()
      self:finish("failed", "the other side is not heard any more")
    end)
  end
end

-- --- step by step --------------------------------------------------------------------------------

-- One step at a time: what becomes known during one is looked at after it.
function Session:advance()
  self.is_stale = true
  if self.is_advancing then return end
  self.is_advancing = true
  while self.is_stale and not self.is_over do
    self.is_stale = false
    if self.own and self.remote then self:step() end
  end
  self.is_advancing = false
end

-- Which side makes the offer is known once there are both objects.
function Session:settle_roles()
  local is_answered = self.remote.data.answers == self.own.url
  local is_glare = not is_answered and self.answers ~= self.remote.url
  self.offers = is_answered or (is_glare and self.hub.url < self.peer)
  self.is_accepted = self.is_accepted or is_answered or is_glare
end

function Session:step()
  local theirs = self.remote.data
  if IS_END[theirs.status] then
    return self:finish(theirs.status, theirs.reason or ENDED)
  end
  if self.offers == nil then self:settle_roles() end
  if self.offers and not self.has_described then
    self:describe "create_offer"
  elseif self.is_accepted and not self.has_remote then
    self:take_description(theirs.ownerPeer.connectionDescription)
  elseif self.has_remote and not self.has_described then
    self:describe "create_answer"
  end
  if self.has_remote and self.has_described and not self.is_over then
    if self.status == "inviting" or self.status == "ringing" then
      self:set_status "connecting"
      self:set_deadline(self.hub.patience.connect, "no path was found")
    end
    self:take_candidates()
  end
end

-- Asks the endpoint; what it cannot do ends the connection.
function Session:ask(method, ...)
  if not self.endpoint then
    self.endpoint = self.hub.endpoint.new(self.hub.config, {
      candidate = function(candidate) self:offer_candidate(candidate) end,
      state = function(state, reason) self:endpoint_is(state, reason) end,
    })
  end
  local result, why = self.endpoint[method](self.endpoint, ...)
  if self.is_over then return nil end
  if not result then self:finish("failed", why or (method .. " failed")) end
  return result
end

function Session:describe(method)
  local description = self:ask(method)
  if not description then return end
  self.has_described = true
  self.own.data.ownerPeer.connectionDescription = description
  self.is_stale = true
end

function Session:take_description(description)
  local wanted = self.offers and "answer" or "offer"
  if description and description.type == wanted
    and self:ask("set_remote", hyperty.copy(description)) then
    self.has_remote, self.is_stale = true, true
  end
end

function Session:take_candidates()
  while not self.is_over and self.taken < #self.remote.data.ownerPeer.iceCandidates do
    self.taken = self.taken + 1
    self:ask("add_candidate",
      hyperty.copy(self.remote.data.ownerPeer.iceCandidates[self.taken]))
  end
end

function Session:offer_candidate(candidate)
  if not self.is_over then table.insert(self.own.data.ownerPeer.iceCandidates, candidate) end
end

function Session:endpoint_is(state, reason)
  if self.is_over or state == self.status then return end
  if state == "connected" then
    self.deadline:cancel()
    self:set_status "connected"
    self:tell "connected"
  elseif state == "failed" then
    self:finish("failed", reason or "the endpoint failed")
  end
end

-- --- its person, and the end ---------------------------------------------------------------------

function Session:accept()
  self.is_accepted = true
  self:advance()
end

function Session:set_status(status)
  self.status = status
  self.own.data.status = status
end

function Session:set_deadline(seconds, reason)
  if self.deadline then self.deadline:cancel() end
  self.deadline = hyperty.after(seconds, function() self:finish("failed", reason) end)
end

function Session:describe_call()
  return {
    call = self.id, peer = self.peer, user = self.user, status = self.status,
    is_incoming = self.answers ~= nil,
  }
end

function Session:tell(event, reason)
  local fields = self:describe_call()
  fields.reason = reason
  hyperty.emit(event, fields)
end

-- The last word on our own object tells the other side, or where that does not see it yet, a call
-- does; then both objects go.
function Session:finish(status, reason)
  if self.is_over then return end
  self.is_over, self.status = true, status
  if self.hub.sessions[self.peer] == self then self.hub.sessions[self.peer] = nil end
  if self.deadline then self.deadline:cancel() end
  if self.lost then self.lost:cancel() end
  if self.inviting then self.inviting:cancel() end
  if self.endpoint then self.endpoint:close() end
  self:tell(status, reason)
  local is_known = self.own and self:is_observed()
  if self.own then
    self.own:batch(function()
      self.own.data.reason = reason
      self.own.data.status = status
    end)
  end
  hyperty.spawn(function()
    if self.own then self.own:delete() end
    if self.remote then
      if not is_known then self.remote:execute("decline", reason) end
      self.remote:unsubscribe()
    end
  end)
end

return Session
