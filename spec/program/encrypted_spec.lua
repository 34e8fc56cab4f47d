-- `hyperty node` over TLS, seen by programs that others wrote: openssl s_client, curl, and a page
-- in a browser; and by runtimes.
local certificate = require "spec.support.certificate"
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"

-- Runs a command in a folder; gives what it said, and whether it went well.
local function shell(dir, command)
  local pipe <close> = assert(io.popen(
    ("unset LD_PRELOAD; cd '%s'; { timeout -s KILL 60 %s; } 2>&1; echo \"status $?\""):format(dir,
      command)))
  local text = pipe:read "a"
  local said, status = text:match "^(.*)status (%d+)\n$"
  return said, tonumber(status)
end

local start, finish, dir, node, wss, tls

setup(function()
  start, finish = process.begin()
  dir = os.tmpname()
  assert(os.remove(dir))
  assert(os.execute("mkdir " .. dir))
  certificate.authority(dir)
  certificate.signed(dir, "node", "IP:127.0.0.1,DNS:localhost")
  node = start("node", "--listen", "wss://127.0.0.1:0/ws", "--listen", "tls://127.0.0.1:0",
    "--tls-cert", dir .. "/node.pem", "--tls-key", dir .. "/node.key")
  wss = tonumber((node:expect("err", "listens on wss://127%.0%.0%.1:(%d+)")))
  tls = tonumber((node:expect("err", "listens on tls://127%.0%.0%.1:(%d+)")))
end)

teardown(function()
  finish()
  os.execute("rm -rf " .. dir)
end)

describe("a node over TLS", function()
  it("is known to openssl s_client by its certificate, in TLS 1.2 and 1.3, not in 1.1", function()
    for _, port in ipairs { wss, tls } do
      for _, version in ipairs { "1_2", "1_3" } do
        local said, status = shell(dir, ("openssl s_client -connect 127.0.0.1:%d -tls%s "
          .. "-CAfile ca.pem -verify_ip 127.0.0.1 -verify_return_error -brief </dev/null")
          :format(port, version))
        assert.equal(0, status, said)
        assert.truthy(said:find("Verification: OK", 1, true), said)
        assert.truthy(said:find("TLSv" .. version:gsub("_", "."), 1, true), said)
      end
      local said, status = shell(dir, ("openssl s_client -connect 127.0.0.1:%d -tls1_1 "
        .. "-cipher DEFAULT@SECLEVEL=0 -brief </dev/null"):format(port))
      assert.truthy(status ~= 0 and said:find("protocol version", 1, true), said)
    end
  end)

  it("does not renegotiate when openssl s_client asks", function()
    local said = shell(dir, ("sh -c '{ echo R; sleep 1; } | openssl s_client "
      .. "-connect 127.0.0.1:%d -tls1_2 -CAfile ca.pem'"):format(wss))
    assert.truthy(said:find("no renegotiation", 1, true), said)
  end)

  it("tells curl of its health and its metrics", function()
    for path, text in pairs { health = "ok", metrics = "# TYPE " } do
      local said, status = shell(dir,
        ("curl -sS --cacert ca.pem https://127.0.0.1:%d/%s"):format(wss, path))
      assert.equal(0, status, said)
      assert.truthy(said:find(text, 1, true), said)
    end
  end)

  it("is not taken for another by curl", function()
    local said, status = shell(dir, ("curl -sS https://127.0.0.1:%d/health"):format(wss))
    assert.equal(60, status, said)
  end)

  it("tells who comes without TLS what is spoken here", function()
    local said, status = shell(dir, ("curl -sS -i http://127.0.0.1:%d/health"):format(wss))
    assert.equal(0, status, said)
    assert.truthy(said:find("^HTTP/1%.1 400 "), said)
    assert.truthy(said:find("TLS is spoken here", 1, true), said)
  end)

  it("serves runtimes, which check its name", function()
    program.make_dir(dir .. "/hyperties", {
      ["clock.lua"] = [[
        local H = { name = "Clock" }
        function H:start()
          self.object = assert(self.syncher:create {
            schema = "Resource", name = "hour", public = true, data = { value = 12 } })
          print("reports " .. self.object.url)
        end
        return H
      ]],
      ["watch.lua"] = [[
        local H = { name = "Watch" }
        H.api = {}
        function H.api.read(self, url) return assert(self.syncher:subscribe(url)).data.value end
        return H
      ]],
    })
    local reporter = start("run", dir .. "/hyperties/clock.lua", "--ca", dir .. "/ca.pem",
      "--node", ("wss://127.0.0.1:%d/ws"):format(wss))
    local url = reporter:expect("err", "reports (%S+)")
    local prompt = start("repl", dir .. "/hyperties/watch.lua", "--ca", dir .. "/ca.pem",
      "--node", ("tls://localhost:%d"):format(tls))
    assert.equal("12", prompt:ask("watch.read '" .. url .. "'", "(%d+)\n"))
    local stranger = start("repl", "--node", ("tls://127.0.0.1:%d"):format(tls))
    stranger:expect("err", "the certificate of 127%.0%.0%.1:%d+ is not trusted: .*%-%-ca FILE")
  end)
end)

-- What a page of a browser does with the node, told to the server that it came from.
local PAGE = [[
<!DOCTYPE html><meta charset="utf-8"><title>page</title><script>
const tell = text => fetch('/tell?' + encodeURIComponent(text))
const ws = new WebSocket('wss://127.0.0.1:%d/ws')
ws.onopen = () => ws.send(JSON.stringify({
  type: 'open', id: 1, from: 'hyperty-runtime://localhost/page', to: 'mn:/session' }))
ws.onmessage = event => {
  const m = JSON.parse(event.data)
  tell('answer ' + m.body.code + ' ' + typeof m.body.runtimeToken)
}
ws.onclose = event => tell('closed ' + event.code)
</script>]]

-- Serves the page until the page has told something; gives that.
local function serve(server, page)
  local until_s = socket.gettime() + 60
  server:settimeout(1)
  while socket.gettime() < until_s do
    local client = server:accept()
    local line = client and client:settimeout(5) and client:receive "*l"
    local told = line and line:match "^GET /tell%?(%S+)"
    while line and line ~= "" do line = client:receive "*l" end
    if client then
      client:send(("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
        .. "Connection: close\r\n\r\n%s"):format(#page, page))
      client:close()
    end
    if told then return (told:gsub("%%20", " ")) end
  end
end

describe("a page in a browser", function()
  it("opens a session over wss", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    -- The only certificate that this browser takes without an authority is the node's.
    local pin = shell(dir, "openssl x509 -in node.pem -pubkey -noout | openssl pkey -pubin "
      .. "-outform der | openssl dgst -sha256 -binary | base64"):gsub("%s", "")
    program.write(dir .. "/browser", ("cd %s; echo $$ >browser.pid; exec timeout -s KILL 80 "
      .. "chromium-headless-shell --headless --no-sandbox --disable-gpu --user-data-dir=%s/profile "
      .. "--ignore-certificate-errors-spki-list=%s --remote-debugging-port=0 "
      .. "http://127.0.0.1:%d/ >browser.log 2>&1\n"):format(dir, dir, pin, port))
    assert(os.execute("unset LD_PRELOAD; sh " .. dir .. "/browser &"))
    local told = serve(server, PAGE:format(wss))
    server:close()
    os.execute(("env kill -KILL -- -$(cat %s/browser.pid)"):format(dir))
    assert.equal("answer 200 string", told)
  end)
end)
