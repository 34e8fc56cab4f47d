-- Completion at the prompt: what could come next, given what is typed before the cursor.
--
--   complete('chat.se')                   -->  { from = 5, items = { "send" } }
--   complete('load "gr')                  -->  { from = 6, items = { "group_chat" }, end = '"' }
--   complete('room.data.participants[1].us')
--   complete('self.syncher:create { schema = "Comm')
--
-- The code is cut into tokens; what stands before the word being typed says which names are asked
-- for. A chain of names and indices is followed from the globals. Nothing that scripts have written
-- is called for that: tables are read raw, and of metatables only an __index that is a table is
-- looked at; objects of the host answer by themselves. How far anything is walked is bounded.
local M = {}

local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local sort = table.sort
local getmetatable, ipairs, next, pcall, rawget, tonumber, type =
  getmetatable, ipairs, next, pcall, rawget, tonumber, type

local CODE_BYTES = 16384 -- of code before the cursor; with more there is no completion
local WALK = 5000 -- keys of one table that are looked at
local DEPTH = 8 -- tables behind each other, as __index
local LEVELS = 32 -- names of a chain

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  KEYWORDS[#KEYWORDS + 1] = word
  KEYWORDS[word] = true
end

---@class hyperty.complete.token
---@field kind "name"|"number"|"text"|"open"|"sign"  "open" is a text that the cursor is in
---@field text string  of a text what is between its quotes
---@field from integer  of a text, where its content begins
---@field quote string|nil

---@class hyperty.complete.answer
---@field from integer  bytes of the code that stay
---@field items string[]
---@field end string|nil  comes behind an item that is the only one
---@field more boolean|nil

-- --- tokens --------------------------------------------------------------------------------------

-- Where a long bracket at `at` ends; nil: not there, or "open".
local function long_end(code, at)
  local level = match(code, "^%[(=*)%[", at)
  if not level then return nil end
  local _, last = find(code, "]" .. level .. "]", at, true)
  return last or "open", at + #level + 2, level
end

-- Where a comment at `at` ends; nil: the cursor is in it.
local function comment_end(code, at)
  local last = long_end(code, at + 2)
  if last == "open" then return nil end
  if last then return last + 1 end
  local line_end = find(code, "\n", at, true)
  return line_end and line_end + 1
end

-- A text in quotes from `at` on: a token, and where it ends.
local function quoted(code, at)
  local quote, last = sub(code, at, at), at
  repeat
    last = find(code, "[\\\n" .. quote .. "]", last + 1)
    local c = last and sub(code, last, last)
    if c == "\\" then last = last + 1 end
  until c ~= "\\"
  if not last or last > #code then
    return { kind = "open", text = sub(code, at + 1), from = at + 1, quote = quote }, #code + 1
  end
  return { kind = "text", text = sub(code, at + 1, last - 1), from = at + 1 }, last + 1
end

-- A text in long brackets; nil: there is none.
local function bracketed(code, at)
  local last, from, level = long_end(code, at)
  if not last then return nil end
  if last == "open" then
    return { kind = "open", text = sub(code, from), from = from }, #code + 1
  end
  return { kind = "text", text = sub(code, from, last - #level - 2), from = from }, last + 1
end

-- The tokens of the code; nil if the cursor is in a comment.
local function tokens_of(code)
  local tokens, at = {}, 1
  while true do
    at = find(code, "%S", at)
    if not at then return tokens end
    local c = sub(code, at, at)
    local token, after
    if sub(code, at, at + 1) == "--" then
      after = comment_end(code, at)
      if not after then return nil end
    elseif c == '"' or c == "'" then
      token, after = quoted(code, at)
    else
      token, after = bracketed(code, at)
    end
    if not after then
      local text = match(code, "^[%a_\x80-\xff][%w_\x80-\xff]*", at)
      local number = not text and match(code, "^%.?%d[%w.]*", at)
      -- Two signs that are one, so that no name after them is taken for a field.
      text = text or number or match(code, "^%.%.%.?", at) or match(code, "^::", at) or c
      local kind = number and "number" or find(text, "^[%a_\x80-\xff]") and "name" or "sign"
      token, after = { kind = kind, text = text, from = at }, at + #text
    end
    tokens[#tokens + 1] = token
    at = after
  end
end

local function is(token, text)
  return token ~= nil and token.text == text and (token.kind == "sign" or token.kind == "name")
end

-- --- values --------------------------------------------------------------------------------------

-- The table behind a table, for names that are not in it.
local function behind(value)
  local meta = getmetatable(value)
  local index = type(meta) == "table" and rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

local function get(value, key)
  if type(value) == "string" then return rawget(string, key) end
  if type(value) == "userdata" then
    local ok, inner = pcall(function() return value[key] end)
    return ok and inner or nil
  end
  for _ = 1, DEPTH do
    if type(value) ~= "table" then return nil end
    local inner = rawget(value, key)
    if inner ~= nil then return inner end
    value = behind(value)
  end
end

-- The value of a chain that ends with the token at `last`, and where it begins; nil: not known.
local function resolve(tokens, last, env)
  local keys, at = {}, last
  for _ = 1, LEVELS do
    local token = tokens[at]
    if not token then return nil end
    if token.kind == "name" and is(tokens[at - 1], ".") then
      keys[#keys + 1] = token.text
      at = at - 2
    elseif token.kind == "name" and not is(tokens[at - 1], ":") then
      local value = get(env, token.text)
      for i = #keys, 1, -1 do value = get(value, keys[i]) end
      return value, at
    elseif is(token, "]") and is(tokens[at - 2], "[") then
      local key = tokens[at - 1]
      if key.kind == "number" then
        keys[#keys + 1] = tonumber(key.text)
      elseif key.kind == "text" then
        keys[#keys + 1] = key.text
      else
        return nil
      end
      at = at - 3
    else
      return nil
    end
  end
end

-- --- names ---------------------------------------------------------------------------------------

local function is_name(key)
  return type(key) == "string" and find(key, "^[%a_\x80-\xff][%w_\x80-\xff]*$") ~= nil
    and not KEYWORDS[key]
end

-- Calls fn with the keys of a table and of those behind it, or of data. True: not with all.
local function walk(value, fn)
  local left = WALK
  for _ = 1, DEPTH do
    local ok, key, inner = pcall(next, value)
    while ok and key ~= nil and left > 0 do
      left = left - 1
      fn(key, inner)
      ok, key, inner = pcall(next, value, key)
    end
    if left == 0 then return true end
    value = type(value) == "table" and behind(value) or nil
    if not value then break end
  end
  return false
end

local function add_all(list, names)
  for _, name in ipairs(names or {}) do list[#list + 1] = name end
end

-- What comes after `value.`: names, and methods that it has if it is an object of the host.
local function fields(host, value)
  local list = {} -- is_cut: these are not all
  if type(value) == "string" then return list, {} end
  local own, methods = host.members(value)
  if own then return own, methods end
  if type(value) == "table" or type(value) == "userdata" then
    list.is_cut = walk(value, function(key)
      if is_name(key) then list[#list + 1] = key end
    end)
  end
  return list, {}
end

-- What comes after `value:`.
local function methods_of(host, value)
  local _, methods = host.members(value)
  if methods then return methods end
  local list = {}
  if type(value) == "string" then value = string end
  if type(value) == "table" then
    list.is_cut = walk(value, function(key, inner)
      if is_name(key) and type(inner) == "function" then list[#list + 1] = key end
    end)
  end
  return list
end

-- Those that begin with the word, each once, in order; true if there are others.
local function matching(names, word, most)
  local items, seen = {}, {}
  for _, name in ipairs(names) do
    local is_hidden = byte(name) == 95 and byte(word) ~= 95 -- _
    if not seen[name] and not is_hidden and sub(name, 1, #word) == word then
      seen[name] = true
      items[#items + 1] = name
    end
  end
  sort(items)
  local more = #items > most or names.is_cut
  for i = #items, most + 1, -1 do items[i] = nil end
  return items, more or nil
end

-- --- texts ---------------------------------------------------------------------------------------

-- Folders and Lua files; the part of the text before the last slash stays.
local function files(host, text)
  local folder = match(text, "^(.*/)") or ""
  local list = host.files(folder == "" and "." or folder)
  return list, #folder
end

local SOURCES = {}

function SOURCES.load(host, text)
  if find(text, "[/.]") then return files(host, text) end
  local list, is_there = host.loadable(), {}
  for _, name in ipairs(list) do is_there[name .. ".lua"] = true end
  for _, file in ipairs((files(host, text))) do
    if not is_there[file] then list[#list + 1] = file end
  end
  return list
end

local function instance_names(host)
  local list = {}
  for _, instance in ipairs(host.instances()) do list[#list + 1] = instance.name end
  return list
end
SOURCES.unload, SOURCES.reload, SOURCES.use = instance_names, instance_names, instance_names

local function urls(host)
  local list = {}
  for _, object in ipairs(host.objects()) do list[#list + 1] = object.url end
  return list
end
SOURCES.watch, SOURCES.trace, SOURCES.subscribe, SOURCES.read = urls, urls, urls, urls

local function users(host)
  local list = {}
  for _, key in ipairs(host.keys() or {}) do list[#list + 1] = key.user end
  return list
end
SOURCES.accept, SOURCES.forget = users, users

function SOURCES.help(host)
  local list = instance_names(host)
  add_all(list, host.topics())
  return list
end

-- What the text in quotes at the end could be; and how much of it stays.
local function text_names(host, tokens, env)
  local last = #tokens
  local text, before = tokens[last].text, tokens[last - 1]
  if is(before, "=") then
    local name = tokens[last - 2]
    if is(name, "schema") then return host.schemas() end
    if is(name, "store") then return { "sync" } end
    return {}
  end
  if is(before, "[") then
    return (fields(host, (resolve(tokens, last - 2, env))))
  end
  local at = is(before, "(") and last - 2 or last - 1
  local called, sign = tokens[at], tokens[at - 1]
  if not called or called.kind ~= "name" then return {} end
  if is(sign, ":") then
    local object = resolve(tokens, at - 2, env)
    if called.text == "on" then return host.events(object) end
    if called.text == "children" or called.text == "add_child" then
      local schema = host.schema(object)
      return schema and schema.collections or {}
    end
  end
  local source = SOURCES[called.text]
  if not source then return {} end
  return source(host, text)
end

-- --- named arguments -----------------------------------------------------------------------------

-- Where the innermost table constructor that is still open begins; nil: there is none.
local function open_brace(tokens, last)
  local depth = 0
  for at = last, 1, -1 do
    local token = tokens[at]
    if is(token, "}") or is(token, ")") then
      depth = depth + 1
    elseif is(token, "{") or is(token, "(") then
      if depth == 0 then return token.text == "{" and at or nil end
      depth = depth - 1
    end
  end
end

-- The method that is called with that constructor, as in obj:create { and obj:subscribe(url, {.
local function called_with(tokens, brace)
  local at = brace - 1
  if tokens[at] and tokens[at].kind == "sign" then
    local depth = 0
    while tokens[at] and not (depth == 0 and is(tokens[at], "(")) do
      if is(tokens[at], ")") or is(tokens[at], "}") then depth = depth + 1 end
      if is(tokens[at], "(") or is(tokens[at], "{") then depth = depth - 1 end
      if depth < 0 then return nil end
      at = at - 1
    end
    at = at - 1
  end
  local name = tokens[at]
  return name and name.kind == "name" and is(tokens[at - 1], ":") and name.text or nil
end

-- The names that belong into the constructor that the cursor is in; nil: any expression may.
local function argument_names(host, tokens, last)
  local before = tokens[last]
  if not (is(before, "{") or is(before, ",") or is(before, ";")) then return nil end
  local brace = open_brace(tokens, last)
  if not brace then return nil end
  local called = called_with(tokens, brace)
  if called then return host.options(called) end
  if not (is(tokens[brace - 1], "=") and is(tokens[brace - 2], "data")) then return nil end
  local outer = open_brace(tokens, brace - 1)
  if not outer or called_with(tokens, outer) ~= "create" then return nil end
  for at = outer + 1, #tokens - 2 do
    if is(tokens[at], "schema") and is(tokens[at + 1], "=") and tokens[at + 2].kind == "text" then
      local schema = host.schema(tokens[at + 2].text)
      return schema and #schema.fields > 0 and schema.fields or nil
    end
  end
end

-- --- the whole -----------------------------------------------------------------------------------

-- Globals, names that the chunk itself has made, and keywords.
local function free_names(tokens, word, env)
  local list = {}
  list.is_cut = walk(env, function(key)
    if is_name(key) then list[#list + 1] = key end
  end)
  local is_declaring = false
  for at = 1, #tokens - 1 do
    local token = tokens[at]
    if is(token, "local") or is(token, "for") or is(token, "function") then
      is_declaring = true
    elseif token.kind == "name" and is_declaring then
      if is_name(token.text) then list[#list + 1] = token.text end
    elseif not (is(token, ",") or is(token, "(")) then
      is_declaring = false
    end
  end
  if word ~= "" then add_all(list, KEYWORDS) end
  return list
end

local function after_dot(host, tokens, sign, word, from, most, env)
  local value = resolve(tokens, sign - 1, env)
  local names, methods = fields(host, value)
  local items, more = matching(names, word, most)
  if #items > 0 or more then return { from = from, items = items, more = more } end
  -- A method is called with a colon, so that takes the place of the dot.
  items = matching(methods, word, most)
  for i, name in ipairs(items) do items[i] = ":" .. name end
  return { from = tokens[sign].from - 1, items = items }
end

---@param host table the primitives of the prompt
---@param env table the globals of what is typed
---@param code string what is typed before the cursor
---@param most integer how many items are given
---@return hyperty.complete.answer|nil
function M.complete(host, env, code, most)
  if #code > CODE_BYTES then return nil end
  local tokens = tokens_of(code)
  if not tokens then return nil end
  local last = tokens[#tokens]
  if last and last.kind == "open" then
    local names, stays = text_names(host, tokens, env)
    stays = stays or 0
    local items, more = matching(names, sub(last.text, stays + 1), most)
    local is_folder = #items == 1 and find(items[1], "/$")
    return { from = last.from - 1 + stays, items = items, more = more,
      ["end"] = not is_folder and last.quote or nil }
  end
  local is_typing = last ~= nil and last.kind == "name" and last.from + #last.text == #code + 1
  if last and last.kind == "number" and last.from + #last.text == #code + 1 then return nil end
  local word, before = is_typing and last.text or "", is_typing and #tokens - 1 or #tokens
  local from = #code - #word
  if is(tokens[before], ".") then return after_dot(host, tokens, before, word, from, most, env) end
  local names, ending
  if is(tokens[before], ":") then
    names = methods_of(host, (resolve(tokens, before - 1, env)))
  else
    names = argument_names(host, tokens, before)
    ending = names and " = "
    names = names or free_names(tokens, word, env)
  end
  local items, more = matching(names, word, most)
  return { from = from, items = items, more = more, ["end"] = ending }
end

return M
