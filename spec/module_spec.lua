-- The trusted module: runtimes on a virtual clock, driven from stock Lua.
local host = require "hyperty.host"
local process = require "spec.support.process"

local COUNTER = [[
local hyperty = require "hyperty"
local Counter = { name = "Counter", api = {} }
function Counter:start(config)
  self.count = config.from or 0
  self.object = self.syncher:create { schema = "Resource", name = "count", data = { n = 0 } }
  self.object:on("subscribe", function(request) request:accept() end)
end
function Counter.api.add(self, by) self.count = self.count + (by or 1) return self.count end
function Counter.api.url(self) return self.object.url end
function Counter.api.publish(self) self.object.data.n = self.count end
function Counter.api.sleep(_, seconds) hyperty.sleep(seconds) return hyperty.now() end
function Counter.api.fail() return nil, "not today", "conflict" end
function Counter.api.raise() error "no luck" end
function Counter.api.say(_, text) print(text) end
return Counter
]]

local OBSERVER = [[
local Observer = { name = "Observer", api = {} }
function Observer:start(config)
  self.seen = {}
  self.object = assert(self.syncher:subscribe(config.url))
  self.object:on("change", function(change) self.seen[#self.seen + 1] = change.value end)
end
function Observer.api.seen(self) return self.seen end
return Observer
]]

-- Runs with a runtime that is stopped afterwards, and then no block of the core may be left.
local function with_runtime(options, fn)
  local before = host.blocks()
  local rt = host.runtime(options)
  local ok, err = pcall(fn, rt)
  rt:stop()
  if not ok then error(err, 0) end
  assert.equal(before, host.blocks())
end

describe("a runtime", function()
  it("loads a hyperty and drives it until it has started", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER, { as = "one", from = 3 }, "counter.lua"))
      assert.equal("one", counter.name)
      assert.truthy(counter.url:find "^hyperty://localhost/")
      assert.equal(4, counter:call("add"))
      assert.equal(9, counter.api.add(5))
      assert.truthy(counter:memory() > 1000)
      assert.equal(0, counter:tasks())
      assert.equal(0, rt:now())
    end)
  end)

  it("tells why a hyperty does not load", function()
    with_runtime({ paths = { "/nowhere" } }, function(rt)
      local none, message, code = rt:load "nope"
      assert.is_nil(none)
      assert.truthy(message:find('there is no hyperty "nope"; looked for nope%.lua and '
        .. "nope/init%.lua in /nowhere$"))
      assert.equal("not_found", code)
      assert.truthy(select(2, rt:check "nope"):find "there is no hyperty")
      none, message, code = rt:load_text("return {", nil, "broken.lua")
      assert.same({ nil, "invalid" }, { none, code })
      assert.truthy(message:find "^broken%.lua:1: ")
      message = select(2, rt:load_text(
        "return { name = 'X',\n start = function() error 'no luck' end }", {}, "late.lua"))
      assert.truthy(message:find "late%.lua:2: no luck")
      assert.equal(0, rt:stats().instances)
    end)
  end)

  it("gives the results of calls and of code, or nil, message, code", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      local code = "local self, a = ... return a, nil, self.count, { true }"
      assert.same({ 1, nil, 0, { true } }, { counter:eval(code, 1) })
      assert.equal(0, counter:eval "return self.count")
      assert.same({ nil, "not today", "conflict" }, { counter:call "fail" })
      assert.truthy(select(2, counter:call "raise"):find "no luck")
      assert.truthy(select(2, counter:eval "x x"):find "syntax error")
      assert.equal("not_found", (select(3, counter:call "nope")))
      assert.truthy(select(2, counter:call("add", print)):find(
        "argument 1: a function is not JSON", 1, true))
    end)
  end)

  it("keeps arrays, empty ones, null and 64-bit integers", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      local t = counter:eval([[
        return (select(2, ...))]],
        { list = host.array {}, none = host.null, big = 9007199254740993 })
      assert.same({ list = {}, none = host.null, big = 9007199254740993 }, t)
      local text = counter:eval([[
        return (require "hyperty").json.encode((select(2, ...)))]],
        { list = host.array {}, map = {}, none = host.null })
      assert.equal('{"list":[],"map":{},"none":null}', text)
    end)
  end)

  it("lets no time pass but what it is told to", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      local start = counter:eval "return (require 'hyperty').now()"
      assert.equal(start + 30, counter:call("sleep", 30))
      assert.equal(30, rt:now())
      rt:run()
      assert.equal(30, rt:now())
      rt:run(2.5)
      assert.equal(32.5, rt:now())
    end)
  end)

  it("fires timers in their order, each at its time", function()
    local said = {}
    with_runtime({ print = function(_, text) said[#said + 1] = text end }, function(rt)
      assert(rt:load_text [[
        local hyperty = require "hyperty"
        local start = hyperty.now()
        local function at(s)
          hyperty.after(s, function() print(s, hyperty.now() - start) end)
        end
        return { name = "T", start = function() at(3) at(1) at(2) end }]])
      rt:run(2)
      assert.same({ "1\t1.0", "2\t2.0" }, said)
      rt:run(1)
      assert.equal("3\t3.0", said[3])
    end)
  end)

  it("gives up on what does not finish", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      assert.has_error(function() counter:call("sleep", 1000) end, "sleep: did not finish")
      assert.equal(120, rt:now())
      assert.equal(1, counter:tasks())
    end)
  end)

  it("replays from its seed, and differs with another", function()
    local function run(seed)
      local urls = {}
      with_runtime({ seed = seed }, function(rt)
        urls = { rt:url(), assert(rt:load_text(COUNTER)):call "url" }
      end)
      return urls
    end
    assert.same(run(7), run(7))
    assert.not_same(run(7), run(8))
  end)

  it("hands on prints and log lines", function()
    local lines = {}
    local function keep(...) lines[#lines + 1] = table.concat({ ... }, "|") end
    with_runtime({ print = keep, log = keep, log_level = "error" }, function(rt)
      local counter = assert(rt:load_text(COUNTER, { as = "c" }))
      counter:call("say", "hello")
      counter:eval "(require 'hyperty').spawn(function() error('x', 0) end)"
      rt:run()
      assert.equal("c|hello", lines[1])
      assert.truthy(lines[2]:find "^error|c|.*x")
    end)
  end)

  it("counts what its bus does", function()
    with_runtime({}, function(rt)
      local before = rt:stats()
      assert(rt:load_text(COUNTER))
      local after = rt:stats()
      assert.is_true(after.sent > before.sent)
      assert.same({ 0, 0, 1 }, { after.queued, after.requests, after.instances })
      assert.is_false(rt:step())
      assert.equal("reporter", rt:objects()[1].role)
      assert.equal(rt:objects()[1].url, rt:routes()[1].url)
    end)
  end)

  it("knows schemas that it is given", function()
    with_runtime({ schemas = { Lamp = { scheme = "lamp", children = { switches = {} } } } },
      function(rt)
        local url = assert(rt:load_text [[
          local M = { name = "M", api = {} }
          function M:start() self.o = assert(self.syncher:create { schema = "Lamp", data = {} }) end
          function M.api.url(self) return self.o.url end
          return M]]):call "url"
        assert.truthy(url:find "^lamp://localhost/")
      end)
    assert.has_error(function() host.runtime { schemas = { Lamp = 1 } } end,
      "runtime: schema Lamp: is no object")
  end)

  it("unloads an instance, which then is gone", function()
    with_runtime({}, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      assert.is_true(counter:unload())
      assert.same({ nil, "the instance is gone", "closed" }, { counter:call "add" })
      assert.equal(0, #rt:objects())
    end)
  end)

  it("can be used no more once it is stopped", function()
    local rt = host.runtime {}
    rt:stop()
    rt:stop()
    assert.has_error(function() rt:run() end,
      "calling 'run' on bad self (the runtime is stopped)")
  end)

  it("refuses options that are wrong", function()
    local before = host.blocks()
    assert.has_error(function() host.runtime { user = {} } end,
      "runtime: user must be a string")
    assert.has_error(function() host.runtime { domain = "a b" } end,
      'runtime: "a b" is no domain name; write one like example.com')
    assert.has_error(function() host.runtime { log = "x" } end, "runtime: log must be a function")
    assert.has_error(function() host.runtime { log_level = "loud" } end,
      'runtime: log_level: "loud" is no level')
    assert.equal(before, host.blocks())
  end)

  it("raises what a callback raised, after the turn", function()
    with_runtime({ print = function() error("in print", 0) end }, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      assert.has_error(function() counter:call("say", "x") end, "in print")
      assert.equal(1, counter:call "add")
    end)
  end)

  it("refuses to be driven from inside a callback", function()
    local driven, inner, message
    local function drive() inner, message = pcall(driven.run, driven) end
    with_runtime({ print = drive }, function(rt)
      driven = rt
      assert(rt:load_text(COUNTER)):call("say", "x")
      assert.is_false(inner)
      assert.truthy(message:find "not from inside a callback")
    end)
  end)

  it("runs on real time, too", function()
    with_runtime({ clock = "real" }, function(rt)
      local counter = assert(rt:load_text(COUNTER))
      assert.equal(1, counter:call "add")
      local before = rt:now()
      counter:call("sleep", 0.05)
      assert.is_true(rt:now() - before >= 0.049)
      rt:run(0.02)
      rt:run()
    end)
  end)

  it("meets others at a node elsewhere, on real time", function()
    process.with(function(start)
      local url = start("node", "--listen", "tcp://127.0.0.1:0"):expect("err", "listens on (%S+)")
      local function with_far(fn) with_runtime({ clock = "real", node = url }, fn) end
      with_far(function(a)
        local one = assert(a:load_text(COUNTER))
        with_far(function(b)
          local two = assert(b:load_text(COUNTER))
          one:call "add"
          assert.not_equal(one.url, two.url)
          assert.equal(one.url, two:eval([[
            local self, url = ...
            return assert(self.syncher:discover { url = url })[1].url]], one.url))
        end)
      end)
    end)
    assert.has_error(function() host.runtime { node = "tcp://127.0.0.1:1" } end,
      'runtime: node needs clock = "real"')
    assert.has_error(function() host.runtime { clock = "real", node = "nowhere" } end)
    collectgarbage() -- takes their worlds along
  end)

  it("shares nothing with another one", function()
    with_runtime({}, function(a)
      local one = assert(a:load_text(COUNTER, { as = "c" }))
      one:call("add", 5)
      with_runtime({}, function(b)
        local two = assert(b:load_text(COUNTER, { as = "c" }))
        assert.equal(1, two:call "add")
        b:run(10)
        assert.same({ 0, 10 }, { a:now(), b:now() })
      end)
      assert.equal(6, one:call "add")
    end)
  end)

  it("survives each allocation that fails", function()
    local before = host.blocks()
    for n = 1, 400 do
      local rt = host.runtime {}
      host.fail_after(n)
      local ok, counter = pcall(rt.load_text, rt, COUNTER)
      if ok and counter then pcall(counter.call, counter, "add") end
      host.fail_after(-1)
      rt:stop()
      assert.equal(before, host.blocks(), "allocation " .. n)
    end
  end)
end)

describe("a port", function()
  local ME = "hyperty://localhost/me"

  it("asks and gets the response", function()
    with_runtime({}, function(rt)
      local url = assert(rt:load_text(COUNTER)):call "url"
      local port = rt:port(ME)
      local answer = port:request { type = "read", to = url }
      assert.same({ "response", url, ME, 401 },
        { answer.type, answer.from, answer.to, answer.body.code })
      assert.equal(404, port:request('{"type":"read","to":"comm://localhost/none"}').body.code)
    end)
  end)

  it("may send only from its own address", function()
    with_runtime({}, function(rt)
      local port = rt:port(ME)
      local sent, message, code = port:send { type = "read", id = 1, to = ME,
        from = "hyperty://localhost/other" }
      assert.same({ nil, "forbidden" }, { sent, code })
      assert.truthy(message:find("hyperty://localhost/other", 1, true))
      sent, message, code = port:send { type = "fly", to = ME }
      assert.same({ nil, "invalid" }, { sent, code })
      assert.truthy(message:find "fly")
    end)
  end)

  it("listens to an address", function()
    with_runtime({}, function(rt)
      local heard = {}
      local port = rt:port(ME)
      port:listen(ME, function(m) heard[#heard + 1] = m.body.value end)
      assert.is_true(port:send { type = "event", to = ME, body = { value = { 1, "x" } } })
      assert.same({}, heard)
      rt:run()
      assert.same({ { 1, "x" } }, heard)
      port:close()
      assert.has_error(function() port:send {} end,
        "calling 'send' on bad self (the port is closed)")
    end)
  end)

  it("has what comes from outside beside it", function()
    with_runtime({}, function(rt)
      local heard
      local port = rt:port(ME)
      port:listen(ME, function(m) heard = m.from end)
      assert.is_true(rt:receive('{"type":"read","id":1,"from":"hyperty://b.example/x","to":"'
        .. ME .. '"}'))
      rt:run()
      assert.equal("hyperty://b.example/x", heard)
      local received, message, code = rt:receive "{"
      assert.same({ nil, "invalid" }, { received, code })
      assert.truthy(message:find "malformed")
    end)
  end)

  it("has interceptors, that pass, drop or change what they see", function()
    with_runtime({}, function(rt)
      local heard = {}
      local port = rt:port(ME)
      port:listen(ME, function(m) heard[#heard + 1] = m.body.value end)
      local function send(value)
        port:send { type = "event", to = ME, body = { value = value } }
        rt:run()
      end
      rt:intercept(function(m)
        if m.body.value == "drop" then return "drop" end
        if m.body.value ~= "change" then return "pass" end
        m.body.value = "changed"
        return m
      end)
      send "drop"
      send "change"
      send "pass"
      rt:intercept(nil)
      send "drop"
      assert.same({ "changed", "pass", "drop" }, heard)
    end)
  end)
end)

describe("a network", function()
  local function with_network(options, fn)
    local before = host.blocks()
    local net = host.network(options)
    local ok, err = pcall(fn, net)
    net:stop()
    if not ok then error(err, 0) end
    assert.equal(before, host.blocks())
  end

  it("joins runtimes on one clock", function()
    with_network({ seed = 1, delay = { 0.01, 0.05 } }, function(net)
      local a, b = net:runtime {}, net:runtime {}
      local counter = assert(a:load_text(COUNTER))
      local observer = assert(b:load_text(OBSERVER, { url = counter:call "url" }))
      assert.is_true(net:now() > 0)
      assert.equal(net:now(), a:now())
      counter:call("add", 7)
      counter:call "publish"
      assert.is_true(net:settle())
      assert.same({ 7 }, observer:call "seen")
    end)
  end)

  it("can be cut in either direction, and does not settle while an answer is missing", function()
    with_network({}, function(net)
      local a, b = net:runtime {}, net:runtime {}
      local counter = assert(a:load_text(COUNTER))
      local observer = assert(b:load_text(OBSERVER, { url = counter:call "url" }))
      net:settle()
      net:cut(a, true, false)
      counter:call "add"
      counter:call "publish"
      net:run(0.1)
      assert.same({}, observer:call "seen")
      net:cut(a, false, false)
      counter:call "add"
      counter:call "publish"
      net:run(1)
      net:settle()
      assert.equal(2, observer:eval "return self.object.data.n")
    end)
  end)

  it("has slow readers, and connections that break off", function()
    with_network({ queue_bytes = 5000, grace = 2 }, function(net)
      local a, b = net:runtime {}, net:runtime {}
      local counter = assert(a:load_text(COUNTER))
      local observer = assert(b:load_text(OBSERVER, { url = counter:call "url" }))
      net:settle()
      local function add(count)
        for _ = 1, count do counter:call "add" counter:call "publish" end
        net:run(0.1)
        return observer:eval "return self.object.data.n"
      end
      assert.equal(1, add(1))
      net:stall(b, true)
      assert.equal(1, add(30))
      net:stall(b, false)
      net:run(1)
      assert.equal(31, observer:eval "return self.object.data.n")
      net:break_off(b)
      assert.equal("disconnected", observer:eval "return self.object:status().state")
      add(1)
      net:run(1)
      assert.equal(32, observer:eval "return self.object.data.n")
      net:interrupt(a, true)
      net:run(1)
      assert.equal("live", observer:eval "return self.object:status().state")
      net:run(2)
      assert.equal("disconnected", observer:eval "return self.object:status().state")
    end)
  end)

  it("replays a run with faults from its seed", function()
    local function run(seed)
      local said = {}
      with_network({ seed = seed, delay = { 0.01, 0.5 } }, function(net)
        local a, b = net:runtime {}, net:runtime {}
        local counter = assert(a:load_text(COUNTER))
        local observer = assert(b:load_text(OBSERVER, { url = counter:call "url" }))
        net:faults { delay = { 0.01, 0.5 }, loss = 0.2, repeat_ = 0.2 }
        for _ = 1, 20 do
          counter:call "add"
          counter:call "publish"
          net:run(0.05)
        end
        said = { observer:call "seen", net:now() }
        net:faults {}
        net:settle()
      end)
      return said
    end
    assert.same(run(5), run(5))
  end)

  it("refuses faults that are none", function()
    assert.has_error(function() host.network { grace = -1 } end,
      "network: grace must be a number from 0")
    assert.has_error(function() host.network { queue_bytes = 2 ^ 40 } end,
      "network: queue_bytes must be a number from 0")
    assert.has_error(function() host.network { loss = 2 } end, "network: loss must be from 0 to 1")
    assert.has_error(function() host.network { delay = { 2, 1 } } end,
      "network: delay must be {min, max}")
  end)
end)
