-- An endpoint that only pretends: its descriptions and candidates look like those of a data
-- channel, and it is "connected" once it has a candidate of the other side. It shows what an
-- endpoint has to be; a real one, for media or data, is a file beside this one, named by `endpoint`
-- in config.
--
--   new(config, on) → endpoint      on.candidate(candidate): one was found; "" is the last
--                                   on.state(state): "connected", or "failed" with a reason
--   endpoint:create_offer()         → { type = "offer", sdp = … }
--   endpoint:create_answer()        → { type = "answer", sdp = … }, after set_remote
--   endpoint:set_remote(description)   → true
--   endpoint:add_candidate(candidate)  → true, after set_remote
--   endpoint:close()                nothing is told afterwards
--
-- All but close may wait, and give nil and why if they fail. Descriptions and candidates are as in
-- the schema Connection. config: `reachable`, false: it finds candidates that lead nowhere.

local hyperty = require "hyperty"

local Simulated = {}
Simulated.__index = Simulated

local PAUSE = 0.05 -- seconds between two candidates
local KINDS = { "host", "srflx", "relay" }

local SDP = table.concat({
  "v=0", "o=- %d 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-ufrag:%s", "a=ice-pwd:%s",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:0", "",
}, "\r\n")

function Simulated.new(config, on)
  return setmetatable({
    on = on, fragment = hyperty.uuid():sub(1, 8), password = hyperty.uuid():gsub("-", ""),
    is_reachable = config.reachable ~= false, found = 0,
  }, Simulated)
end

function Simulated:describe(kind)
  self:gather()
  return { type = kind, sdp = SDP:format(math.floor(hyperty.now()), self.fragment, self.password) }
end

function Simulated:create_offer() return self:describe "offer" end

function Simulated:create_answer()
  if not self.remote then return nil, "there is no offer to answer" end
  return self:describe "answer"
end

function Simulated:set_remote(description)
  local fragment = description.sdp:match "a=ice%-ufrag:(%S+)"
  if not fragment then return nil, "the description has no ice-ufrag" end
  self.remote = fragment
  return true
end

-- Finds candidates one by one.
function Simulated:gather()
  self.timer = hyperty.every(PAUSE, function()
    self.found = self.found + 1
    local kind = KINDS[self.found]
    if not kind then self.timer:cancel() end
    self.on.candidate {
      candidate = kind and ("candidate:%d 1 udp %d 192.0.2.1 %d typ %s"):format(
        self.found, 1 << (31 - self.found), 50000 + self.found, kind) or "",
      sdpMid = "0", sdpMLineIndex = 0, usernameFragment = self.fragment,
    }
  end)
end

function Simulated:add_candidate(candidate)
  if candidate.usernameFragment ~= self.remote then
    return nil, "the candidate belongs to another description"
  end
  local is_last = candidate.candidate == ""
  if self.state or (self.is_reachable and is_last) then return true end
  if self.is_reachable then
    self:become "connected"
  elseif is_last then
    self:become("failed", "no candidate leads there")
  end
  return true
end

function Simulated:become(state, reason)
  self.state = state
  self.on.state(state, reason)
end

function Simulated:close()
  if self.timer then self.timer:cancel() end
end

return Simulated
