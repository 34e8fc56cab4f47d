-- Values as readable text, for the prompt.
--
--   inspect({ { id = "1", text = "hello" } })   -->   { { id = "1", text = "hello" } }
--
-- Items come in order, then keys sorted. What fits the width stands on one line, else each item
-- gets a line of its own. Depth, number of items and length of strings are limited, so that any
-- value can be shown. A metamethod `__inspect` gives a table's own text. An empty table that is
-- marked by hyperty.array shows its mark, as nothing else tells it from an object.
local M = {}

local concat, sort = table.concat, table.sort
local format, rep, byte = string.format, string.rep, string.byte
local math_type, utf8_len = math.type, utf8.len

---@class hyperty.inspect.options
---@field depth integer|nil   how deep nested tables are shown; 6
---@field items integer|nil   how many items of one table are shown; 100
---@field total integer|nil   how many values are shown in all; 2000
---@field string integer|nil  how many bytes of a string are shown; 4096
---@field width integer|nil   columns of a line; 80
---@field color boolean|nil   with colours of a terminal
---@field null any            the value that stands for JSON null
---@field copy function|nil   turns a data handle into a plain table; anything else into nil
---@field tell function|nil   gives the text of an object, and a value that is shown behind it

local DEFAULTS = { depth = 6, items = 100, total = 2000, string = 4096, width = 80 }

-- An array of so many items, none of them wider than that, fills its lines.
local FILL_ITEMS, FILL_COLUMNS = 8, 24

local COLORS = {
  string = "\27[32m", number = "\27[36m", word = "\27[35m", other = "\27[2m", off = "\27[0m",
}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape_byte(c)
  return ESCAPES[c] or format("\\x%02x", byte(c))
end

