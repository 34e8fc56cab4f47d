-- Shopping: one list for many. The first instance reports it; the next ones find it by its name and
-- observe it. An observer cannot write the list, so it asks the reporter to, with execute; remarks
-- are children, which everybody may add.
--
--   > mine = load "shopping"
--   > yours = load("shopping", { user = "user://localhost/bob" })
--   > yours.add "milk"
--   > yours.remark "the blue one"
--   > mine.items()                          --> { "milk" }
--   > mine.remarks()                        --> { { text = "the blue one", by = "user://…/bob" } }

local hyperty = require "hyperty"

local Shopping = { name = "Shopping", version = 1, schemas = { "Resource" } }

local function add(list, item)
  if type(item) ~= "string" then
    return nil, "an item is a text", "invalid"
  end
  table.insert(list.data.items, item)
  return #list.data.items
end

function Shopping:report(name)
  self.list = assert(self.syncher:create {
    schema = "Resource", name = name, data = { items = hyperty.array {} },
  })
  self.list:on("subscribe", function(request) request:accept() end)
  self.list:on("execute", function(request)
    local count, why = add(self.list, request.params[1])
    if count then request:accept(count) else request:reject(why) end
  end)
end

function Shopping:start(config)
  local name = config.name or "shopping"
  local found = assert(self.syncher:discover {
    type = "dataObject", name = name, schema = "Resource",
  })
  local is_there = found[1] and found[1].status ~= "disconnected"
  if is_there and found[1].reporter ~= self.url then -- those who are there come first
    self.copy = assert(self.syncher:subscribe(found[1].url))
  else
    self:report(name)
  end
  self.object = self.list or self.copy
  self.object:on("child", function(event)
    if event.kind == "create" then
      hyperty.emit("remark", { text = event.child.data.text, by = event.child.user })
    end
  end)
end

Shopping.api = {}
local api = Shopping.api

function api.add(self, item)
  if self.list then return add(self.list, item) end
  return self.copy:execute("add", item)
end

function api.items(self) return hyperty.copy(self.object.data.items) end

function api.remark(self, text)
  local child = self.object:add_child("items", { text = text })
  return child:wait() -- until the reporter has kept it; nil and why if it refused
end

function api.remarks(self)
  local list = {}
  for i, child in ipairs(self.object:children("items")) do
    list[i] = { text = child.data.text, by = child.user }
  end
  return list
end

return Shopping
