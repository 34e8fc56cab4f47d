-- A client of the message node that knows nothing of this project: plain Lua, sockets and JSON,
-- written from the wire protocol alone. So it shows what a runtime written by others meets.
--
--   local client = foreign.connect("tcp://127.0.0.1:4711")
--   client:send { type = "open", id = 1, from = …, to = "mn:/session" }
--   client:receive()                    the next message as a table, or nil, why
local json = require "dkjson"
local mime = require "mime"
local socket = require "socket"
local ssl = require "ssl"
local unix = require "socket.unix"

local M = {}

local TIMEOUT = 5

-- --- native framing: a 4-byte big-endian length and the text -------------------------------------

local native = {}

function native.write(text) return string.pack(">s4", text) end

function native.read(self)
  local head, why = self.socket:receive(4)
  if not head then return nil, why end
  return self.socket:receive((string.unpack(">I4", head)))
end

-- --- WebSocket (RFC 6455) ------------------------------------------------------------------------

local websocket = {}

local function mask(text, key)
  local out = {}
  for i = 1, #text do out[i] = string.char(text:byte(i) ~ key:byte((i - 1) % 4 + 1)) end
  return table.concat(out)
end

-- One frame; `opcode` 1 is text, 8 close, 9 ping, 10 pong.
function websocket.frame(text, opcode, is_last)
  local first = (is_last == false and 0 or 0x80) | (opcode or 1)
  local length = #text < 126 and string.char(0x80 | #text)
    or #text < 65536 and string.pack(">BI2", 0x80 | 126, #text)
    or string.pack(">BI8", 0x80 | 127, #text)
  local key = "\1\2\3\4"
  return string.char(first) .. length .. key .. mask(text, key)
end

function websocket.write(text) return websocket.frame(text) end

-- A text; at a close nil, "closed", code, reason. Pings are answered.
function websocket.read(self)
  local head, why = self.socket:receive(2)
  if not head then return nil, why end
  local first, second = head:byte(1, 2)
  assert(first & 0x80 ~= 0 and second & 0x80 == 0, "whole frames, unmasked, come from a server")
  local length = second
  if second == 126 then length = string.unpack(">I2", self.socket:receive(2)) end
  if second == 127 then length = string.unpack(">I8", self.socket:receive(8)) end
  local payload = length > 0 and self.socket:receive(length) or ""
  local opcode = first & 15
  if opcode == 1 then return payload end
  if opcode == 8 then
    local code = #payload >= 2 and string.unpack(">I2", payload) or nil
    return nil, "closed", code, payload:sub(3)
  end
  if opcode == 9 then assert(self.socket:send(websocket.frame(payload, 10))) end
  return websocket.read(self)
end

local function shake(self, host, path)
  self.socket:send(table.concat({
    "GET " .. path .. " HTTP/1.1", "Host: " .. host, "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " .. mime.b64("sixteen bytes..."), "", "",
  }, "\r\n"))
  local line = assert(self.socket:receive "*l")
  assert(line:find "^HTTP/1.1 101 ", line)
  repeat line = assert(self.socket:receive "*l") until line == ""
end

-- --- clients -------------------------------------------------------------------------------------

local Client = {}
Client.__index = Client

---A connection on which nothing is said yet, not even the request of a WebSocket, or the first word
---of TLS.
---@param url string tcp://HOST:PORT, unix:///PATH, ws://HOST:PORT/PATH, tls:// or wss://
function M.dial(url)
  local self = setmetatable({ framing = native, came = {} }, Client)
  local host, port, path = url:match "^%a+://([^/:]+):(%d+)(.*)$"
  if url:find "^unix:" then
    self.socket = assert(unix())
    assert(self.socket:connect(url:match "^unix://(/.*)$"))
  else
    self.socket = assert(socket.tcp())
    assert(self.socket:connect(host, tonumber(port)))
  end
  self.socket:settimeout(TIMEOUT)
  return self, host, port, path
end

-- From now on all is encrypted; `authority` is the file of who vouches for the other end.
local function secure(self, authority)
  local wrapped = assert(ssl.wrap(self.socket, { mode = "client", protocol = "any",
    options = { "all" }, verify = "peer", cafile = authority }))
  wrapped:settimeout(TIMEOUT)
  assert(wrapped:dohandshake())
  self.socket, self.is_secure = wrapped, true
end

---A connection that messages can be sent on. The URL as above.
---@param url string
---@param authority string|nil for tls and wss: its certificate's file
function M.connect(url, authority)
  local self, host, port, path = M.dial(url)
  if url:find "^tls:" or url:find "^wss:" then secure(self, authority) end
  if url:find "^wss?:" then
    shake(self, host .. ":" .. port, path)
    self.framing = websocket
  end
  return self
end

---Sends a message, or a text that may be none.
function Client:send(message)
  local text = type(message) == "string" and message or json.encode(message)
  assert(self.socket:send(self.framing.write(text)))
end

---Sends bytes as they are.
function Client:send_bytes(bytes) return self.socket:send(bytes) end

---The text of the next message, waiting at most `seconds`; nil, why[, code, reason] if there is
---none.
function Client:receive_text(seconds)
  self.socket:settimeout(seconds or TIMEOUT)
  local text, why, code, reason = self.framing.read(self)
  self.socket:settimeout(TIMEOUT)
  return text, why, code, reason
end

---The same as a table.
function Client:receive(seconds)
  if #self.came > 0 then return table.remove(self.came, 1) end
  local text, why, code, reason = self:receive_text(seconds)
  if not text then return nil, why, code, reason end
  return (assert(json.decode(text, 1, json.null)))
end

---Sends a request and gives its answer; what comes before it is kept for `receive`.
function Client:ask(message)
  self:send(message)
  local before = {}
  while true do
    local answer = assert(self:receive())
    if answer.type == "response" and answer.id == message.id then
      self.came = before
      return answer
    end
    before[#before + 1] = answer
  end
end

---Ends its side, where there is a way to say only that.
function Client:finish()
  if self.is_secure then return false end
  return self.socket:shutdown "send"
end

---Will go without a word when it is closed, where that can be said.
function Client:break_off()
  if not self.is_secure then self.socket:setoption("linger", { on = true, timeout = 0 }) end
end

function Client:close() self.socket:close() end

M.websocket = websocket

return M
