-- One room, as seen by somebody in it: all is read from the observed object, so everybody sees the
-- same in the same order, who opened the room included.
--
--   data.participants       who is here, in the order in which they came
--   children "messages"     created by everybody, changed by who created them
--
-- Methods return a value, or nil, why, code. What happens is told to who follows the chat: message,
-- edited, removed, joined, left, typing, closed, and status: whether news still arrive.

local hyperty = require "hyperty"

local Room = {}
Room.__index = Room

local MESSAGES = "messages"

function Room.new(chat, observer, moderator)
  local self = setmetatable({
    chat = chat, object = observer, url = observer.url, moderator = moderator,
    state = "live", -- as told last
    is_mutual = observer.metadata.mutual, -- what is told of it is not for the node
  }, Room)
  observer:on("child", function(event) self:tell_message(event) end)
  observer:on("change", "participants.*", function(change)
    self:tell_person("left", change.old)
    self:tell_person("joined", change.value)
  end)
  observer:on("event", function(event)
    if type(event.value) == "table" and event.value.typing then
      self:tell("typing", { from = self:user_of(event.from) })
    end
  end)
  observer:on("status", function(status)
    self:tell_state(status.state)
  end)
  observer:on("delete", function(reason)
    chat:forget(self.url)
    if reason ~= "left" then -- we have, before a reload
      self:tell("closed", { reason = reason == "evicted" and "kicked" or "closed" })
    end
  end)
  return self
end

-- --- telling -------------------------------------------------------------------------------------

function Room:tell(event, fields)
  fields.room = self.url
  local emit = self.is_mutual and hyperty.emit_here or hyperty.emit
  emit(event, fields)
end

local function describe(child)
  local data = child.data
  return {
    id = child.id, from = child.user or child.reporter, text = data.text, at = child.created,
    edited = data.edited,
  }
end

function Room:tell_message(event)
  local child = event.child
  if event.kind == "create" then
    self:tell("message", describe(child))
  elseif event.kind == "update" and event.change.path == "text" then -- edit writes it last
    self:tell("edited", describe(child))
  elseif event.kind == "delete" then
    self:tell("removed", { id = child.id })
  end
end

function Room:tell_person(event, participant)
  if participant then
    self:tell(event, {
      user = participant.user or participant.hyperty, hyperty = participant.hyperty,
    })
  end
end

-- "syncing" and "lagging" are over in a moment, or end in "disconnected": they say nothing to a
-- person. Who was away for long is not among the participants any more.
function Room:tell_state(state)
  if state == self.state or state == "syncing" or state == "lagging" then
    return
  end
  self.state = state
  self:tell("status", { state = state })
  self:come_back()
end

-- Goes on in a room from before: whoever follows the chat is told once news arrive.
function Room:resume()
  local state = self.object:status().state
  self.state = state == "live" and state or "disconnected"
  self:come_back()
end

-- In a task of its own: who starts does not wait for it.
function Room:come_back()
  if self.state == "live" and not self:has_participant(self.chat.url) then
    hyperty.spawn(function() self.object:execute "enter" end)
  end
end

function Room:has_participant(url)
  for _, participant in ipairs(self.object.data.participants) do
    if participant.hyperty == url then
      return true
    end
  end
  return false
end

function Room:user_of(url)
  for _, participant in ipairs(self.object.data.participants) do
    if participant.hyperty == url then
      return participant.user or url
    end
  end
  return url
end

-- --- reading -------------------------------------------------------------------------------------

function Room:describe()
  return {
    url = self.url, name = self.object.metadata.name, members = #self.object.data.participants,
    state = self.object:status().state,
  }
end

-- The messages that everybody sees; one that is under way is not among them yet.
function Room:messages()
  local list = {}
  for _, child in ipairs(self.object:children(MESSAGES)) do
    if child.state == "kept" then
      list[#list + 1] = child
    end
  end
  return list
end

function Room:history(n)
  if n ~= nil and (math.type(n) ~= "integer" or n < 0) then
    return nil, "history takes how many messages to give, the latest ones", "invalid"
  end
  local messages, list = self:messages(), hyperty.array {}
  for i = math.max(1, n and #messages - n + 1 or 1), #messages do
    list[#list + 1] = describe(messages[i])
  end
  return list
end

function Room:members()
  return hyperty.copy(self.object.data.participants)
end

-- --- writing -------------------------------------------------------------------------------------

local PATIENCE = 10 -- seconds

-- Gives the id once the message has its place among the others.
function Room:send(text)
  if type(text) ~= "string" then
    return nil, "send needs a text", "invalid"
  end
  local child, why, code = self.object:add_child(MESSAGES, { type = "chat", text = text })
  if not child then
    return nil, why, code
  end
  local ok
  ok, why, code = child:wait(PATIENCE)
  if ok then
    return child.id
  elseif child.state == "pending" then
    why = "not confirmed yet (the room is " .. self.object:status().state
      .. "): it is sent again by itself until it is, for a minute"
  end
  return nil, why, code
end

function Room:message(id)
  for _, child in ipairs(self:messages()) do
    if child.id == id then
      return child, child.reporter == self.chat.url
    end
  end
  return nil, ("there is no message %s in this room"):format(tostring(id)), "not_found"
end

function Room:edit(id, text)
  local child, is_mine, code = self:message(id)
  if not child then
    return nil, is_mine, code
  elseif type(text) ~= "string" then
    return nil, "edit needs the new text", "invalid"
  elseif not is_mine then
    return nil, ("message %s is not yours: only %s may edit it"):format(
      id, child.user or child.reporter), "forbidden"
  end
  child.data.edited = true
  child.data.text = text
  return true
end

function Room:remove(id)
  local child, is_mine, code = self:message(id)
  if not child then
    return nil, is_mine, code
  elseif is_mine then
    return child:delete()
  elseif self.moderator then
    return self.moderator:remove(id)
  end
  return nil, ("message %s is not yours: only %s and the owner of the room may remove it"):format(
    id, child.user or child.reporter), "forbidden"
end

function Room:typing()
  return self.object:send_event(MESSAGES, { typing = true })
end

-- --- coming and going ----------------------------------------------------------------------------

function Room:invite(who)
  if self.moderator then
    return self.moderator:invite(who)
  end
  return self.object:execute("invite", who)
end

function Room:kick(who)
  if not self.moderator then
    return nil, "only the owner of the room may kick", "forbidden"
  end
  return self.moderator:kick(who)
end

-- The room of who leaves is handed over to another member; with nobody else in it, it is closed.
function Room:leave()
  if self.moderator and #self.object.data.participants > 1 then
    local ok, why, code = self.moderator:hand_over()
    if not ok then
      return nil, "nobody takes over this room: " .. why .. "; close ends it", code
    end
    self.moderator = nil
  elseif self.moderator then
    return self:close()
  end
  self.chat:forget(self.url)
  return self.object:unsubscribe()
end

function Room:close()
  if not self.moderator then
    return nil, "only the owner of the room may close it", "forbidden"
  end
  return self.moderator:close()
end

return Room
