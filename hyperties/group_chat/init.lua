-- Group chat: a room is a Communication object, its messages are children, and everybody in it may
-- create them.
--
--   > chat = load "group_chat"
--   > room = chat.create("team")
--   > chat.send(room, "hello")
--
-- Everybody observes the room, its creator included; that is room.lua. The creator reports it
-- besides: lets people in, keeps the list of participants, kicks; that is moderator.lua. When the
-- creator leaves, the room is that of who has been in it for longest. This file is the rooms
-- together and the api.
--
-- All rooms are stored, which lasts as long as the store of the host does: with --store they are
-- there again after a restart, without it they end with the chat. A reload keeps them either way.

local hyperty = require "hyperty"
local Moderator = require "moderator"
local Room = require "room"

local GroupChat = { name = "GroupChat", version = 1, schemas = { "Communication" } }

function GroupChat:start()
  self.rooms = {} -- url → room, as long as we are in it
  self.moderators = {} -- url → moderator, of the rooms that are our own
  if not self.state.moderated then
    self.state.moderated = {} -- url → what moderator.lua knows of people
  end
  self.syncher:on("invite", function(invitation)
    if not (invitation.schema or ""):find "Communication$" then
      return invitation:decline("this is a chat: it takes part in Communication objects only")
    end
    local observer, why = invitation:accept()
    if observer then
      observer, why = self:observe(invitation.url)
    end
    if observer then
      observer, why = self:enter(observer)
    end
    if not observer then
      hyperty.log.warn("invited, but did not get in:", why, { room = invitation.url })
    end
  end)
  self.syncher:on("delegate", function(offer) self:take_over(offer) end)
  -- A task of the code before a reload got it, and its handlers are not there any more.
  self.syncher:on("resume", function(object)
    if object.role == "reporter" then
      self:resume_own(self:moderate(object))
    else
      self:listen(object)
    end
  end)
  self:resume()
end

-- --- rooms from before ---------------------------------------------------------------------------

-- This code takes the place of another one: what is asked of our own rooms waits until it has.
function GroupChat:migrate()
  self.is_reloaded = true
end

-- Goes on in the rooms that we were in, from the store or before a reload: at first listens in all
-- of them, then comes into those that are our own. The core says what it could not resume.
function GroupChat:resume()
  local objects, failure = self.syncher:resume { schema = "Communication" }
  if not objects then
    hyperty.log.error("not in the rooms of before:", failure)
  end
  local own, others = {}, {}
  for _, object in ipairs(objects or {}) do
    if object.metadata then -- else it has ended meanwhile
      table.insert(object.role == "reporter" and own or others, object)
    end
  end
  for i, object in ipairs(own) do
    own[i] = self:moderate(object)
  end
  for _, object in ipairs(others) do
    self:listen(object)
  end
  for _, moderator in ipairs(own) do
    if self.is_reloaded then
      hyperty.spawn(function() self:resume_own(moderator) end)
    else
      self:resume_own(moderator)
    end
  end
end

function GroupChat:moderate(object)
  local moderator = Moderator.resume(self, object)
  self.moderators[object.url] = moderator
  if self.rooms[object.url] then
    self.rooms[object.url].moderator = moderator
  end
  return moderator
end

function GroupChat:listen(observer)
  if not self.rooms[observer.url] then
    self.rooms[observer.url] = Room.new(self, observer, self.moderators[observer.url])
    self.rooms[observer.url]:resume()
  end
end

-- Who reports a room observes it besides, but the store knows it as the reporter alone.
function GroupChat:resume_own(moderator)
  moderator:strike_absent()
  if self.rooms[moderator.url] then
    return
  end
  local observer, why = self:observe(moderator.url)
  if observer then
    observer, why = self:enter(observer, moderator)
  end
  if not observer then
    hyperty.log.warn("not in its own room:", why, { room = moderator.url })
  end
end

-- --- coming and going ----------------------------------------------------------------------------

function GroupChat:observe(url)
  return self.syncher:subscribe(url, { schema = "Communication", store = true })
end

-- A room that we are in is offered to us by who leaves it.
function GroupChat:take_over(offer)
  local room = self.rooms[offer.url]
  if not room or offer.from ~= room.object.metadata.reporter then
    return offer:decline("this chat is not in that room")
  end
  local object, why = offer:accept()
  if not object then
    hyperty.log.warn("was offered a room, but did not get it:", why, { room = offer.url })
    return
  end
  local moderator = self:moderate(object)
  -- We may have left meanwhile, and nobody else may want it.
  if self.rooms[offer.url] ~= room and not moderator:hand_over() then
    moderator:close()
  end
