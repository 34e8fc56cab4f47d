-- Runtimes in processes of their own that meet at a message node: `hyperty run` and `hyperty repl`
-- with --node.
local process = require "spec.support.process"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local URL = '"(%w+://[^"]+)"\n'

-- A node of all transports, and their URLs.
local function start_node(start, dir, ...)
  local node = start("node", "--listen", "ws://127.0.0.1:0/ws", "--listen", "tcp://127.0.0.1:0",
    "--listen", "unix://" .. dir .. "/node.sock", ...)
  local urls = {}
  for _, scheme in ipairs { "ws", "tcp", "unix" } do
    urls[scheme] = node:expect("err", "listens on (" .. scheme .. "://[^\n]+)\n")
  end
  return node, urls
end

local function start_repl(start, ...)
  local repl = start("repl", ...)
  repl:ask('chat = load "group_chat"', "group_chat %(hyperty://")
  return repl
end

-- How many members a room has, for that repl, until it is so many.
local function wait_for_members(repl, count)
  process.wait(count .. " members", function()
    return tonumber(repl:ask("#chat.members(room)", "(%d+)\n")) == count
  end)
end

-- Until the newest message in the room is that text.
local function wait_for_text(repl, text)
  process.wait(text, function()
    local newest = repl:ask "(chat.history(room, 1)[1] or {}).text"
    return newest == ('"%s"'):format(text)
  end)
end

describe("a runtime with a node elsewhere", function()
  local PAIRS = { { "ws", "ws" }, { "tcp", "tcp" }, { "unix", "unix" }, { "ws", "unix" } }
  for _, pair in ipairs(PAIRS) do
    it("meets others there: " .. table.concat(pair, " and "), function()
      process.with(function(start, dir)
        local _, urls = start_node(start, dir)
        local ann = start_repl(start, "--node", urls[pair[1]], "--user", "user://localhost/ann")
        local bob = start_repl(start, "--node", urls[pair[2]], "--user", "user://localhost/bob")
        ann:expect("err", "stub: connected to " .. pair[1] .. "://")
        local room = ann:ask('room = chat.create("team")', URL)
        assert.equal(room, bob:ask('room = chat.join("team")', URL))
        bob:ask('chat.send(room, "hello from bob")', "#1")
        wait_for_text(ann, "hello from bob")
        ann:ask('chat.send(room, "hello from ann")', "#1")
        wait_for_text(bob, "hello from ann")
        wait_for_members(ann, 2)
      end)
    end)
  end

  it("lets its last words out when it ends", function()
    process.with(function(start, dir)
      local node, urls = start_node(start, dir, "--grace", "600", "--log", "debug")
      local ann = start_repl(start, "--node", urls.tcp, "--user", "user://localhost/ann")
      ann:ask('room = chat.create("team")', URL)
      for _, scheme in ipairs { "ws", "tcp", "unix" } do
        local bob = start_repl(start, "--node", urls[scheme], "--user", "user://localhost/bob")
        bob:ask('room = chat.join("team")', URL)
        wait_for_members(ann, 2)
        assert.equal(0, bob:wait())
        node:expect("err", "hyperty%-runtime://localhost/%S+ closed by its runtime\n")
        wait_for_members(ann, 1)
      end
    end)
  end)

  it("tries several nodes in turn, and says so", function()
    process.with(function(start, dir)
      local _, urls = start_node(start, dir)
      local nowhere = "unix://" .. dir .. "/nowhere.sock"
      local repl = start_repl(start, "--node", nowhere, "--node", urls.ws)
      repl:expect("err", "stub: warn: cannot connect to unix://[^\n]+/nowhere%.sock: no such file "
        .. "or directory; trying again\nstub: connected to ws://")
    end)
  end)

  it("is told when it sends more than the node lets it", function()
    process.with(function(start, dir)
      local _, urls = start_node(start, dir, "--rate-messages", "5")
      local repl = start_repl(start, "--node", urls.unix)
      repl:type 'print(chat.create("team"))'
      repl:expect("out", "nil\thyperty%-runtime://%S+ sends more than 5 messages in a second")
    end)
  end)

  it("takes nodes from its configuration, one or a list of them", function()
    process.with(function(start, dir)
      local _, urls = start_node(start, dir)
      program.write(dir .. "/one.lua", ("return { node = %q }"):format(urls.unix))
      program.write(dir .. "/list.lua", ("return { node = { %q, %q } }"):format(urls.tcp, urls.ws))
      start_repl(start, "--config", dir .. "/one.lua"):expect("err", "connected to unix://")
      start_repl(start, "--config", dir .. "/list.lua"):expect("err", "connected to tcp://")
    end)
  end)

  it("speaks to a further domain by a way of its own", function()
    process.with(function(start, dir)
      local first = start("node", "--domain", "a.example", "--listen", "unix://" .. dir .. "/a")
      local second = start("node", "--domain", "b.example", "--listen", "unix://" .. dir .. "/b")
      first:expect("err", "listens")
      second:expect("err", "listens")
      local bob = start_repl(start, "--domain", "b.example", "--node", "unix://" .. dir .. "/b")
      local ann = start_repl(start, "--domain", "a.example", "--node", "unix://" .. dir .. "/a",
        "--node", "b.example=unix://" .. dir .. "/b")
      local room = bob:ask('room = chat.create("team")', URL)
      assert.truthy(room:find("^comm://b%.example/"))
      assert.equal(room, ann:ask(("room = chat.join %q"):format(room), URL))
      ann:ask('chat.send(room, "across")', "#1")
      wait_for_text(bob, "across")
    end)
  end)
end)

