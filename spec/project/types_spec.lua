-- lua/types: the annotations are those that the tables of the core make, and what they name is what
-- a hyperty meets at run time, with its parameters and no more.
local help = require "hyperty.help"
local host = require "hyperty.host"
local program = require "spec.support.program"
local spec = require "hyperty.spec"
local tree = require "spec.support.tree"
local types = require "spec.support.types"

local API = host.api()

-- Has one of each object in `seen`, and looks at them from inside.
local WALKER = [[
local hyperty = require "hyperty"
local Walker = { name = "Walker", version = 1, schemas = { "Resource" } }
local seen = { library = hyperty, json = hyperty.json, log = hyperty.log }

local function keep(name, decide)
  return function(object)
    seen[name] = object
    if decide then object[decide](object) end
  end
end

function Walker:start()
  seen.Hyperty, seen.Syncher = self, self.syncher
  self.syncher:on("invite", keep("Invitation", "accept"))
  self.syncher:on("delegate", keep("Offer", "decline"))
  self.syncher:on("registration", keep "Registration")
  local r = assert(self.syncher:create {
    schema = "Resource", name = "walk", description = "d", tags = { "t" },
    data = { n = 1 },
  })
  seen.Reporter, seen.Metadata = r, r.metadata
  seen.Handler = r:on("subscribe", keep("Request", "accept"))
  r:on("unsubscribe", keep "Left")
  r:on("child", keep "ChildEvent")
  r:on("event", keep "Event")
  seen.Timer = hyperty.every(1000, function() end)
end

Walker.api = {}

function Walker.api.url(self) return seen.Reporter.url end

-- Observes the object of another.
function Walker.api.observe(self, url)
  local o = assert(self.syncher:subscribe(url))
  seen.Observer, seen.Status = o, o:status()
  o:on("change", keep "Change")
  seen.Child = assert(o:add_child("items", { a = 1 }))
  assert(seen.Child:wait())
  assert(o:send_event("items", 1))
  seen.Reading = assert(self.syncher:read(url))
  seen.Entry = assert(self.syncher:discover { name = "walk", url = url })[1]
  return true
end

function Walker.api.leave()
  return seen.Observer:unsubscribe()
end

function Walker.api.change()
  seen.Reporter.data.n = seen.Reporter.data.n + 1
end

function Walker.api.ask(self, other)
  local second = assert(self.syncher:create { schema = "Resource", data = {} })
  return second:invite { other }, second:delegate(other)
end

function Walker.api.identity()
  seen.Identity = seen.Request.identity
end

-- The names that an object, a table or what a raise tells have.
function Walker.api.names(_, what)
  local object, names = seen[what], {}
  if object == nil then error("there is no " .. what) end
  if type(object) == "table" then
    for name in pairs(object) do names[#names + 1] = name end
    return hyperty.array(names)
  end
  local ok, message = pcall(function() return object.no_such_name end)
  if ok then return nil end
  for name in message:match "it has: (.*)%)":gmatch "[^, ]+" do names[#names + 1] = name end
  return hyperty.array(names)
end

-- Whether reading that name does not raise.
function Walker.api.has(_, what, name)
  return (pcall(function() return seen[what][name] end))
end

local samples = {
  string = "x", number = 1, table = { 1 }, list = { "x" }, fn = function() end, flag = true,
}

-- Calls a function with samples: it has to raise.
function Walker.api.call(_, what, name, is_method, words)
  local arguments = {}
  for i, word in ipairs(words) do arguments[i] = samples[word] end
  local object = seen[what]
  local function call()
    if is_method then
      return object[name](object, table.unpack(arguments, 1, #words))
    end
    return object[name](table.unpack(arguments, 1, #words))
  end
  local ok, message = pcall(call)
  if ok then return "nothing" end
  return tostring(message)
end

return Walker]]

-- A walker that has met another one.
local function walk(fn)
  local world <close> = spec.world()
  local walker = world:load_text(WALKER, { as = "walker" })
  local other = world:load_text(WALKER, { as = "other" })
  walker.ask(world:url(other))
  other.ask(world:url(walker))
  walker.observe(other.url())
  other.observe(walker.url())
  other.change()
  world:run(1)
  walker.identity()
  other.leave()
  world:run(1)
  fn(walker)
end

local function set_of(list, key)
  local set = {}
  for _, entry in ipairs(list) do set[key and entry[key] or entry] = true end
  return set
end

-- What is in one of them alone, as text.
local function difference(told, met)
  local found = {}
  for name in pairs(told) do
    if not met[name] then found[#found + 1] = name .. " is told, but not there" end
  end
  for name in pairs(met) do
    if not told[name] then found[#found + 1] = name .. " is there, but not told" end
  end
  table.sort(found)
  return table.concat(found, ", ")
end

local function class_named(name)
  for _, class in ipairs(API.classes) do
    if class.name == "hyperty." .. name then return class end
  end
end

-- The names that the annotations of a class have.
local function told_names(class)
  local text = tree.read "lua/types/hyperty/objects.lua"
    .. tree.read "lua/types/hyperty/events.lua"
  local short, names = class.name:match "%a+$", {}
  local block = text:match("\n%-%-%-@class " .. class.name:gsub("%.", "%%.") .. "\n(.-)local ")
  for name in block:gmatch "%-%-%-@field ([%w_]+)" do names[name] = true end
  for name in text:gmatch("\nfunction " .. short .. ":([%w_]+)%(") do names[name] = true end
  return names
end

describe("the annotations", function()
  it("are those that tools/types makes", function()
    local files, count = types.files(API), 0
    for name, text in pairs(files) do
      count = count + 1
      assert.equal(text, tree.read("lua/types/" .. name), name .. " is old: run tools/types")
    end
    assert.equal(count, #tree.files("lua/types", "%.lua$"))
  end)

  it("are Lua", function()
    for _, path in ipairs(tree.files("lua/types", "%.lua$")) do assert(loadfile(path)) end
  end)

  it("name classes that are there", function()
    local known, text = {}, ""
    for _, path in ipairs(tree.files("lua/types", "%.lua$")) do text = text .. tree.read(path) end
    for name in text:gmatch "%-%-%-@class ([%w_.]+)" do known[name] = true end
    for name in text:gmatch "%-%-%-@alias ([%w_.]+)" do known[name] = true end
    local missing = {}
    for line in text:gmatch "%-%-%-@(%a+ [^\n#]+)" do
      for name in line:gmatch "hyperty%.%u[%w_.]*" do
        if not known[name] then missing[#missing + 1] = name end
      end
    end
    assert.same({}, missing)
  end)

  it("name what an object has, and nothing else", function()
    walk(function(walker)
      for _, class in ipairs(API.classes) do
        local short = class.name:match "%a+$"
        local told, names = told_names(class), walker.names(short)
        if class.metatable and names then
          assert.equal("", difference(told, set_of(names)), short)
        end
        for name in pairs(told) do
          assert.is_true(walker.has(short, name), short .. "." .. name)
        end
      end
    end)
  end)

  it("name what a table has that a hyperty is given", function()
    walk(function(walker)
      for _, short in ipairs {
        "Status", "Event", "Left", "Registration", "Metadata", "Reading", "Entry", "Identity",
        "Hyperty",
      } do
        local class, met = class_named(short), set_of(walker.names(short))
        local told = told_names(class)
        for name in pairs(met) do assert.truthy(told[name], short .. " has " .. name) end
        for _, field in ipairs(class.fields) do
          local is_given = short ~= "Hyperty" or not field.name:find "^[nv]"
          if is_given and not field.type:find "|nil" then
            assert.truthy(met[field.name], short .. " has no " .. field.name)
          end
        end
      end
    end)
  end)

  it("name all of the library", function()
    local parts = { hyperty = "library", ["hyperty.json"] = "json", ["hyperty.log"] = "log" }
    walk(function(walker)
      for _, library in ipairs(API.library) do
        local told, short = set_of(library.functions, "name"), parts[library.name]
        for _, value in ipairs(library.values) do told[value.name] = true end
        if short == "library" then told.json, told.log = true, true end
        assert.equal("", difference(told, set_of(walker.names(short))), library.name)
      end
    end)
  end)

  it("name all commands of the prompt", function()
    local result = program.repl [[
names = {}
for name in pairs(_ENV) do names[#names + 1] = name end
for _, name in ipairs(names) do
  local is_command = type(_ENV[name]) == "function" or rawequal(_ENV[name], node)
  if is_command then print("has " .. name) end
end
]]
    assert.equal("", result.err)
    local lua = set_of { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall",
      "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable",
      "tonumber", "tostring", "type", "xpcall", "collectgarbage" }
    local met, told = {}, {}
    for name in result.out:gmatch "has ([%w_]+)" do
      if not lua[name] then met[name] = true end
    end
    for _, command in ipairs(help.COMMANDS) do told[command[1]] = true end
    assert.equal("", difference(told, met))
  end)
end)

-- The word for a sample that fits a type, and for one that does not; nil: anything does.
local function samples_of(kind)
  if kind:find "^fun" then return "fn", "number" end
  local words = {
    string = { "string", "flag" }, number = { "number", "fn" }, table = { "table", "flag" },
    options = { "table", "number" }, ["string[]"] = { "list", "number" },
    ["hyperty.Path"] = { "string", "flag" }, ["any[]"] = { "table", "number" },
  }
  local pair = words[kind]
  if not pair then return "number", nil end
  return pair[1], pair[2]
end

describe("the parameters that are told", function()
  -- Calls it with each parameter wrong in turn, and with each that is needed left out.
  local function check(walker, what, method, is_method)
    local list, before, missed = help.parameters(method.params), {}, {}
    for _, parameter in ipairs(list) do
      if parameter.name == "..." then break end
      local right, wrong = samples_of(parameter.type)
      local words = { table.unpack(before) }
      if wrong then
        words[#words + 1] = wrong
        if walker.call(what, method.name, is_method, words) == "nothing" then
          missed[#missed + 1] = ("%s.%s takes a wrong %s"):format(what, method.name, parameter.name)
        end
        words[#words] = nil
      end
      if parameter.optional then break end -- what follows may stand in its place
      if walker.call(what, method.name, is_method, words) == "nothing" then
        missed[#missed + 1] = ("%s.%s does without %s"):format(what, method.name, parameter.name)
      end
      before[#before + 1] = right
    end
    return missed
  end

  local function check_all(walker, what, methods, is_method)
    local missed, count = {}, 0
    for _, method in ipairs(methods) do
      for _, text in ipairs(check(walker, what, method, is_method)) do
        missed[#missed + 1] = text
      end
      count = count + 1
    end
    assert.same({}, missed)
    return count
  end

  it("are checked by the methods of objects", function()
    walk(function(walker)
      local count = 0
      for _, class in ipairs(API.classes) do
        if class.metatable then
          count = count + check_all(walker, class.name:match "%a+$", class.methods, true)
        end
      end
      assert.truthy(count >= 30)
    end)
  end)

  it("are checked by the library", function()
    walk(function(walker)
      for _, library in ipairs(API.library) do
        local what = library.name:match "^hyperty%.(%a+)" or "library"
        check_all(walker, what, library.functions, false)
      end
    end)
  end)

  it("have all events, of which each is known", function()
    walk(function(walker)
      local count = 0
      for _, class in ipairs(API.classes) do
        if #class.events > 0 then
          local message = walker.call(class.name:match "%a+$", "on", true, { "string", "fn" })
          local known = {}
          for i, event in ipairs(class.events) do known[i] = event.name end
          assert.truthy(message:find("(known: " .. table.concat(known, ", ") .. ")", 1, true),
            message)
          count = count + 1
        end
      end
      assert.equal(3, count)
    end)
  end)

  it("are all that may be named", function()
    walk(function(walker)
      for _, method in ipairs(class_named "Syncher".methods) do
        if method.options then
          local words = method.name == "subscribe" and { "string", "list" } or { "list" }
          local message = walker.call("Syncher", method.name, true, words)
          local known = {}
          for i, option in ipairs(method.options) do known[i] = option.name end
          assert.truthy(message:find("(known: " .. table.concat(known, ", ") .. ")", 1, true),
            message)
        end
      end
    end)
  end)
end)
