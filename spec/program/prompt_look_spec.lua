-- How values and errors look at a terminal, with colours and without.
local terminal = require "spec.support.terminal"

local BROKEN = [[
local Broken = { name = "Broken", api = {} }
function Broken.api.fail() error "no luck" end
function Broken.api.make(self)
  self.object = self.syncher:create { schema = "Resource", name = "thing", data = { a = 1 } }
  self.object:on("subscribe", function(request) request:accept() end)
  self.object:add_child("items", { text = "first" })
  return self.object.url
end
return Broken
]]

local function session(name, options, fn)
  options.files = { ["broken.lua"] = BROKEN, ["wrong.lua"] = "return {\n  a = 1,\n  x x\n}" }
  it(name, function() terminal.with(options, fn) end)
end

describe("an error", function()
  session("is told in two lines: what failed, and where", {}, function(t)
    t:lines("error 'boo'", "x x", "error({ code = 3 }, 0)", "error('nowhere', 0)")
    t:expect [[
> error 'boo'
boo
  at prompt:1; why() shows the calls
> x x
syntax error near 'x'
  at prompt:1; nothing was run
> error({ code = 3 }, 0)
{ code = 3 }
  why() shows the calls
> error('nowhere', 0)
nowhere
  why() shows the calls
>]]
  end)

  session("shows its calls on request", {}, function(t)
    t:lines("why()", "local function inner() error 'deep' end inner()", "why()")
    t:expect [[
> why()
nothing has failed here
> local function inner() error 'deep' end inner()
deep
  at prompt:1; why() shows the calls
> why()
prompt:1: deep
stack traceback:
        [C]: in global 'error'
        prompt:1: in local 'inner'
        prompt:1: in main chunk
>]]
  end)

  session("in a file is told with its line", {}, function(t)
    t:lines("load './wrong.lua'")
    t:expect [[
> load './wrong.lua'
'}' expected (to close '{' at line 1) near 'x'
  at ./wrong.lua:3; why() shows the calls
>]]
  end)

  session("is that of the statement, if it is one", {}, function(t)
    t:type "for i = 1, 3 do"
    t:key "Enter"
    t:type "x = = 3"
    t:key "Enter"
    t:expect [[
> for i = 1, 3 do
>> x = = 3
unexpected symbol near '='
  at prompt:2; nothing was run
>]]
  end)
end)

describe("values", function()
  session("of live objects and children show what they hold", {}, function(t)
    t:lines("b = load 'broken'", "o = watch(b.make())", "o:children('items')[1].data.text")
    t:lines("o")
    t:wait_until("the observer", function(screen)
      return screen:find "\n<observer resource://localhost/…, version %d>\n"
    end)
    t:key "C-l"
    t:lines("o.data", "o:children('items')[1].data", "{ o:children('items')[1].state }")
    t:expect [[
> o.data
{ a = 1 }
> o:children('items')[1].data
{ text = "first" }
> { o:children('items')[1].state }
{ "kept" }
>]]
  end)

  session("fill the lines, and long ones are cut", { width = 40 }, function(t)
    t:lines("local t = {} for i = 1, 200 do t[i] = i end return t")
    t:shows "99, 100,\n  … (100 more)\n}\n>"
  end)

  session("have colours, errors and names of who prints too", {}, function(t)
    t:lines("{ 1, 'a', nil, true }", "error 'boo'")
    local text = t:colors()
    assert.truthy(text:find("\27[36m1", 1, true), text)
    assert.truthy(text:find('\27[32m"a"', 1, true), text)
    assert.truthy(text:find("\27[31mboo", 1, true), text)
  end)

  for _, env in ipairs { "NO_COLOR=1", "TERM=dumb" } do
    session("have none with " .. env, { env = env, is_dumb = env:find "dumb" }, function(t)
      t:lines("{ 1, 'a' }", "error 'boo'")
      t:shows '{ 1, "a" }'
      t:shows "boo\n  at prompt:1"
      assert.falsy(t:colors():find("\27[3", 1, true))
    end)
  end
end)
