-- Commands of the prompt for who runs hosts and nodes: where messages of an object go, and what a
-- message node in this process holds. They look, and change nothing.
local hyperty = require "hyperty"

local M = {}

local concat = table.concat
local error, format, ipairs, pairs, print, setmetatable, tostring, type =
  error, string.format, ipairs, pairs, print, setmetatable, tostring, type

local function check_url(url, what)
  if type(url) ~= "string" then
    error(format("%s must be a URL, not %s", what, type(url)), 3)
  end
  if not url:find "^%a[%w+.-]*://%S" then
    error(format('%s: "%s" is no URL; objects() lists those of objects', what, url), 3)
  end
end

-- --- the node ------------------------------------------------------------------------------------

-- Rows of a list; says if there are more.
local function list(host, name, part)
  if part ~= nil and type(part) ~= "string" then
    error(format("node.%s takes part of an address, not %s", name, type(part)), 3)
  end
  local rows, total = host.node(name, part)
  if not rows then error(total, 0) end
  if total > #rows then
    print(format("%d of %d; give part of an address to see others", #rows, total))
  end
  return hyperty.array(rows)
end

local function find(rows, key, value)
  for _, row in ipairs(rows) do
    if row[key] == value then return row end
  end
end

local function has(texts, text)
  for _, other in ipairs(texts) do
    if other == text then return true end
  end
  return false
end

-- The owner of an address is that of the longest one which it is or lies below.
local function owner_of(host, url)
  local best
  for _, row in ipairs((host.node("allocations", url:match "^[^:]+://[^/]+/[^/]+"))) do
    local is_of = row.url == url or url:sub(1, #row.url + 1) == row.url .. "/"
    if is_of and (not best or #row.url > #best.url) then best = row end
  end
  return best
end

local function tell_session(host, runtime, what)
  local session = find(host.node("sessions", runtime), "runtime", runtime)
  if not session then return format("%s, %s, has no session here", what, runtime) end
  if not session.connected then
    return format("%s, %s, is not connected; %d messages wait for it", what, runtime,
      session.waiting)
  end
  return format("%s, %s, is connected; %d messages wait for it", what, runtime, session.waiting)
end

-- Lines about what is between an object and a hyperty: who writes, who reads, the way between.
local function explain(host, url, object)
  local lines = {}
  local function say(...) lines[#lines + 1] = format(...) end
  local held = find(host.node("objects", object), "url", object)
  local entry = find(host.node("registry", object), "url", object)
  say("the registry %s", entry and "has the object as " .. entry.status
    or "does not know the object")
  if not held then
    say "nobody subscribes the object at this node, nor has anybody said that it reports it"
    return lines
  end
  if not held.runtime then
    say "nobody holds the object: its reporter has gone, or is of another node"
  else
    lines[#lines + 1] = tell_session(host, held.runtime, "who reports the object")
  end
  local owner = owner_of(host, url)
  if not owner then
    say("%s is nobody's address here: it is unloaded, or of another domain", url)
    return lines
  end
  lines[#lines + 1] = tell_session(host, owner.runtime, "the hyperty's runtime")
  local route
  for _, row in ipairs((host.node("routes", object .. "/changes"))) do
    if row.runtime == owner.runtime and has(row.sources, url) then route = row end
  end
  local is_admitted = not held.guarded or has(held.admitted, url)
  if not is_admitted then
    say "its reporter has not admitted the hyperty: it did not accept, or has struck it off"
  end
  if not route then
    say "the hyperty has not subscribed the object's changes at this node"
  elseif not route.gets then
    say "it has subscribed, and waits to be admitted by who reports the object"
  else
    say "it has subscribed and is admitted: what is published goes to its runtime"
  end
  return lines
end

local function node_commands(host)
  local node = {}
  for _, name in ipairs { "sessions", "routes", "allocations", "objects", "registry" } do
    node[name] = function(part) return list(host, name, part) end
  end
  function node.stats()
    local figures, message = host.node "stats"
    if not figures then error(message, 0) end
    return figures
  end
  function node.why(url, object)
    check_url(url, "node.why: the hyperty")
    check_url(object, "node.why: the object")
    if not url:find "^hyperty://" then
      error("node.why takes the URL of a hyperty first, then that of an object", 2)
    end
    node.stats()
    print(concat(explain(host, url, object), "\n"))
  end
  return setmetatable(node, { __inspect = function()
    return 'the message node: help "node" tells what can be asked of it'
  end })
end

-- --- traces --------------------------------------------------------------------------------------

local function node_hop(host, url)
  if not host.node "stats" then return { at = "node", state = "in another process" } end
  local held = find(host.node("objects", url), "url", url)
  local hop = { at = "node", state = held and "known" or "not known",
    holder = held and held.runtime, subscribers = hyperty.array {} }
  for _, row in ipairs((host.node("routes", url .. "/changes"))) do
    local session = find(host.node("sessions", row.runtime), "runtime", row.runtime)
    hop.subscribers[#hop.subscribers + 1] = { runtime = row.runtime, gets = row.gets,
      waiting = session and session.waiting, connected = session and session.connected }
  end
  return hop
end

-- From who writes to who reads.
local function hops(host, url)
  local reporters, managers, observers = {}, {}, {}
  for _, party in ipairs(host.objects()) do
    if party.url == url then
      local found = party.role == "reporter" and reporters or observers
      found[#found + 1] = { at = party.role, hyperty = party.hyperty, version = party.version,
        state = party.state, pending = party.pending }
    end
  end
  for _, route in ipairs(host.routes()) do
    if route.url == url then
      managers[#managers + 1] = { at = "sync manager", state = route.role,
        hyperties = route.hyperties }
    end
  end
  local result = hyperty.array {}
  for _, found in ipairs { reporters, managers, { node_hop(host, url) }, observers } do
    for _, hop in ipairs(found) do result[#result + 1] = hop end
  end
  return result
end

local function trace_command(host)
  local traces = {}
  return function(url, is_on)
    if url == nil then
      local urls = hyperty.array {}
      for traced in pairs(traces) do urls[#urls + 1] = traced end
      return urls
    end
    check_url(url, "trace: url")
    if is_on ~= nil and type(is_on) ~= "boolean" then
      error(format("trace takes a URL and false to end it, not %s", type(is_on)), 2)
    end
    if is_on == false then
      if not traces[url] then error(format("%s is not traced; trace() lists", tostring(url)), 2) end
      host.untrace(traces[url])
      traces[url] = nil
      return
    end
    traces[url] = traces[url] or host.trace(url)
    return hops(host, url)
  end
end

---@param host table what only a prompt may do
---@return table<string, function|table> commands by name
function M.commands(host)
  return { trace = trace_command(host), node = node_commands(host) }
end

return M
