-- Shared list: items in an order, for many. The first who comes reports it, the next ones find it
-- by its name. Everybody edits it, reads it, and remarks on it; one alone writes.
--
--   > mine = load "shared_list"
--   > yours = load("shared_list", { user = "user://localhost/bob" })
--   > milk = yours.add "milk"
--   > mine.add("bread", milk)              -- before the milk
--   > yours.items()                        --> { { id = …, text = "bread", by = … }, { … "milk" } }
--
-- Everybody observes the list, its reporter included, and reads that copy, so all see the same in
-- the same order. Who is not its reporter asks for edits with execute; what edits are is told in
-- edits.lua. When the reporter calls `leave`, the list goes to who observes it for longest; with a
-- store (--store), it is there again after a restart.
--
-- config: `name` of the list ("list"). Events: `changed` { kind = "add"|"update"|"remove", path },
-- `remark` { id, text, item, by }, `status` { state }: whether news still arrive.

local hyperty = require "hyperty"
local edits = require "edits"

---@class SharedList : hyperty.Hyperty
local SharedList = { name = "SharedList", version = 1, schemas = { "List" } }

local PATIENCE = 10 -- seconds

function SharedList:start(config)
  self.list_name = config.name or "list"
  self.syncher:on("delegate", function(offer) self:take_over(offer) end)
  -- A task of the code before a reload got it.
  self.syncher:on("resume", function(object) self:keep(object) end)
  for _, object in ipairs(self.syncher:resume { schema = "List", name = self.list_name } or {}) do
    self:keep(object)
  end
  if not self.copy then assert(self:join()) end
end

-- --- finding the list, and having it -------------------------------------------------------------

-- The list of that name: our own, or one that is there, or a new one.
function SharedList:join()
  local url = self.list and self.list.url
  if not url then
    local found, why, code = self.syncher:discover {
      type = "dataObject", schema = "List", name = self.list_name,
    }
    if not found then return nil, why, code end
    if found[1] and found[1].status ~= "disconnected" then url = found[1].url end
  end
  if not url then
    local list, why, code = self.syncher:create {
      schema = "List", name = self.list_name, store = true,
      data = { items = hyperty.array {} },
    }
    if not list then return nil, why, code end
    self:report(list)
    url = list.url
  end
  local copy, why, code = self.syncher:subscribe(url, { schema = "List", store = true })
  if not copy then return nil, why, code end
  self:observe(copy)
  return url
end

function SharedList:keep(object)
  if object.role == "reporter" then self:report(object) else self:observe(object) end
end

function SharedList:report(list)
  self.list = list
  list:on("subscribe", function(request) request:accept() end)
  list:on("execute", function(request)
    if request.method ~= "apply" then return request:reject "a list knows only apply" end
    local by = request.identity and request.identity.user or request.from
    local ids, why, code = edits.apply(list, request.params[1], by)
    -- A refusal has no code of its own, so it is in the answer.
    request:accept(ids and { ids = ids } or { why = why, code = code })
  end)
  list:on("child", function(event)
    local item = event.kind == "create" and event.child.data.item
    if item and not self:has(item) then
      event:refuse(("item %s is not in the list any more"):format(item))
    end
  end)
end

function SharedList:has(id)
  for _, item in ipairs(self.list.data.items) do
    if item.id == id then return true end
  end
  return false
end

local function describe(child)
  return {
    id = child.id, text = child.data.text, item = child.data.item,
    by = child.user or child.reporter,
  }
end

function SharedList:observe(copy)
  self.copy = copy
  copy:on("change", function(change)
    hyperty.emit("changed", { kind = change.kind, path = change.path })
  end)
  copy:on("child", function(event)
    if event.kind == "create" then hyperty.emit("remark", describe(event.child)) end
  end)
  copy:on("status", function(status) hyperty.emit("status", { state = status.state }) end)
  copy:on("delete", function()
    if self.copy == copy then self.copy, self.list = nil, nil end
  end)
