-- What one of the chats in a room does for it, at first the one that opened it: it reports the
-- object, and so it alone decides who may observe, writes the list of participants and may take
-- away other people's messages. When it leaves it hands the object over to another one, with all
-- that it knows of people; that is in the data for the moment.
--
-- What it knows of people is nobody else's business: it is in the chat's own state, which lasts as
-- long as the room does.
--
--   standing   user or hyperty url → "invited" or "kicked". What is said of a hyperty counts for
--              more than what is said of its user.
--   guests     hyperty url → its user, of all who were let in or invited until kicked
--
--   subscribe        somebody wants in; the invited are in without being asked about
--   execute enter    who observes by now, perhaps by the host's rules, becomes a participant
--   execute invite   a member asks to have somebody invited
--   unsubscribe      somebody left
--
-- Methods return a value, or nil, why, code.

local hyperty = require "hyperty"

local Moderator = {}
Moderator.__index = Moderator

local PATIENCE = 10 -- seconds

local function owner(chat) return chat.user or chat.url end

function Moderator.open(chat, name, options)
  local object, why, code = chat.syncher:create {
    schema = "Communication", name = name, new = true, store = true,
    mutual = options.mutual == true or nil,
    data = {
      status = "open", owner = owner(chat), startingTime = hyperty.now(),
      closed = options.closed == true,
      resources = { { type = "chat", direction = "inout" } }, participants = hyperty.array {},
    },
  }
  if not object then
    return nil, why, code
  end
  return Moderator.new(chat, object)
end

-- Goes on with an object that another chat has handed over, or that was there before a restart or a
-- reload; which may have come between the two, or while this one handed it over.
function Moderator.resume(chat, object)
  local known = object.data.handover
  if known then
    chat.state.moderated[object.url] = known
    object:batch(function() object.data.handover, object.data.owner = nil, owner(chat) end)
  end
  return Moderator.new(chat, object)
end

function Moderator.new(chat, object)
  local moderated = chat.state.moderated
  if not moderated[object.url] then
    moderated[object.url] = { standing = {}, guests = {} }
  end
  local known = moderated[object.url]
  local self = setmetatable({
    chat = chat, object = object, url = object.url, standing = known.standing,
    guests = known.guests,
  }, Moderator)
  object:on("subscribe", function(request)
    local refusal = self:refusal(request.from, request.identity)
    if refusal then
      return request:reject(refusal)
    end
    self:remember(request)
    request:accept()
  end)
  object:on("unsubscribe", function(event) self:strike(event.from) end)
  object:on("execute", function(request)
    local ok, reason
    if request.method == "enter" then
      self:remember(request) -- the host's rules may have let it in
      ok = self:admit(request.from)
    elseif request.method == "invite" then
      ok, reason = self:invite(request.params[1], request.from)
    else
      reason = "a room knows enter and invite"
    end
    if ok then
      request:accept()
    else
      request:reject(reason)
    end
  end)
  return self
end

function Moderator:remember(request)
  self.guests[request.from] = request.identity and request.identity.user or request.from
end

-- Why that person may not come in, or nil.
function Moderator:refusal(url, identity)
  local user = identity and identity.user
  local standing = self.standing[url] or self.standing[user]
  if standing == "kicked" then
    return "you were removed from this room"
  elseif not user and not standing and self:has_kicked_a_user() then
    return "somebody was removed from this room: it must know for whom you come"
  elseif self.object.data.closed and standing ~= "invited" and url ~= self.chat.url then
    return "this room is closed: ask to be invited"
  end
end

function Moderator:has_kicked_a_user()
  for who, standing in pairs(self.standing) do
    if standing == "kicked" and who:find "^user://" then
      return true
    end
  end
  return false
end

-- --- the list of participants --------------------------------------------------------------------

function Moderator:position(url)
  for i, participant in ipairs(self.object.data.participants) do
    if participant.hyperty == url then
      return i
    end
  end
end

function Moderator:admit(url)
  if not self:position(url) then
    local data, now = self.object.data, hyperty.now()
    self.object:batch(function()
      table.insert(data.participants, {
        user = self.guests[url], hyperty = url, status = "open", since = now,
      })
      data.lastModified = now
    end)
  end
  return true
end

function Moderator:strike(url)
  local position = self:position(url)
  if position then
    local data = self.object.data
    self.object:batch(function()
      table.remove(data.participants, position)
      data.lastModified = hyperty.now()
    end)
  end
