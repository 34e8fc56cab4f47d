-- `hyperty token`, and nodes that ask for tokens: who comes in, who stays out, and what they are
-- told.
local process = require "spec.support.process"
local program = require "spec.support.program"

local SECRET = ("0123456789abcdef"):rep(4)
local SUB = "hyperty-runtime://localhost/bob"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function sh(command) assert(os.execute("unset LD_PRELOAD; " .. command)) end

local function token(...)
  return program.run({ "token", ... }, { shell = "timeout 20 %s" })
end

local function says(status, text, ...)
  local result = token(...)
  assert.equal("hyperty: token: " .. text .. "\n", result.err)
  assert.equal("", result.out)
  assert.equal(status, result.status)
end

-- A file of that mode in `dir`.
local function file(dir, name, text, mode)
  local path = dir .. "/" .. name
  os.remove(path)
  program.write(path, text)
  sh("chmod " .. mode .. " " .. quote(path))
  return path
end

-- A token in a file; options as for the command.
local function token_file(dir, name, ...)
  local made = token(...)
  assert.equal("", made.err)
  return file(dir, name, made.out, "600")
end

describe("hyperty token", function()
  it("prints one, of either kind of key", function()
    program.with_dir(function(dir)
      local secret = file(dir, "secret", SECRET .. "\n", "600")
      local private = dir .. "/private.pem"
      sh(("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s 2>/dev/null; "
        .. "chmod 600 %s"):format(quote(private), quote(private)))
      for _, key in ipairs { secret, private } do
        local made = token("--key", key, "--sub", SUB, "--user", "user://localhost/bob",
          "--ttl", "15m")
        assert.equal("", made.err)
        assert.equal(0, made.status)
        assert.truthy(made.out:find "^[%w_-]+%.[%w_-]+%.[%w_-]+\n$", made.out)
      end
    end)
  end)

  it("says what is missing", function()
    says(2, "--key FILE is missing: what the token is signed with, an ES256 private key in PEM "
      .. "or an HS256 secret", "--sub", SUB)
    says(2, "--sub URL is missing: the runtime that may open a session, or what its URL begins "
      .. "with, such as hyperty-runtime://example.org/bob", "--key", "k")
    says(1, "/no/key: there is no such file", "--key", "/no/key", "--sub", SUB)
    says(1, "/no/key: there is no such file", "--key", "/no/key", "--sub", "bob")
  end)

  it("takes a time in seconds, minutes, hours or days", function()
    program.with_dir(function(dir)
      local key = file(dir, "secret", SECRET, "600")
      for _, good in ipairs { "1", "3600", "90s", "15m", "12h", "366d" } do
        assert.equal(0, token("--key", key, "--sub", SUB, "--ttl", good).status)
      end
      for _, bad in ipairs { "", "0", "0d", "-1", "1w", "1.5h", "h", "1hh", "367d",
        "99999999999999999999" } do
        says(2, "--ttl says how long the token is good: 90s, 15m, 12h, or 366d at most",
          "--key", key, "--sub", SUB, "--ttl", bad)
      end
    end)
  end)

  it("refuses what a node would not take", function()
    program.with_dir(function(dir)
      local key = file(dir, "secret", SECRET, "600")
      says(1, "user://d/bob is neither a RuntimeURL nor the beginning of some: write one like "
        .. "hyperty-runtime://example.org/bob, without a slash at its end",
        "--key", key, "--sub", "user://d/bob")
      says(1, "hyperty://d/bob is no user URL: write one like user://example.org/bob",
        "--key", key, "--sub", SUB, "--user", "user://d/bob", "--user", "hyperty://d/bob")
      sh("chmod 640 " .. quote(key))
      says(1, key .. ": others than its owner may read it (mode 0640): chmod 600 " .. key,
        "--key", key, "--sub", SUB)
    end)
  end)
end)

