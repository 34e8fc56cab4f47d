-- A chat that only its participants can read, as a node and everybody on its network see it: a
-- recorder writes down every byte between the runtimes and the node.
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"
local tree = require "spec.support.tree"

local WORDS = {
  "the launch code is walrus", "a reply of Bob's: penguin", "after he left: albatross",
}

-- Begins to record what goes to that port; gives the port to be used in its place.
local function record(dir, port)
  program.make_dir(dir .. "/recorder", {})
  assert(os.execute(("unset LD_PRELOAD; { timeout -s KILL 90 lua5.4 spec/support/recorder.lua %d "
    .. "%s/recorder >%s/recorder/log 2>&1; } &"):format(port, dir, dir)))
  return process.wait("the recorder", function()
    local ok, text = pcall(tree.read, dir .. "/recorder/port")
    return ok and tonumber(text)
  end)
end

-- Alice and Bob talk in a room; Alice kicks Bob, and goes on. Gives what the recorder has, and
-- what Bob has.
local function talk(options)
  local recorded, heard
  process.with(function(start, dir)
    local node = start("node", "--listen", "tcp://127.0.0.1:0")
    local port = record(dir, tonumber((node:expect("err", "listens on tcp://127%.0%.0%.1:(%d+)"))))
    local function person(name)
      local p = start("repl", "--node", "tcp://127.0.0.1:" .. port, "--user",
        "user://localhost/" .. name)
      p:type 'chat = load "group_chat"'
      p:type 'chat.on("message", function(m) print("heard: " .. m.text) end)'
      p:type 'chat.on("closed", function(c) print("closed: " .. c.reason) end)'
      return p
    end
    local alice, bob = person "alice", person "bob"
    alice:type(("room = chat.create('team', {}, %s)"):format(options))
    alice:expect("out", '"comm://localhost/[%x-]+"\n')
    bob:type "room = chat.join 'team'"
    bob:expect("out", '"comm://localhost/[%x-]+"\n')
    alice:type(("chat.send(room, %q)"):format(WORDS[1]))
    bob:expect("out", "heard: " .. WORDS[1])
    bob:type(("chat.send(room, %q)"):format(WORDS[2]))
    alice:expect("out", "heard: " .. WORDS[2])
    alice:type "chat.kick(room, 'user://localhost/bob')"
    bob:expect("out", "closed: kicked")
    alice:type(("chat.send(room, %q)"):format(WORDS[3]))
    alice:expect("out", "heard: " .. WORDS[3])
    alice:type "chat.close(room)"
    alice:type "chat.rooms()"
    alice:expect("out", "{}")
    socket.sleep(0.2) -- for what might still come
    recorded, heard = tree.read(dir .. "/recorder/bytes"), bob:said "out"
  end)
  return recorded, heard
end

describe("who records all that passes between runtimes and their node", function()
  it("reads a chat that is not mutual", function()
    local recorded = talk "{}"
    assert.truthy(recorded:find(WORDS[1], 1, true))
    assert.truthy(recorded:find(WORDS[2], 1, true))
  end)

  it("finds no word of one that is", function()
    local recorded, heard = talk "{ mutual = true }"
    assert.truthy(recorded:find('"sealed"', 1, true))
    for _, words in ipairs(WORDS) do
      for word in words:gmatch "%a%a%a%a%a+" do
        assert.falsy(recorded:lower():find(word:lower(), 1, true), word .. " has passed readable")
      end
    end
    assert.falsy(heard:find(WORDS[3], 1, true))
  end)
end)
