-- JSON values as plain Lua tables, for the model of a world. How null and arrays are marked is
-- taken from the module, so that nothing has to be converted at the border; what is done with
-- values is written without the core, since that is what it judges. Integers and floats are
-- different values.
--
-- Values are never changed once they are made: whoever changes one makes another, which shares with
-- it whatever is the same. So to remember every state of an object costs little, and comparing two
-- states looks only at where they differ.
local host = require "hyperty.host"

local M = {}

local math_type, getmetatable, next, type = math.type, getmetatable, next, type
local ARRAY = debug.getmetatable(host.array {})

---JSON null.
M.null = host.null

---Marks a list as an array and gives it.
function M.array(items)
  return setmetatable(items, ARRAY)
end

function M.is_array(v)
  return type(v) == "table" and getmetatable(v) == false
end

function M.is_object(v)
  return type(v) == "table" and getmetatable(v) == nil
end

---The keys of an object, sorted: Lua's own order changes from run to run.
function M.keys(object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

---Another table with the same in it.
function M.shallow(v)
  local copy = {}
  for key, inner in next, v do copy[key] = inner end
  return getmetatable(v) == false and setmetatable(copy, ARRAY) or copy
end

---How many values it holds, itself included.
function M.size(v)
  if type(v) ~= "table" then return 1 end
  local size = 1
  for _, inner in pairs(v) do size = size + M.size(inner) end
  return size
end

---One line of text, the same for equal values; cut at `max` bytes if given.
function M.show(v, max)
  local text
  if M.is_array(v) then
    local parts = {}
    for i, item in ipairs(v) do parts[i] = M.show(item) end
    text = "[" .. table.concat(parts, ",") .. "]"
  elseif M.is_object(v) then
    local parts = {}
    for i, key in ipairs(M.keys(v)) do
      local name = type(key) == "string" and ("%q"):format(key) or tostring(key)
      parts[i] = name:gsub("\\\n", "\\n") .. ":" .. M.show(v[key])
    end
    text = "{" .. table.concat(parts, ",") .. "}"
  elseif type(v) == "string" then
    text = ("%q"):format(v):gsub("\\\n", "\\n")
  elseif math.type(v) == "float" then
    text = ("%.17g"):format(v) .. "f"
  elseif v == M.null then
    text = "null"
  else
    text = tostring(v)
  end
  if max and #text > max then text = text:sub(1, max) .. "…" end
  return text
end

local function difference(a, b, path)
  if M.is_array(a) and M.is_array(b) then
    for i = 1, math.max(#a, #b) do
      local found = difference(a[i], b[i], path .. "/" .. i)
      if found then return found end
    end
  elseif M.is_object(a) and M.is_object(b) then
    local all = {}
    for key in pairs(a) do all[key] = true end
    for key in pairs(b) do all[key] = true end
    for _, key in ipairs(M.keys(all)) do
      local found = difference(a[key], b[key], path .. "/" .. tostring(key))
      if found then return found end
    end
  elseif a ~= b or math.type(a) ~= math.type(b) then
    return ("%s: %s, not %s"):format(path, M.show(b, 200), M.show(a, 200))
  end
end

-- The common case, without a word, and where a world spends most: so scalars are looked at in
-- place. No value has metamethods; 1 and 1.0 are equal to Lua.
local function is_same(a, b)
  if a == b then return math_type(a) == math_type(b) end
  if type(a) ~= "table" or type(b) ~= "table" or getmetatable(a) ~= getmetatable(b) then
    return false
  end
  local count = 0
  for key, inner in next, a do
    local other = b[key]
    if inner == other then
      if type(inner) == "number" and math_type(inner) ~= math_type(other) then return false end
    elseif type(inner) ~= "table" or not is_same(inner, other) then
      return false
    end
    count = count + 1
  end
  for _ in next, b do count = count - 1 end
  return count == 0
end

---nil if both are equal, else where they first differ: "/values/2: 7, not 8".
function M.difference(expected, actual)
  return not is_same(expected, actual) and difference(expected, actual, "") or nil
end

return M
