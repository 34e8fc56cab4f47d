-- `hyperty repl` from a pipe and on a terminal, and -e: the prompt as a person meets it.
local program = require "spec.support.program"

local ECHO = [[
local hyperty = require "hyperty"
local Echo = { name = "Echo", api = {} }
function Echo:start(config)
  self.object = self.syncher:create { schema = "Resource", name = "echo", data = { n = 0 } }
  self.object:on("subscribe", function(request) request:accept() end)
  print("user " .. tostring(config.user))
end
function Echo.api.url(self) return self.object.url end
function Echo.api.echo(_, ...) return ... end
function Echo.api.count(self)
  self.object.data.n = self.object.data.n + 1
  hyperty.emit("counted", { n = self.object.data.n })
  return self.object.data.n
end
function Echo.api.later(_, seconds) hyperty.sleep(seconds) return "done" end
function Echo.api.fail() error "no luck" end
return Echo
]]

-- Types lines at a prompt that finds "echo".
local function repl(lines, options)
  local result
  program.with_dir(function(dir)
    program.write(dir .. "/echo.lua", ECHO)
    options = options or {}
    options.env = "HYPERTY_PATH=" .. dir .. " " .. (options.env or "")
    result = program.repl(lines, options)
  end)
  return result
end

-- The lines give this on stdout, and nothing else.
local function shows(out, lines)
  local result = repl(lines)
  assert.equal("", result.err)
  assert.equal(out, result.out)
  assert.equal(0, result.status)
end

-- The line fails with this, and the next one is run all the same.
local function fails(pattern, lines)
  local result = repl(lines .. "\n'next'\n")
  assert.truthy(result.err:find(pattern), result.err)
  assert.equal('"next"\n', result.out)
  assert.equal(1, result.status)
end

describe("a line", function()
  it("shows its values", function()
    shows('2\n"a"\t{ 1, b = "c" }\tnil\n', "1 + 1\n'a', {1, b = 'c'}, nil\n")
  end)

  it("shows nothing if it has none", function()
    shows("", "local x = 1\n\n-- a comment\nfor i = 1, 3 do end\n")
  end)

  it("shows the value of an assignment to one name", function()
    shows('"team"\n"team"\nnil\nnil\n', 'room = "team"\nroom\nroom = nil\nroom\n')
    shows("", "a, b = 1, 2\n")
    shows("true\n", "1 == 1\n")
  end)

  it("may have no end of line", function()
    shows("3\n", "1 + 2")
  end)

  it("goes on in further lines until it is complete", function()
    shows("1\n2\n", "for i = 1, 2 do\n  print(i)\nend\n")
    shows('{ 1, 2 }\n"x\\ny"\n', "t = {\n 1,\n 2 }\n[[x\ny]]\n")
  end)

  it("shows a failure that a call gave as its values", function()
    local result = repl 'load("echo").fail()\n'
    assert.truthy(result.out:find '^nil\t"[^\t]*echo%.lua:%d+: no luck"\t"internal"\n$', result.out)
  end)

  it("waits for the answer of what it calls", function()
    local result = repl 'load("echo").later(0.05)\n"after"\n'
    assert.equal('"done"\n"after"\n', result.out)
  end)
end)

describe("a line that fails", function()
  it("says why on stderr, and the exit status is 1", function()
    fails("^prompt:1: boo\n$", "error 'boo'")
    fails("^prompt:1: .*near 'x'\n$", "x x")
    fails("^{ code = 3 }\n$", "error { code = 3 }")
  end)


  it("is one that is not complete at the end", function()
    local result = repl "x = {\n"
    assert.equal("hyperty: repl: the input ends inside a chunk\n", result.err)
    assert.equal(1, result.status)
  end)

  it("is one that is not UTF-8", function()
    fails("the input is not UTF%-8", "x = '\xff'")
  end)
end)

