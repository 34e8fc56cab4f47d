-- Group chat: a room is a Communication object, its messages are children, and everybody in it may create them.
--
--   > chat = load "group_chat"
--   > room = chat.create("team")
--   > chat.send(room, "hello")
--
-- Who creates a room reports it: it lets people in, keeps the list of participants and may kick. All others observe it.
-- room.lua is one room as seen from here; this file is the rooms together and the api.

local hyperty = require "hyperty"
local Room = require "room"

local GroupChat = { name = "GroupChat", version = 1, schemas = { "Communication" } }

function GroupChat:start()
  self.rooms = {} -- url → room
  self.syncher:on("invite", function(invitation)
    if invitation.schema and not invitation.schema:find("Communication$") then
      return invitation:decline("not a chat")
    end
    local observer = invitation:accept()
    if observer then
      self:enter(Room.joined(self, observer))
    end
  end)
end

-- Adds a room; it stays until it is left or closed.
function GroupChat:enter(room)
  self.rooms[room.url] = room
  return room
end

function GroupChat:forget(room)
  self.rooms[room.url] = nil
end

-- The room of that url, or nil and why.
local function find(self, url)
  local room = self.rooms[url]
  if room then
    return room
  end
  return nil, ("not in a room %s: create or join it first"):format(tostring(url)), "not_found"
end

-- The url of the one room of that name that somebody reports now.
local function look_up(self, name)
  local found, why, code = self.syncher:discover { name = name, schema = "Communication" }
  if not found then
    return nil, why, code
  end
  local live = {}
  for _, entry in ipairs(found) do
    if entry.status ~= "disconnected" then
      live[#live + 1] = entry.url
    end
  end
  if #live == 1 then
    return live[1]
  elseif #live == 0 then
    return nil, ("there is no room named %q"):format(name), "not_found"
  end
  return nil, ("%d rooms are named %q: join one by its url: %s"):format(#live, name, table.concat(live, ", ")),
         "conflict"
end

GroupChat.api = {}
local api = GroupChat.api

-- create(name [, invitees [, {closed=}]]) → url
function api.create(self, name, invitees, options)
  options = options or {}
  if type(name) ~= "string" or name == "" then
    return nil, "create needs the name of the room", "invalid"
  end
  local room, why, code = Room.create(self, name, options)
  if not room then
    return nil, why, code
  end
  self:enter(room)
  for _, who in ipairs(invitees or {}) do
    local ok
    ok, why, code = room:invite(who)
    if not ok then
      return nil, why, code
    end
  end
  return room.url
end

-- join(url or name) → url
function api.join(self, url_or_name)
  local url, why, code = url_or_name, nil, nil
  if type(url) ~= "string" then
    return nil, "join needs the url or the name of a room", "invalid"
  end
  if not url:find("^%a[%w+.-]*://") then
    url, why, code = look_up(self, url)
    if not url then
      return nil, why, code
    end
  end
  if self.rooms[url] then
    return url
  end
  local observer
  observer, why, code = self.syncher:subscribe(url, { schema = "Communication" })
  if not observer then
    return nil, why, code
  end
  self:enter(Room.joined(self, observer))
  return url
end

-- rooms() → { { url=, name=, members= }, … }
function api.rooms(self)
  local list = {}
  for url, room in pairs(self.rooms) do
    list[#list + 1] = { url = url, name = room:name(), members = #room:members() }
  end
  table.sort(list, function(a, b) return a.url < b.url end)
  return list
end

-- The rest is asked of one room: api.send(room, …) is room:send(…).
for _, method in ipairs {
  "send", "edit", "remove", "history", "members", "invite", "kick", "typing", "leave", "close",
} do
  api[method] = function(self, url, ...)
    local room, why, code = find(self, url)
    if not room then
      return nil, why, code
    end
    return room[method](room, ...)
  end
end

return GroupChat
