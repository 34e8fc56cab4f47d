-- Edits of a tree: random ones are drawn, applied to plain values (the model), and described so
-- that an actor can do the same through the handles of the core. Applying makes another tree, and
-- leaves the one that was as it is.
--
--   { kind = "set", at = {keys…}, key = k, value = v, style = "assign" | "path" | "text" }
--   { kind = "unset", at, key, style }        { kind = "insert", at, index, value }
--   { kind = "remove", at, index }            { kind = "sort", at }
--   { kind = "whole", value }                 { kind = "batch", edits = {…}, raises = bool }
--
-- `at` is the path of an object or array, from 1. Some edits are wrong on purpose: they must raise
-- and change nothing.
local plain = require "spec.sim.plain"

local M = {}

-- A bigger tree is replaced: what a world compares shall stay cheap.
local SIZE_MAX = 40

local KEYS = { "a", "b", "c", "name", "values", "with.dot", "", "0", "1", "01", "-1", "*", "**",
  "a.b.", ".", "clé", "ключ", "鍵", "🔑", "nul\0in", "quote\"d", "new\nline", "data", "__index" }

local SCALARS = { 0, 1, -1, 42, 9007199254740993, math.maxinteger, math.mininteger, 0.5, -2.25,
  1e300, 5e-324, 3.0, true, false, "", "text", "0", "null", "false", "a.b", "line\nline", "tab\t",
  "nul\0in", "\"quoted\\\"", "żółć", "日本語", "😀👩‍👩‍👧", "\u{10FFFF}", "\u{FEFF}", ("long"):rep(300) }

local COUNTS = { { 2, 0 }, { 3, 1 }, { 3, 2 }, { 2, 4 } }
local IN_ARRAY = { { 4, "insert" }, { 3, "append" }, { 3, "set" }, { 2, "remove" }, { 1, "cut" },
  { 1, "sort" }, { 1, "wrong" } }

---A value, scalars more often the deeper it lies.
function M.value(draw, depth)
  depth = depth or 0
  if draw:chance(0.35 + depth * 0.25) then
    if draw:chance(0.12) then return plain.null end
    return draw:one(SCALARS)
  end
  local count = draw:weighted(COUNTS)
  if draw:chance(0.5) then
    local array = plain.array {}
    for i = 1, count do array[i] = M.value(draw, depth + 1) end
    return array
  end
  local object = {}
  for _ = 1, count do object[draw:one(KEYS)] = M.value(draw, depth + 1) end
  return object
end

---An object or, if `array`, an array.
function M.tree(draw, array)
  local tree = array and plain.array {} or {}
  for i = 1, draw:int(0, 4) do tree[array and i or draw:one(KEYS)] = M.value(draw, 1) end
  return tree
end

-- --- drawing ---------------------------------------------------------------------------------

