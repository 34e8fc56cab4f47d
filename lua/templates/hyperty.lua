-- @Name@: keeps a value that others may observe, and adds to it. Make it what you need.
--
--   hyperty check @name@         looks for mistakes and runs nothing
--   hyperty repl @name@          a prompt: @name@.add(2)
--   hyperty run --watch @name@   runs it, and takes over what you change
--   busted                       runs spec/@name@_spec.lua
local hyperty = require "hyperty"

---@class @Name@ : hyperty.Hyperty
local @Name@ = { name = "@Name@", version = 1, schemas = { "@Name@" } }

-- Runs when it is loaded, and again with new code: create gives back the object that is there.
function @Name@:start(config)
  self.object = assert(self.syncher:create {
    schema = "@Name@", name = config.name or "@name@", store = true, data = { value = 0 },
  })
  self.object:on("subscribe", function(request) request:accept() end)
  print("reports " .. self.object.url)
end

-- What the prompt, specs and other hyperties may call.
@Name@.api = {}

---@param self @Name@
function @Name@.api.add(self, n)
  local data = self.object.data
  data.value = data.value + (n or 1) -- a change: published, unless it breaks the schema's rules
  hyperty.emit("changed", data.value)
  return data.value
end

---@param self @Name@
function @Name@.api.value(self)
  return self.object.data.value
end

return @Name@
