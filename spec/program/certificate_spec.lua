-- SIGHUP: `hyperty node` reads its certificate again, and its runtimes stay.
local certificate = require "spec.support.certificate"
local process = require "spec.support.process"

local start, finish, dir, node, url

before_each(function()
  start, finish = process.begin()
  dir = os.tmpname()
  assert(os.remove(dir))
  assert(os.execute("mkdir " .. dir))
  certificate.authority(dir)
  certificate.signed(dir, "node", "DNS:localhost")
  node = start("node", "--listen", "tls://127.0.0.1:0", "--log", "debug",
    "--tls-cert", dir .. "/node.pem", "--tls-key", dir .. "/node.key")
  url = "tls://localhost:" .. node:expect("err", "listens on tls://127%.0%.0%.1:(%d+)")
end)

after_each(function()
  finish()
  os.execute("rm -rf " .. dir)
end)

local function runtime()
  return start("repl", "--ca", dir .. "/ca.pem", "--node", url)
end

describe("the certificate of a node", function()
  it("is another one for those who come after SIGHUP, and nobody else notices", function()
    local before = runtime()
    before:expect("err", "connected to tls://")
    certificate.signed(dir, "node", "DNS:elsewhere.example")
    node:signal "HUP"
    node:expect("err", "domain localhost has read " .. dir:gsub("%p", "%%%0")
      .. "/node%.pem again")
    runtime():expect("err",
      "the certificate of localhost:%d+ is for elsewhere%.example, not for localhost")
    assert.equal("3", before:ask("1 + 2", "(%d+)\n"))
    assert.falsy(before:said "err":find("lost", 1, true))
  end)

  it("stays as it was when it cannot be read", function()
    assert(os.execute(("echo nonsense > %s/node.pem"):format(dir)))
    node:signal "HUP"
    node:expect("err", "error: .*/node%.pem holds no certificate")
    node:expect("err", "; the certificate stays as it was\n")
    runtime():expect("err", "connected to tls://")
  end)
end)