describe("the commands of the prompt", function()
  it("load gives a hyperty's functions", function()
    local result = repl [[
e = load "echo"
e.echo { 1, "a", { b = true } }
load("echo", { as = "two", user = "user://localhost/bob" }).echo "x"
]]
    assert.truthy(result.out:find(
      "^echo %(hyperty://localhost/[%x-]+%): count, echo, fail, later, on, url\n"), result.out)
    assert.truthy(result.out:find('\n{ 1, "a", { b = true } }\n"x"\n$'), result.out)
    assert.equal("echo: user nil\ntwo: user user://localhost/bob\n", result.err)
    assert.equal(0, result.status)
  end)

  it("load says what is wrong", function()
    fails('^there is no hyperty "nope"; looked for ', "load 'nope'")
    fails("^load: name must be a string, not number", "load(1)")
    fails("^load: config must be a table, not string", "load('echo', 'x')")
    fails("function is not JSON", "load('echo', { f = print })")
  end)

  it("on follows the events of a hyperty", function()
    local result = repl [[
e = load "echo"
e.on("counted", function(event) print("counted", event.n) end)
e.count()
hyperty.sleep(0.05)
]]
    assert.truthy(result.out:find "counted\t1\n", result.out)
  end)

  it("hyperties, objects and routes list what there is", function()
    local result = repl [[
e = load "echo"
#hyperties(), hyperties()[1].name, hyperties()[1].url == objects()[1].hyperty
objects()[1].url == e.url(), objects()[1].role
#routes() > 0
]]
    assert.truthy(result.out:find('\n1\t"echo"\ttrue\ntrue\t"reporter"\ntrue\n$'), result.out)
  end)

  it("unload takes a name or what load gave", function()
    local result = repl [[
e = load "echo"
unload(e)
f = load "echo"
unload "echo"
hyperty.sleep(0.01)
hyperties()
]]
    assert.truthy(result.out:find "\ntrue\narray {}\n$", result.out)
    assert.equal(0, result.status)
    fails('^unload: no instance named "x"; hyperties%(%) lists them', "unload 'x'")
    fails("^unload: this is the prompt itself", "unload 'prompt'")
  end)

  it("hyperties tells the user, and that each can be followed", function()
    local result = repl [[
e = load("echo", { user = "user://localhost/bob" })
hyperties()[1].user, hyperties()[1].api
]]
    assert.truthy(result.out:find('\n"user://localhost/bob"\t{ "count", "echo", "fail", "later", '
      .. '"on", "url" }\n$'), result.out)
  end)

  it("the functions of a hyperty say how they are meant", function()
    local has = "it has count, echo, fail, later, on, url"
    fails('echo has no function "ecoh": ' .. has, "load('echo').ecoh('x')")
    fails("\ncall it with a dot: echo.echo%(…%)", "load('echo'):echo('x')")
    fails("\ncall it with a dot: echo.on%(…%)", "load('echo'):on('x', print)")
    fails("\non needs the name of an event and a function", "load('echo').on('counted')")
    local result = repl "bob = load 'echo'\nbob:echo('x')\n"
    assert.truthy(result.err:find("call it with a dot: bob.echo(…)", 1, true), result.err)
  end)

  it("what load gave tells that it was unloaded", function()
    local result = repl [[
bob = load("echo", { as = "bob" })
same = load("echo", { as = "other" })
f = bob.echo
unload "bob"
bob
f(1)
bob.on("x", print)
bob.nothing()
unload(bob)
same.echo "still there"
]]
    assert.truthy(result.out:find '\ntrue\nbob %(unloaded%)\n"still there"\n$', result.out)
    local _, count = result.err:gsub("bob was unloaded\n", "")
    assert.equal(4, count, result.err)
  end)

  it("watch prints what happens to an object", function()
    local result = repl [[
e = load "echo"
o = watch(e.url())
_ = e.count()
unload(e)
hyperty.sleep(0.05)
]]
    assert.truthy(result.out:find "resource://localhost/[%x-]+: n = 1\n", result.out)
    assert.truthy(result.out:find "resource://localhost/[%x-]+: deleted\n", result.out)
  end)

  it("help tells about the commands and about a hyperty", function()
    local result = repl "help()\nhelp(load)\nhelp 'watch'\nhelp(3)\nhelp(load 'echo')\n"
    assert.truthy(result.out:find("load(name [, config])   Loads the hyperty", 1, true))
    assert.truthy(result.out:find("accept(user [, fingerprint]) Takes", 1, true))
    assert.truthy(result.out:find("watch(url)\nObserves a data object", 1, true))
    assert.truthy(result.out:find "nothing is known about 3; help%(%) lists the commands\n")
    assert.truthy(result.out:find("echo\n  url        hyperty://localhost/[%x-]+\n"
      .. "  user       user://localhost/me\n  functions  count, echo, fail, later, on, url\n"))
  end)

  it("help tells about an instance by its name and about its functions", function()
    local result = repl "e = load 'echo'\nhelp 'echo'\nhelp(e.later)\nhelp(e.on)\n"
    assert.equal("echo: user nil\n", result.err)
    assert.truthy(result.out:find("\necho\n  url        hyperty://", 1, true))
    assert.truthy(result.out:find("\necho.later(…)\nA function of echo (hyperty://", 1, true))
    assert.truthy(result.out:find("\necho.on(event, fn)\n", 1, true))
  end)

  it("help knows all of the library", function()
    local result = repl [[
for name, value in pairs(hyperty) do help(value) help("hyperty." .. name) end
help(hyperty)
help "every"
]]
    assert.equal("", result.err)
    assert.falsy(result.out:find "nothing is known")
    assert.truthy(result.out:find("\n  sleep(seconds)          waits\n", 1, true))
    assert.truthy(result.out:find("\nhyperty.every(seconds, fn)\n", 1, true))
  end)

  it("help tells about data objects, by name or by one of them", function()
    local result = repl [[
for _, name in ipairs { "syncher", "reporter", "observer", "child", "request" } do help(name) end
e = load "echo"
o = watch(e.url())
print "--"
help(o)
]]
    for _, noun in ipairs { "self.syncher", "A reporter", "An observer", "A child", "A request" } do
      assert.truthy(result.out:find(noun .. ":", 1, true), noun)
    end
    assert.truthy(result.out:find "%-%-\nAn observer: ", result.out)
    for line in result.out:gmatch "[^\n]+" do assert.truthy(utf8.len(line) <= 100, line) end
  end)

  it("exit and quit tell how to leave", function()
    shows("Ctrl-D leaves\nCtrl-D leaves\nCtrl-D leaves\n", "exit\nquit\nexit()\n")
  end)

  it("loadtext is Lua's own load", function()
    shows("3\n", "loadtext('return 1 + 2')()\n")
    fails("unexpected symbol", "assert(loadtext '=')")
  end)
end)