describe("without its node", function()
  local NOWHERE = "unix:///no/such/node.sock"
  local CAUSE = "cannot connect to unix:///no/such/node%.sock: no such file or directory"

  it("hyperty run fails, and says why", function()
    local result = program.run({ "run", "--node", NOWHERE, "hello" }, { shell = "timeout 60 %s" })
    assert.truthy(result.err:find("^stub: warn: " .. CAUSE .. "; trying again\n"), result.err)
    assert.truthy(result.err:find("\nhyperty: run: hello: no address: no connection to the message "
      .. "node: " .. CAUSE .. "\n$"), result.err)
    assert.equal(1, result.status)
  end)

  it("a prompt can be used, and goes on when the node is there", function()
    process.with(function(start, dir)
      local url = "unix://" .. dir .. "/node.sock"
      local repl = start("repl", "--node", url)
      repl:expect("err", "stub: warn: cannot connect to ")
      assert.equal("42", repl:ask "6 * 7")
      repl:type 'chat = load "group_chat"'
      repl:expect("err", "no connection to the message node: cannot connect to unix://")
      start("node", "--listen", url):expect("err", "listens")
      repl:expect("err", "stub: connected to unix://")
      repl:ask('chat = load "group_chat"', "group_chat %(hyperty://")
      repl:ask('chat.create("team")', URL)
    end)
  end)

  it("a wrong URL is an error at once", function()
    local function fails(text, ...)
      local result = program.run({ "repl", "-e", "1", ... }, { shell = "timeout 20 %s" })
      assert.equal("hyperty: repl: " .. text .. "\n", result.err)
      assert.equal(1, result.status)
    end
    fails('"nowhere": is no URL of a socket; write ws://HOST:PORT/PATH, tcp://HOST:PORT, '
      .. "unix:///PATH, or over TLS wss://HOST:PORT/PATH, tls://HOST:PORT", "--node", "nowhere")
    fails('"tcp://127.0.0.1:0": port 0 is for listening only', "--node", "tcp://127.0.0.1:0")
    fails('"a_b/" is no domain name; write a node of another domain as example.com=URL',
      "--node", "a_b/=tcp://127.0.0.1:1")
  end)
end)

