-- The rules of the source tree as checks on text. Each check gets a path (for the layer that it
-- names, and for the message) and the text of the file, and gives a list of violations, empty if
-- all is well. Nothing here reads a file, so each rule can be tried on a planted violation.
local M = {}

local LAYERS = { "base", "loop", "bus", "data", "store", "sync", "node", "net", "host" }
local RANK = {}
for rank, layer in ipairs(LAYERS) do RANK[layer] = rank end

M.LINES_MAX = 500
M.FUNCTION_LINES_MAX = 70
M.COLUMNS_MAX = 100

-- Who may include what from outside: a pattern for the header, then layers and files of core/;
-- "top" is every file directly in core/.
local FOREIGN = {
  { "^lua[%w]*%.h$", "host", "main.c", "module.c", "module.h" },
  { "^lauxlib%.h$", "host", "main.c", "module.c", "module.h" },
  { "^uv[%w/]*%.h$", "loop", "store", "net", "host", "top" },
  { "^histedit%.h$", "prompt_line.h" },
  { "^sqlite3%.h$", "store" },
  { "^pcre2[%w]*%.h$", "data" },
  { "^wslay/", "net" },
  { "^http_parser%.h$", "net" },
  { "^openssl/", "net" },
  { "^jwt%.h$", "net" },
  { "^sodium%.h$", "base" },
  { "^nats", "net" },
  { "^cJSON%.h$" }, -- nowhere: the core has its own JSON, cJSON is the specs' second opinion
  { "^cjson/" },
}

-- Layers that do no input or output and take the time as an argument.
local PURE = { base = true, bus = true, data = true, sync = true, node = true }
local IMPURE = {
  "time", "gettimeofday", "clock_gettime", "timespec_get", "rand", "srand", "getrandom", "fopen",
  "printf", "fprintf", "puts", "fputs", "getenv", "pthread_create",
}