-- A rendered value: its text, how many columns it takes, and whether it spans lines.
local function piece(text, columns, is_tall)
  return { text = text, columns = columns or utf8_len(text) or #text, is_tall = is_tall }
end

local function colored(state, color, text)
  local columns = utf8_len(text) or #text
  if state.color then text = COLORS[color] .. text .. COLORS.off end
  return piece(text, columns)
end

-- Where to cut so that no character is split.
local function cut(text, length)
  while length > 0 and byte(text, length + 1) & 0xc0 == 0x80 do length = length - 1 end
  return text:sub(1, length)
end

---A string as it would be written in Lua. Characters that a terminal would obey are escaped.
---@param text string
---@return string
function M.quote(text)
  if utf8_len(text) then
    -- In UTF-8 also the second set of controls, U+0080 to U+009F.
    text = text:gsub('[%c"\\]', escape_byte):gsub("\xc2[\x80-\x9f]", function(pair)
      return format("\\u{%x}", utf8.codepoint(pair))
    end)
  else
    text = text:gsub('[%c"\\\x80-\xff]', escape_byte)
  end
  return '"' .. text .. '"'
end

local function show_string(state, text)
  local length = #text
  if length <= state.string then return colored(state, "string", M.quote(text)) end
  local shown = colored(state, "string", M.quote(cut(text, state.string)))
  return piece(format("%s… (%d bytes)", shown.text, length), shown.columns + 20)
end

local function show_other(state, value)
  local ok, text = pcall(tostring, value)
  if not ok or type(text) ~= "string" then text = type(value) end
  text = text:gsub(": 0x%x+$", ""):gsub(": builtin.*$", ""):gsub("[%c]", escape_byte)
  return colored(state, "other", "<" .. text .. ">")
end

local function key_order(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "number" or ta == "string") then return a < b end
  if ta == tb then return tostring(a) < tostring(b) end
  if ta == "number" or tb == "number" then return ta == "number" end
  if ta == "string" or tb == "string" then return ta == "string" end
  return ta < tb
end

-- Keys that are no items, sorted.
local function other_keys(value, count)
  local keys = {}
  for key in next, value do
    if math_type(key) ~= "integer" or key < 1 or key > count then keys[#keys + 1] = key end
  end
  sort(keys, key_order)
  return keys
end

local show -- (state, value, depth, indent) → piece

local function show_key(state, key)
  if type(key) == "string" then
    if key:find "^[%a_][%w_]*$" and not KEYWORDS[key] then return piece(key .. " = ") end
    return piece("[" .. M.quote(#key > 100 and cut(key, 100) or key) .. "] = ")
  end
  local shown = show(state, key, state.depth, 0)
  return piece("[" .. shown.text .. "] = ", shown.columns + 5)
end

-- Lines that are filled with parts, for an array of many short ones; nil: these are none.
local function fill(state, parts, indent)
  if #parts < FILL_ITEMS then return nil end
  local lines, line, columns = {}, "", 0
  for i, part in ipairs(parts) do
    if part.is_keyed or part.is_tall or part.columns > FILL_COLUMNS then return nil end
    if columns > 0 and indent + 2 + columns + 1 + part.columns + 1 > state.width then
      lines[#lines + 1] = line
      line, columns = "", 0
    end
    if columns > 0 then line, columns = line .. " ", columns + 1 end
    line = line .. part.text .. (i < #parts and "," or "")
    columns = columns + part.columns + 1
  end
  lines[#lines + 1] = line
  return lines
end

-- One line if it fits, else a line for each part.
local function layout(state, parts, indent)
  local columns, is_tall = 4, false
  for _, part in ipairs(parts) do
    columns = columns + part.columns + 2
    is_tall = is_tall or part.is_tall
  end
  columns = columns - 2
  local texts = {}
  for i, part in ipairs(parts) do texts[i] = part.text end
  if not is_tall and indent + columns <= state.width then
    return piece("{ " .. concat(texts, ", ") .. " }", columns)
  end
  local margin = rep(" ", indent)
  local filled = fill(state, parts, indent)
  local inner = filled and concat(filled, "\n" .. margin .. "  ")
    or concat(texts, ",\n" .. margin .. "  ")
  return piece("{\n" .. margin .. "  " .. inner .. "\n" .. margin .. "}", columns, true)
end

local function show_table(state, value, depth, indent)
  if state.open[value] then return colored(state, "other", "<cycle>") end
  if next(value) == nil then return piece(getmetatable(value) == "array" and "array {}" or "{}") end
  if depth >= state.depth then return piece "{ … }" end
  state.open[value] = true
  local count = rawlen(value)
  local keys = other_keys(value, count)
  local parts, left = {}, count + #keys
  local function add(key, item)
    if #parts >= state.items or state.total <= 0 then return false end
    local shown = show(state, item, depth + 1, indent + 2)
    if key then
      shown = piece(key.text .. shown.text, key.columns + shown.columns, shown.is_tall)
      shown.is_keyed = true
    end
    parts[#parts + 1] = shown
    left = left - 1
    return true
  end
  for i = 1, count do
    if not add(nil, rawget(value, i)) then break end
  end
  for _, key in ipairs(keys) do
    if not add(show_key(state, key), rawget(value, key)) then break end
  end
  if left > 0 then parts[#parts + 1] = piece(format("… (%d more)", left)) end
  state.open[value] = nil
  return layout(state, parts, indent)
end

-- The text that a table gives of itself, if it does.
local function own_text(value)
  local meta = getmetatable(value)
  local method = type(meta) == "table" and rawget(meta, "__inspect")
  if not method then return nil end
  local ok, text = pcall(method, value)
  return ok and type(text) == "string" and text or nil
end

-- An object of the host with a text, and what it holds.
local function show_told(state, value, depth, indent)
  local ok, text, inner = pcall(state.tell, value)
  if not ok or type(text) ~= "string" then return nil end
  local head = colored(state, "other", "<" .. text .. ">")
  if inner == nil then return head end
  local shown = show(state, inner, depth, indent)
  return piece(head.text .. " " .. shown.text, head.columns + 1 + shown.columns, shown.is_tall)
end

function show(state, value, depth, indent)
  state.total = state.total - 1
  local kind = type(value)
  if value == nil or kind == "boolean" then return colored(state, "word", tostring(value)) end
  if rawequal(value, state.null) then return colored(state, "word", "null") end
  if kind == "number" then return colored(state, "number", tostring(value)) end
  if kind == "string" then return show_string(state, value) end
  if kind == "userdata" or kind == "table" then
    local text = own_text(value)
    if text then return piece(text, nil, text:find("\n", 1, true) ~= nil) end
  end
  if kind == "userdata" and state.tell then
    local told = show_told(state, value, depth, indent)
    if told then return told end
  end
  if kind ~= "table" and state.copy then
    local ok, plain = pcall(state.copy, value)
    if ok and type(plain) == "table" then value, kind = plain, "table" end
  end
  if kind == "table" then return show_table(state, value, depth, indent) end
  return show_other(state, value)
end

---The value as text for people.
---@param value any
---@param options hyperty.inspect.options|nil
---@return string
function M.inspect(value, options)
  options = options or {}
  local state = { open = {}, color = options.color, null = options.null, copy = options.copy,
    tell = options.tell }
  for name, default in pairs(DEFAULTS) do state[name] = options[name] or default end
  return show(state, value, 0, 0).text
end

return setmetatable(M, { __call = function(_, ...) return M.inspect(...) end })
