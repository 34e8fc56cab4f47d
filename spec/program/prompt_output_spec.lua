-- What appears while a person types: output of hyperties, other sizes of the terminal, answers that
-- are awaited, hosts that are silent or gone.
local terminal = require "spec.support.terminal"

local TALKER = [[
local hyperty = require "hyperty"
local Talker = { name = "Talker", api = {} }
function Talker.api.say(_, text) print(text) end
function Talker.api.later(_, seconds, text)
  hyperty.after(seconds, function() print(text) end)
end
-- So many lines, ten in each hundredth of a second.
function Talker.api.storm(_, count)
  local said = 0
  local timer
  timer = hyperty.every(0.01, function()
    for _ = 1, 10 do
      said = said + 1
      print("line " .. said)
    end
    if said >= count then timer:cancel() end
  end)
end
return Talker
]]

local function session(name, options, fn)
  options.files = { ["talker.lua"] = TALKER }
  options.args = { "repl", "talker" }
  it(name, function() terminal.with(options, fn) end)
end

describe("output of hyperties", function()
  session("comes above the line being typed, which stays as it is", {}, function(t)
    t:lines "local _ = talker.later(0.4, 'hello')"
    t:type "'half a li"
    t:key("Left", "Left")
    t:expect [[
> local _ = talker.later(0.4, 'hello')
talker: hello
> 'half a li]]
    assert.same({ 10, 2 }, { t:cursor() })
    t:key "End"
    t:type "ne'"
    t:key "Enter"
    t:shows "> 'half a line'\n\"half a line\"\n>"
  end)

  session("comes above lines that wrap, and chunks of several", { width = 30 }, function(t)
    t:lines("talker.later(0.5, 'one')")
    t:lines("talker.later(1.0, 'two')")
    t:key "C-l"
    t:type "x = { 'something that is long',"
    t:key "Enter"
    t:type "'and this is more of it'"
    t:expect [[
talker: one
> x = { 'something that is lon
g',
>> 'and this is more of it']]
    t:key("Up", "Home")
    t:expect [[
talker: one
talker: two
> x = { 'something that is lon
g',
>> 'and this is more of it']]
    assert.same({ 2, 2 }, { t:cursor() })
  end)

  session("of a thousand lines a second leaves the prompt usable", {}, function(t)
    t:type "talker.storm(3000)"
    t:key "Enter"
    t:wait_until("some lines", function(screen) return screen:find "line %d%d%d\n" end)
    t:type "20 + "
    t:key("BSpace", "Space")
    t:type "2"
    t:wait_until("the line below the output", function(screen)
      return screen:find "talker: line %d+\n> 20 %+ 2$"
    end)
    t:key "Enter"
    t:shows "talker: line 3000\n>"
    local all, expected = t:all(), 0
    for number in all:gmatch "talker: line (%d+)" do
      expected = expected + 1
      assert.equal(expected, tonumber(number))
    end
    assert.equal(3000, expected)
    assert.truthy(all:find "\n> 20 %+ 2\n")
    assert.truthy(all:find "\n22\n")
  end)

  session("comes above completion, too, and Tab is answered meanwhile", {}, function(t)
    t:type "talker.storm(1000)"
    t:key "Enter"
    t:wait_until("some lines", function(screen) return screen:find "line %d%d%d\n" end)
    t:type "talker.sto"
    t:key "Tab"
    t:wait_until("the name", function(screen) return screen:find "\n> talker.storm$" end)
    t:shows "talker: line 1000\n> talker.storm"
  end)
end)

describe("another size of the terminal", function()
  session("keeps the line being typed", { width = 60 }, function(t)
    t:lines "'before'"
    t:type "x = 'a line that is longer than the terminal will be'"
    t:shows "will be'"
    t:resize(30)
    t:shows [[
"before"
> x = 'a line that is longer t
han the terminal will be']]
    t:type " .. 1"
    t:resize(50)
    t:shows [[
"before"
> x = 'a line that is longer than the terminal wil
l be' .. 1]]
    t:key "Enter"
    t:shows "\"a line that is longer than the terminal will be1\"\n>"
  end)

  session("while output arrives breaks nothing", { width = 60 }, function(t)
    t:type "talker.storm(2000)"
    t:key "Enter"
    t:wait_until("some lines", function(screen) return screen:find "line %d%d%d\n" end)
    t:type "'typed while all this happens'"
    for _, width in ipairs { 30, 70, 25, 60 } do
      t:resize(width)
      t:wait_until("the line", function(screen)
        return screen:gsub("\n", ""):find "> 'typed while all this happens'$"
      end)
    end
    t:shows "talker: line 2000\n> 'typed while all this happens'"
    t:key "Enter"
    t:shows "\"typed while all this happens\"\n>"
  end)

  session("is the width of what is shown", { width = 80 }, function(t)
    local value = "{ 'aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb' }"
    t:lines(value)
    t:expect("> " .. value .. "\n{ \"aaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbb\" }\n>")
    t:resize(30)
    t:key "C-l"
    t:lines(value)
    t:shows '{\n  "aaaaaaaaaaaaaaaa",\n  "bbbbbbbbbbbbbbbb"\n}\n>'
  end)
end)

describe("Ctrl-C", function()
  session("cancels what is awaited, and the prompt goes on", {}, function(t)
    t:type "hyperty.sleep(100)"
    t:key "Enter"
    t:type "'typed ahead'"
    t:key "C-c"
    t:expect "> hyperty.sleep(100)\ncancelled\n>"
    t:lines "'on'"
    t:expect "> hyperty.sleep(100)\ncancelled\n> 'on'\n\"on\"\n>"
  end)

  session("does nothing to what is over", {}, function(t)
    t:type "hyperty.sleep(0.3)"
    t:key "Enter"
    t:type "'typed ahead'"
    t:key "Enter"
    t:expect "> hyperty.sleep(0.3)\n> 'typed ahead'\n\"typed ahead\"\n>"
    t:key("C-c", "C-c", "C-c", "C-c")
    t:lines "'on'"
    t:shows "> 'on'\n\"on\"\n>"
  end)
end)

describe("Ctrl-Z", function()
  session("gives the terminal back, and the line is there on return", {
    after = "read -r line; echo \"the shell read $line\"; fg >/dev/null; echo \"status $?\"",
  }, function(t)
    t:type "'a line'"
    t:key "C-z"
    t:shows "status 148"
    t:type "echoed"
    t:shows "echoed"
    t:key "Enter"
    t:shows "the shell read echoed\n> 'a line'"
    t:key "Enter"
    t:shows "> 'a line'\n\"a line\"\n>"
    t:key "C-d"
    t:shows "status 0"
  end)
end)

describe("a host", function()
  session("that is stopped blocks nobody", {}, function(t)
    t:signal("host", "STOP")
    t:type "talker.sa"
    t:key "Tab"
    t:type "y 'hello'"
    t:expect "> talker.say 'hello'"
    t:key "Enter"
    t:key "C-c"
    t:expect [[
> talker.say 'hello'
hyperty: repl: the host does not answer; Ctrl-C once more ends it]]
    t:signal("host", "CONT")
    t:expect [[
> talker.say 'hello'
hyperty: repl: the host does not answer; Ctrl-C once more ends it
cancelled
talker: hello
>]]
  end)

  session("that is stopped can be ended", {}, function(t)
    t:signal("host", "STOP")
    t:key "C-d"
    t:expect ">\nhyperty: repl: the host does not answer; Ctrl-C once more ends it"
    t:key "C-c"
    t:shows "hyperty: repl: the host was ended by signal 9\nstatus 1"
  end)

  session("that dies is told of while a line is typed", {}, function(t)
    t:type "'half a li"
    t:shows "half a li"
    t:signal("host", "KILL")
    t:expect "hyperty: repl: the host was ended by signal 9\nstatus 1"
  end)
end)
