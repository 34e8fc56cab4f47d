-- Completion at a terminal: what Tab puts in and what a second one lists.
local terminal = require "spec.support.terminal"

local TALK = [[
local Talk = { name = "Talk", api = {} }
function Talk:start()
  self.object = self.syncher:create { schema = "Talk", name = "talk",
    data = { room = { topic = "birds", people = { { name = "Ann" } } }, rows = 3 } }
  self.object:on("subscribe", function(request) request:accept() end)
end
function Talk.api.url(self) return self.object.url end
function Talk.api.say(_, text) return text end
function Talk.api.say_twice(_, text) return text .. text end
return Talk
]]

local SCHEMA = [[{"scheme":"talk","properties":{"room":{},"rows":{},"rules":{}},
  "children":{"remarks":{},"replies":{}}}]]

local FILES = { ["talk.lua"] = TALK, ["schemas/Talk.json"] = SCHEMA }

local function session(name, fn)
  it(name, function()
    terminal.with({ files = FILES }, fn)
  end)
end

-- Types it with Tab, and waits for the line that this becomes; then the line is forgotten.
local function completes(t, typed, line)
  t:type(typed)
  t:key "Tab"
  t:wait_until(line, function(screen) return ("\n" .. screen):find("\n> " .. line, 1, true) end)
  t:key "C-u"
end

describe("Tab", function()
  session("completes globals, keywords and what a chunk has made", function(t)
    t:lines "telephone = { number = 1 }"
    completes(t, "tele", "telephone")
    completes(t, "telephone.nu", "telephone.number")
    completes(t, "hype", "hypert") -- hyperty, hyperties
    completes(t, "hyperties(hyperty.sl", "hyperties(hyperty.sleep")
    completes(t, "x = 1 whi", "x = 1 while")
    completes(t, "local wonderful = 1; won", "local wonderful = 1; wonderful")
    completes(t, "('x'):re; string.rev", "('x'):re; string.reverse")
  end)

  session("puts in what all have in common, and lists at the second", function(t)
    t:lines "talk = load 'talk'"
    t:key "C-l"
    t:type "talk.sa"
    t:key "Tab"
    t:expect "> talk.say"
    t:key "Tab"
    t:expect [[
  say        say_twice
> talk.say]]
    t:type "_"
    t:key "Tab"
    t:type " 'ho'"
    t:key "Enter"
    t:expect [[
  say        say_twice
> talk.say_twice 'ho'
"hoho"
>]]
  end)

  session("knows hyperties, files and what is loaded", function(t)
    completes(t, "load 'ta", "load 'talk'")
    completes(t, 'x = load("./ta', 'x = load("./talk.lua"')
    t:lines "talk = load 'talk'"
    completes(t, "unload 'ta", "unload 'talk'")
    completes(t, "help 'rep", "help 'reporter'")
    completes(t, "watch 'talk:", "watch 'talk://localhost/…'")
  end)

  session("knows live objects, their fields and methods", function(t)
    t:lines("talk = load 'talk'", "o = watch(talk.url())", "t = { o }")
    completes(t, "o.data.roo", "o.data.room")
    completes(t, "o.data.room.people[1].na", "o.data.room.people[1].name")
    completes(t, "t[1].data.room.to", "t[1].data.room.topic")
    completes(t, "o:exe", "o:execute")
    completes(t, "o.exe", "o:execute")
    completes(t, "o:on('cha", "o:on('change'")
    completes(t, "o.data['roo", "o.data['room'")
    t:key "C-l"
    t:type "o.data.ro"
    t:key("Tab", "Tab")
    t:expect "  room  rows\n> o.data.ro"
  end)

  session("does nothing where there is nothing to complete", function(t)
    t:lines "x = 1"
    t:key "C-l"
    for _, typed in ipairs { "-- he", "x.y", "12", "'he", "nobody.na", "nobody().na" } do
      t:type(typed)
      t:key("Tab", "Tab", "C-a", "C-e")
      t:expect("> " .. typed)
      t:key "C-u"
    end
    t:key "Tab"
    t:type "x"
    t:expect ">   x"
  end)

  session("runs no code of those whose names it looks at", function(t)
    t:lines("ran = 0", "function ran_so(x) ran = ran + 1 return { secret = 1 } end",
      "m = setmetatable({ field = 1 }, { __index = ran_so, __pairs = ran_so, __len = ran_so })",
      "c = setmetatable({}, { __index = { inherited = 1 } })")
    completes(t, "m.fi", "m.field")
    completes(t, "m.field.", "m.field.")
    completes(t, "m.other.sec", "m.other.sec")
    completes(t, "c.inh", "c.inherited")
    t:lines "'ran', ran"
    t:shows '"ran"   0'
  end)

  session("is bounded for tables that are large or endless", function(t)
    t:lines("big = {} for i = 1, 300000 do big['key' .. i] = i end",
      "loop = {} setmetatable(loop, { __index = loop }) loop.known = 1")
    completes(t, "loop.kn", "loop.known")
    t:type "big."
    t:key("Tab", "Tab", "Tab")
    t:shows "… and more\n> big."
  end)

  session("knows schemas, their fields and collections, and arguments", function(t)
    local make = "self.syncher:create { "
    completes(t, make .. "sch", make .. "schema =")
    completes(t, make .. 'schema = "Ta', make .. 'schema = "Talk"')
    completes(t, make .. 'schema = "Talk", data = { rul', make
      .. 'schema = "Talk", data = { rules =')
    completes(t, "self.syncher:subscribe(url, { sto", "self.syncher:subscribe(url, { store =")
    completes(t, make .. "store = 's", make .. "store = 'sync'")
    t:lines("talk = load 'talk'", "o = watch(talk.url())")
    completes(t, 'o:children("rem', 'o:children("remarks"')
  end)
end)