describe("a node that is gone", function()
  -- Two who meet in a room after the node has gone and come back.
  local function meet_again(start, dir, signal, said)
    local url = "unix://" .. dir .. "/node.sock"
    local node = start("node", "--listen", url)
    node:expect("err", "listens")
    local ann = start_repl(start, "--node", url, "--user", "user://localhost/ann")
    local bob = start_repl(start, "--node", url, "--user", "user://localhost/bob")
    ann:expect("err", "stub: connected to ")
    bob:expect("err", "stub: connected to ")
    node:signal(signal)
    node:wait()
    ann:expect("err", said)
    bob:expect("err", said)
    start("node", "--listen", url):expect("err", "listens")
    ann:expect("err", "stub: connected to unix://%S+; the session before is gone")
    bob:expect("err", "stub: connected to unix://%S+; the session before is gone")
    local room = ann:ask('room = chat.create("after")', URL)
    assert.equal(room, bob:ask(("room = chat.join %q"):format(room), URL))
    bob:ask('chat.send(room, "again")', "#1")
    wait_for_text(ann, "again")
  end

  it("by a kill, is found again on the same path", function()
    process.with(function(start, dir)
      meet_again(start, dir, "KILL",
        "stub: warn: connection to unix://%S+ lost: [^\n]+; trying again\n")
    end)
  end)

  it("in good order, tells when to come back", function()
    process.with(function(start, dir)
      meet_again(start, dir, "TERM", "stub: warn: connection to unix://%S+ lost: restarting; come "
        .. "back within 5000 ms; trying again\n")
    end)
  end)
end)

describe("a room", function()
  it("goes on after its node was killed", function()
    process.with(function(start, dir)
      local url = "unix://" .. dir .. "/node.sock"
      local node = start("node", "--listen", url)
      node:expect("err", "listens")
      local ann = start_repl(start, "--node", url, "--user", "user://localhost/ann")
      local bob = start_repl(start, "--node", url, "--user", "user://localhost/bob")
      local room = ann:ask('room = chat.create("team")', URL)
      assert.equal(room, bob:ask('room = chat.join("team")', URL))
      node:signal "KILL"
      node:wait()
      ann:ask('chat.send(room, "while it is away")', "#1")
      start("node", "--listen", url):expect("err", "listens")
      wait_for_text(bob, "while it is away")
      bob:ask('chat.send(room, "and after")', "#1")
      wait_for_text(ann, "and after")
    end)
  end)
end)

describe("somebody who is killed", function()
  -- Ann has a room with Bob in it; gives Ann, the node and Bob.
  local function meet(start, dir, options)
    local node, urls = start_node(start, dir, "--grace", "2")
    local ann = start_repl(start, "--node", urls.tcp, "--user", "user://localhost/ann")
    local bob = start_repl(start, "--node", urls.tcp, "--user", "user://localhost/bob")
    ann:type 'chat.on("left", function(l) print("left: " .. l.user) end)'
    ann:ask(('room = chat.create("team", {}, %s)'):format(options), URL)
    bob:ask('room = chat.join("team")', URL)
    wait_for_members(ann, 2)
    return ann, node, bob
  end

  for name, options in pairs { plain = "{}", mutual = "{ mutual = true }" } do
    it("at the prompt, has a host that leaves in good order: " .. name, function()
      process.with(function(start, dir)
        local ann, node, bob = meet(start, dir, options)
        bob:signal "KILL"
        ann:expect("out", "left: user://localhost/bob\n")
        assert.falsy(node:said "err":find("did not come back", 1, true))
      end)
    end)

    it("with the host, is missed for the grace of the session: " .. name, function()
      process.with(function(start, dir)
        local ann, node, bob = meet(start, dir, options)
        os.execute("kill -KILL " .. tree.read(("/proc/%d/task/%d/children"):format(bob.pid,
          bob.pid)) .. bob.pid)
        node:expect("err", "did not come back")
        ann:expect("out", "left: user://localhost/bob\n")
        assert.falsy(ann:said "err":find("sealed", 1, true))
      end)
    end)
  end
end)