end

-- Somebody's leaving may have been lost together with the chat that heard of it.
function Moderator:strike_absent()
  local is_here = { [self.chat.url] = true }
  for _, url in ipairs(self.object.observers) do
    is_here[url] = true
  end
  for _, participant in ipairs(hyperty.copy(self.object.data.participants)) do
    if not is_here[participant.hyperty] then
      self:strike(participant.hyperty)
    end
  end
end

-- --- inviting and kicking ------------------------------------------------------------------------

-- The chats that are meant by a user or hyperty url: registry entries, at least one.
function Moderator.look_up(chat, who)
  if type(who) ~= "string" or not who:find "^%a[%w+.-]*://" then
    return nil, ("%s is no person: give a user or hyperty url"):format(tostring(who)), "invalid"
  end
  local is_hyperty = who:find "^hyperty://" ~= nil
  local found, why, code = chat.syncher:discover { [is_hyperty and "url" or "user"] = who }
  if not found then
    return nil, why, code
  end
  local chats = {}
  for _, entry in ipairs(found) do
    if entry.type == "hyperty" and entry.name == chat.name and entry.status ~= "disconnected" then
      chats[#chats + 1] = entry
    end
  end
  if #chats == 0 then
    return nil, ("%s has no chat running"):format(who), "not_found"
  end
  return chats
end

-- `asker` is the member who wants it; only the moderator's own word takes back a kick.
function Moderator:invite(who, asker)
  local chats, why, code = Moderator.look_up(self.chat, who)
  if not chats then
    return nil, why, code
  end
  local urls = {}
  for _, entry in ipairs(chats) do
    if asker and (self.standing[entry.url] or self.standing[entry.user]) == "kicked" then
      return nil, who .. " was removed from this room: only its owner may invite them",
        "forbidden"
    end
    if not self:position(entry.url) then
      urls[#urls + 1] = entry.url
    end
  end
  for _, entry in ipairs(chats) do
    self.standing[entry.url] = nil
    self.guests[entry.url] = entry.user or entry.url
  end
  self.standing[who] = "invited"
  local ok
  ok, why, code = self:keep()
  if not ok then
    return nil, why, code
  end
  return self.object:invite(urls)
end

function Moderator:kick(who)
  if who == self.chat.url or who == self.chat.user then
    return nil, "this room is yours and you cannot kick yourself: leave it, or close it",
      "forbidden"
  end
  local urls = {}
  for url, user in pairs(self.guests) do
    if url == who or user == who then
      urls[#urls + 1] = url
    end
  end
  if #urls == 0 then
    return nil, ("%s is not in this room"):format(tostring(who)), "not_found"
  end
  table.sort(urls) -- one order, whatever that of the table is
  self.standing[who] = "kicked"
  for _, url in ipairs(urls) do
    self.guests[url] = nil
    if url ~= who then
      self.standing[url] = nil
    end
    self.object:evict(url) -- fails only for who has left by now
    self:strike(url)
  end
  return self:keep()
end

-- True once what was decided stays so, whatever happens to this chat.
function Moderator:keep()
  local version, why, code = self.object:saved(PATIENCE)
  return version and true or nil, why, code
end

-- --- the rest ------------------------------------------------------------------------------------

function Moderator:remove(id)
  for _, child in ipairs(self.object:children "messages") do
    if child.id == id then
      return child:delete()
    end
  end
  return nil, ("message %s is gone already"):format(id), "not_found"
end

-- Hands the room over to who has been in it for longest and takes it.
function Moderator:hand_over()
  local why, code = "nobody else is in this room", "not_found"
  self.object.data.handover = self.chat.state.moderated[self.url]
  for _, participant in ipairs(hyperty.copy(self.object.data.participants)) do
    local ok
    if participant.hyperty ~= self.chat.url then
      ok, why, code = self.object:delegate(participant.hyperty)
    end
    if ok then
      self:forget()
      return true
    end
  end
  self.object.data.handover = nil
  return nil, why, code
end

function Moderator:close()
  local ok, why, code = self.object:delete()
  if ok then
    self:forget()
  end
  return ok, why, code
end

function Moderator:forget()
  self.chat.state.moderated[self.url] = nil
  self.chat.moderators[self.url] = nil
end

return Moderator