end

-- Comes into a room that we observe by now → its url. `moderator` is ours if we opened the room.
function GroupChat:enter(observer, moderator)
  local url = observer.url
  if self.rooms[url] then
    return url
  end
  self.rooms[url] = Room.new(self, observer, moderator)
  local ok, why, code = observer:execute "enter"
  if not ok then
    self:forget(url)
    observer:unsubscribe()
    return nil, why, code
  end
  return url
end

function GroupChat:forget(url)
  self.rooms[url], self.moderators[url] = nil, nil
end

-- The url of the one room of that name that is alive.
local function look_up(self, name)
  local found, why, code = self.syncher:discover {
    type = "dataObject", name = name, schema = "Communication",
  }
  if not found then
    return nil, why, code
  end
  local urls = {}
  for _, entry in ipairs(found) do
    if entry.status ~= "disconnected" then
      urls[#urls + 1] = entry.url
    end
  end
  if #urls == 0 then
    return nil, ("there is no room named %q"):format(name), "not_found"
  elseif #urls > 1 then
    return nil, ("%d rooms are named %q: join one by its url: %s"):format(
      #urls, name, table.concat(urls, ", ")), "conflict"
  end
  return urls[1]
end

-- Why a room cannot be created like that, or nil.
local function check_create(self, name, invitees, options)
  if type(name) ~= "string" or name == "" then
    return "create needs the name of the room", "invalid"
  elseif type(invitees) ~= "table" or type(options) ~= "table" then
    return "create takes a name, a list of people and a table of options", "invalid"
  end
  for option in pairs(options) do
    if option ~= "mutual" and option ~= "closed" then
      return ("create knows no option %s (known: closed, mutual)"):format(option), "invalid"
    end
  end
  for _, who in ipairs(invitees) do
    local found, why, code = Moderator.look_up(self, who)
    if not found then
      return why, code
    end
  end
end

GroupChat.api = {}
local api = GroupChat.api

-- create(name [, invitees [, {closed=, mutual=}]]) → url. A mutual room can be read by those who
-- are in it and by nobody on the way; it stays with its creator, who cannot leave but close it.
function api.create(self, name, invitees, options)
  invitees, options = invitees or {}, options or {}
  local why, code = check_create(self, name, invitees, options)
  if why then
    return nil, why, code
  end
  local moderator, observer, url
  moderator, why, code = Moderator.open(self, name, options)
  if not moderator then
    return nil, why, code
  end
  self.moderators[moderator.url] = moderator
  observer, why, code = self:observe(moderator.url)
  if observer then
    url, why, code = self:enter(observer, moderator)
  end
  for _, who in ipairs(url and invitees or {}) do
    moderator:invite(who)
  end
  return url, why, code
end

-- join(url or name) → url
function api.join(self, url_or_name)
  if type(url_or_name) ~= "string" then
    return nil, "join needs the url or the name of a room", "invalid"
  end
  local url, why, code = url_or_name, nil, nil
  if not url:find "^%a[%w+.-]*://" then
    url, why, code = look_up(self, url)
  end
  if not url or self.rooms[url] then
    return url, why, code
  end
  local observer
  observer, why, code = self:observe(url)
  if not observer then
    return nil, why, code
  end
  return self:enter(observer)
end

-- rooms() → { { url=, name=, members=, state= }, … }; state is "live" as long as news arrive.
function api.rooms(self)
  local list = {}
  for _, room in pairs(self.rooms) do
    list[#list + 1] = room:describe()
  end
  table.sort(list, function(a, b) return a.url < b.url end)
  return hyperty.array(list)
end

-- The one room of that url or name that we are in.
local function find(self, url_or_name)
  if self.rooms[url_or_name] then
    return self.rooms[url_or_name]
  end
  local found
  for _, room in pairs(self.rooms) do
    if url_or_name ~= nil and room.object.metadata.name == url_or_name then
      if found then
        return nil, ("in two rooms named %q: say which by its url"):format(url_or_name), "conflict"
      end
      found = room
    end
  end
  return found, ("not in a room %s: create or join it first"):format(tostring(url_or_name)),
    "not_found"
end

-- The rest is asked of one room: api.send(room, …) is room:send(…).
for _, method in ipairs {
  "send", "edit", "remove", "history", "members", "invite", "kick", "typing", "leave", "close",
} do
  api[method] = function(self, url_or_name, ...)
    local room, why, code = find(self, url_or_name)
    if not room then
      return nil, why, code
    end
    return room[method](room, ...)
  end
end

return GroupChat
