-- The locked doors of the README: its commands and lines, as typed, but for the port.
local process = require "spec.support.process"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local README = tree.read "README.md"
local NODE_URL = "wss://localhost:9443/ws"

-- The lines after that mark, without what stands before each of them.
local function marked(mark, before)
  local _, at = README:find("<!-- spec: " .. mark .. " -->\n", 1, true)
  assert(at, "README.md has no lines marked " .. mark)
  local list = {}
  for line in README:sub(at + 1, README:find("\n\n", at, true)):gmatch "[^\n]+" do
    assert.equal(before, line:sub(1, #before))
    list[#list + 1] = line:sub(#before + 1)
  end
  return list
end

-- The words of the command of that beginning; names of files are in `dir`.
local function command(beginning, dir, url)
  local at = assert(README:find("\n    build/release/hyperty " .. beginning, 1, true), beginning)
  local words = {}
  for word in README:match("hyperty ([^\n]*)", at):gmatch "%S+" do
    if word == NODE_URL then word = url end
    words[#words + 1] = word:find "^[%a]+%.%a+$" and dir .. "/" .. word or word
  end
  return words
end

describe("the README's locked doors", function()
  it("open for who has a token, to a room that nobody else can read", function()
    process.with(function(start, dir)
      local lines = marked("locked", "    ")
      local script = table.concat(lines, "\n"):gsub("build/release/hyperty", function()
        return program.path
      end)
      -- The mode of files made later is as it was: the lines are typed into somebody's own shell.
      program.write(dir .. "/make.sh", "set -e\numask 022\n" .. script
        .. "\ntest \"$(umask)\" = 0022\n")
      assert(os.execute(("unset LD_PRELOAD; cd %s && sh make.sh >made 2>&1"):format(dir)))

      local node = start(table.unpack(command("node --listen " .. NODE_URL, dir,
        "wss://localhost:0/ws")))
      local url = node:expect("err", "listens on (%S+)")
      local words = command("repl --node " .. NODE_URL, dir, url)
      local alice = start(table.unpack(words))
      for _, line in ipairs(marked("locked, alice", "    > ")) do alice:type(line) end
      alice:expect("out", '"comm://localhost/[%x-]+"\n')

      for i, word in ipairs(words) do words[i] = word:gsub("alice%.token$", "bob.token") end
      local bob = start(table.unpack(words))
      for _, line in ipairs(marked("locked, bob", "    > ")) do bob:type(line) end
      alice:expect("err", "user://localhost/bob is met for the first time, with the key %w+ ")
      alice:expect("out", "user://localhost/bob\tnobody else reads this\n")
      bob:expect("out", 'state = "known",%s+user = "user://localhost/alice"')

      words[#words] = dir .. "/tokens.key" -- which is no token
      start(table.unpack(words)):expect("err", "tokens%.key")
    end)
  end)
end)
