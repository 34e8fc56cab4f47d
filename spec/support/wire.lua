-- For specs on the level of messages: worlds of hyperties whose messages are watched, and raw
-- endpoints that play a reporter or an observer of another make beside them.
--
--   local world = wire.world { "ben" }
--   local object = wire.reporter(world, "resource://localhost/it", { data = { n = 1 } })
--   world:join("ben", object.url)
--   object:update("n", 2)
--   world:finish()
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local M = { raised = objects.raised, has = objects.has }

-- --- worlds --------------------------------------------------------------------------------------

-- Does the message have these fields? "to" and "from" may also be a tail of the address
-- ("…/changes" as "/changes"); "code" is that of a response.
local function fits(message, filter)
  for key, wanted in pairs(filter) do
    local got = message[key]
    if key == "code" then got = message.body and message.body.code end
    local is_tail = type(wanted) == "string" and wanted:sub(1, 1) == "/"
    if is_tail and type(got) == "string" then got = got:sub(-#wanted) end
    if got ~= wanted then return false end
  end
  return true
end

---A world of objects.world whose messages are all kept. `world.rule(message)` may be set; it gives
---"drop", or a message to put in its place.
function M.world(names, schemas)
  local blocks = host.blocks()
  local world = objects.world(names, schemas)
  world.messages, world.blocks = {}, blocks
  world.rt:intercept(function(message)
    local verdict = world.rule and world.rule(message) or "pass"
    if verdict ~= "drop" then
      table.insert(world.messages, type(verdict) == "table" and verdict or message)
    end
    return verdict
  end)

  ---Messages with these fields since `world:forget()`, in order.
  function world.sent(self, filter)
    local found = {}
    for _, message in ipairs(self.messages) do
      if fits(message, filter) then found[#found + 1] = message end
    end
    return found
  end

  ---The one message with these fields.
  function world.only(self, filter)
    local found = self:sent(filter)
    if #found ~= 1 then error(("%d messages, not one"):format(#found), 2) end
    return found[1]
  end

  function world.forget(self)
    self.messages = {}
  end

  ---Drops what has these fields, `times` times (or always); gives a function that counts.
  function world.drop(self, filter, times)
    local before, count = self.rule, 0
    self.rule = function(message)
      if count < (times or math.huge) and fits(message, filter) then
        count = count + 1
        return "drop"
      end
      return before and before(message)
    end
    return function() return count end
  end

  ---Everything that is delivered was read from its text, as if it had come from far away.
  function world.as_text(self)
    self.rule = function(message) return message end
  end

  ---Ends the world and proves that nothing is left of it.
  function world.finish(self)
    local logged = self:errors()
    self.rt:stop()
    if #logged > 0 then error("logged: " .. table.concat(logged, "\n"), 2) end
    local left = host.blocks() - self.blocks
    if left ~= 0 then error(("%d blocks are left"):format(left), 2) end
  end

  return world
end

-- --- a reporter of another make ------------------------------------------------------------------

local Reporter = {}
Reporter.__index = Reporter

---Answers a request that came to the object or its /subscription.
function Reporter:respond(request, code, value, desc)
  local port = request.to == self.url and self.port or self.subscription
  assert(port:send {
    type = "response", id = request.id, from = request.to, to = request.from,
    body = { code = code, value = value, desc = desc },
  })
end

---Answers a child operation, as if from far away.
function Reporter:answer(operation, code, value, desc)
  assert(self.world.rt:receive {
    type = "response", id = operation.id, from = operation.to, to = operation.from,
    body = { code = code, value = value, desc = desc },
  })
end

---The whole object.
function Reporter:whole(fields)
  local whole = {
    url = self.url, name = "it", reporter = "hyperty://localhost/far", epoch = self.epoch,
    schema = self.schema, version = self.version, data = self.data, childrenObjects = self.children,
    childMarks = self.marks,
  }
  for key, value in pairs(fields or {}) do whole[key] = value end
  return whole
end

---Publishes on /changes.
function Reporter:publish(type_, body)
  assert(self.port:send {
    type = type_, from = self.url, to = self.url .. "/changes", body = body })
end

---Publishes an update of the next version; `fields` change its body, `attribute` may be nil.
function Reporter:update(attribute, value, fields)
  self.version = self.version + 1
  local body = {
    epoch = self.epoch, version = self.version, source = "hyperty://localhost/far",
    lastModified = "2026-01-01T00:00:00.000Z", attribute = attribute, value = value,
  }
  for key, field in pairs(fields or {}) do body[key] = field end
  self:publish("update", body)
  return body
end

---Stamps a child operation with the next version.
function Reporter:stamp(op, creator, n, version)
  self.version = self.version + 1
  local value = {
    epoch = self.epoch, version = self.version,
    child = {
      op = op, collection = "items", resource = creator:match "[^/]+$" .. "#" .. n,
      reporter = creator, version = version or 0,
    },
  }
  self:publish("event", { value = value })
  return value
end

---A port that plays the reporter of `url`: answers subscribe and read with the whole object, unless
---`on_subscribe` or `on_read` is set; keeps what came in `asked` and child operations in `ops`.
---@param fields {data: table|nil, epoch: string|nil, version: integer|nil, schema: string|nil}|nil
function M.reporter(world, url, fields)
  local self = setmetatable({
    world = world, url = url, epoch = "1-aaaaaaaa", version = 0, data = {}, children = {},
    marks = {},
    schema = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/Resource",
    asked = {}, ops = {}, port = world.rt:port(url),
    subscription = world.rt:port(url .. "/subscription"),
  }, Reporter)
  for key, value in pairs(fields or {}) do self[key] = value end
  self.subscription:listen(url .. "/subscription", function(message)
    table.insert(self.asked, message)
    if message.type ~= "subscribe" then return end
    if self.on_subscribe then
      self.on_subscribe(message)
    else
      self:respond(message, 200, self:whole())
    end
  end)
  self.port:listen(url, function(message)
    table.insert(self.asked, message)
    if message.type ~= "read" then return end
    if self.on_read then
      self.on_read(message)
    else
      self:respond(message, 200, self:whole())
    end
  end)
  self.port:listen(url .. "/children/", function(message)
    table.insert(self.ops, message)
    if self.on_op then self.on_op(message) end
  end)
  return self
end

---What came to the reporter of that type.
function Reporter:got(type_)
  local found = {}
  for _, message in ipairs(self.asked) do
    if message.type == type_ then found[#found + 1] = message end
  end
  return found
end

-- --- an observer of another make -----------------------------------------------------------------

local Observer = {}
Observer.__index = Observer

---Sends a request and gives code, value and desc of its answer.
function Observer:request(type_, to, body, fields)
  local message = { type = type_, to = to, body = body }
  for key, value in pairs(fields or {}) do message[key] = value end
  local answer = assert(self.port:request(message)).body
  return answer.code, answer.value, answer.desc
end

---Subscribes to the object.
function Observer:subscribe(fields)
  local body = { subscriber = self.url, source = self.url, ext = 1 }
  for key, value in pairs(fields or {}) do body[key] = value end
  return self:request("subscribe", self.object .. "/subscription", body)
end

---A child operation on the collection "items"; gives code, value and desc.
function Observer:op(type_, body, collection)
  return self:request(type_, self.object .. "/children/" .. (collection or "items"), body)
end

function Observer:id(n)
  return self.url:match "[^/]+$" .. "#" .. n
end

---Creates child n with that data.
function Observer:create(n, data)
  return self:op("create", { resource = self:id(n), value = { data = data or {} } })
end

---Sets a field of child n as its operation `version`.
function Observer:change(n, version, attribute, value)
  return self:op("update",
    { resource = self:id(n), version = version, attribute = attribute, value = value })
end

function Observer:delete(n, version)
  return self:op("delete", { resource = self:id(n), version = version })
end

---What came on /changes, as {version, "update"|"create"|…} in order.
function Observer:stamps()
  local found = {}
  for _, message in ipairs(self.heard) do
    local value = message.body.value
    local child = message.type == "event" and value.child
    if child then
      found[#found + 1] = ("%d %s %s %d"):format(value.version, child.op, child.resource,
        child.version)
    end
  end
  return found
end

---A port that plays an observer; keeps what comes on /changes in `heard`, on /children/ in `ops`.
function M.observer(world, url, object)
  local self = setmetatable({
    url = url, object = object, heard = {}, ops = {}, port = world.rt:port(url),
  }, Observer)
  self.port:listen(object .. "/changes", function(message) table.insert(self.heard, message) end)
  self.port:listen(object .. "/children/", function(message) table.insert(self.ops, message) end)
  self.port:send { type = "event", to = url .. "/events", body = {} } -- the node knows whose it is
  return self
end

return M
