-- The texts of help at the prompt. What scripts see is told by the tables of the core (`api`, see
-- core/host/api.h), from which screens are made here: so they know all that there is. Written out
-- are only the commands of the prompt and what is no list.
local M = {}

local concat, format, getmetatable, ipairs, pairs, pcall, rawequal, tostring, type =
  table.concat, string.format, getmetatable, ipairs, pairs, pcall, rawequal, tostring, type
local len = utf8.len

local COLUMN = 38 -- where what a name means begins
local WIDTH = 100

---The commands of the prompt: name, parameters (nil: it is a value) and results as
---lua-language-server reads them, text. Listed by help() if the prompt has them.
M.COMMANDS = {
  { "load", "name: string, config?: table", "table<string, function>", [[
Loads the hyperty of that name or file and gives its functions: chat = load "group_chat".
  config.as     names the instance; config.user sets its user; the rest goes to its start
  .on(event, fn) calls fn with what the hyperty emits: chat.on("message", print)
Lua's own load is loadtext.]] },
  { "use", "name: string", "table<string, function>", [[
Gives the functions of a hyperty that is loaded, as load does: chat = use "group_chat".]] },
  { "reload", "name: string|table", "true", [[
Takes the code of a loaded hyperty from its file again, given its name or what load gave. What
it has made stays; if anything is wrong with the new code, that is told, and the old one runs
on. One that was parked, since it failed too often, is started.]] },
  { "unload", "name: string|table", "true", [[
Stops an instance, given its name or what load gave for it. Its objects are deleted, unless they
are stored and the host has --store: those wait for it to be loaded again.]] },
  { "hyperties", "", "table[]", [[
Lists what is loaded: name, url, user, functions, state, memory in bytes, tasks, seconds since
its code started, errors logged and the last of them.]] },
  { "objects", "", "table[]", [[
Lists the data objects of this runtime: who reports and who observes each, its version, and
whether it is kept, given --store: store = true or "sync".]] },
  { "routes", "", "table[]", [[
Lists the addresses that this runtime listens to.]] },
  { "watch", "url: string", "hyperty.Observer", [[
Observes a data object and prints all that happens to it. Gives the observer.]] },
  { "trace", "url?: string, on?: boolean", "table[]|nil", [[
Tells hop by hop what this process knows of an object: its reporter, who may observe it, each
copy, and the message node if that is here, with its version where there is one. From then on
each message that goes to or comes from the object is printed as it passes; trace(url, false)
ends that, trace() lists what is traced.]] },
  { "node", nil, "table<string, function>", [[
What the message node holds, if it is in this process. Each takes part of an address, to see
only what has that in it:
  node.sessions()     connected runtimes, and what waits for each
  node.routes()       who subscribes what; gets = false: it waits to be admitted
  node.allocations()  who owns which address
  node.objects()      who holds an object, who is admitted, how many subscribe it
  node.registry()     what the registry knows, and whether it is live
  node.stats()        figures
  node.why(hyperty, object)  tells why a hyperty does not get what happens to an object]] },
  { "why", "url?: string, who?: string", nil, [[
Tells the last error once more, with the calls that led to it. why(url, who) tells of an object
that is reported here and of a hyperty or user: how that was let in, what it was refused and by
what, and what it would be now.]] },
  { "policy", "rules?: table", "table|nil", [[
Gives the rules about who may create, observe, read, write children and execute; or takes others:
  policy { rules = { { name = "no guests at night", effect = "deny",
    target = { action = "observe" }, condition = { time = "22:00-06:00" } } } }
Who observes by a rule, a group or a list, and would not be let in now, is struck off at once.
policy {} does without.]] },
  { "groups", "", "table<string, string[]>", [[
Gives the groups that rules speak of: URLs of users and hyperties by name.]] },
  { "group", "name: string, edit?: table", "string[]", [[
Gives the members of a group. group("friends", { add = { "user://localhost/ann" } }) adds some
first, or takes some out with remove; it makes the group if there is none.]] },
  { "keys", "", "table[]", [[
Lists keys by their fingerprints, which people compare over another way: state "own" is that of
this host; "known" of a user that it has met, taken at the first time or accepted; "refused" was
shown by a user who is known by another one.]] },
  { "accept", "user: string, fingerprint?: string", "true", [[
Takes a key of a user that was refused: it is the same person, with a further host or a new key.
keys() lists them; the fingerprint says which, if there are several.]] },
  { "forget", "user: string, fingerprint?: string", "true", [[
Strikes a key of a user, or all. Who has none left is met anew: the next one is taken.]] },
  { "loadtext", "text: string, name?: string", "function", [[
Compiles a text: Lua's own load. Gives the function, or nil and what is wrong.]] },
  { "help", "x?: any", nil, [[
Tells about a command, or what a loaded hyperty can do: help(load), help "watch", help(chat).
  help(hyperty), help "every"                                  the library of scripts
  help "syncher", "reporter", "observer", "child", "request"   data objects
  help "data", "state", "paths", "failures"                    how to use them]] },
}

-- Name → one screen of text.
local TOPICS = {
  state = [[
self.state: what a hyperty keeps for itself

Read and write it like a table. It survives a reload, and with --store it is there again when the
hyperty is loaded once more under its name, also after a restart, before start runs. What one turn
wrote is stored together. For more than a few MiB, or for others to see, there are data objects.

    function Counter:start() self.state.starts = (self.state.starts or 0) + 1 end]],

  data = [[
object.data: a tree that is used like Lua tables

  data.a.b = 1                          each assignment is a change, and is published at once
  #data.list, ipairs, pairs, next       as with tables; indices are from 1
  table.insert, remove, sort, …         one call is one change
  data.key = nil                        removes the key, or the last element of a list
  hyperty.array {}, hyperty.object {}   tell what an empty table is
  hyperty.copy(data.a)                  a plain table of it

A part of it, like data.a, moves with its place. Once that is removed or replaced, using it raises
"stale"; object.data never is. Observers and who did not make a child only read.]],

  paths = [[
A path: where in the data something is

  "values.1.unit"                       keys and indices (from 1) with dots between them
  { "values", 1, "unit" }               the same as a list, for keys with dots in them
  "values.*.unit"                       a pattern, for :on "change": * stands for one key
  "values.**"                           a trailing ** stands for any rest]],

  failures = [[
A failure: what can happen though nobody made a mistake

It comes back as nil, message, code; assert raises the message. What is a mistake raises by itself,
with file, line and the argument. The codes:

  "forbidden"     whoever decides does not allow it
  "not_found"     there is no such thing
  "timeout"       no answer in time
  "invalid"       what was sent is malformed, or does not fit its schema
  "conflict"      it is something else already
  "too_large"     over a bound
  "unreachable"   no way to whom it is for
  "deleted"       it is gone
  "full"          no room for more
  "closed"        this end of it is over
  "internal"      the code that was called has failed]],
}

-- Screens with another class on them.
local WITH = {
  syncher = { "invitation", "offer" }, child = { "childevent" }, observer = { "status" },
}

local TITLES = { syncher = "self.syncher", hyperty = "A hyperty's self" }

--- --- lines -------------------------------------------------------------------------------------

-- The parameters between their commas, as name, type and whether it may be left out.
local function each_parameter(params)
  local list, depth, from = {}, 0, 1
  local function add(text)
    local name, optional, kind = text:match "^%s*([%w_.]+)(%??):%s*(.-)%s*$"
    if name then list[#list + 1] = { name = name, type = kind, optional = optional == "?" } end
  end
  for at, mark in params:gmatch "()([(){}<>,])" do
    if mark == "," then
      if depth == 0 then
        add(params:sub(from, at - 1))
        from = at + 1
      end
    else
      depth = depth + (mark:find "[({<]" and 1 or -1)
    end
  end
  add(params:sub(from))
  return list
end
M.parameters = each_parameter

-- How it is called: "(path, value)", "(name [, config])", " { … }" for named arguments alone.
local function call_text(params)
  local list = each_parameter(params)
  if #list == 1 and list[1].type == "options" and not list[1].optional then return " { … }" end
  local text = ""
  for i, parameter in ipairs(list) do
    local name = parameter.name == "..." and "…" or parameter.name
    if parameter.type == "options" then name = "{ … }" end
    if parameter.optional then
      text = text .. (i > 1 and " [, " or "[") .. name .. "]"
    else
      text = text .. (i > 1 and ", " or "") .. name
    end
  end
  return "(" .. text .. ")"
end

local function row(lines, left, text)
  local gap = COLUMN - 2 - len(left)
  if gap < 2 then
    lines[#lines + 1] = "  " .. left
    left, gap = "", COLUMN - 2
  end
  lines[#lines + 1] = "  " .. left .. (" "):rep(gap) .. text
end

local function add_class(lines, class, title)
  lines[#lines + 1] = format("%s: %s", title, class.doc)
  lines[#lines + 1] = ""
  for _, field in ipairs(class.fields) do row(lines, "." .. field.name, field.doc) end
  for _, method in ipairs(class.methods) do
    row(lines, ":" .. method.name .. call_text(method.params), method.doc)
    for _, option in ipairs(method.options or {}) do
      row(lines, "    " .. option.name .. " =", option.doc)
    end
  end
  if #class.events > 0 then lines[#lines + 1] = "" end
  for _, event in ipairs(class.events) do
    local names = {}
    for i, parameter in ipairs(each_parameter(event.params)) do names[i] = parameter.name end
    local pattern = ({ change = "[pattern,] ", registration = "[criteria,] " })[event.name] or ""
    row(lines, format(':on("%s", %sfn(%s))', event.name, pattern, concat(names, ", ")), event.doc)
  end
  if class.more then
    lines[#lines + 1] = ""
    lines[#lines + 1] = class.more
  end
end

-- "a child event" → "A child event"
local function title_of(class, word)
  return TITLES[word] or class.noun:gsub("^%l", string.upper)
end

local function classes_of(api)
  local classes = {}
  for _, class in ipairs(api.classes) do
    classes[class.name:match "%a+$":lower()] = class
  end
  return classes
end

--- --- what is asked for -------------------------------------------------------------------------

---The command of that name as one calls it: "load(name [, config])", and its text.
---@param name any
---@return string|nil, string|nil
function M.command(name)
  for _, command in ipairs(M.COMMANDS) do
    if command[1] == name then
      return name .. (command[2] and call_text(command[2]) or ""), command[4]
    end
  end
end

-- Each function and value of the library with its name behind "hyperty.".
local function each_entry(api)
  local entries = {}
  for _, library in ipairs(api.library) do
    local prefix = library.name:match "^hyperty%.(.+)$"
    local function add(name, call, doc)
      name = prefix and prefix .. "." .. name or name
      entries[#entries + 1] = { name = name, call = name .. call, doc = doc }
    end
    for _, fn in ipairs(library.functions) do add(fn.name, call_text(fn.params), fn.doc) end
    for _, value in ipairs(library.values) do add(value.name, "", value.doc) end
  end
  return entries
end

-- What a dotted name stands for.
local function value_at(hyperty, name)
  for key in name:gmatch "[^.]+" do
    if type(hyperty) ~= "table" then return nil end
    hyperty = hyperty[key]
  end
  return hyperty
end

---All that there is help for, by name.
---@param api table
---@return string[]
function M.names(api)
  local names = { "hyperty" }
  for _, command in ipairs(M.COMMANDS) do names[#names + 1] = command[1] end
  for topic in pairs(TOPICS) do names[#names + 1] = topic end
  for word in pairs(classes_of(api)) do names[#names + 1] = word end
  for _, entry in ipairs(each_entry(api)) do names[#names + 1] = entry.name end
  return names
end

---What is known about a function, value or part of the library.
---@param api table
---@param hyperty table the library
---@param x any a value of it, or its name with or without "hyperty."
---@return string|nil
function M.library(api, hyperty, x)
  local name = type(x) == "string" and x:gsub("^hyperty%.", "") or nil
  local part
  for _, entry in ipairs(each_entry(api)) do
    if name == entry.name or rawequal(x, value_at(hyperty, entry.name)) then
      return "hyperty." .. entry.call .. "\n" .. entry.doc
    end
    local first = entry.name:match "^(%a+)%."
    if first and (name == first or rawequal(x, hyperty[first])) then
      part = (part or "hyperty." .. first .. "\n") .. format("\n  %-24s%s", entry.call, entry.doc)
    end
  end
  return part
end

---All lines of the library.
---@param api table
---@return string
function M.overview(api)
  local lines = { "hyperty: the library of scripts", "" }
  for _, entry in ipairs(each_entry(api)) do
    local gap = 24 - len(entry.call)
    lines[#lines + 1] = "  " .. entry.call .. (" "):rep(gap > 1 and gap or 1) .. entry.doc
  end
  return concat(lines, "\n")
end

-- The word for what an object is.
local function word_of(x)
  local meta = getmetatable(x)
  local ok, text = pcall(tostring, x) -- that of a stale handle raises
  if not ok or meta == "null" then return nil end
  return text:match "^child event" and "childevent" or text:match "^hyperty%.(%a+)"
    or text:match "^%a+"
end

---The screen about a kind of object, given its name or one of the objects, or about a topic.
---@param api table
---@param x any
---@return string|nil
function M.object(api, x)
  if type(x) ~= "string" and type(x) ~= "userdata" then return nil end
  local word = type(x) == "userdata" and word_of(x) or x
  if TOPICS[word] then return TOPICS[word] end
  local classes, lines = classes_of(api), {}
  word = type(word) == "string" and word:gsub(" ", ""):gsub("^self$", "hyperty") or nil
  local class = word and classes[word]
  if not class then return nil end
  add_class(lines, class, title_of(class, word))
  for _, other in ipairs(WITH[word] or {}) do
    lines[#lines + 1] = ""
    add_class(lines, classes[other], title_of(classes[other], other))
  end
  return concat(lines, "\n")
end

---The width that no line of a screen goes beyond.
M.WIDTH = WIDTH

return M