-- The path of some object or array in the tree.
local function some_place(draw, tree)
  local path, node = {}, tree
  while not draw:chance(0.35) do
    local inner = {}
    for _, key in ipairs(plain.keys(node)) do
      local v = node[key]
      if type(v) == "table" then inner[#inner + 1] = key end
    end
    if #inner == 0 then break end
    local key = draw:one(inner)
    path[#path + 1], node = key, node[key]
  end
  return path, node
end

local function in_array(draw, at, array)
  local count = #array
  local kind = draw:weighted(IN_ARRAY)
  if kind == "insert" then
    return { kind = "insert", at = at, index = draw:int(1, count + 1), value = M.value(draw, 1) }
  elseif kind == "append" then
    return { kind = "set", at = at, key = count + 1, value = M.value(draw, 1), style = "assign" }
  elseif kind == "set" and count > 0 then
    return { kind = "set", at = at, key = draw:int(1, count), value = M.value(draw, 1),
      style = draw:one { "assign", "path", "text" } }
  elseif kind == "remove" and count > 0 then
    return { kind = "remove", at = at, index = draw:int(1, count) }
  elseif kind == "cut" and count > 0 then
    return { kind = "unset", at = at, key = count, style = draw:one { "assign", "path" } }
  elseif kind == "wrong" then
    return draw:one {
      { kind = "set", at = at, key = count + 2, value = 1, style = "assign" },
      { kind = "set", at = at, key = "text", value = 1, style = "assign" },
      { kind = "set", at = at, key = 0, value = 1, style = "assign" },
      { kind = "insert", at = at, index = count + 2, value = 1 },
    }
  end
  for _, item in ipairs(array) do
    if math.type(item) ~= "integer" then kind = nil end
  end
  if kind == "sort" and count > 1 then return { kind = "sort", at = at } end
  return { kind = "insert", at = at, index = 1, value = draw:int(-9, 9) }
end

local function in_object(draw, at, object)
  local keys = plain.keys(object)
  local style = draw:one { "assign", "path", "text" }
  if #keys > 0 and draw:chance(0.3) then
    return { kind = "unset", at = at, key = draw:one(keys), style = style }
  elseif #keys > 0 and draw:chance(0.4) then
    return { kind = "set", at = at, key = draw:one(keys), value = M.value(draw, 1), style = style }
  elseif draw:chance(0.05) then
    return { kind = "unset", at = at, key = "never there", style = style } -- nothing happens
  elseif draw:chance(0.05) then
    return { kind = "set", at = { "never there", "at all" }, key = "x", value = 1, style = "path" }
  end
  return { kind = "set", at = at, key = draw:one(KEYS), value = M.value(draw, 1), style = style }
end

local function whole(draw, tree)
  return { kind = "whole", value = M.tree(draw, plain.is_array(tree)) }
end

local function single(draw, tree)
  if plain.size(tree) > SIZE_MAX or draw:chance(0.04) then return whole(draw, tree) end
  local at, node = some_place(draw, tree)
  return plain.is_array(node) and in_array(draw, at, node) or in_object(draw, at, node)
end

---An edit of that tree. Without `batches` a single one.
function M.draw(draw, tree, batches)
  if not batches or draw:chance(0.8) then return single(draw, tree) end
  local batch = { kind = "batch", edits = {}, raises = draw:chance(0.25) }
  for i = 1, draw:int(0, 5) do
    batch.edits[i] = single(draw, tree)
    tree = M.apply(tree, batch.edits[i]) or tree
  end
  return batch
end

---An edit for a child, whose data changes by single steps only.
function M.draw_for_child(draw, tree)
  while true do
    local edit = single(draw, tree)
    if edit.kind ~= "whole" and edit.kind ~= "sort" then return edit end
    if plain.size(tree) > SIZE_MAX // 2 then
      return { kind = "unset", at = {}, key = plain.keys(tree)[1] }
    end
  end
end

---The edit without paths as text: what those mean depends on the tree that they meet.
function M.without_text(edit)
  if edit.style == "text" then edit.style = "path" end
  for _, inner in ipairs(edit.edits or {}) do M.without_text(inner) end
  return edit
end

-- --- applying --------------------------------------------------------------------------------

-- A tree with another node at that path: what `fn` makes of the one there. nil if there is none, or
-- if `fn` gives none.
local function update(tree, path, last, fn, at)
  at = at or 1
  if type(tree) ~= "table" then return nil end
  if at > last then return fn(tree) end
  local key = path[at]
  local fits = plain.is_array(tree) and math.type(key) == "integer"
    or plain.is_object(tree) and type(key) == "string"
  local before = fits and tree[key] or nil
  local after = update(before, path, last, fn, at + 1)
  if after == nil or rawequal(before, after) then return after and tree end
  local copy = plain.shallow(tree)
  copy[key] = after
  return copy
end

local function set(node, key, value)
  if plain.is_array(node) then
    if math.type(key) ~= "integer" or key < 1 or key > #node + 1 then return nil end
  elseif type(key) ~= "string" then
    return nil
  end
  local copy = plain.shallow(node)
  copy[key] = value
  return copy
end

local function unset(node, key)
  if plain.is_array(node) and key ~= #node then return nil end
  if plain.is_object(node) and type(key) ~= "string" then return nil end
  if node[key] == nil then return node end
  local copy = plain.shallow(node)
  copy[key] = nil
  return copy
end

local function insert(node, index, value)
  if not plain.is_array(node) or index < 1 or index > #node + 1 then return nil end
  local copy = plain.shallow(node)
  table.insert(copy, index, value)
  return copy
end

local function remove(node, index)
  if not plain.is_array(node) or index < 1 or index > #node + 1 then return nil end
  if index > #node then return node end
  local copy = plain.shallow(node)
  table.remove(copy, index)
  return copy
end

local function sort(node)
  if not plain.is_array(node) then return nil end
  local sorted = plain.shallow(node)
  if not pcall(table.sort, sorted) then return nil end
  return plain.difference(node, sorted) and sorted or node
end

local function batch(tree, edit)
  local after = tree
  for _, inner in ipairs(edit.edits) do
    after = M.apply(after, inner) or after -- the actor goes on after a wrong one
  end
  if edit.raises then return nil end
  return after
end

local STEPS = {
  set = function(node, edit) return set(node, edit.key, edit.value) end,
  unset = function(node, edit) return unset(node, edit.key) end,
  insert = function(node, edit) return insert(node, edit.index, edit.value) end,
  remove = function(node, edit) return remove(node, edit.index) end,
  sort = sort,
}

---The tree after the edit: the same one if that makes no version, nil if the edit must raise.
function M.apply(tree, edit)
  if edit.kind == "whole" then return plain.shallow(edit.value) end
  if edit.kind == "batch" then return batch(tree, edit) end
  local step = STEPS[edit.kind]
  return update(tree, edit.at, #edit.at, function(node) return step(node, edit) end)
end

-- --- operations that travel -------------------------------------------------------------------

---A path as it travels: indices from 0, as text. So what is an index and what a key shows only
---where it arrives, and that may be another state.
function M.wire_path(keys)
  local path = plain.array {}
  for i, key in ipairs(keys) do
    path[i] = math.type(key) == "integer" and tostring(key - 1) or key
  end
  return path
end

local function find(tree, path)
  local found
  update(tree, path, #path, function(node) found = node end)
  return found
end

---The operation that an edit of this tree is: what is put behind the last element is inserted, what
---is taken from an array removed.
function M.operation(tree, edit)
  local node = find(tree, edit.at)
  local path = M.wire_path(edit.at)
  path[#path + 1] = M.wire_path { edit.key or edit.index }[1]
  local kind = edit.kind
  if plain.is_array(node) and kind == "set" and edit.key > #node then kind = "insert" end
  if plain.is_array(node) and kind == "unset" then kind = "remove" end
  return { kind = kind, path = path, value = edit.value }
end

-- The key that a step of a path is in that node; nil: none.
local function step_in(node, step)
  if plain.is_object(node) then return step end
  if step ~= "0" and not step:find "^[1-9]%d*$" then return nil end
  return math.tointeger(step) + 1
end

---The tree after the operation; nil if it does not fit this state.
function M.apply_operation(tree, operation)
  local keys, node, count = {}, tree, #operation.path
  for i = 1, count do
    if type(node) ~= "table" then return nil end
    keys[i] = step_in(node, operation.path[i])
    if keys[i] == nil then return nil end
    node = node[keys[i]]
  end
  local is_there, key, kind = node ~= nil, keys[count], operation.kind
  return update(tree, keys, count - 1, function(inner)
    local is_array = plain.is_array(inner)
    if is_array ~= (kind ~= "unset") and kind ~= "set" then return nil end
    if kind == "insert" then return insert(inner, key, operation.value) end
    if kind == "set" then
      return (is_there or not is_array) and set(inner, key, operation.value) or nil
    end
    if not is_there then return nil end
    return kind == "remove" and remove(inner, key) or unset(inner, key)
  end)
end

-- --- repeating what a change event says ------------------------------------------------------

local function repeat_in_array(node, key, event)
  if event.kind == "add" then return insert(node, key, event.value) end
  if event.kind ~= "remove" then
    return node[key] ~= nil and set(node, key, event.value) or nil
  end
  for _ = 1, event.count or 1 do
    if node[key] == nil then return nil end
    node = remove(node, key)
  end
  return node
end

---The tree after what a change event tells ({keys, kind, value, count}); nil if that does not fit.
function M.repeat_event(tree, event)
  local keys = event.keys
  if #keys == 0 then return event.value end
  local key = keys[#keys]
  return update(tree, keys, #keys - 1, function(node)
    if (type(key) == "string") ~= plain.is_object(node) then return nil end
    if plain.is_array(node) then return repeat_in_array(node, key, event) end
    if event.kind ~= "remove" then return set(node, key, event.value) end
    return node[key] ~= nil and unset(node, key) or nil
  end)
end

return M
