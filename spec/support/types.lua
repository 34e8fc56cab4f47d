-- The annotations of lua/types, for editors with lua-language-server, made of host.api() and of the
-- commands that the prompt's help lists. tools/types writes them; a spec compares what is there.
local help = require "hyperty.help"

local M = {}

local WIDTH = 100

local HEAD = [[
---@meta %s
-- %s
-- Made by tools/types from the tables that the core itself uses; not to be edited.
]]

local function add(lines, text, ...)
  lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text
end

local function sentence(text)
  return (text:gsub("^%l", string.upper))
end

-- The class of the named arguments of a method.
local function options_class(class, method)
  return class.name .. "." .. method.name
end

local function parameters(method, options)
  local list = help.parameters(method.params)
  for _, parameter in ipairs(list) do
    if parameter.type == "options" then parameter.type = options end
  end
  return list
end

local function names_of(list)
  local names = {}
  for i, parameter in ipairs(list) do names[i] = parameter.name end
  return table.concat(names, ", ")
end

local function add_parameters(lines, list)
  for _, parameter in ipairs(list) do
    add(lines, "---@param %s%s %s", parameter.name, parameter.optional and "?" or "",
      parameter.type)
  end
end

local function add_results(lines, method)
  if method.results == "..." then
    add(lines, "---@return any ...")
  elseif method.fails then
    add(lines, "---@return %s|nil", method.results)
    add(lines, "---@return string? message")
    add(lines, "---@return hyperty.Code? code")
  elseif method.results ~= "" then
    add(lines, "---@return %s", method.results)
  end
end

-- A function with all that is known about it; `prefix` is "hyperty." or "Reporter:".
local function add_function(lines, prefix, method, options)
  local list = parameters(method, options)
  add(lines, "---%s", sentence(method.doc))
  add_parameters(lines, list)
  add_results(lines, method)
  add(lines, "function %s%s(%s) end", prefix, method.name, names_of(list))
  add(lines, "")
end

-- What it is about stands behind a field, or above it if there is no room.
local function add_field(lines, name, kind, doc)
  local line = ("---@field %s %s"):format(name, kind)
  if utf8.len(line .. " # " .. doc) > WIDTH then
    add(lines, "---%s", doc)
  else
    line = line .. " # " .. doc
  end
  add(lines, "%s", line)
end

local function add_options(lines, class)
  for _, method in ipairs(class.methods) do
    if method.options then
      add(lines, "---@class %s", options_class(class, method))
      for _, option in ipairs(method.options) do
        add_field(lines, option.name .. (option.needed and "" or "?"), option.type, option.doc)
      end
      if method.name == "discover" then
        add(lines, "---@alias hyperty.Criteria %s", options_class(class, method))
      end
      add(lines, "")
    end
  end
end

local function handler_class(event)
  return "hyperty.On" .. sentence(event.name)
end

-- `on` has a line for each event, so that an editor knows what its handler gets.
local function add_events(lines, class)
  for _, event in ipairs(class.events) do
    local tail = ("fn: %s): hyperty.Handler"):format(handler_class(event))
    add(lines, "---%s", sentence(event.doc))
    add(lines, '---@field on fun(self, event: "%s", %s', event.name, tail)
    if event.name == "change" then
      add(lines, '---@field on fun(self, event: "change", path: hyperty.Path, %s', tail)
    elseif event.name == "registration" then
      add(lines, '---@field on fun(self, event: "registration", by: hyperty.Criteria, fn: function)'
        .. ": hyperty.Handler") -- longer ones do not fit into a line
    end
  end
end

local function add_class(lines, class)
  local name = class.name:match "%a+$"
  add_options(lines, class)
  add(lines, "---%s: %s", sentence(class.noun), class.doc)
  add(lines, "---@class %s", class.name)
  for _, field in ipairs(class.fields) do
    local kind, optional = field.type:gsub("|nil$", "")
    add_field(lines, field.name .. (optional > 0 and "?" or ""), kind, field.doc)
  end
  add_events(lines, class)
  add(lines, "local %s = {}", name)
  add(lines, "")
  for _, method in ipairs(class.methods) do
    if method.name ~= "on" then
      add_function(lines, name .. ":", method, method.options and options_class(class, method))
    end
  end
end

local function add_words(lines, words)
  local names = {}
  for name in pairs(words) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    add(lines, "---@alias %s", name)
    for _, word in ipairs(words[name]) do add(lines, '---| "%s"', word) end
    add(lines, "")
  end
end

-- What the handlers of events get.
local function add_handlers(lines, classes)
  local seen = {}
  for _, class in ipairs(classes) do
    for _, event in ipairs(class.events) do
      if not seen[event.name] then
        seen[event.name] = true
        add(lines, "---@alias %s fun(%s)", handler_class(event), event.params)
      end
    end
  end
  add(lines, "")
end

-- What a hyperty has or makes itself; the rest it is given.
local OWN = { Hyperty = true, Syncher = true, Reporter = true, Observer = true, Child = true }

local function class_file(api, is_own, what)
  local lines = { HEAD:format("_", what) }
  for _, class in ipairs(api.classes) do
    if (OWN[class.name:match "%a+$"] or false) == is_own then add_class(lines, class) end
  end
  return lines
end

local function events_file(api)
  local lines = class_file(api, false, "What handlers and calls give, and the words in it.")
  add(lines, "---Keys and indices (from 1): \"values.1.unit\", or as a list")
  add(lines, "---@alias hyperty.Path string|(string|integer)[]")
  add(lines, "")
  add_words(lines, api.words)
  add_handlers(lines, api.classes)
  return lines
end

local function library_file(api)
  local lines = { HEAD:format("hyperty", "The library of scripts: require \"hyperty\".") }
  add(lines, "local hyperty = {}")
  add(lines, "")
  for _, library in ipairs(api.library) do
    if library.name ~= "hyperty" then
      add(lines, "%s = {}", library.name)
      add(lines, "")
    end
    for _, value in ipairs(library.values) do
      add(lines, "---%s", sentence(value.doc))
      add(lines, "---@type %s", value.type)
      add(lines, "%s.%s = nil", library.name, value.name)
      add(lines, "")
    end
    for _, fn in ipairs(library.functions) do add_function(lines, library.name .. ".", fn) end
  end
  add(lines, "return hyperty")
  return lines
end

local function prompt_file()
  local lines = { HEAD:format("_",
    "The commands of the prompt, for files with lines that are typed there.") }
  for _, command in ipairs(help.COMMANDS) do
    local name, params, result, text = table.unpack(command, 1, 4)
    for line in text:gmatch "[^\n]+" do
      add(lines, line:find "^%-" and "--- %s" or "---%s", line)
    end
    if params then
      local list = help.parameters(params)
      add_parameters(lines, list)
      if result then add(lines, "---@return %s", result) end
      add(lines, "function %s(%s) end", name, names_of(list))
    else
      add(lines, "---@type %s", result)
      add(lines, "%s = {}", name)
    end
    add(lines, "")
  end
  return lines
end

local function text_of(lines)
  return (table.concat(lines, "\n"):gsub("\n+$", "") .. "\n")
end

---The files by their names in lua/types.
---@param api table what host.api() gives
---@return table<string, string>
function M.files(api)
  return {
    ["hyperty/library.lua"] = text_of(library_file(api)),
    ["hyperty/objects.lua"] = text_of(class_file(api, true,
      "The objects that a hyperty has or makes: self, its syncher, data objects, children.")),
    ["hyperty/events.lua"] = text_of(events_file(api)),
    ["prompt/commands.lua"] = text_of(prompt_file()), -- apart: in scripts these are no globals
  }
end

return M
