-- A program of its own, for specs: stands between runtimes and a node, and writes down every byte
-- that passes, either way.
--
--   lua5.4 spec/support/recorder.lua PORT DIR     of the node; DIR/port says where it listens,
--                                                 DIR/bytes is what has passed
local socket = require "socket"

local node_port, dir = tonumber(arg[1]), arg[2]
local server = assert(socket.bind("127.0.0.1", 0))
local bytes = assert(io.open(dir .. "/bytes", "wb"))
bytes:setvbuf "no"

local others = {} -- by connection: the one that gets what comes from it
local all = { server }

local function add(connection, other)
  connection:settimeout(0)
  others[connection] = other
  all[#all + 1] = connection
end

local function drop(connection)
  for i = #all, 2, -1 do
    if all[i] == connection then table.remove(all, i) end
  end
  connection:close()
end

-- All of it, though the other end may be slow.
local function send(connection, text)
  local at = 1
  while at <= #text do
    local last, why, partly = connection:send(text, at)
    if why and why ~= "timeout" then return end
    at = (last or partly) + 1
    if why then socket.select(nil, { connection }, 1) end
  end
end

local port = assert(io.open(dir .. "/port.new", "w"))
port:write(math.tointeger(select(2, server:getsockname())))
port:close()
os.rename(dir .. "/port.new", dir .. "/port")

local has_had_some
repeat
  for _, from in ipairs((socket.select(all, nil, 60))) do
    if from == server then
      local client, node = server:accept(), assert(socket.connect("127.0.0.1", node_port))
      add(client, node)
      add(node, client)
      has_had_some = true
    else
      local text, why, partly = from:receive(65536)
      text = text or partly
      bytes:write(text)
      send(others[from], text)
      if why == "closed" then
        drop(others[from])
        drop(from)
      end
    end
  end
until has_had_some and #all == 1
