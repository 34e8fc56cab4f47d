-- The command line: help, options, exit status, and what its errors say.
local program = require "spec.support.program"

local function run(...) return program.run { ... } end

-- Used wrongly: one line on stderr, nothing on stdout, status 2.
local function refuses(text, ...)
  local result = run(...)
  assert.equal("hyperty: " .. text .. "\n", result.err)
  assert.equal("", result.out)
  assert.equal(2, result.status)
end

describe("help", function()
  it("tells the version", function()
    local result = run "--version"
    assert.truthy(result.out:find "^hyperty %d+%.%d+%.%d+\n$")
    assert.equal(0, result.status)
  end)

  it("goes to stdout when asked for", function()
    local result = run "--help"
    for _, word in ipairs { "run", "repl", "check", "--domain", "--user", "--config", "--log",
      "--log-format", "-e CODE", "HYPERTY_PATH", "node", "--node", "--listen" } do
      assert.truthy(result.out:find(word, 1, true), word)
    end
    assert.equal("", result.err)
    assert.equal(0, result.status)
    assert.same(result, run "help")
  end)

  it("goes to stderr when nothing is said, as a wrong use", function()
    local result = run()
    assert.equal("", result.out)
    assert.equal(run("--help").out, result.err)
    assert.equal(2, result.status)
  end)

  it("tells about one command", function()
    local result = run("help", "run")
    assert.truthy(result.out:find("hyperty run [options] NAME|FILE.lua ...", 1, true))
    assert.falsy(result.out:find("-e CODE", 1, true))
    assert.same(result, run("run", "--help"))
    assert.truthy(run("help", "repl").out:find("-e CODE", 1, true))
  end)

  it("refuses to tell about an unknown command", function()
    refuses([[unknown command "fly"; "hyperty --help" lists them]], "help", "fly")
  end)
end)

describe("wrong use", function()
  it("is an unknown command", function()
    refuses([[unknown command "attack"; "hyperty --help" lists them]], "attack", "x")
    refuses([[unknown command "--frobnicate"; "hyperty --help" lists them]], "--frobnicate")
  end)

  it("is an unknown option", function()
    refuses([[check: unknown option "--store"; "hyperty help check" lists them]],
      "check", "--store", "x", "hello")
    refuses([[run: unknown option "-e"; "hyperty help run" lists them]], "run", "-e", "1")
    refuses([[check: unknown option "--user"; "hyperty help check" lists them]],
      "check", "--user", "user://localhost/bob", "hello")
  end)

  it("is an option without its value, or given twice", function()
    refuses("run: --domain needs a value: --domain D", "run", "hello", "--domain")
    refuses("run: --domain is given twice", "run", "--domain", "a", "--domain=b", "hello")
  end)

  it("is a value where none belongs", function()
    refuses("run: --watch takes no value", "run", "--watch=yes", "hello")
    refuses("run: --watch is given twice", "run", "--watch", "--watch", "hello")
    refuses([[check: unknown option "--watch"; "hyperty help check" lists them]],
      "check", "--watch", "hello")
  end)

  it("is a log level or format that is none", function()
    refuses([[run: --log: "loud" is no level; use error, warn, info or debug]],
      "run", "--log", "loud", "hello")
    refuses([[run: --log-format: "xml" is no format; use text or json]],
      "run", "--log-format=xml", "hello")
  end)

  it("is to run or check nothing", function()
    refuses("run: nothing to run; give the name or file of a hyperty: "
      .. "hyperty run NAME|FILE.lua ...", "run")
    refuses("check: nothing to check; give the name or file of a hyperty: "
      .. "hyperty check NAME|FILE.lua ...", "check")
  end)
end)

