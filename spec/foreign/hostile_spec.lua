-- Clients that mean harm, or have bad luck, against the real program: each is answered, or shown
-- out with a reason, and two others hear meanwhile, to the byte, what they hear without it.
--
--      anna ── reports, answers ──► node ──► bob        a turn of these two is a list of texts;
--      evil ── whatever ──────────►   │                 it is recorded once before any harm, and
--           ◄─ an answer, or the end ─┘                 compared in the middle of it and after
local certificate = require "spec.support.certificate"
local foreign = require "spec.foreign.client"
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"

-- Without auth; hostile_auth_spec.lua tells of it with auth.
local has_auth = ... == "auth"

local SM = "domain://msg-node.localhost/sm"
local ALLOCATION = "domain://msg-node.localhost/address-allocation"
local OBJECT = "comm://localhost/room"
local EVIL = "hyperty-runtime://localhost/evil"
local ANNA = "hyperty-runtime://localhost/anna"
local MIB = 1 << 20
local HANDSHAKE_S = 10

-- --- the life of the two others ------------------------------------------------------------------

-- `door`: how one comes in: the authority of its certificate, the token that is shown.
local function open(url, runtime, door)
  local client = foreign.connect(url, door and door.authority)
  local answer = client:ask { id = "o", type = "open", from = runtime, to = "mn:/session",
    body = door and door.token and { auth = door.token } }
  assert.equal(200, answer.body.code)
  client.token = answer.body.runtimeToken
  return client
end

local function subscribe(client, runtime, ...)
  local answer = client:ask { id = "s", type = "subscribe", from = runtime .. "/sm", to = SM,
    body = { resources = { ... } } }
  assert.equal(200, answer.body.code)
end

