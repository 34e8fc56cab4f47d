-- The prompt in Lua: what its commands do, how a line is compiled and how its values are shown.
-- The host runs this file in the prompt's own instance. The function that it returns is called once
-- with what is below, and gives the function that is then called for each line, in a task of its
-- own: so a line may wait for whatever it likes.
--
--   host   what only a trusted prompt may do: load, reload, unload, instances, objects, routes,
--          compile, traceback; api(), what scripts see; what operate.lua is for (lib_operate.h),
--          and what completion looks at (lib_complete.h)
--   env    the globals of what is typed
--   self   the prompt's own instance
local hyperty = require "hyperty"
local completion = require "hyperty.complete"
local help = require "hyperty.help"
local inspect = require "hyperty.inspect"
local keys = require "hyperty.keys"
local operate = require "hyperty.operate"
local policy = require "hyperty.policy"

local concat, sort, pack, unpack = table.concat, table.sort, table.pack, table.unpack
local error, format, getmetatable, ipairs, pairs, pcall, print, rawequal, rawget, rawset, tostring,
  type, xpcall = error, string.format, getmetatable, ipairs, pairs, pcall, print, rawequal, rawget,
  rawset, tostring, type, xpcall

local OVERVIEW_END = [[
hyperty is the library of scripts: help(hyperty). Data objects: help "syncher".
What a message node in this process holds: help "node".
A line may be any Lua; its value is shown. Ctrl-C cancels what it waits for,
Ctrl-D leaves. Tab completes, a second Tab lists; Ctrl-R searches the history;
Alt-Enter begins another line.]]

local RED, DIM, OFF = "\27[31m", "\27[2m", "\27[0m"

-- What load gave → {name, url, user, is_gone}. Weak: a forgotten one is forgotten here too.
local loaded = setmetatable({}, { __mode = "k" })
-- Functions of what load gave → {api, name}.
local functions = setmetatable({}, { __mode = "k" })

local function sorted_keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  sort(list)
  return list
end

local function describe(api)
  local instance = loaded[api]
  if instance.is_gone then return instance.name .. " (unloaded)" end
  return format("%s (%s): %s", instance.name, instance.url, concat(sorted_keys(api), ", "))
end

local function check_loaded(instance)
  if instance.is_gone then error(instance.name .. " was unloaded", 0) end
end

local api_meta = { __inspect = describe, __name = "hyperty" }

function api_meta.__index(api, key)
  local instance = loaded[api]
  check_loaded(instance)
  error(format('%s has no function "%s": it has %s', instance.name, tostring(key),
    concat(sorted_keys(api), ", ")), 0)
end

-- The name that what load gave has among the globals of what is typed.
local function typed_name(env, api)
  for key, value in pairs(env) do
    if type(key) == "string" and rawequal(value, api) then return key end
  end
  return loaded[api].name
end

-- Puts a function into what load gave.
local function add_function(env, api, name, fn)
  local instance = loaded[api]
  local function call(...)
    check_loaded(instance)
    if rawequal((...), api) then
      error(format("call it with a dot: %s.%s(…)", typed_name(env, api), name), 0)
    end
    return fn(...)
  end
  functions[call] = { api = api, name = name }
  rawset(api, name, call)
end

local function add_method(env, api, name)
  local url = loaded[api].url
  add_function(env, api, name, function(...) return hyperty.call(url, name, ...) end)
end

-- The functions of an instance's api as functions of a table.
local function api_table(env, instance)
  local api = setmetatable({}, api_meta)
  loaded[api] = instance
  for _, method in ipairs(instance.api) do add_method(env, api, method) end
  add_function(env, api, "on", function(event, fn)
    if type(event) ~= "string" or type(fn) ~= "function" then
      error("on needs the name of an event and a function", 0)
    end
    return hyperty.follow(instance.url, event, fn)
  end)
  return api
end

-- Its functions are those of the instance's new code.
local function renew(env, api, instance)
  local has = { on = true }
  for _, method in ipairs(instance.api) do
    has[method] = true
    if not rawget(api, method) then add_method(env, api, method) end
  end
  for name in pairs(api) do
    if not has[name] then api[name] = nil end
  end