describe("a failure", function()
  local function fails(pattern, ...)
    local result = run(...)
    assert.truthy(result.err:find(pattern), result.err)
    assert.equal("", result.out)
    assert.equal(1, result.status)
  end

  it("names a domain that is none", function()
    fails('^hyperty: run: "a b" is no domain name; write one like example%.com\n$',
      "run", "--domain", "a b", "hello")
  end)

  it("names a user that is none", function()
    fails('^hyperty: run: "bob" is no user URL; write one like user://localhost/bob\n$',
      "run", "--user", "bob", "hello")
  end)

  it("names a hyperty that is nowhere, where it looked, and what to do", function()
    fails('^hyperty: run: there is no hyperty "nope"; looked for nope%.lua and nope/init%.lua in '
      .. "%./hyperties.*; give the path of its file, or set HYPERTY_PATH\n$", "run", "nope")
  end)

  it("names a file that is not there", function()
    fails("^hyperty: run: there is no file %./no/such%.lua", "run", "./no/such.lua")
  end)
end)

describe("a configuration file", function()
  -- Runs `hyperty check` on a good hyperty with that file.
  local function check(text, ...)
    local args, result = { ... }, nil
    program.with_dir(function(dir)
      program.write(dir .. "/config.lua", text)
      program.write(dir .. "/good.lua", "return { name = 'Good', api = {} }")
      result = program.run({ "check", "--config", "config.lua", "./good.lua",
        table.unpack(args) }, { dir = dir })
    end)
    return result
  end

  it("gives options by their names", function()
    local options = "log = 'debug', log_format = 'json', domain = 'a.example'"
    assert.equal(0, check("return { " .. options .. " }").status)
    assert.equal(0, check("return { ['log-format'] = 'json', user = 'user://a/b' }").status)
  end)

  it("is weaker than the command line", function()
    assert.equal(1, check("return { domain = 'a b' }").status)
    assert.equal(0, check("return { domain = 'a b' }", "--domain", "a.example").status)
  end)

  local function complains(status, text, config)
    local result = check(config)
    assert.equal("hyperty: check: --config: " .. text .. "\n", result.err)
    assert.equal(status, result.status)
  end

  it("is refused if it is not Lua, or gives no table", function()
    complains(1, "config.lua:1: unexpected symbol near '='", "= 1")
    complains(1, 'config.lua: the file must return a table: return { log = "debug" }', "return 1")
    complains(1, "config.lua:1: attempt to call a nil value (global 'print')", "print(1)")
    complains(1, "config.lua: log: a function is not JSON", "return { log = function() end }")
    complains(1, "config.lua: attempt to load a binary chunk (mode is 't')", "\27Lua")
  end)

  it("is refused if it has unknown options or wrong values", function()
    complains(2, 'config.lua: unknown option "colour"; "hyperty help check" lists them',
      "return { colour = 'red' }")
    complains(2, "config.lua: log must be a string", "return { log = 1 }")
    complains(2, "config.lua: domain has a zero byte in it", "return { domain = 'a\\0b' }")
  end)

  it("is named when it is not there", function()
    local result = run("check", "--config", "/no/such", "hello")
    assert.equal(
      "hyperty: check: --config: cannot open /no/such: No such file or directory\n",
      result.err)
    assert.equal(1, result.status)
  end)
end)

describe("an option that is for another one", function()
  it("is refused without it", function()
    for _, command in ipairs { "run", "repl" } do
      local ca = program.run { command, "--ca", "/no/such", "hello" }
      assert.equal("hyperty: " .. command
        .. ": --ca is for a node with TLS: say which with --node URL\n", ca.err)
      assert.equal(2, ca.status)
    end
  end)
end)

describe("a standard stream that is closed", function()
  it("gives no input", function()
    local result = program.run({ "repl" }, { shell = "timeout 20 %s <&-" })
    assert.same({ out = "", err = "", status = 0 }, result)
  end)

  it("takes no output, which is a failure", function()
    for _, args in ipairs { { "check", "hello" }, { "repl", "-e", "1" }, { "--version" } } do
      local result = program.run(args, { shell = "timeout 20 %s >&-" })
      assert.equal("hyperty: stdout: Bad file descriptor\n", result.err)
      assert.equal(1, result.status)
    end
  end)

  it("may be the one for errors, or all of them", function()
    assert.equal("2\n", program.run({ "-e", "1 + 1" }, { shell = "timeout 20 %s 2>&-" }).out)
    assert.equal(1,
      program.run({ "repl", "-e", "1" }, { shell = "timeout 20 %s <&- >&- 2>&-" }).status)
  end)
end)
