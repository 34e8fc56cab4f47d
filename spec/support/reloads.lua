-- For specs of hot reload: hyperties whose code is exchanged, in one runtime on a virtual clock.
--
--   local world = reloads.world()
--   local one = world:load(reloads.REPORTER, "one")
--   assert.is_true(world.rt:reload("one", reloads.renewed()))
--   world:finish()
local host = require "hyperty.host"

local M = {}

M.HEAD = [[
local hyperty = require "hyperty"
local T = { name = "T", version = 1, api = {} }
]]
local TAIL = "\nreturn T"

---A hyperty T with these functions; from line 3 on.
function M.code(text) return M.HEAD .. text .. TAIL end

---Reports a counter, and tells by api which code answers.
M.REPORTER = M.code [[
function T:start(config)
  self.room = assert(self.syncher:create { schema = "Resource", name = "room",
    data = { n = 0, log = hyperty.array {} } })
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("child", function(event) self:note("old child " .. event.kind) end)
  self.room:on("execute", function(request) request:accept("old") end)
  self.seen = config.seen
end
function T:note(text) table.insert(self.room.data.log, text) end
function T.api.which() return "old" end
function T.api.slow(self, seconds) hyperty.sleep(seconds) return "old" end
function T.api.log(self) return table.concat(hyperty.copy(self.room.data.log), ",") end
function T.api.n(self) return self.room.data.n end
function T.api.url(self) return self.room.url end
]]

---The same, with what is given at the end of its start.
function M.renewed(more)
  return (M.REPORTER:gsub('"old"', '"new"'):gsub("old child", "new child")
    :gsub("self.seen = config.seen", function(seen) return seen .. "\n" .. (more or "") end))
end

M.OBSERVER = M.code [[
function T:start(config)
  self.heard = {}
  self.room = assert(self.syncher:subscribe(config.url))
  self.room:on("change", "n", function(change) table.insert(self.heard, change.value) end)
  self.room:on("child", function(event)
    table.insert(self.heard, event.kind .. " " .. tostring(event.child.data.text))
  end)
  self.room:on("event", function(event) table.insert(self.heard, event.value) end)
end
function T.api.heard(self)
  local heard = self.heard
  self.heard = {}
  return table.concat(heard, ",")
end
function T.api.say(self, text) self.room:add_child("items", { text = text }) end
function T.api.ask(self) return self.room:execute "which" end
]]

local World = {}
World.__index = World

---A runtime; what hyperties print is in `printed`, what they log as a warning or an error in
---`logged`.
function M.world()
  local world = setmetatable({ logged = {}, printed = {}, blocks = host.blocks() }, World)
  world.rt = host.runtime {
    clock = "virtual", seed = 1,
    log = function(level, who, text)
      if level == "error" or level == "warn" then
        table.insert(world.logged, ("%s: %s"):format(who, text:match "^[^\n]*"))
      end
    end,
    print = function(_, text) table.insert(world.printed, text) end,
  }
  return world
end

---An instance of that name.
function World:load(source, name, config)
  config = config or {}
  config.as = name
  return assert(self.rt:load_text(source, config, name .. ".lua"))
end

---What was logged since the last call.
function World:logs()
  local logged = self.logged
  self.logged = {}
  return logged
end

---Ends it, and proves that nothing is left.
function World:finish()
  self.rt:stop()
  assert(#self.logged == 0, self.logged[1])
  assert(host.blocks() == self.blocks, "blocks are left")
end

---It failed with that code and a text that has this part.
function M.failed(wanted, part, ...)
  local ok, text, word = ...
  if ok ~= nil or word ~= wanted or not text:find(part, 1, true) then
    error(("%s, %s %q, in place of %s %q"):format(ok, word, text, wanted, part), 2)
  end
end

return M