describe("output of hyperties", function()
  it("goes to stderr with the name, the prompt's own to stdout", function()
    local result = repl "e = load 'echo'\nprint('mine', 1)\n"
    assert.equal("echo: user nil\n", result.err)
    assert.truthy(result.out:find "mine\t1\n$")
  end)

  it("shows tables and data that the prompt prints, strings stay plain", function()
    shows('{ id = "1", n = { 1, 2 } }\ta "b"\tnil\t1.0\n', [[
print({ id = "1", n = { 1, 2 } }, 'a "b"', nil, 1.0)
]])
    shows("mine\tnull\tarray {}\n", [[
_, meta = 1, { __tostring = function() return "mine" end }
print(setmetatable({}, meta), hyperty.null, hyperty.array())
]])
    shows("\n", "print()\n")
  end)

  it("cannot move the cursor or break the line", function()
    shows("\\x1b[2J\\x0d\\xff\tx\n", "print('\\27[2J\\r\\xff', 'x')\n")
  end)

  it("is dropped and counted when nobody reads, and blocks nobody", function()
    local result = repl("for i = 1, 60000 do print(('x'):rep(100)) end\n'end'\n",
      { shell = "%s | { sleep 1; cat; }" })
    assert.truthy(result.out:find '"end"\n$')
    assert.truthy(result.err:find "^hyperty: repl: %d+ lines were dropped, they came too fast\n")
  end)
end)

