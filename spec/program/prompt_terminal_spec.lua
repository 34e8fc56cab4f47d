-- The prompt as a person meets it: sessions at a terminal, with the screens that they give.
local terminal = require "spec.support.terminal"

local function session(name, options, fn)
  it(name, function() terminal.with(options, fn) end)
end

describe("at a prompt", function()
  session("a line shows its value, and nothing shows nothing", {}, function(t)
    t:lines("1 + 1", "x = 'a'", "local y = 1", "x, nil, { 1, b = 2 }")
    t:expect [[
> 1 + 1
2
> x = 'a'
"a"
> local y = 1
> x, nil, { 1, b = 2 }
"a"     nil     { 1, b = 2 }
>]]
  end)

  session("a line can be edited before Enter", {}, function(t)
    t:type "prin(2)"
    t:key("Left", "Left", "Left")
    t:type "t"
    t:key("C-a", "C-k", "C-y", "End", "BSpace")
    t:type " + 1)"
    t:key "Enter"
    t:expect [[
> print(2 + 1)
3
>]]
  end)

  session("words and lines are cut and brought back", {}, function(t)
    t:type "'one', 'two'"
    t:key("C-w", "C-a", "C-y")
    t:type ", "
    t:key("C-e", "BSpace", "BSpace", "Enter")
    t:type "forget it"
    t:key("C-u")
    t:type "'kept'"
    t:key "Enter"
    t:expect [[
> 'two', 'one'
"two"   "one"
> 'kept'
"kept"
>]]
  end)

  session("Ctrl-C forgets a line, and Ctrl-D leaves", {}, function(t)
    t:type "what was I"
    t:key("Left", "Left", "C-c")
    t:expect "> what was I^C\n>"
    t:key "C-d"
    t:expect "> what was I^C\n>\nstatus 0"
  end)

  session("Ctrl-D deletes in a line, and Delete does", {}, function(t)
    t:type "123"
    t:key("C-a", "C-d", "DC", "Enter")
    t:expect "> 3\n3\n>"
  end)
end)

describe("a chunk of several lines", function()
  local LOOP = { "for i = 1, 2 do", "print(i)", "end" }

  local function type_loop(t)
    for _, line in ipairs(LOOP) do
      t:type(line)
      t:key "Enter"
    end
  end

  session("goes on until it is complete", {}, function(t)
    type_loop(t)
    t:expect [[
> for i = 1, 2 do
>> print(i)
>> end
1
2
>]]
    t:lines("x = {", "1,", "}")
    t:shows "{ 1 }"
  end)

  session("can be edited in all its lines", {}, function(t)
    t:type "for i = 1, 3 do"
    t:key "Enter"
    t:type "prin(i) end"
    t:key("Up", "Home", "Right")
    t:key("End", "Left", "Left", "Left", "BSpace")
    t:type "2"
    t:key("Down", "Home", "Right", "Right", "Right", "Right")
    t:type "t"
    t:expect [[
> for i = 1, 2 do
>> print(i) end]]
    t:key "Enter"
    t:expect [[
> for i = 1, 2 do
>> print(i) end
1
2
>]]
  end)

  session("is joined by Backspace and Delete, and split by Alt-Enter", {}, function(t)
    t:type "x = {"
    t:key "Enter"
    t:type "1 }"
    t:key("Home", "BSpace")
    t:expect "> x = {1 }"
    t:key("M-Enter")
    t:expect "> x = {\n>> 1 }"
    t:key("Left", "DC", "Enter")
    t:expect "> x = {1 }\n{ 1 }\n>"
  end)

  session("is one entry of the history", {}, function(t)
    type_loop(t)
    t:lines("'between'")
    t:key("C-l", "Up", "Up")
    t:expect [[
> for i = 1, 2 do
>> print(i)
>> end]]
    t:key("Up", "Up", "End", "Left", "Left", "Left", "BSpace")
    t:type "1"
    t:key("Enter")
    t:expect [[
> for i = 1, 1 do
>> print(i)
>> end
1
>]]
  end)

  session("is forgotten by Ctrl-C", {}, function(t)
    t:type "x = {"
    t:key "Enter"
    t:key "C-c"
    t:lines "x"
    t:expect [[
> x = {
>> ^C
> x
nil
>]]
  end)
end)