-- C text with comments, and on wish the contents of literals, replaced by blanks. Lines stay.
local function blank(text, with_literals)
  local out, at = {}, 1
  local function keep(last)
    out[#out + 1] = text:sub(at, last)
    at = last + 1
  end
  local function wipe(last)
    out[#out + 1] = text:sub(at, last):gsub("[^\n]", " ")
    at = last + 1
  end
  while true do
    local start = text:find("[/\"']", at)
    if not start then break end
    keep(start - 1)
    local mark = text:sub(start, start + 1)
    if mark == "//" then
      wipe((text:find("\n", start, true) or #text + 1) - 1)
    elseif mark == "/*" then
      local _, last = text:find("*/", start + 2, true)
      wipe(last or #text)
    elseif mark:sub(1, 1) == "/" then
      keep(start)
    else
      local quote, last = mark:sub(1, 1), start
      repeat
        last = last + (text:sub(last, last) == "\\" and 2 or 1)
        local byte = text:sub(last, last)
      until byte == quote or byte == "" or byte == "\n"
      if with_literals then wipe(last) else keep(last) end
    end
  end
  keep(#text)
  return table.concat(out)
end

-- Each line with its number.
local function lines(text)
  local number, rest = 0, text:gmatch "([^\n]*)\n?"
  local left = select(2, text:gsub("\n", "\n")) + (text:find "[^\n]$" and 1 or 0)
  return function()
    if number == left then return nil end
    number = number + 1
    return number, rest()
  end
end

-- "core/data/x.c" → "data", "x.c"; "core/main.c" → nil, "main.c".
local function place(path)
  local layer, name = path:match "^core/([%w_]+)/(.+)$"
  return layer, name or path:match "^core/(.+)$"
end

-- The path that a quoted include means, with ".." taken away.
local function resolve(path, include)
  local parts = {}
  for part in (path:match "^(.*)/" .. "/" .. include):gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil else parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

local function own_include_error(path, include)
  local layer = place(path)
  local target = resolve(path, include)
  if not target:find "^core/" then return "is outside core/" end
  local target_layer = place(target)
  if target_layer and not RANK[target_layer] then
    return ("is in %s, which is no layer"):format(target_layer)
  end
  if not layer then return nil end -- top files know every part
  if not target_layer then
    return target ~= "core/limits.h" and "belongs to the top; only limits.h is for all" or nil
  end
  if RANK[target_layer] > RANK[layer] then
    return ("is in layer %s, to the right of %s"):format(target_layer, layer)
  end
end

local function foreign_include_error(path, include)
  local layer, name = place(path)
  for _, rule in ipairs(FOREIGN) do
    if include:find(rule[1]) then
      for i = 2, #rule do
        if rule[i] == (layer or name) or rule[i] == (layer or "top") then return nil end
      end
      return "is not for " .. (layer or name)
    end
  end
end

---A file includes its own folder, folders to its left and limits.h; libraries have their layers.
function M.includes(path, text)
  local found = {}
  local layer = place(path)
  if layer and not RANK[layer] then
    return { ("%s: %s is no layer"):format(path, layer) }
  end
  for number, line in lines(blank(text)) do
    local open, include = line:match '^%s*#%s*include%s*([<"])([^>"]+)[>"]'
    if include then
      -- A library's header may come in quotes too, so the rule for libraries is always asked.
      local why = foreign_include_error(path, include)
      if not why and open == '"' then why = own_include_error(path, include) end
      if why then
        found[#found + 1] = ("%s:%d: include of %s, which %s"):format(path, number, include, why)
      end
    end
  end
  return found
end

---The layers of logic call nothing that reads a clock, rolls dice or touches the outside.
function M.purity(path, text)
  local found = {}
  if not PURE[place(path) or ""] then return found end
  for number, line in lines(blank(text, true)) do
    for _, name in ipairs(IMPURE) do
      -- A call: not of a member, not the tail of a longer name.
      if (" " .. line):find("[^%w_.>]" .. name .. "%s*%(") then
        found[#found + 1] = ("%s:%d: call of %s in a layer without input and output"):format(
          path, number, name)
      end
    end
  end
  return found
end

---A C file begins with a comment that says what it is for.
function M.first_comment(path, text)
  if text:find "^/%*" then return {} end
  return { path .. ":1: no comment at the start" }
end

---No file is too long, no line too wide.
function M.size(path, text)
  local found, count = {}, 0
  for number, line in lines(text) do
    count = number
    if (utf8.len(line) or #line) > M.COLUMNS_MAX then
      found[#found + 1] = ("%s:%d: over %d columns"):format(path, number, M.COLUMNS_MAX)
    end
  end
  if count > M.LINES_MAX then
    found[#found + 1] = ("%s: %d lines, over %d"):format(path, count, M.LINES_MAX)
  end
  return found
end

---No function is too long. Relies on the shape that clang-format gives: a definition begins in
---column 0, its opening brace ends a line, its closing brace is in column 0.
function M.functions(path, text)
  local found = {}
  local head, head_line     -- where the present top-level declaration began
  local function_line       -- where the function that we are in began
  local in_macro = false
  for number, line in lines(blank(text, true)) do
    local macro = in_macro or line:find "^#"
    in_macro = macro and line:find "\\%s*$"
    if not macro then
      if line:find "^}" then
        local count = function_line and number - function_line + 1 or 0
        if count > M.FUNCTION_LINES_MAX then
          found[#found + 1] = ("%s:%d: function of %d lines, over %d"):format(
            path, function_line, count, M.FUNCTION_LINES_MAX)
        end
        head, function_line = nil, nil
      elseif not function_line then
        if line:find "^[%a_]" then head, head_line = "", number end
        if head then
          head = head .. line
          if line:find "{%s*$" and head:find "%(" and not head:find "=" then
            function_line = head_line
          elseif line:find "[;{]%s*$" then
            head = nil
          end
        end
      end
    end
  end
  return found
end

---Every C file of core/ is in one of the lists of CMakeLists.txt.
---@param paths string[]
---@param cmake string text of CMakeLists.txt
function M.listed(paths, cmake)
  local listed, found = {}, {}
  for path in cmake:gmatch "core/[%w_/]+%.c" do listed[path] = true end
  for _, path in ipairs(paths) do
    if not listed[path] then found[#found + 1] = path .. ": in no list of CMakeLists.txt" end
  end
  return found
end

local TOP = {
  ["CMakeLists.txt"] = true, ["README.md"] = true, LICENSE = true, core = true, lua = true,
  hyperties = true, spec = true, tools = true,
  build = true, -- made by the tools, never committed
}

---The top level holds what DESIGN names and dot files.
---@param names string[]
function M.top(names)
  local found = {}
  for _, name in ipairs(names) do
    if not TOP[name] and not name:find "^%." then
      found[#found + 1] = name .. ": does not belong to the top level"
    end
  end
  return found
end

return M
