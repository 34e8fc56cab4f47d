-- What may be done to the items of a list. An edit names items by their ids, never by where they
-- are: when it arrives, others may have been moved, and still it means what was meant.
--
--   { op = "add", text = "milk", before = id }     `before` may be left out: at the end
--   { op = "move", id = id, before = id }
--   { op = "remove", id = id }
--   { op = "edit", id = id, text = "oat milk", was = "milk" }     `was` may be left out
--
-- What cannot be done because somebody else was faster is a "conflict".

local hyperty = require "hyperty"

local M = {}

local function position(items, id)
  for i, item in ipairs(items) do
    if item.id == id then return i end
  end
  return nil, ("item %s is not in the list any more"):format(tostring(id)), "conflict"
end

-- Where an item goes that is to be before that one.
local function place(items, before)
  if before == nil then return #items + 1 end
  return position(items, before)
end

-- Each gives the id of its item, or nil, why, code.
local ops = {}

function ops.add(items, edit, by)
  local at, why, code = place(items, edit.before)
  if not at then return nil, why, code end
  local item = { id = hyperty.uuid(), text = edit.text, by = by }
  table.insert(items, at, item)
  return item.id
end

function ops.move(items, edit)
  local from, why, code = position(items, edit.id)
  if not from then return nil, why, code end
  if edit.before == edit.id then return edit.id end
  local to
  to, why, code = place(items, edit.before)
  if not to then return nil, why, code end
  local item = hyperty.copy(items[from])
  table.remove(items, from)
  table.insert(items, to > from and to - 1 or to, item)
  return edit.id
end

function ops.remove(items, edit)
  local at, why, code = position(items, edit.id)
  if not at then return nil, why, code end
  table.remove(items, at)
  return edit.id
end

function ops.edit(items, edit)
  local at, why, code = position(items, edit.id)
  if not at then return nil, why, code end
  local item = items[at]
  if edit.was ~= nil and item.text ~= edit.was then
    return nil, ("item %s says %q by now"):format(edit.id, item.text), "conflict"
  end
  item.text = edit.text
  return edit.id
end

-- Why this is no edit, or nil.
local function misuse(edit)
  local op = type(edit) == "table" and ops[edit.op]
  if not op then
    return "an edit is { op = … } with add, move, remove or edit"
  elseif edit.op ~= "add" and type(edit.id) ~= "string" then
    return ("%s needs the id of an item"):format(edit.op)
  elseif (edit.op == "add" or edit.op == "edit") and type(edit.text) ~= "string" then
    return ("%s needs a text"):format(edit.op)
  end
end

---Does all of them, or none: one change, and nobody sees a part of it.
---@param list hyperty.Reporter
---@param edits table[]
---@param by string who wants it
---@return string[]|nil ids
---@return string? message
---@return string? code
function M.apply(list, edits, by)
  if type(edits) ~= "table" then return nil, "edits are a list of tables", "invalid" end
  local ids, code = hyperty.array {}, "invalid"
  local ok, why = pcall(list.batch, list, function()
    for i, edit in ipairs(edits) do
      local wrong = misuse(edit)
      if wrong then error(wrong, 0) end
      local id, reason, failed = ops[edit.op](list.data.items, edit, by)
      if not id then
        code = failed
        error(reason, 0)
      end
      ids[i] = id
    end
  end)
  if not ok then return nil, why, code end
  return ids
end

return M
