-- For specs of who may do what: a world of network.lua in which Anna reports a room, `near` lives
-- in her runtime, `far` in one of its own, `carl` and `dora` share another. Each acts for a user of
-- its own.
local network = require "spec.support.network"

local M = {}

local World = setmetatable({}, { __index = network.World })
World.__index = World

---`options`: policy, groups and whatever network.world takes.
function M.world(options)
  options.users = true
  options.delay = options.delay or { 0, 0.01 }
  options[1], options[2], options[3] = { "anna", "near" }, "far", { "carl", "dora" }
  return setmetatable(network.world(options), World)
end

---Anna's room, `public` or not, with handlers of these events that accept.
function World:make(public, ...)
  self.url = self.anna:eval([[
    self.room = assert(self.syncher:create { schema = "Resource", name = "room",
      public = ..., data = { n = 0 } })
    for _, event in ipairs { select(2, ...) } do
      self.room:on(event, function(request)
        if event ~= "child" then request:accept(event == "execute" and "done" or nil) end
      end)
    end
    return self.room.url]], public, ...)
end

function World:observe(name)
  return self[name]:eval([[
    local room, message, code = self.syncher:subscribe(...)
    self.room = room
    return room and true, message, code]], self.url)
end

---Other rules in the runtime of the reporter.
function World:rules(...)
  assert(self.runtimes.anna:policy { rules = { ... } })
end

---Changes the group "friends" there.
function World:group(edit)
  assert(self.runtimes.anna:group("friends", edit))
end

function World:why(name)
  return self.runtimes.anna:why(self.url, self[name].url)
end

---How many lines policy has logged with that in them.
function World:said(text)
  local count = 0
  for _, line in ipairs(self.lines) do
    if line:find(text, 1, true) then count = count + 1 end
  end
  return count
end

return M
