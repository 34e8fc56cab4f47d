-- A conversation in which chats are reloaded, by code that is good and by code that fails. Whoever
-- takes part hears, is answered and sees at the end what they do without a reload.
local chats = require "spec.support.chats"

local M = {}

local FILE = "hyperties/group_chat/init.lua"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

-- The chat's file with one place of it changed.
local function variant(from, to)
  local text = read(FILE)
  local first, last = text:find(from, 1, true)
  assert(first and not text:find(from, last, true), from)
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

local MIGRATE = "  self.is_reloaded = true\n"
local START = "  self:resume()\nend\n"

-- What a start may do before it fails, none of which may ever show.
local MISCHIEF = [[
  self:resume()
  self.state.moderated = { nonsense = true }
  for url, room in pairs(self.rooms) do
    room.object:add_child("messages", { text = "never said" })
    room.object:send_event("messages", { typing = true })
    hyperty.emit("message", { room = url, from = "nobody", text = "never said" })
  end
  for _, moderator in pairs(self.moderators) do
    moderator.object.data.participants = hyperty.array {}
    moderator.object.data.status = "closed"
    hyperty.spawn(function() moderator.object:delete() end)
  end
  assert(self.syncher:create { schema = "Communication", name = "scrap", new = true, data = {} })
  error "does not start"
end
]]

---Code for a reload, by what becomes of it.
M.sources = {
  good = variant("version = 1", "version = 2"),
  ["does not compile"] = variant("local GroupChat =", "local GroupChat = = "),
  ["raises while it is loaded"] = variant("return GroupChat", "error 'does not load'"),
  ["raises in migrate"] = variant(MIGRATE,
    "self.state.moderated = { nonsense = true } error 'does not migrate'\n"),
  ["raises in start"] = variant(START, MISCHIEF),
}

-- --- the conversation ----------------------------------------------------------------------------

-- What two people do that nobody has ordered comes in one order here and in another there: so each
-- step but those of one person waits until all have heard of the one before.
local function converse(world, note)
  local anna, ben, carl = world.anna, world.ben, world.carl
  local function step(...)
    note(...)
    world:run(0.5)
    return ...
  end
  local room = step(anna.create("team", { carl.user }))
  step(ben.join "team")
  local first = step(anna.send(room, "hello"))
  local second = note(ben.send(room, "hi"))
  step(ben.typing(room))
  step(carl.send(room, "who is here?"))
  note(anna.edit(room, first, "hello all"))
  step(anna.send(room, "all of us"))
  step(carl.edit(room, second, "not mine"))
  note(ben.edit(room, second, "hi all"))
  step(ben.remove(room, second))
  step(anna.kick(room, carl.user))
  step(carl.join(room))
  step(anna.invite(room, carl.user))
  step(carl.send(room, "back again"))
  note(ben.kick(room, carl.user))
  step(anna.leave(room)) -- to ben
  step(carl.send(room, "is that yours now?"))
  note(ben.send(room, "yes"))
  step(ben.remove(room, first))
  step(carl.leave(room))
  step(ben.send(room, "alone"))
  return room
end

M.names = { "anna", "ben", "carl" }

-- What address the node gives next, and what number a message has, may differ: they are what they
-- are the first time that they are seen.
local function plain(text, room)
  local names, count = {}, 0
  text = text:gsub(room:gsub("%p", "%%%0"), "the room")
  return (text:gsub("%x+%-%x+%-%x+%-%x+%-%x+#%d+", function(id)
    if not names[id] then
      count = count + 1
      names[id] = "message " .. count
    end
    return names[id]
  end))
end

-- Plays the conversation, calling at_message(count) for each message that is sent; gives all that
-- was heard, answered and seen, as one text.
local function play(at_message)
  local world = chats.network(M.names, { delay = { 0.01, 0.01 } })
  local lines, count = {}, 0
  for _, name in ipairs(M.names) do
    world.runtimes[name]:intercept(function()
      count = count + 1
      if at_message then at_message(world, count) end
      return "pass"
    end)
  end
  local function note(...)
    local values = table.pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    lines[#lines + 1] = table.concat(values, " ")
    return ...
  end
  local room = converse(world, note)
  world:run(1)
  for _, person in ipairs(world.people) do
    lines[#lines + 1] = person.name .. " heard:"
    table.move(person:heard(), 1, 1000, #lines + 1, lines)
    for _, here in ipairs(person.rooms()) do
      lines[#lines + 1] = ("sees %s %s %d %s"):format(here.name, here.state, here.members, here.url)
    end
  end
  local kept, why = world.ben.history(room)
  for _, message in ipairs(kept or {}) do
    lines[#lines + 1] = ("%s %s: %s"):format(message.id, message.from, message.text)
  end
  lines[#lines + 1] = why
  return world, plain(table.concat(lines, "\n"), room), count
end

local wanted, count

---How many messages the conversation has.
function M.count()
  if not count then
    local world
    world, wanted, count = play()
    world:stop()
  end
  return count
end

---Plays it with these reloads, {name, source} each, at that message, and checks that it is the
---same. Gives how many of these chats have new code in the end.
function M.check(at, reloads)
  M.count()
  local world, found = play(function(world, n)
    if n ~= at then return end
    for _, reload in ipairs(reloads) do
      world.runtimes[reload[1]]:reload(reload[1], reload[2], false)
    end
  end)
  if found ~= wanted then
    error(("reloaded at message %d: another conversation:\n%s\n-- in place of\n%s"):format(
      at, found, wanted), 2)
  end
  local renewed = 0
  for _, reload in ipairs(reloads) do
    if world[reload[1]].instance:eval "return self.version" == 2 then renewed = renewed + 1 end
  end
  world:stop()
  return renewed
end

return M
