-- One room, as its reporter or as one of its observers. Methods return a value, or nil, why, code.
--
--   participants   in the data, written by the reporter alone, in the order in which people came
--   messages       children: created by everybody, changed by who created them
--   kicked         the reporter remembers whom it struck off; they stay out
--
-- What happens is told to who follows the chat: message, edited, removed, joined, left, typing, closed.

local hyperty = require "hyperty"

local Room = {}
Room.__index = Room

local MESSAGES = "messages"
local KINDS = { create = "message", update = "edited", delete = "removed" }

local function describe(child)
  local data = child.data
  return { id = child.id, from = child.user or child.reporter, text = data.text, at = child.created, edited = data.edited }
end

function Room:tell(event, fields)
  fields.room = self.url
  hyperty.emit(event, fields)
end

-- Events that reporter and observers see alike.
function Room:watch()
  self.object:on("child", function(event)
    local kind = KINDS[event.kind]
    if not kind then
      return
    end
    if kind == "removed" then
      self:tell(kind, { id = event.child.id })
    else
      self:tell(kind, describe(event.child))
    end
  end)
  self.object:on("event", function(event)
    if type(event.value) == "table" and event.value.typing then
      self:tell("typing", { from = self:user_of(event.from) })
    end
  end)
end

-- --- the reporter's room ---------------------------------------------------------------------------

function Room.create(chat, name, options)
  local object, why, code = chat.syncher:create {
    schema = "Communication", name = name, new = true,
    data = {
      status = "open", startingTime = hyperty.now(), closed = options.closed or false,
      participants = { { user = chat.user, hyperty = chat.url, status = "open", since = hyperty.now() } },
    },
  }
  if not object then
    return nil, why, code
  end
  local self = setmetatable(
    { chat = chat, object = object, url = object.url, is_reporter = true, kicked = {}, invited = {} }, Room)
  self:watch()
  self:host()
  return self
end

-- Why that person may not come in, or nil.
function Room:refusal(request)
  local user = request.identity and request.identity.user
  if self.kicked[request.from] or (user and self.kicked[user]) then
    return "you were removed from this room"
  end
  if self.object.data.closed and not (self.invited[request.from] or (user and self.invited[user])) then
    return "this room is closed: ask to be invited"
  end
end

function Room:host()
  self.object:on("subscribe", function(request)
    local why = self:refusal(request)
    if why then
      return request:reject(why)
    end
    request:accept()
    self:admit(request.from, request.identity and request.identity.user)
  end)
  self.object:on("unsubscribe", function(event) self:strike(event.from) end)
  self.object:on("execute", function(request)
    local work = request.method == "invite" and self.invite or request.method == "kick" and self.kick
    if not work or (request.method == "kick") then
      return request:reject(work and "only who opened the room may kick" or "a room knows invite and kick")
    end
    local ok, why = work(self, request.params[1])
    if ok then
      request:accept(true)
    else
      request:reject(why)
    end
  end)
end

function Room:admit(url, user)
  if self:participant(url) then
    return
  end
  table.insert(self.object.data.participants,
               { user = user, hyperty = url, status = "open", since = hyperty.now() })
  self:tell("joined", { user = user or url, hyperty = url })
end

function Room:strike(url)
  local participants = self.object.data.participants
  for i, p in ipairs(participants) do
    if p.hyperty == url then
      local user = p.user
      table.remove(participants, i)
      return self:tell("left", { user = user or url, hyperty = url })
    end
  end
end

-- --- an observer's room ----------------------------------------------------------------------------

function Room.joined(chat, object)
  local self = setmetatable({ chat = chat, object = object, url = object.url, is_reporter = false }, Room)
  self:watch()
  object:on("change", "participants.*", function(change)
    local who = change.kind == "add" and change.value or change.kind == "remove" and change.old
    if who then
      self:tell(change.kind == "add" and "joined" or "left", { user = who.user or who.hyperty, hyperty = who.hyperty })
    end
  end)
  object:on("delete", function()
    chat:forget(self)
    self:tell("closed", {})
  end)
  return self
end

-- --- what both can ask ------------------------------------------------------------------------------

function Room:name()
  return self.object.metadata.name
end

