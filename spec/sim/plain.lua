-- JSON values as plain Lua tables, for the model of a world: written without the core, since that
-- is what it judges. An array is a table with the mark of M.array, null is M.null; integers and
-- floats are different values.
local M = {}

local ARRAY = {}

---JSON null.
M.null = setmetatable({}, { __tostring = function() return "null" end })

---Marks a list as an array and gives it.
function M.array(items)
  return setmetatable(items, ARRAY)
end

function M.is_array(v)
  return type(v) == "table" and getmetatable(v) == ARRAY
end

function M.is_object(v)
  return type(v) == "table" and v ~= M.null and getmetatable(v) ~= ARRAY
end

---The keys of an object, sorted: Lua's own order changes from run to run.
function M.keys(object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

---A deep copy.
function M.copy(v)
  if v == M.null or type(v) ~= "table" then return v end
  local copy = M.is_array(v) and M.array {} or {}
  for key, inner in pairs(v) do copy[key] = M.copy(inner) end
  return copy
end

---How many values it holds, itself included.
function M.size(v)
  if v == M.null or type(v) ~= "table" then return 1 end
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

---nil if both are equal, else where they first differ: "/values/2: 7, not 8".
function M.difference(expected, actual)
  return difference(expected, actual, "")
end

return M