end

-- The list that we observe is offered to us by who leaves it.
function SharedList:take_over(offer)
  if not self.copy or self.copy.url ~= offer.url or offer.from ~= self.copy.metadata.reporter then
    return offer:decline "that list is not observed here"
  end
  local list, why = offer:accept()
  if list then
    self:report(list)
  else
    hyperty.log.warn("was offered a list, but did not get it:", why, { list = offer.url })
  end
end

-- True once somebody else reports it; false if there is nobody else.
function SharedList:hand_over()
  local is_alone, why, code = true, nil, nil
  for _, url in ipairs(self.list.observers) do
    if url ~= self.url then
      local ok
      is_alone = false
      ok, why, code = self.list:delegate(url)
      if ok then return true end
    end
  end
  if is_alone then return false end
  return nil, "nobody takes over the list: " .. why, code
end

-- --- the api -------------------------------------------------------------------------------------

SharedList.api = {}
local api = SharedList.api

local NOT_THERE = "there is no list here: join() finds or makes one"

---Several edits as one, all or none of them: { { op = "add", text = "milk" }, … }; gives the ids.
---@param self SharedList
---@param list table[]
function api.apply(self, list)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  if self.list then return edits.apply(self.list, list, self.user or self.url) end
  local answer, why, code = self.copy:execute("apply", list)
  if not answer then return nil, why, code end
  return answer.ids, answer.why, answer.code
end

local function apply_one(self, edit)
  local ids, why, code = api.apply(self, { edit })
  return ids and ids[1], why, code
end

---Gives the id of the new item.
---@param self SharedList
---@param text string
---@param before? string id of the item that it goes before; else it goes to the end
function api.add(self, text, before)
  return apply_one(self, { op = "add", text = text, before = before })
end

---@param self SharedList
---@param id string
---@param before? string id of the item that it goes before; else it goes to the end
function api.move(self, id, before)
  return apply_one(self, { op = "move", id = id, before = before })
end

---@param self SharedList
---@param id string
function api.remove(self, id)
  return apply_one(self, { op = "remove", id = id })
end

---@param self SharedList
---@param id string
---@param text string
---@param was? string only if that is what it still says
function api.edit(self, id, text, was)
  return apply_one(self, { op = "edit", id = id, text = text, was = was })
end

---@param self SharedList
function api.items(self)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  return hyperty.copy(self.copy.data.items)
end

---Gives its id, once the reporter has kept it.
---@param self SharedList
---@param text string
---@param item? string id of the item that it is about
function api.remark(self, text, item)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  local child, why, code = self.copy:add_child("remarks", { text = text, item = item })
  if not child then return nil, why, code end
  local ok
  ok, why, code = child:wait(PATIENCE)
  return ok and child.id, why, code
end

---@param self SharedList
---@param item? string id of an item: only those about it
function api.remarks(self, item)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  local list = hyperty.array {}
  for _, child in ipairs(self.copy:children "remarks") do
    if child.state == "kept" and (not item or child.data.item == item) then
      list[#list + 1] = describe(child)
    end
  end
  return list
end

---Comes back after leave(); gives the url of the list.
---@param self SharedList
function api.join(self)
  return self.copy and self.copy.url or self:join()
end

---Hands the list over if it is ours; the last who leaves takes it along.
---@param self SharedList
function api.leave(self)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  local copy = self.copy
  if self.list then
    local is_handed, why, code = self:hand_over()
    if is_handed == nil then return nil, why, code end
    if not is_handed then return self.list:delete() end
    self.list = nil
  end
  self.copy = nil
  return copy:unsubscribe()
end

---Whose list it is, and how it stands with it.
---@param self SharedList
function api.state(self)
  if not self.copy then return nil, NOT_THERE, "not_found" end
  return {
    url = self.copy.url, state = self.copy:status().state, is_ours = self.list ~= nil,
  }
end

return SharedList
