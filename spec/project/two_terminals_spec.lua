-- The two terminals of the README: its commands and lines, over each transport; and what it
-- says of a node that is killed.
local process = require "spec.support.process"
local tree = require "spec.support.tree"

local README = tree.read "README.md"

-- The lines after that mark, as typed.
local function typed(mark)
  local _, at = README:find("<!-- spec: " .. mark .. " -->\n", 1, true)
  assert(at, "README.md has no lines marked " .. mark)
  local list = {}
  for line in README:sub(at + 1, README:find("\n\n", at, true)):gmatch "[^\n]+" do
    list[#list + 1] = assert(line:match "^    > (.*)$", line)
  end
  return list
end

-- The arguments of the command that brings that person in, with another node's URL.
local function command_of(person, url)
  local line = assert(README:match("\n    build/release/hyperty (repl [^\n]*user://localhost/"
    .. person .. ")\n"), "README.md brings in no " .. person)
  local words = {}
  for word in line:gsub("ws://127.0.0.1:9090/ws", (url:gsub("%%", "%%%%"))):gmatch "%S+" do
    words[#words + 1] = word
  end
  return words
end

-- The same for who comes in with a store, with its file in that folder.
local function command_with_store(person, url, dir)
  local words = command_of(person, url)
  assert(README:find("\n    build/release/hyperty repl --node ws://127.0.0.1:9090/ws --user "
    .. "user://localhost/alice --store alice.store\n", 1, true))
  table.move({ "--store", dir .. "/" .. person .. ".store" }, 1, 2, #words + 1, words)
  return words
end

-- Somebody at a terminal: types lines; `hears` waits for what is printed, in order.
local Person = {}
Person.__index = Person

local function comes(start, name, url, dir)
  local command = dir and command_with_store(name, url, dir) or command_of(name, url)
  return setmetatable({ repl = start(table.unpack(command)) }, Person)
end

function Person:types(lines)
  for _, line in ipairs(lines) do
    self.repl:type(line)
    if line:find "^room =" then self.repl:expect("out", '"comm://localhost/[%x-]+"\n') end
  end
end

function Person:hears(...)
  for _, text in ipairs { ... } do self.repl:expect("out", (text:gsub("%p", "%%%0"))) end
end

-- How often it was printed.
function Person:heard(text)
  local _, count = self.repl:said "out":gsub((text:gsub("%p", "%%%0")) .. "\n", "")
  return count
end

local LISTEN = {
  ws = "ws://127.0.0.1:0/ws", tcp = "tcp://127.0.0.1:0", unix = "unix://%s/node.sock",
}

function Person:dies()
  self.repl:signal "KILL"
  self.repl:wait()
end

-- A node, and both people in the room, who have heard Bob's greeting. `dir`: where their stores
-- are, if they have one.
local function meet(start, listen, dir)
  local node = start("node", "--listen", listen)
  local url = node:expect("err", "listens on (%S+)")
  local alice = comes(start, "alice", url, dir)
  alice:types(typed "alice")
  local bob = comes(start, "bob", url, dir)
  bob:types(typed "bob")
  alice:hears "user://localhost/bob\thello, Alice"
  return node, url, alice, bob
end

describe("the README's two terminals", function()
  assert.truthy(README:find("\n    build/release/hyperty node\n", 1, true))

  for scheme, listen in pairs(LISTEN) do
    it("talk over " .. scheme, function()
      process.with(function(start, dir)
        local _, _, alice, bob = meet(start, listen:format(dir))
        local again = typed "alice again"
        alice:types { again[1] }
        bob:hears "user://localhost/alice\thello, Bob"
        alice:types { again[2] }
        bob:hears "we were told: kicked"
        alice:types { again[3], "chat.rooms()" }
        alice:hears "{}"
        assert.equal(1, alice:heard "user://localhost/bob\thello, Alice")
        assert.equal(1, bob:heard "user://localhost/alice\thello, Bob")
      end)
    end)
  end

  it("go on after their node was killed and started again", function()
    process.with(function(start, dir)
      local listen = LISTEN.unix:format(dir)
      local node, _, alice, bob = meet(start, listen)
      alice:types { 'chat.send(room, "before")' }
      bob:hears "user://localhost/alice\tbefore"
      node:signal "KILL"
      node:wait()
      bob:hears "the room is disconnected"
      start("node", "--listen", listen):expect("err", "listens on (%S+)")
      bob:hears "the room is live"
      bob:types { 'chat.send(room, "after")' }
      alice:hears "user://localhost/bob\tafter"
      alice:types { 'chat.send(room, "and after")' }
      bob:hears "user://localhost/alice\tand after"
      for _, person in ipairs { alice, bob } do
        person:types { "for _, m in ipairs(chat.history(room)) do print('kept', m.text) end" }
        person:hears("kept\thello, Alice", "kept\tbefore", "kept\tafter", "kept\tand after")
        for _, text in ipairs { "bob\thello, Alice", "alice\tbefore", "bob\tafter" } do
          assert.equal(1, person:heard("user://localhost/" .. text))
        end
      end
    end)
  end)

  it("go on in their room, with stores, after Alice was killed, and Bob, and both", function()
    process.with(function(start, dir)
      local _, url, alice, bob = meet(start, LISTEN.unix:format(dir), dir)
      local texts = { "hello, Alice" }
      local function say(from, to, name, text)
        texts[#texts + 1] = text
        from:types { ('chat.send("team", %q)'):format(text) }
        to:hears("user://localhost/" .. name .. "\t" .. text)
      end
      local function back(name)
        local person = comes(start, name, url, dir)
        person:types(typed "alice, back")
        for _, text in ipairs(texts) do person:hears('text = "' .. text .. '"') end
        person:types { typed("alice")[2] }
        return person
      end
      say(alice, bob, "alice", "before")
      alice:dies()
      alice = back "alice"
      bob:hears("the room is disconnected", "the room is live")
      say(bob, alice, "bob", "she is back")
      say(alice, bob, "alice", "so I am")
      bob:dies()
      bob = back "bob"
      say(alice, bob, "alice", "he is back")
      bob:dies()
      alice:dies()
      bob, alice = back "bob", back "alice"
      say(bob, alice, "bob", "both are back")
      say(alice, bob, "alice", "so we are")
      for _, person in ipairs { alice, bob } do
        person:types { "print('all', #chat.history 'team', #chat.members 'team')",
          "for _, m in ipairs(chat.history 'team') do print('kept', m.text) end" }
        person:hears("all\t" .. #texts .. "\t2")
        for _, text in ipairs(texts) do person:hears("kept\t" .. text) end
        assert.equal(1, person:heard "user://localhost/bob\tboth are back")
        assert.equal(1, person:heard "user://localhost/alice\tso we are")
      end
    end)
  end)
end)
