-- `hyperty node` as a process: where it listens, what it says and serves, how it ends. Runtimes
-- that use it: remote_spec.lua.
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"

local BOUNDED = "timeout 20 %s"

local function run(...)
  return program.run({ "node", ... }, { shell = BOUNDED })
end

local function says(status, text, ...)
  local result = run(...)
  assert.equal("hyperty: node: " .. text .. "\n", result.err)
  assert.equal("", result.out)
  assert.equal(status, result.status)
end

-- Port of a listener, by scheme, once it is told.
local function port_of(node, scheme)
  return tonumber((node:expect("err", "listens on " .. scheme .. "://127%.0%.0%.1:(%d+)")))
end

local function connect(port)
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:settimeout(20)
  return connection
end

-- Status, head and body of what is at a path.
local function get(port, path)
  local connection = connect(port)
  assert(connection:send("GET " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1:" .. port .. "\r\n\r\n"))
  local status = tonumber(assert(connection:receive "*l"):match "^HTTP/1%.1 (%d+) ")
  local head = {}
  for line in function() return connection:receive "*l" end do
    if line == "" then break end
    local name, value = line:match "^([^:]+):%s*(.*)$"
    head[name:lower()] = value
  end
  local body = assert(connection:receive(tonumber(head["content-length"])))
  connection:close()
  return status, head, body
end

describe("hyperty node, used wrongly,", function()
  it("takes no names", function()
    says(2, '"counter" is too much: a node runs no hyperties; where it listens is said with '
      .. "--listen URL", "counter")
  end)

  it("checks numbers and their bounds", function()
    says(2, '--grace: "soon" is no number of seconds from 1 to 86400', "--grace", "soon")
    says(2, '--grace: "0.5" is no number of seconds from 1 to 86400', "--grace", "0.5")
    says(2, '--drain: "-1" is no number of seconds from 0 to 3600', "--drain", "-1")
    says(2, '--queue-bytes: "1024" is no number of bytes from 2097152 to 1073741824',
      "--queue-bytes", "1024")
    says(2, '--queue-bytes: "8e6" is no number of bytes from 2097152 to 1073741824',
      "--queue-bytes", "8e6")
    says(2, '--rate-messages: "many" is no number of messages from 0 to 1073741824',
      "--rate-messages", "many")
    says(2, '--rate-bytes: "1.5" is no number of bytes from 0 to 1073741824',
      "--rate-bytes", "1.5")
    says(2, '--rate-allocations: "-1" is no number of addresses from 0 to 1073741824',
      "--rate-allocations", "-1")
    says(2, '--connections: "0" is no number of connections from 1 to 131072',
      "--connections", "0")
    says(2, '--address-connections: "all" is no number of connections from 0 to 131072',
      "--address-connections", "all")
    says(2, '--address-handshakes: "-1" is no number of connections from 0 to 1048576',
      "--address-handshakes", "-1")
    says(2, '--address-opens: "1.5" is no number of sessions from 0 to 1048576',
      "--address-opens", "1.5")
    says(2, '--rate-handshakes: "1048577" is no number of connections from 0 to 1048576',
      "--rate-handshakes", "1048577")
  end)

  it("knows how a URL is written", function()
    says(2, '"9090": is no URL of a socket; write ws://HOST:PORT/PATH, tcp://HOST:PORT, '
      .. "unix:///PATH, or over TLS wss://HOST:PORT/PATH, tls://HOST:PORT", "--listen", "9090")
    says(2, "cannot listen on ws://127.0.0.1:0/chat: WebSocket is served on the path /ws",
      "--listen", "ws://127.0.0.1:0/chat")
  end)

  it("has no options of a runtime", function()
    says(2, 'unknown option "--user"; "hyperty help node" lists them', "--user", "user://d/bob")
    says(2, 'unknown option "--node"; "hyperty help node" lists them', "--node", "tcp://[::1]:1")
  end)
end)

describe("hyperty node fails", function()
  it("beyond loopback, as it has no auth", function()
    for _, url in ipairs { "ws://0.0.0.0:0/ws", "tcp://192.0.2.1:0", "tcp://[::]:0" } do
      says(1, "cannot listen on " .. url .. ": without auth a node serves its own machine only: "
        .. "give --auth-key FILE, so that who comes in must show a token, or use 127.0.0.1, "
        .. "[::1] or a Unix socket", "--listen", url)
    end
  end)

  it("where encryption is asked for, and there is no certificate", function()
    for _, url in ipairs { "wss://127.0.0.1:0/ws", "tls://127.0.0.1:0" } do
      says(2, "cannot listen on " .. url .. ": TLS needs a certificate and its key: give "
        .. "--tls-cert FILE and --tls-key FILE", "--listen", url)
    end
  end)

  it("when the port is taken", function()
    local other = assert(socket.bind("127.0.0.1", 0))
    local _, port = other:getsockname()
    local url = "tcp://127.0.0.1:" .. math.tointeger(port)
    says(1, "cannot listen on " .. url .. ": the port is in use by another process; choose "
      .. "another, or 0 for any", "--listen", url)
    other:close()
  end)

  it("when a Unix socket cannot be made, or is somebody's", function()
    says(1, "cannot listen on unix:///no/such/node.sock: no such file or directory",
      "--listen", "unix:///no/such/node.sock")
    process.with(function(start, dir)
      program.write(dir .. "/file", "text")
      says(1, "cannot listen on unix://" .. dir .. "/file: there is a file that is no socket; "
        .. "remove it", "--listen", "unix://" .. dir .. "/file")
      local url = "unix://" .. dir .. "/node.sock"
      start("node", "--listen", url):expect("err", "listens on ")
      says(1, "cannot listen on " .. url .. ": it is in use by another process", "--listen", url)
    end)
  end)

  it("for a domain that is none", function()
    says(1, '"a b" is no domain name; write one like example.com', "--domain", "a b",
      "--listen", "tcp://127.0.0.1:0")
  end)
end)

describe("a configuration file of a node", function()
  local function config(text)
    local result
    program.with_dir(function(dir)
      program.write(dir .. "/node.lua", text)
      result = program.run({ "node", "--config", "node.lua" }, { dir = dir, shell = BOUNDED })
    end)
    return result
  end

  local function complains(text, file)
    local result = config(file)
    assert.equal("hyperty: node: " .. text .. "\n", result.err)
    assert.equal(2, result.status)
  end

  it("gives lists and numbers, checked as on the command line", function()
    complains('--grace: "0" is no number of seconds from 1 to 86400', "return { grace = 0 }")
    complains('--drain: "4000.5" is no number of seconds from 0 to 3600',
      "return { drain = 4000.5 }")
    complains('--connections: "1.5" is no number of connections from 1 to 131072',
      "return { connections = 1.5 }")
    complains('"nowhere": is no URL of a socket; write ws://HOST:PORT/PATH, tcp://HOST:PORT, '
      .. "unix:///PATH, or over TLS wss://HOST:PORT/PATH, tls://HOST:PORT",
      "return { listen = { 'tcp://127.0.0.1:0', 'nowhere' } }")
  end)

  it("is refused if the kind is wrong", function()
    local LIST = "must be a string or a list of strings"
    complains("--config: node.lua: listen " .. LIST, "return { listen = 9090 }")
    complains("--config: node.lua: listen " .. LIST, "return { listen = { 9090 } }")
    complains("--config: node.lua: listen " .. LIST, "return { listen = {} }")
    complains("--config: node.lua: grace must be a number", "return { grace = true }")
    complains("--config: node.lua: domain must be a string", "return { domain = 1 }")
    complains("--config: node.lua: listen has a zero byte in it", "return { listen = 'a\\0b' }")
  end)

  it("passes over what is for other commands", function()
    complains('--grace: "x" is no number of seconds from 1 to 86400',
      "return { user = 'user://d/bob', node = 'tcp://127.0.0.1:1', grace = 'x' }")
  end)

  it("serves", function()
    process.with(function(start, dir)
      program.write(dir .. "/node.lua", "return { domain = 'd.example', connections = 10, "
        .. "listen = { 'tcp://127.0.0.1:0', 'unix://" .. dir .. "/s' } }")
      local node = start("node", "--config", dir .. "/node.lua")
      node:expect("err", "node: domain d%.example listens on tcp://127%.0%.0%.1:%d+\n"
        .. "node: domain d%.example listens on unix://[^\n]+/s\n")
    end)
  end)
end)

describe("hyperty node", function()
  it("says where it listens, and in JSON who and which it is", function()
    process.with(function(start, dir)
      local node = start("node", "--listen", "ws://127.0.0.1:0/ws", "--listen",
        "tcp://127.0.0.1:0", "--listen", "unix://" .. dir .. "/node.sock")
      assert.is_true(port_of(node, "ws") > 0)
      assert.is_true(port_of(node, "tcp") > 0)
      node:expect("err", "node: domain localhost listens on unix://[^\n]+/node%.sock\n")
      local json = start("node", "--listen", "tcp://127.0.0.1:0", "--log-format", "json")
      json:expect("err", '^{"time":"[^"]+","level":"info","who":"node","text":"domain localhost '
        .. 'listens on tcp://127%.0%.0%.1:%d+","domain":"localhost","pid":' .. json.pid .. "}\n")
    end)
  end)

  it("tells its health and its figures over HTTP", function()
    process.with(function(start)
      local node = start("node", "--domain", "d.example", "--listen", "ws://127.0.0.1:0/ws")
      local port = port_of(node, "ws")
      local status, head, body = get(port, "/health")
      assert.equal(200, status)
      assert.equal("application/json", head["content-type"])
      assert.equal('{"status":"ok","domain":"d.example","sessions":0}\n', body)
      status, head, body = get(port, "/metrics")
      assert.equal(200, status)
      assert.truthy(head["content-type"]:find("text/plain", 1, true))
      for _, name in ipairs { "hyperty_sessions 0", "hyperty_accepted_total 2",
        'hyperty_transport_connections{transport="ws"} 1' } do
        assert.truthy(body:find("\n" .. name .. "\n", 1, true), body)
      end
      assert.equal(404, (get(port, "/other")))
    end)
  end)

  for _, signal in ipairs { "TERM", "INT" } do
    it("ends well at SIG" .. signal, function()
      process.with(function(start, dir)
        local path = dir .. "/node.sock"
        local node = start("node", "--listen", "unix://" .. path, "--drain", "2")
        node:expect("err", "listens on ")
        node:signal(signal)
        assert.equal(0, node:wait())
        node:expect("err", "node: domain localhost ends, within 2 s; its runtimes are told to "
          .. "come back %(once more: at once%)\n$")
        assert.is_nil(io.open(path))
        assert.equal("", node:said "out")
      end)
    end)
  end

  -- Somebody who neither speaks nor leaves.
  local function with_silent_guest(drain_s, fn)
    process.with(function(start)
      local node = start("node", "--listen", "tcp://127.0.0.1:0", "--drain", drain_s)
      local guest = connect(port_of(node, "tcp"))
      socket.sleep(0.2) -- until it is let in; if it is not, the ending is only easier
      local began = socket.gettime()
      node:signal "TERM"
      node:expect("err", "ends, within")
      fn(node)
      assert.equal(0, node:wait())
      guest:close()
      assert.is_true(socket.gettime() - began < 4)
    end)
  end

  it("does not wait longer than it may for who does not leave", function()
    with_silent_guest("0.5", function() end)
  end)

  it("leaves at once when told again", function()
    with_silent_guest("60", function(node) node:signal "TERM" end)
  end)

  it("turns away more connections than it may have", function()
    process.with(function(start)
      local node = start("node", "--listen", "tcp://127.0.0.1:0", "--connections", "1")
      local port = port_of(node, "tcp")
      local first, second = connect(port), connect(port)
      local text = second:receive "*a"
      assert.truthy(text:find("too many connections; try again later", 1, true), text)
      first:close()
      second:close()
    end)
  end)

  it("turns away more connections from one address than that may have", function()
    process.with(function(start)
      local node = start("node", "--listen", "ws://127.0.0.1:0/ws", "--address-connections", "1",
        "--address-opens", "7", "--address-handshakes", "0", "--rate-handshakes", "9")
      local port = port_of(node, "ws")
      local first, second = connect(port), connect(port)
      local text = second:receive "*a"
      assert.truthy(text:find "^HTTP/1.1 429 Too Many Requests\r\n.*\r\nRetry%-After: 1\r\n", text)
      local words = "too many connections from 127.0.0.1: at most 1 at a time"
      assert.truthy(text:find(words, 1, true), text)
      node:expect("err", "gate: warn: a connection was turned away: " .. words)
      first:close()
      second:close()
      local body = process.wait("the end of the first", function()
        local status, _, page = get(port, "/metrics")
        return status == 200 and page
      end)
      for of, most in pairs { address_connections = 1, address_opens = 7, address_handshakes = 0,
        handshakes = 9 } do
        assert.truthy(body:find(('hyperty_gate_limit{of="%s"} %d\n'):format(of, most), 1, true))
      end
    end)
  end)

  it("says so when it has no file to open", function()
    local result = program.run({ "node", "--listen", "tcp://127.0.0.1:0" },
      { shell = "ulimit -n 8; ASAN_OPTIONS=detect_leaks=0 " .. BOUNDED })
    assert.truthy(result.err:find("^hyperty: node: .*too many open files\n$"), result.err)
    assert.equal(1, result.status)
  end)

  it("warns if the open files do not suffice for its connections", function()
    local result = program.run({ "node", "--connections", "1000", "--listen", "nowhere" },
      { shell = "ulimit -n 256; " .. BOUNDED })
    assert.truthy(result.err:find("node: warn: --connections 1000: only 192 fit into the limit of "
      .. "open files; raise that (ulimit -Hn, LimitNOFILE)\n", 1, true), result.err)
  end)
end)