function Room:participant(url)
  for i, p in ipairs(self.object.data.participants) do
    if p.hyperty == url then
      return p, i
    end
  end
end

function Room:user_of(url)
  local p = self:participant(url)
  return p and p.user or url
end

function Room:members()
  return hyperty.copy(self.object.data.participants)
end

function Room:send(text)
  if type(text) ~= "string" then
    return nil, "send needs a text", "invalid"
  end
  local child, why, code = self.object:add_child(MESSAGES, { text = text })
  if not child then
    return nil, why, code
  end
  return child.id
end

local function find(self, id)
  for _, child in ipairs(self.object:children(MESSAGES)) do
    if child.id == id then
      return child
    end
  end
  return nil, ("there is no message %s in this room"):format(tostring(id)), "not_found"
end

function Room:edit(id, text)
  local child, why, code = find(self, id)
  if not child then
    return nil, why, code
  elseif type(text) ~= "string" then
    return nil, "edit needs the new text", "invalid"
  elseif child.reporter ~= self.chat.url then
    return nil, ("message %s is not yours: only %s may edit it"):format(id, child.user or child.reporter), "forbidden"
  end
  child.data.edited = true
  child.data.text = text
  return true
end

function Room:remove(id)
  local child, why, code = find(self, id)
  if not child then
    return nil, why, code
  elseif child.reporter ~= self.chat.url and not self.is_reporter then
    return nil, ("message %s is not yours: only %s and who opened the room may remove it"):format(
                  id, child.user or child.reporter), "forbidden"
  end
  return child:delete()
end

function Room:history(n)
  local children = self.object:children(MESSAGES)
  local list = {}
  for i = math.max(1, n and #children - n + 1 or 1), #children do
    list[#list + 1] = describe(children[i])
  end
  return list
end

function Room:typing()
  self.object:send_event(MESSAGES, { typing = true })
  return true
end

-- The chats of a user, or the hyperty itself.
local function hyperties_of(self, who)
  if type(who) ~= "string" then
    return nil, "a person is a user or hyperty url", "invalid"
  elseif who:find("^hyperty://") then
    return { who }
  end
  local found, why, code = self.chat.syncher:discover { user = who }
  if not found then
    return nil, why, code
  end
  local list = {}
  for _, entry in ipairs(found) do
    if entry.type == "hyperty" and entry.name == "GroupChat" then
      list[#list + 1] = entry.url
    end
  end
  if #list == 0 then
    return nil, ("%s has no chat running"):format(who), "not_found"
  end
  return list
end

function Room:invite(who)
  if not self.is_reporter then
    return self.object:execute("invite", who)
  end
  local list, why, code = hyperties_of(self, who)
  if not list then
    return nil, why, code
  end
  self.kicked[who], self.invited[who] = nil, true
  for _, url in ipairs(list) do
    self.kicked[url], self.invited[url] = nil, true
  end
  return self.object:invite(list)
end

function Room:kick(who)
  if not self.is_reporter then
    return self.object:execute("kick", who)
  end
  local gone = {}
  for _, p in ipairs(self.object.data.participants) do
    if (p.user == who or p.hyperty == who) and p.hyperty ~= self.chat.url then
      gone[#gone + 1] = p.hyperty
    end
  end
  if #gone == 0 then
    return nil, ("%s is not in this room"):format(tostring(who)), "not_found"
  end
  self.kicked[who], self.invited[who] = true, nil
  for _, url in ipairs(gone) do
    self.kicked[url], self.invited[url] = true, nil
    local ok, why, code = self.object:evict(url)
    if not ok then
      return nil, why, code
    end
    self:strike(url)
  end
  return true
end

function Room:leave()
  if self.is_reporter then
    if #self.object.data.participants > 1 then
      return nil, "you opened this room and others are in it: close it, or wait until they have left", "conflict"
    end
    return self:close()
  end
  self.chat:forget(self)
  return self.object:unsubscribe()
end

function Room:close()
  if not self.is_reporter then
    return nil, "only who opened the room may close it", "forbidden"
  end
  self.object.data.status = "closed"
  self.chat:forget(self)
  local ok, why, code = self.object:delete()
  if ok then
    self:tell("closed", {})
  end
  return ok, why, code
end

return Room
