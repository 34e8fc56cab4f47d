-- The history of a prompt at a terminal: over runs, between clients, and searched.
local program = require "spec.support.program"
local terminal = require "spec.support.terminal"
local tree = require "spec.support.tree"

local FOLDER = "/.local/state/hyperty/history"

-- The history file of a folder that was a terminal's home.
local function history_file(dir)
  local list = assert(io.popen("ls " .. dir .. FOLDER .. "/*"))
  local path, second = list:read "l", list:read "l"
  list:close()
  assert.is_nil(second)
  return path
end

describe("the history", function()
  it("is there in the next run, in its folder only, and nobody else may read it", function()
    program.with_dir(function(dir)
      terminal.with({ dir = dir }, function(t)
        t:lines("'first'", "'second'", "'second'")
        t:type "if true then"
        t:key "Enter"
        t:type [[return "a\\b" end]]
        t:key "Enter"
        t:shows '"a\\\\b"'
      end)
      local file = history_file(dir)
      assert.equal("'first'\n'second'\nif true then\\nreturn \"a\\\\\\\\b\" end\n", tree.read(file))
      local mode = assert(io.popen("stat -c %a " .. file))
      assert.equal("600\n", mode:read "a")
      mode:close()
      terminal.with({ dir = dir }, function(t)
        t:key("Up")
        t:expect "> if true then\n>> return \"a\\\\b\" end"
        t:key("Up", "Up")
        t:expect "> 'second'"
        t:key("Up", "Enter")
        t:expect "> 'first'\n\"first\"\n>"
        t:type "draft"
        t:key("Up", "Up", "Down", "Down")
        t:expect "> 'first'\n\"first\"\n> draft"
      end)
    end)
  end)

  it("of clients at the same time has the lines of each", function()
    program.with_dir(function(dir)
      local env = "HYPERTY_HISTORY=" .. dir .. "/shared"
      terminal.with({ env = env }, function(one)
        terminal.with({ env = env }, function(two)
          one:lines "'one'"
          two:lines "'two'"
          one:lines "'three'"
          two:key "Up"
          two:expect "> 'two'\n\"two\"\n> 'two'"
        end)
      end)
      assert.equal("'one'\n'two'\n'three'\n", tree.read(dir .. "/shared"))
    end)
  end)

  it("is kept nowhere if HYPERTY_HISTORY is empty", function()
    program.with_dir(function(dir)
      terminal.with({ dir = dir, env = "HYPERTY_HISTORY=" }, function(t)
        t:lines("'secret'")
        t:key "Up"
        t:expect "> 'secret'\n\"secret\"\n> 'secret'"
      end)
      assert.is_nil(io.open(dir .. "/.local"))
    end)
  end)

  it("is shortened when it has become long, and what is no text is left out", function()
    program.with_dir(function(dir)
      local lines = {}
      for i = 1, 2100 do lines[i] = tostring(i) end
      lines[2050] = "\xff\xfe"
      program.write(dir .. "/h", table.concat(lines, "\n") .. "\n")
      terminal.with({ env = "HYPERTY_HISTORY=" .. dir .. "/h" }, function(t)
        t:key "Up"
        t:expect "> 2100"
        t:key "C-c"
        t:lines "'new'"
      end)
      local text = tree.read(dir .. "/h")
      assert.equal("1100\n", text:match "^[^\n]*\n")
      assert.equal("2100\n'new'\n", text:match "[^\n]*\n[^\n]*\n$")
      assert.falsy(text:find "\xff")
    end)
  end)

  it("is searched by Ctrl-R", function()
    terminal.with({}, function(t)
      t:lines("'red apple'", "'green'", "'red pear'")
      t:key "C-l"
      t:type "dra"
      t:key "C-r"
      t:type "red"
      t:expect [[(search "red") 'red pear']]
      t:key "C-r"
      t:expect [[(search "red") 'red apple']]
      t:key "C-r"
      t:expect [[(no search "red") 'red apple']]
      t:key "C-g"
      t:expect "> dra"
      t:key("C-u", "C-r")
      t:type "gx"
      t:expect [[(no search "gx") 'green']]
      t:key("BSpace", "Enter")
      t:expect "> 'green'\n\"green\"\n>"
      t:key "C-r"
      t:type "apple"
      t:key("Home", "DC")
      t:expect "> 'green'\n\"green\"\n> red apple'"
      t:key("C-c")
      t:key "C-r"
      t:key "C-c"
      t:lines "'on'"
      t:shows "> 'on'\n\"on\"\n>"
    end)
  end)
end)