describe("the command line of the prompt", function()
  it("runs the code of -e and leaves", function()
    local result = program.run { "repl", "-e", "x = 1 + 1" }
    assert.same({ out = "2\n", err = "", status = 0 }, result)
    assert.same(result, program.run { "-e", "x = 1 + 1" })
  end)

  it("fails when the code of -e fails", function()
    assert.same({ out = "", err = "prompt:1: no\n", status = 1 },
      program.run { "-e", "error 'no'" })
    assert.equal("hyperty: repl: -e: the code is not complete: "
      .. "prompt:1: unexpected symbol near <eof>\n", program.run({ "-e", "x = " }).err)
    assert.equal(1, program.run({ "-e", "for" }).status)
  end)

  it("loads the hyperties that it names, each under its name", function()
    local result = repl("echo.echo 'x'\n", { args = { "echo" } })
    assert.equal('"x"\n', result.out)
    assert.equal("echo: user nil\n", result.err)
  end)

  it("fails when one of them cannot be loaded", function()
    local result = repl("1\n", { args = { "./nope.lua" } })
    assert.equal("hyperty: repl: there is no file ./nope.lua\n", result.err)
    assert.equal("", result.out)
    assert.equal(1, result.status)
  end)

  it("tells what it does, and -h does as --help", function()
    local result = program.run { "help", "repl" }
    assert.truthy(result.out:find "call them at a prompt")
    assert.same(result, program.run { "repl", "-h" })
    assert.same(program.run { "--help" }, program.run { "-h" })
  end)

  it("sets domain and user", function()
    local result = repl("load('echo').url()\n",
      { args = { "--domain", "a.example", "--user", "user://a.example/bob" } })
    assert.truthy(result.out:find '^"resource://a%.example/')
  end)

  it("takes its values from a pipe without colours", function()
    assert.falsy(repl("'x', 1, nil\n", { env = "TERM=xterm" }).out:find "\27")
  end)
end)

describe("on a terminal", function()
  -- util-linux's script gives a terminal; what is typed before the prompt is there waits.
  local function type_at(lines, env)
    return repl(lines, {
      env = "TERM=xterm " .. (env or ""),
      shell = "{ while read -r line; do sleep 0.3; echo \"$line\"; done; sleep 0.5; } | "
        .. "SHELL=/bin/sh script -qec \"%s\" /dev/null",
    })
  end

  it("greets with three lines that start a chat", function()
    local result = type_at ""
    local lines = {}
    for line in result.out:gmatch "[^\r\n]+" do lines[#lines + 1] = line end
    assert.truthy(lines[1]:find 'chat = load "group_chat"', 1)
    assert.truthy(lines[2]:find('room = chat.create("team")', 1, true))
    assert.truthy(lines[3]:find('chat.send(room, "hello")', 1, true))
    assert.equal(0, result.status)
  end)

  it("shows values in colours, unless NO_COLOR is set", function()
    assert.truthy(type_at("1 + 41\n").out:find("\27[36m42\27[0m", 1, true))
    local plain = type_at("1 + 41\n", "NO_COLOR=1").out
    assert.truthy(plain:find "\n42\r?\n")
    assert.falsy(plain:find "\27%[36m")
  end)
end)

describe("a host and its prompt", function()
  -- Kills the prompt once it had time for its lines; gives what it said. cat ends when the last of
  -- the two has closed its stderr.
  local function killed(lines)
    local result
    program.with_dir(function(dir)
      program.write(dir .. "/lines", lines)
      result = program.run({ "repl" }, { dir = dir, shell = [[
        mkfifo fifo; { cat lines; exec sleep 60; } >fifo & keep=$!
        { sh -c 'echo $$ >pid; exec "$@"' - %s <fifo 2>&1 | cat; } & both=$!
        sleep 0.7; kill -9 $(cat pid); wait $both; kill $keep; echo gone]] })
    end)
    return result.out
  end

  it("end together when the prompt is killed", function()
    assert.equal("1\ngone\n", killed "1\n")
  end)

  it("end together even if a script never ends", function()
    assert.equal("gone\n", killed "while true do end\n")
  end)
end)
