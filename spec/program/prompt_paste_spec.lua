-- Pasting and characters beyond ASCII, at a terminal.
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"

local function session(name, options, fn)
  it(name, function() terminal.with(options, fn) end)
end

describe("what is pasted", function()
  session("stands in the line, tabs and all, and is run by Enter as one chunk", {}, function(t)
    t:paste "for i = 1, 2 do\n\tprint(i)\n\tif i == 2 then print 'end' end\nend\n"
    t:expect [[
> for i = 1, 2 do
>>      print(i)
>>      if i == 2 then print 'end' end
>> end]]
    t:key "Enter"
    t:expect [[
> for i = 1, 2 do
>>      print(i)
>>      if i == 2 then print 'end' end
>> end
1
2
end
>]]
    t:key("Up", "Up", "Up", "Up")
    t:key("C-l")
    t:shows "> for i = 1, 2 do\n>>"
  end)

  session("may be a part of a chunk or of a line", {}, function(t)
    t:type "x = { 'a'"
    t:key("Left", "Left", "Left")
    t:paste "'b',\n'c', "
    t:key("End")
    t:paste ",\n"
    t:key "Enter"
    t:type "}"
    t:expect "> x = { 'b',\n>> 'c', 'a',\n>> }"
    t:key "Enter"
    t:shows '{ "b", "c", "a" }'
  end)

  session("cannot move the cursor or press keys", {}, function(t)
    t:paste "'a\27[2J\27[Hb\1\4c\r\nd'"
    t:expect "> 'a[2J[Hbc\n>> d'"
  end)

  session("and is too large is not taken", {}, function(t)
    t:type "'kept'"
    t:paste(("x"):rep(300 * 1024))
    t:key "Enter"
    t:shows "hyperty: what was pasted is over 256 KiB; it is not taken; put it into a file"
    t:shows "> 'kept'\n\"kept\"\n>"
  end)

  session("while a chunk is under way waits for the prompt", {}, function(t)
    t:type "hyperty.sleep(0.5) 'slept'"
    t:key("C-u")
    t:type "hyperty.sleep(0.5)"
    t:key "Enter"
    t:paste "'pasted'"
    t:key "Enter"
    t:expect "> hyperty.sleep(0.5)\n> 'pasted'\n\"pasted\"\n>"
  end)
end)

describe("characters", function()
  session("of any width are edited as one each", {}, function(t)
    t:type "'é中文…'"
    t:key("Left", "Left", "BSpace", "BSpace")
    t:expect "> 'é…'"
    assert.same({ 4, 0 }, { t:cursor() })
    t:type "日"
    t:key("Home", "Right", "Right")
    assert.truthy(pcall(t.wait_until, t, "the cursor", function() return t:cursor() == 4 end))
    t:key "Enter"
    t:expect "> 'é日…'\n\"é日…\"\n>"
  end)

  session("of any width wrap", { width = 20 }, function(t)
    t:type("'" .. ("中"):rep(12) .. "'")
    t:expect("> '" .. ("中"):rep(8) .. "\n" .. ("中"):rep(4) .. "'")
    t:lines "" -- Enter
    t:key("C-l", "Up", "Home", "Right", "BSpace", "Delete")
    t:type "#'"
    t:expect("> #'" .. ("中"):rep(8) .. "\n" .. ("中"):rep(3) .. "'")
    t:key "Enter"
    t:shows "33"
  end)

  it("may come in pieces, and bytes that are none are left out", function()
    program.with_dir(function(dir)
      local result = program.run({ "repl" }, { dir = dir, env = "TERM=xterm HOME=" .. dir,
        shell = [[{ sleep 0.7; printf "'\344"; sleep 0.2; printf "\270"; sleep 0.2;
          printf "\255\377\303(\303\251' .. 'end'\r"; sleep 0.7; } |
          SHELL=/bin/sh script -qec "%s" /dev/null]] })
      assert.truthy(result.out:find('"中(éend"', 1, true), result.out)
    end)
  end)
end)