end

local function check(value, kind, what)
  if type(value) ~= kind then
    error(format("%s must be a %s, not %s", what, kind, type(value)), 3)
  end
end

-- Prints what happens to an observed object.
local function print_events(observer, url)
  local function line(...) print(format(...)) end
  observer:on("change", function(change)
    if change.kind == "remove" then
      line("%s: %s removed", url, tostring(change.path))
    else
      local value = inspect(change.value, { copy = hyperty.copy, null = hyperty.null })
      line("%s: %s = %s", url, tostring(change.path), value)
    end
  end)
  observer:on("child", function(event)
    local child = event.child
    line("%s: child %s %s%s", url, child.id, event.kind,
      event.kind == "create" and " " .. inspect(hyperty.copy(child.data)) or "")
  end)
  observer:on("event", function(event)
    line("%s: event %s", url, inspect(event, { copy = hyperty.copy }))
  end)
  observer:on("resync", function(from, to, reason)
    line("%s: read anew, from version %s to %s: %s", url, tostring(from), tostring(to),
      tostring(reason))
  end)
  observer:on("delete", function() line("%s: deleted", url) end)
  observer:on("status", function(status)
    line("%s: %s", url, type(status) == "table" and tostring(status.state) or tostring(status))
  end)
end

-- Every instance can be followed, whatever its api has.
local function add_on(names)
  for _, name in ipairs(names) do
    if name == "on" then return end
  end
  names[#names + 1] = "on"
  sort(names)
end

local function command_help(commands, x)
  for _, topic in ipairs(help.COMMANDS) do
    local name = topic[1]
    if commands[name] and (x == name or x == commands[name]) then
      local call, text = help.command(name)
      return call .. "\n" .. text
    end
  end
end

-- About an instance, given its name or what load gave, or about one of its functions.
local function instance_help(host, x)
  local fn = functions[x]
  if fn then
    local name = loaded[fn.api].name
    if fn.name == "on" then
      return format("%s.on(event, fn)\nCalls the function with what %s emits.", name, name)
    end
    return format("%s.%s(…)\nA function of %s", name, fn.name, describe(fn.api))
  end
  local instance = loaded[x]
  if instance and instance.is_gone then return describe(x) end
  for _, other in ipairs(host.instances()) do
    if other.name == x or instance and other.url == instance.url then
      add_on(other.api)
      return format("%s\n  url        %s\n  user       %s\n  functions  %s", other.name, other.url,
        other.user or "none", concat(other.api, ", "))
    end
  end
end

-- All that help knows by name.
local function topic_names(host) return help.names(host.api()) end

local function library_help(host, x)
  local api = host.api()
  if x == hyperty or x == "hyperty" then return help.overview(api) end
  return help.library(api, hyperty, x) or help.object(api, x)
end

-- Stands for a word that people type to leave.
local function leaving_word()
  local text = "Ctrl-D leaves"
  return setmetatable({}, {
    __inspect = function() return text end,
    __call = function() print(text) end,
  })
end

-- Puts the commands into the globals of the prompt. `last.failure` is that of the last line that
-- failed: its text and the calls. Gives `load`.
local function install_commands(host, env, self, last)
  local commands, watched = {}, {}

  function commands.load(name, config)
    check(name, "string", "load: name")
    if config ~= nil then check(config, "table", "load: config") end
    local instance, message = host.load(name, config)
    if not instance then error(message, 0) end
    return api_table(env, instance)
  end

  function commands.use(name)
    check(name, "string", "use: name")
    for _, instance in ipairs(host.instances()) do
      if instance.name == name or instance.url == name then return api_table(env, instance) end
    end
    error(format('use: no instance named "%s"; hyperties() lists them', name), 0)
  end

  function commands.reload(name)
    local instance = loaded[name]
    if instance then check_loaded(instance) end
    name = instance and instance.url or name
    check(name, "string", "reload: name")
    local again, message = host.reload(name)
    if not again then error(message, 0) end
    for api, other in pairs(loaded) do
      if other.url == again.url then renew(env, api, again) end
    end
    return true
  end

  function commands.unload(name)
    local instance = loaded[name]
    if instance then check_loaded(instance) end
    name = instance and instance.url or name
    check(name, "string", "unload: name")
    local ok, message = host.unload(name)
    if not ok then error(message, 0) end
    for _, other in pairs(loaded) do
      if other.name == name or other.url == name then other.is_gone = true end
    end
    return true
  end

  function commands.hyperties()
    local list = host.instances()
    for _, instance in ipairs(list) do add_on(instance.api) end
    return hyperty.array(list)
  end
  function commands.objects() return host.objects() end
  function commands.routes() return host.routes() end

  function commands.watch(url)
    check(url, "string", "watch: url")
    local observer, message = self.syncher:subscribe(url)
    if not observer then error(message, 0) end
    if watched[url] ~= observer then
      watched[url] = observer
      print_events(observer, url)
    end
    return observer
  end

  function commands.why(url, who)
    if url ~= nil then return policy.why(host, url, who) end
    local failure = last.failure
    if not failure then return print "nothing has failed here" end
    print(failure.text)
    if failure.calls then print(failure.calls) end
  end

  function commands.help(x)
    if x == nil then
      for _, topic in ipairs(help.COMMANDS) do
        local call, text = help.command(topic[1])
        if commands[topic[1]] then print(format("%-23s %s", call, text:match "^[^\n:.]+")) end
      end
      return print(OVERVIEW_END)
    end
    print(command_help(commands, x) or instance_help(host, x) or library_help(host, x)
      or format("nothing is known about %s; help() lists the commands",
        inspect(x, { depth = 1, items = 3, null = hyperty.null, copy = hyperty.copy })))
  end

  for name, command in pairs(operate.commands(host)) do commands[name] = command end
  for name, command in pairs(policy.commands(host)) do commands[name] = command end
  for name, command in pairs(keys.commands(host)) do commands[name] = command end

  function commands.loadtext(text, name)
    check(text, "string", "loadtext: text")
    return host.compile(text, name or "loadtext")
  end

  for name, command in pairs(commands) do env[name] = command end
  env.hyperty, env.self = hyperty, self
  env.exit, env.quit = leaving_word(), leaving_word()
  return commands.load
end

local function is_unfinished(message)
  return message ~= nil and message:find "<eof>['\"]?$" ~= nil
end

-- Words that only a statement begins with.
local STATEMENTS = {}
for word in ("break do for goto if local repeat return while"):gmatch "%a+" do
  STATEMENTS[word] = true
end

-- A line as a function; with the name that its value goes to, if it is an assignment to one name.
-- nil and a message if it is not Lua; the third is true if more lines could make it so.
local function compile(host, code)
  local name, expression = code:match "^%s*([%a_][%w_]*)%s*=%s*([^=%s].*)$"
  local fn = name and host.compile("return " .. expression, "prompt")
  if fn then return fn, name end
  local as_value, message
  fn, as_value = host.compile("return " .. code, "prompt")
  if fn then return fn end
  fn, message = host.compile(code, "prompt")
  if fn then return fn end
  local wants_more = is_unfinished(message) or is_unfinished(as_value)
  -- A value with a mistake in it: what is wrong with it as a statement helps nobody.
  if message:find "unexpected symbol" and not as_value:find "<eof> expected"
    and not STATEMENTS[code:match "^%s*(%a*)"] then
    message = as_value
  end
  return nil, message, wants_more
end

-- The text of an object of the syncher, and what is shown behind it: of a child its data. Nothing
-- for what is no such object.
local function tell(object)
  local text = tostring(object)
  local noun = text:match "^%l+"
  if noun == "child" then
    local state = object.state == "kept" and "" or ", " .. object.state
    return text .. state, hyperty.copy(object.data)
  elseif noun == "reporter" or noun == "observer" then
    return format("%s, version %d", text, object.version)
  end
end

-- How values are shown.
local function inspect_options(width, color)
  return { width = width, color = color, null = hyperty.null, copy = hyperty.copy, tell = tell }
end

-- True for what print shows as inspect does: tables without a text of their own, and data.
local function is_shown(value)
  if type(value) ~= "table" then return type(value) == "userdata" end
  local meta = getmetatable(value)
  return type(meta) ~= "table" or not meta.__tostring
end

---@param host table
---@param env table
---@param self table
---@return { eval: function, start: function }
return function(host, env, self)
  local last = {}
  local load_hyperty = install_commands(host, env, self, last)
  function host.topics() return topic_names(host) end
  local M = {}
  local columns -- of the terminal, as the last line told

  ---Prints tables and data so that they can be read; the rest as Lua's own print does.
  function env.print(...)
    local options = inspect_options(columns)
    local texts = pack(...)
    for i = 1, texts.n do
      texts[i] = is_shown(texts[i]) and inspect(texts[i], options) or tostring(texts[i])
    end
    print(concat(texts, "\t"))
  end

  local function show(values, width, color)
    local options = inspect_options(width, color)
    local texts = {}
    for i = 1, values.n do texts[i] = inspect(values[i], options) end
    return concat(texts, "\t")
  end

  -- What a person is told: what failed, then where, and what to do.
  local function two_lines(text, rest, color)
    local place, message = text:match "^([^%s:][^\n:]*:%d+): (.*)$"
    local first, second = message or text, (place and "at " .. place .. "; " or "") .. rest
    if not color then return first .. "\n  " .. second end
    return RED .. first .. OFF .. "\n  " .. DIM .. second .. OFF
  end

  -- The calls that led to an error, without those of this file.
  local function calls_of(traceback)
    local lines = {}
    for line in traceback:gmatch "[^\n]+" do
      local is_own = line:find("hyperty/prompt.lua:", 1, true) or line:find "^%s*%[C%]: in %?"
      if not is_own then lines[#lines + 1] = line end
    end
    while #lines > 0 and lines[#lines]:find "^%s*%[C%]: in" do lines[#lines] = nil end
    return concat(lines, "\n")
  end

  local function failed(reason, traceback, options)
    local text = type(reason) == "string" and reason or show({ n = 1, reason }, options.width)
    last.failure = { text = text, calls = traceback and calls_of(traceback) }
    if not options.terminal then return "error", text end
    local rest = traceback and "why() shows the calls" or "nothing was run"
    return "error", two_lines(text, rest, options.color)
  end

  ---Runs a line. Gives "values", "nothing", "more" or "error", and the text to show.
  ---@param code string
  ---@param width integer
  ---@param color boolean
  ---@param terminal boolean|nil  a person reads
  ---@return string, string
  function M.eval(code, width, color, terminal)
    columns = width
    local options = { width = width, color = color, terminal = terminal }
    local fn, name, wants_more = compile(host, code)
    if not fn then
      if wants_more then return "more", name end
      return failed(name, nil, options)
    end
    local traceback
    local values = pack(xpcall(fn, function(reason)
      traceback = host.traceback()
      return reason
    end))
    if not values[1] then return failed(values[2], traceback or "", options) end
    values = pack(unpack(values, 2, values.n))
    if name then
      env[name] = values[1]
      if values.n == 0 then values.n = 1 end
    end
    if values.n == 0 then return "nothing", "" end
    return "values", show(values, width, color)
  end

  ---What could come behind the code (complete.lua).
  ---@param code string
  ---@param most integer
  ---@return hyperty.complete.answer|nil
  function M.complete(code, most)
    return completion.complete(host, env, code, most)
  end

  ---Loads a hyperty and keeps what load gives under its name, as if that line were typed.
  ---@param name string a name or file
  ---@return string, string
  function M.start(name)
    local ok, api = pcall(load_hyperty, name)
    if not ok then return failed(api, nil, { width = 80 }) end
    env[loaded[api].name] = api
    return "nothing", ""
  end

  return M
end
