-- require "hyperty" as far as it is about other hyperties, the log and identifiers; and what a
-- script finds around itself.
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

local SERVER = [[
local hyperty = require "hyperty"
local Server = { name = "Server", api = {} }
function Server.api.add(self, a, b) return a + b end
function Server.api.echo(self, ...) return { n = select("#", ...), ... } end
function Server.api.first(self, ...) return ... end
function Server.api.slow(self) hyperty.sleep(2) return "at last" end
function Server.api.nothing(self) end
function Server.api.falsy(self) return false end
function Server.api.fail(self, code) return nil, "not today", code end
function Server.api.raise(self) error("broken") end
function Server.api.opaque(self) return { values = { 1, print } } end
function Server.api.own(self) return self.url end
return Server
]]

describe("hyperty.call", function()
  local world, one, server

  before_each(function()
    world = objects.world { "one" }
    one = world.one
    server = assert(world.rt:load_text(SERVER))
    one:eval 'hyperty = require "hyperty"'
    one:eval("function call(...) return hyperty.call(server, ...) end server = ...", server.url)
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  it("gives the value that the method returns", function()
    assert.equal(5, one:eval "return call('add', 2, 3)")
    assert.equal(server.url, one:eval "return call('own')")
    assert.equal("at last", one:eval "return call('slow')")
    assert.same({ true, 1 }, { one:eval [[
      return call("falsy") == false, select("#", call("falsy"))]] })
    assert.equal("first", one:eval "return call('first', 'first', 'second')")
  end)

  it("gives nil where the method returns nothing", function()
    assert.same({ true, true }, { one:eval [[
      local value, message = call("nothing")
      return value == nil, message == nil]] })
  end)

  it("hands over values, nil among the arguments, and objects by their URL", function()
    assert.equal('{"a":[],"b":9007199254740993}', one:eval [[
      return hyperty.json.encode(call("first", { a = hyperty.array {}, b = 9007199254740993 }))]])
    assert.same({ 3, true, "x" }, { one:eval [[
      local t = call("first", nil, "x") == nil and { n = 3, nil, nil, "x" }
      return t.n, t[1] == nil, t[3] ]] })
    assert.truthy(one:eval [[
      local room = self.syncher:create { schema = "Resource", data = {} }
      return call("first", room) == room.url]])
  end)

  it("raises for arguments that are no JSON", function()
    has("call: argument 2: a: a function is not JSON", raised(one, "call('add', 1, { a = print })"))
    has("string expected", raised(one, "hyperty.call(nil, 'x')"))
    has("string expected", raised(one, "hyperty.call('hyperty://localhost/x')"))
  end)

  it("gives nil, message, code where the method fails so", function()
    for word, code in pairs { forbidden = "forbidden", not_found = "not_found", invalid = "invalid",
      conflict = "conflict", too_large = "too_large", deleted = "deleted", timeout = "timeout",
      ["no such word"] = "forbidden" } do
      assert.same({ true, "not today", code }, { one:eval([[
        local value, message, code = call("fail", ...)
        return value == nil, message, code]], word) })
    end
    assert.equal("forbidden", one:eval "return select(3, call('fail'))")
  end)

  it("gives nil, message, code where there is no such method, hyperty or address", function()
    local message, code = one:eval "return select(2, call('nope'))"
    has('text has no function "nope"', message)
    assert.equal("not_found", code)
    assert.equal("not_found", one:eval [[
      return select(3, hyperty.call("hyperty://localhost/nobody", "x"))]])
    assert.equal("invalid", one:eval "return select(3, hyperty.call('no url', 'x'))")
  end)

  it("tells what was raised, and logs the traceback where it was", function()
    local message, code = one:eval "return select(2, call('raise'))"
    has("broken", message)
    assert.is_nil(message:find("traceback", 1, true))
    assert.equal("internal", code)
    local errors = world:errors()
    assert.equal(1, #errors)
    has("broken", errors[1])
    has("stack traceback:", errors[1])
  end)

  it("fails where the result is no JSON", function()
    local message, code = one:eval "return select(2, call('opaque'))"
    has("values.2: a function is not JSON", message)
    assert.equal("internal", code)
    assert.equal(1, #world:errors())
  end)

  it("fails when the other one is unloaded meanwhile", function()
    one:eval [[hyperty.spawn(function() result = table.pack(call("slow")) end)]]
    world:run(1)
    server:unload()
    world:run(70)
    assert.truthy(one:eval "return result[1] == nil and #result[3] > 0")
  end)

  it("tells events to who follows", function()
    one:eval [[
      heard = {}
      assert(hyperty.follow(server, "tick", function(...) heard[#heard + 1] = table.pack(...) end))
      assert(hyperty.follow(server, "tick", function() heard.second = true end))
      assert(hyperty.follow(server, "other", function() heard.other = true end))]]
    server:eval [[
      local hyperty = require "hyperty"
      assert(hyperty.emit("tick", 1, nil, { a = {} }))
      assert(hyperty.emit("tock"))]]
    world:run()
    assert.same({ 1, 3, 1, true, true, true }, { one:eval [[
      local first = heard[1]
      return #heard, first.n, first[1], first[2] == nil, heard.second, heard.other == nil]] })
    has("emit: argument 1: a function is not JSON", raised(one, "hyperty.emit('x', print)"))
    has("function expected", raised(one, "hyperty.follow(server, 'x')"))
  end)

  it("has an error in a follower logged once", function()
    one:eval [[assert(hyperty.follow(server, "tick", function() error("deaf") end))]]
    server:eval [[require "hyperty".emit("tick")]]
    world:run()
    local errors = world:errors()
    assert.equal(1, #errors)
    has("one: handler of a followed event: eval:1: deaf", errors[1])
  end)
end)

describe("a script", function()
  local lines, rt, one

  before_each(function()
    lines = {}
    rt = host.runtime {
      clock = "virtual", seed = 1, log_level = "info",
      log = function(level, who, text) lines[#lines + 1] = level .. " " .. who .. ": " .. text end,
      print = function(name, text) lines[#lines + 1] = name .. "> " .. text end,
    }
    one = assert(rt:load_text('return { name = "One" }', { as = "one" }))
    lines = {}
  end)

  after_each(function() rt:stop() end)

  it("prints through the host", function()
    one:eval [[print("a", 1, nil, true, require "hyperty".null) print()]]
    assert.same({ "one> a\t1\tnil\ttrue\tnull", "one> " }, lines)
  end)

  it("logs, with fields in order", function()
    one:eval [[
      local log = require "hyperty".log
      log.info("here", 5, { b = "x", a = { 1 } })
      log.error("there")
      log.debug("not shown", setmetatable({}, { __tostring = error }))
      log.warn({ alone = 1 } and "just", { f = print } and "text")]]
    assert.same({
      'info one: here 5 a=[1] b="x"', "error one: there", "warn one: just text",
    }, lines)
  end)

  it("gets other identifiers each time, the same in each run", function()
    local code = [[
      local hyperty = require "hyperty"
      return hyperty.uuid(), hyperty.uuid(), math.random(1 << 30)]]
    local a, b, n = one:eval(code)
    assert.truthy(a:find "^%x+%-%x+%-4%x+%-%x+%-%x+$" and #a == 36)
    assert.are_not.equal(a, b)
    local again = host.runtime { clock = "virtual", seed = 1, log = function() end }
    local two = assert(again:load_text('return { name = "One" }', { as = "one" }))
    assert.same({ a, b, n }, { two:eval(code) })
    again:stop()
  end)

  it("sees an allow list and nothing else", function()
    local function names(code)
      return one:eval("local t = {} for k in pairs(" .. code .. ") do t[#t + 1] = k end " ..
        "table.sort(t) return table.concat(t, ' ')")
    end
    assert.equal("_G _VERSION assert coroutine error getmetatable ipairs load math next os " ..
      "pairs pcall print rawequal rawget rawlen rawset require select setmetatable string table " ..
      "tonumber tostring type utf8 xpcall", names "_G")
    assert.equal("clock date difftime time", names "os")
    assert.equal("close create isyieldable resume running status wrap yield", names "coroutine")
    assert.equal("concat insert move pack remove sort unpack", names "table")
    assert.falsy(one:eval "return string.dump ~= nil or ('').dump ~= nil")
  end)

  it("loads text only, in its own environment", function()
    assert.same({ 3, true, "nil", 7 }, { one:eval [[
      x = 7
      return load("return 1 + 2")(), load("return _G")() == _G, tostring(load("\27Lua")),
        load("return x", "=c", "t", { x = x })()]] })
    has("only text can be loaded", raised(one, "load('return 1', '=c', 'b')"))
    assert.same({ "nil", "c:1: unexpected symbol near <eof>" }, { one:eval [[
      return tostring(load("return x", "=c", "bt", {})()), select(2, load("x =", "=c"))]] })
  end)

  it("gives no finalisers", function()
    has("there is no __gc here", raised(one, "setmetatable({}, { __gc = print })"))
    assert.truthy(one:eval [[
      local meta = {}
      setmetatable({}, meta)
      meta.__gc = function() error("ran") end
      for _ = 1, 1000 do setmetatable({}, { __index = {} }) end
      return true]])
    has("table expected", raised(one, "setmetatable('', {})"))
    has("cannot change a protected metatable",
      raised(one, "setmetatable(setmetatable({}, { __metatable = 1 }), {})"))
    assert.falsy(one:eval "return getmetatable('')")
  end)

  it("has the runtime's time", function()
    assert.same({ true, true, 60 }, { one:eval [[
      local hyperty = require "hyperty"
      local now = os.time()
      local same = math.abs(now - hyperty.now()) < 1.001
      local date = os.date("!%Y") == os.date("!%Y", now)
      hyperty.sleep(60)
      return same, date, os.time() - now]] })
  end)
end)