describe("a node with --auth-key", function()
  local start, finish, dir, node, url, secret

  setup(function()
    start, finish = process.begin()
    dir = os.tmpname()
    assert(os.remove(dir))
    sh("mkdir " .. dir)
    secret = file(dir, "secret", SECRET, "600")
    node = start("node", "--auth-key", secret, "--listen", "tcp://127.0.0.1:0",
      "--log", "debug")
    url = "tcp://127.0.0.1:" .. node:expect("err", "listens on tcp://127%.0%.0%.1:(%d+)")
  end)

  teardown(function()
    finish()
    sh("rm -rf " .. dir)
  end)

  it("lets in who shows a good token, below the address that it is for", function()
    local path = token_file(dir, "token", "--key", secret, "--sub", SUB,
      "--user", "user://localhost/bob", "--user", "user://localhost/al")
    local repl = start("repl", "--node", url, "--token", path)
    repl:expect("err", "connected to " .. url:gsub("%p", "%%%0"))
    node:expect("err", "hyperty%-runtime://localhost/bob/[%x-]+ opened by tcp ")
    repl:signal "TERM"
    repl:wait()
  end)

  it("keeps out who shows none, or a bad one, and tells why once", function()
    local path = file(dir, "token", "no token\n", "600")
    local refused = "did not open a session for hyperty%-runtime://localhost/[^:]+: "
    start("repl", "--node", url):expect("err", refused .. "this node asks for a token")
    local result = program.run({ "repl", "--node", url, "--token", path, "-e", "1" },
      { shell = "timeout 20 %s" })
    assert.equal(1, result.status)
    assert.truthy(result.err:find(path .. ": the token is no JWT", 1, true), result.err)
    local other = file(dir, "other", SECRET:reverse(), "600")
    path = token_file(dir, "token", "--key", other, "--sub", SUB)
    start("repl", "--node", url, "--token", path):expect("err", refused
      .. "no key of this node has signed the token")
    path = token_file(dir, "token10", "--key", secret, "--sub", SUB)
    start("repl", "--node", url, "--token", path):expect("err", "connected to ")
  end)

  it("asks nobody at its own prompt for one, and answers for nobody there", function()
    program.write(dir .. "/lamp.lua", [[
return { name = "Lamp", start = function(self)
  self.object = self.syncher:create { schema = "Resource", name = "lamp", data = { n = 0 } }
  self.object:on("subscribe", function(request)
    print("asked by", request.identity.user, request.identity.verified)
    request:accept()
  end)
  print(self.object.url)
end }]])
    local path = token_file(dir, "token", "--key", secret, "--sub", SUB,
      "--user", "user://localhost/bob")
    local host = start("run", "--node", url, "--token", path, "--user", "user://localhost/bob",
      dir .. "/lamp.lua")
    local lamp = host:expect("err", "lamp: (%S+)\n")
    local client = start("attach", tostring(node.pid))
    client:ask("#node.sessions() >= 2", "true\n")
    client:ask(("(watch '%s').data.n"):format(lamp), "0\n")
    host:expect("err", "asked by\tuser://localhost/me\tfalse\n")
    client:signal "TERM"
    host:signal "TERM"
    host:wait()
  end)

  it("reads its keys again on SIGHUP, and keeps them if that fails", function()
    local other = SECRET:reverse()
    file(dir, "secret", "short", "600")
    node:signal "HUP"
    node:expect("err", "a secret has at least 32 bytes[^\n]*; the keys stay as they were")
    file(dir, "secret", other, "600")
    node:signal "HUP"
    node:expect("err", "domain localhost has read its keys of tokens again")
    local path = token_file(dir, "token", "--key", dir .. "/secret", "--sub", SUB)
    start("repl", "--node", url, "--token", path):expect("err", "connected to ")
  end)

  it("does not start with a key that it cannot take, nor beyond loopback without TLS", function()
    local function fails(text, ...)
      local result = program.run({ "node", ... }, { shell = "timeout 20 %s" })
      assert.equal("hyperty: node: " .. text .. "\n", result.err)
      assert.equal(1, result.status)
    end
    local open = file(dir, "open", SECRET, "644")
    fails(open .. ": others than its owner may read it (mode 0644): chmod 600 " .. open,
      "--auth-key", open)
    fails("cannot listen on ws://192.0.2.1:0/ws: tokens would travel readable: write wss://, or "
      .. "use 127.0.0.1 or [::1]", "--auth-key", secret, "--listen", "ws://192.0.2.1:0/ws")
    fails("cannot listen on tcp://192.0.2.1:0: tokens would travel readable: write tls://, or "
      .. "use 127.0.0.1 or [::1]", "--auth-key", secret, "--listen", "tcp://192.0.2.1:0")
  end)
end)

describe("hyperty run with --token", function()
  local function fails(text, ...)
    local result = program.run({ "repl", "-e", "1", ... }, { shell = "timeout 20 %s" })
    assert.equal("hyperty: repl: " .. text .. "\n", result.err)
    assert.equal(1, result.status)
  end

  it("does not start without the file, or if others may read it", function()
    program.with_dir(function(dir)
      fails("/no/token: there is no such file", "--token", "/no/token")
      local path = file(dir, "token", "a.b.c", "604")
      fails(path .. ": others than its owner may read it (mode 0604): chmod 600 " .. path,
        "--token", path)
      path = file(dir, "token", "a.b.c", "600")
      fails(path .. ": there is a token for localhost already", "--token", path, "--token", path)
    end)
  end)

  it("warns of a user that the token does not name", function()
    program.with_dir(function(dir)
      local key = file(dir, "secret", SECRET, "600")
      local path = token_file(dir, "token", "--key", key, "--sub", SUB,
        "--user", "user://localhost/bob")
      local result = program.run({ "repl", "-e", "1", "--token", path,
        "--user", "user://localhost/eve" }, { shell = "timeout 20 %s" })
      assert.truthy(result.err:find("warn: the token does not name user://localhost/eve: the node "
        .. "will not let it speak for that user", 1, true), result.err)
    end)
  end)
end)