-- One turn of two who work together; gives all that both heard. Each ends it with a question to the
-- node: what came unasked would stand before the answer.
local function turn_of(pair)
  pair.turns = pair.turns + 1
  local number = ("%06d"):format(pair.turns)
  local heard = {}
  local function hears(who)
    local text = assert(pair[who]:receive_text())
    heard[#heard + 1] = who .. " " .. text:gsub(number, "N")
  end
  local function says(who, text)
    pair[who]:send((text:gsub("OBJECT", OBJECT):gsub("SM", SM):gsub("NUMBER", number)))
  end
  says("anna", '{"type":"update","from":"OBJECT","to":"OBJECT/changes",'
    .. '"body":{"version":"NUMBER"}}')
  hears "bob"
  says("bob", '{"id":"r-NUMBER","type":"read","from":"hyperty://localhost/bob","to":"OBJECT"}')
  hears "anna"
  says("anna", '{"id":"r-NUMBER","type":"response","from":"OBJECT","to":"hyperty://localhost/bob",'
    .. '"body":{"code":200,"value":{"n":"NUMBER"}}}')
  hears "bob"
  for _, who in ipairs { "anna", "bob" } do
    says(who, '{"id":"h-NUMBER","type":"execute","from":"hyperty://localhost/' .. who
      .. '","to":"SM","body":{"method":"holder","params":["OBJECT"]}}')
    hears(who)
  end
  return heard
end

-- Where a node listens, by scheme; in `dir`, which has certificates.
local function listen_urls(dir)
  return { tcp = "tcp://127.0.0.1:0", ws = "ws://127.0.0.1:0/ws", unix = "unix://" .. dir .. "/s",
    tls = "tls://127.0.0.1:0", wss = "wss://127.0.0.1:0/ws" }
end

-- A secret, and a token of it for all runtimes here.
local function make_token(dir)
  local path = dir .. "/secret"
  program.write(path, ("a secret of 32 bytes at least"):rep(2))
  assert(os.execute("chmod 600 " .. path))
  local made = program.run { "token", "--key", path, "--sub", "hyperty-runtime://localhost",
    "--user", "user://localhost/evil", "--ttl", "1h" }
  return path, assert(made.out:match "^(%S+)\n$", made.err)
end

-- A node that listens on each transport: its URLs, and how one comes in.
local function start_node(start, dir, ...)
  certificate.authority(dir)
  certificate.signed(dir, "node", "IP:127.0.0.1")
  local arguments = { "node", "--tls-cert", dir .. "/node.pem", "--tls-key", dir .. "/node.key",
    ... }
  for _, url in pairs(listen_urls(dir)) do
    arguments[#arguments + 1] = "--listen"
    arguments[#arguments + 1] = url
  end
  local node, urls = start(table.unpack(arguments)), {}
  for _ in pairs(listen_urls(dir)) do
    local url = node:expect("err", "listens on (%l+://%S+)")
    urls[url:match "^%l+"] = url
  end
  return urls, { authority = dir .. "/ca.pem" }
end

for _, transport in ipairs { "tcp", "ws", "unix", "tls", "wss" } do
  describe("a hostile client over " .. transport .. (has_auth and " with auth" or ""), function()
    local is_web = transport:find "^ws"
    local finish, url, pair, expected, evil, door

    -- The two have a turn, and hear what they always hear.
    local function breathe()
      assert.same(expected, turn_of(pair))
    end

    local function intrude()
      return open(url, EVIL, door)
    end

    setup(function()
      local start, dir, urls
      start, finish, dir = process.begin()
      local key, token
      if has_auth then key, token = make_token(dir) end
      urls, door = start_node(start, dir, "--queue-bytes", tostring(2 * MIB),
        table.unpack(key and { "--auth-key", key } or {}))
      door.token = token
      url = urls[transport]
      pair = { turns = 0, anna = open(urls.tcp, ANNA, door),
        bob = open(urls.ws, "hyperty-runtime://localhost/bob", door) }
      subscribe(pair.anna, ANNA, OBJECT, OBJECT .. "/subscription")
      subscribe(pair.bob, "hyperty-runtime://localhost/bob", OBJECT .. "/changes")
      expected = turn_of(pair)
    end)
    teardown(function()
      pair.anna:close()
      pair.bob:close()
      finish()
    end)
    before_each(function() evil = intrude() end)
    after_each(function()
      breathe()
      evil:close()
      breathe()
    end)

    -- What is sent is answered with that code and text; the connection goes on.
    local function is_refused(text, code, desc)
      evil:send(text)
      local answer = assert(evil:receive())
      assert.equal("response", answer.type)
      assert.same({ code, desc }, { answer.body.code, answer.body.desc })
      breathe()
    end

    -- The connection ends with that code and reason: a close frame, or a message where the framing
    -- has no words for it.
    local function is_shown_out(client, code, reason)
      local message, why, told_code, told_reason = client:receive()
      if message then
        assert.equal("close", message.type)
        told_code, told_reason = message.body.code, message.body.desc
        message, why = client:receive()
      end
      assert.is_nil(message)
      assert.equal("closed", why)
      assert.same({ code, reason }, { told_code, told_reason })
    end

    local function request(fields, body)
      return ('{"id":6,"type":"read","from":"%s","to":"%s"%s%s}'):format(EVIL, SM, fields,
        body and ',"body":' .. body or "")
    end

    it("hears what is wrong with what is no message", function()
      local BAD = "malformed message: "
      is_refused("hello", 400, BAD .. "malformed JSON at byte 0: expected a value")
      is_refused('{"id":5,"type":"rea', 400,
        BAD .. "malformed JSON at byte 19: the string is not closed")
      is_refused("[]", 400, BAD .. "a JSON object is expected")
      is_refused("{}", 400, BAD .. '"type" is missing')
      is_refused('{"id":6,"type":7}', 400, BAD .. '"type" is not a string')
      is_refused(('{"id":6,"type":"read","from":"%s","to":[]}'):format(EVIL), 400,
        BAD .. '"to" is not a string')
      is_refused(request("", "[]"), 400, BAD .. '"body" is not an object')
      is_refused(request(',"to":"mn:/session"'), 400, BAD .. '"to" is given twice')
    end)

    it("hears that an id is too long, or none", function()
      local BAD = "malformed message: "
      local function id_is_refused(id, code, desc)
        is_refused(('{"id":%s,"type":"read","from":"%s","to":"%s"}'):format(id, EVIL, SM), code,
          BAD .. desc)
      end
      for _, id in ipairs { "0", "-1", "1.5", "null", "{}" } do
        id_is_refused(id, 400, '"id" is not an integer from 1 or a string')
      end
      for _, id in ipairs { "1e400", ("9"):rep(4000) } do
        id_is_refused(id, 400, "malformed JSON at byte 6: number is out of range")
      end
      id_is_refused('"' .. ("x"):rep(4000) .. '"', 413, '"id" has 4000 bytes, at most 1024')
    end)

    it("hears that its nesting is too deep", function()
      local byte = #request("", "") - 1 + 127 * #'{"a":' -- the message and its body are the first
      is_refused(request("", ('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000)), 413,
        ("malformed message: JSON at byte %d is nested deeper than 128 levels"):format(byte))
    end)

    it("is shown out with a message of 2 MiB", function()
      evil:send_bytes(evil.framing.write((" "):rep(2 * MIB)):sub(1, 70000))
      breathe()
      is_shown_out(evil, 1009,
        "a message of 2097152 bytes was announced, at most 1048576 are taken")
    end)

    it("is told of text that is not UTF-8", function()
      local text = request("", '{"a":"\xc3\x28"}')
      if not is_web then
        is_refused(text, 400,
          "malformed message: malformed JSON at byte 115: bad UTF-8 in a string")
      else
        evil:send(text)
        is_shown_out(evil, 1007, "a message is not UTF-8")
      end
    end)

    it("may not speak as somebody else, nor take what is held", function()
      is_refused(('{"id":6,"type":"update","from":"%s","to":"%s/changes","body":{}}'):format(OBJECT,
        OBJECT), 403, EVIL .. " does not hold " .. OBJECT .. " and may not send from it")
      is_refused(('{"id":6,"type":"read","from":"%s/sm","to":"%s"}'):format(ANNA, OBJECT), 403,
        EVIL .. " does not hold " .. ANNA .. "/sm and may not send from it")
    end)

    it("gets neither a negative number of addresses nor a thousand million", function()
      for _, number in ipairs { "-1", "0", "1000000000", "1e9", "18446744073709551617", '"2"' } do
        is_refused(('{"id":6,"type":"create","from":"%s","to":"%s","body":{"value":{"number":%s}}}')
          :format(EVIL, ALLOCATION, number), 400, "value.number must be a number from 1 to 1000")
      end
    end)

    it("cannot subscribe a hundred thousand resources", function()
      local passed, answer = 0, nil
      for i = 1, 100 do
        local list = {}
        for k = 1, 1000 do list[k] = ("comm://localhost/%d-%d/changes"):format(i, k) end
        answer = evil:ask { id = "s" .. i, type = "subscribe", from = EVIL, to = SM,
          body = { resources = list } }
        if answer.body.code ~= 200 then break end
        passed = passed + 1
        if i % 20 == 0 then breathe() end
      end
      assert.same({ 503, EVIL .. " may subscribe 65536 resources at most: "
        .. "comm://localhost/66-537/changes is too many; unsubscribe some first" },
        { answer.body.code, answer.body.desc })
      assert.is_true(passed < 70)
    end)

    it("does not guess a token", function()
      for i = 1, 200 do
        evil:send { id = i, type = "re-open", from = ("%s/%032x"):format(ANNA, i),
          to = "mn:/session", body = door.token and { auth = door.token } }
        local answer = assert(evil:receive())
        assert.same({ i, 403, "no session of this name and token: open a new one" },
          { answer.id, answer.body.code, answer.body.desc })
      end
    end)

    it("hears every answer if its handshakes come in one piece", function()
      local body = door.token and { auth = door.token }
      local guess = { id = "g", type = "re-open", from = ANNA .. "/0", to = "mn:/session",
        body = body }
      local again = { id = "a", type = "open", from = EVIL, to = "mn:/session", body = body }
      local json = require "dkjson"
      local write = evil.framing.write
      evil:send_bytes(write(json.encode(guess)) .. write(json.encode(again)))
      local first, second = assert(evil:receive()), assert(evil:receive())
      assert.same({ "g", 403 }, { first.id, first.body.code })
      assert.same({ "a", 200, evil.token }, { second.id, second.body.code,
        second.body.runtimeToken })
    end)

    it("is told if another opens its runtime", function()
      local second = intrude()
      local told = assert(evil:receive())
      assert.equal(409, told.body.code)
      is_shown_out(evil, 4409, "another connection has opened this runtime")
      breathe()
      evil:close()
      evil = second
    end)

    it("may end in the middle of a message", function()
      local bytes = evil.framing.write(request("", '{"a":"' .. ("x"):rep(1000) .. '"}'))
      for _, len in ipairs { 1, 3, 5, 500, #bytes - 1 } do
        evil:send_bytes(bytes:sub(1, len))
        breathe()
        if evil:finish() then
          local message, why = evil:receive()
          assert.is_nil(message)
          assert.equal("closed", why)
        end
        evil:close()
        evil = intrude()
      end
    end)

    it("is shown out if more comes than it announced", function()
      local bytes, code, reason = string.pack(">s4", "hello"), 1009,
        "a message of 543256164 bytes was announced, at most 1048576 are taken" -- " and"
      if is_web then
        bytes, code, reason = foreign.websocket.frame "hello", 1002,
          "a reserved bit is set, no extension was agreed on"
      end
      evil:send_bytes(bytes)
      assert.equal(400, assert(evil:receive()).body.code)
      evil:send_bytes(" and more than that was said to come")
      is_shown_out(evil, code, reason)
    end)

    it("is shown out if it asks without end and does not read", function()
      local text = ('{"id":6,"type":"read","from":"%s","to":"comm://localhost/%s"}'):format(EVIL,
        ("x"):rep(2000))
      local piece = evil.framing.write(text):rep(100)
      evil.socket:settimeout(0.5)
      local sent = 0
      while sent < 24 * MIB and evil:send_bytes(piece) do
        sent = sent + #piece
        if sent % (20 * #piece) == 0 then breathe() end
      end
      breathe()
      local last, code, reason
      repeat
        local came, _, told_code, told_reason = evil:receive_text()
        last, code, reason = came or last, told_code, told_reason
      until not came
      if not is_web then
        local words = '"code":1013,"desc":"it does not read what is sent to it"'
        assert.truthy(last:find(words, 1, true))
      else
        assert.same({ 1013, "it does not read what is sent to it" }, { code, reason })
      end
    end)

    it("may leave while all are told", function()
      local watchers = {}
      for i = 1, 30 do
        local runtime = EVIL .. i
        watchers[i] = open(url, runtime, door)
        subscribe(watchers[i], runtime, OBJECT .. "/changes")
      end
      for i = 1, 30 do
        breathe()
        if i % 3 == 0 then watchers[i]:break_off() end
        if i % 3 == 1 then
          watchers[i]:send { id = 1, type = "close", from = EVIL .. i, to = "mn:/session" }
        end
        pair.anna:send(('{"type":"event","from":"%s","to":"%s/changes"}'):format(OBJECT, OBJECT))
        watchers[i]:close()
        assert(pair.bob:receive())
      end
    end)

    if has_auth then
      it("is shown out without a good token", function()
        local token = door.token
        for _, bad in ipairs { false, "", "x", token .. "A", (token:gsub("%.", "..", 1)),
          (token:gsub("%.[^.]*$", ".")) } do
          local stranger = foreign.connect(url, door.authority)
          local answer = stranger:ask { id = "o", type = "open", from = EVIL .. "/2",
            to = "mn:/session", body = bad and { auth = bad } or nil }
          assert.equal(401, answer.body.code)
          is_shown_out(stranger, 4401, answer.body.desc)
          stranger:close()
          breathe()
        end
      end)
    end
  end)
end

if has_auth then return end

describe("a hostile WebSocket", function()
  local finish, url, evil

  setup(function()
    local start
    start, finish = process.begin()
    url = start("node", "--listen", "ws://127.0.0.1:0/ws"):expect("err", "listens on (ws://%S+)")
  end)
  teardown(function() finish() end)
  before_each(function() evil = open(url, EVIL) end)
  after_each(function() evil:close() end)

  local function is_shown_out(code, reason)
    assert.same({ n = 4, nil, "closed", code, reason }, table.pack(evil:receive()))
  end

  it("is shown out with a binary frame", function()
    evil:send_bytes(foreign.websocket.frame("{}", 2))
    is_shown_out(1003, "a binary message; messages are text")
  end)

  it("is answered one ping in many, and shown out with a flood", function()
    local ping = foreign.websocket.frame("p", 9)
    evil:send_bytes(ping:rep(64))
    local pong = assert(evil.socket:receive(3))
    assert.equal("\x8a\1p", pong)
    evil:send_bytes(ping:rep(8000))
    local answer, why, code, reason
    repeat answer, why, code, reason = evil:receive() until not answer
    assert.same({ "closed", 1008, "too many pings at once" }, { why, code, reason })
  end)
end)

-- All at once, as each takes as long as a handshake may.
describe("who is slow to begin", function()
  local REASON = "no session was opened in time"

  local function rest_of(client)
    local text, _, part = client.socket:receive "*a"
    return text or part
  end

  it("is shown out in time, whatever it sends meanwhile", function()
    process.with(function(start, dir)
      local urls, door = start_node(start, dir)
      local tcp, ws = urls.tcp, urls.ws
      local began = socket.gettime()
      local mute, half, silent = foreign.dial(tcp), foreign.dial(urls.unix), foreign.connect(ws)
      local mute_ws, drip = foreign.dial(ws), foreign.dial(ws)
      local mute_tls, half_tls = foreign.dial(urls.tls), foreign.dial(urls.wss)
      local silent_wss = foreign.connect(urls.wss, door.authority)
      half:send_bytes "\0\0\1"
      half_tls:send_bytes "\x16\3\1\2\0\1\0\1\xfc\3\3" -- TLS begins so
      local good = open(tcp, ANNA)
      local head = "GET /ws HTTP/1.1\r\nHost: x\r\nX-Long: "
      local at, has_ended = 0, false
      while not has_ended do -- byte by byte
        at = at + 1
        drip:send_bytes(head:sub(at, at) ~= "" and head:sub(at, at) or "x")
        assert.equal(404, good:ask({ id = at, type = "read", from = ANNA,
          to = "comm://localhost/nobody" }).body.code)
        has_ended = #socket.select({ drip.socket }, nil, 0.1) > 0
      end
      local took_s = socket.gettime() - began
      assert.is_true(took_s > HANDSHAKE_S - 1 and took_s < HANDSHAKE_S + 3, took_s)
      for _, client in ipairs { mute, half } do
        assert.truthy(rest_of(client):find('{"code":1008,"desc":"' .. REASON .. '"}', 1, true))
      end
      for _, client in ipairs { mute_ws, drip } do
        assert.truthy(rest_of(client):find("^HTTP/1.1 503 .*" .. REASON))
      end
      for _, client in ipairs { mute_tls, half_tls } do -- which cannot be told why
        assert.not_equal("timeout", select(2, client.socket:receive "*a"))
      end
      for _, client in ipairs { silent, silent_wss } do
        assert.same({ n = 4, nil, "closed", 1008, REASON }, table.pack(client:receive()))
      end
      for _, client in ipairs { mute, half, silent, mute_ws, drip, mute_tls, half_tls, silent_wss,
        good } do
        client:close()
      end
    end)
  end)
end)
