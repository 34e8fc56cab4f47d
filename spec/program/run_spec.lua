-- `hyperty run` and `hyperty check` on files of their own.
local program = require "spec.support.program"

-- Runs with a directory that holds these files.
local function with_files(files, fn)
  program.with_dir(function(dir)
    for name, text in pairs(files) do program.write(dir .. "/" .. name, text) end
    fn(dir)
  end)
end

-- A shell line that ends the program with a signal once it has said something on stderr.
local function until_said(signal)
  return ([[%%s & pid=$!; while ! grep -q ready err.txt 2>/dev/null; do sleep 0.02;
    kill -0 $pid || break; done; kill -%s $pid; wait $pid]]):format(signal)
end

describe("hyperty run", function()
  local function run(dir, signal, ...)
    local args = { "run", "--attach", "none", ... }
    local shell = ("{ %s; } 2>err.txt; status=$?; cat err.txt >&2; exit $status"):format(
      until_said(signal))
    return program.run(args, { dir = dir, shell = shell })
  end

  local READY = "return { name = 'Ready', start = function() print 'ready' end, "
    .. "stop = function() print 'bye' end }"

  for _, signal in ipairs { "INT", "TERM", "HUP" } do
    it("ends well at SIG" .. signal .. ", and lets its hyperties stop", function()
      with_files({ ["ready.lua"] = READY }, function(dir)
        local result = run(dir, signal, "./ready.lua")
        assert.equal("ready: ready\nready: bye\n", result.err)
        assert.equal("", result.out)
        assert.equal(0, result.status)
      end)
    end)
  end

  it("writes JSON lines on wish", function()
    with_files({ ["ready.lua"] = READY }, function(dir)
      local result = run(dir, "TERM", "--log-format", "json", "./ready.lua")
      assert.truthy(result.err:find('^{"time":"%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z","level":"info",'
        .. '"who":"ready","text":"ready"}\n'), result.err)
    end)
  end)

  it("does not let a hyperty write control characters to the terminal", function()
    with_files({ ["ready.lua"] =
      "return { name = 'R', start = function() print '\\27[2J\\xff ready' end }" }, function(dir)
      assert.equal("ready: \\x1b[2J\\xff ready\n", run(dir, "TERM", "./ready.lua").err)
    end)
  end)

  it("goes on serving beside one that never ends, and ends well", function()
    with_files({
      ["spin.lua"] = [[return { name = "Spin", start = function()
        require "hyperty".every(0.01, function() while true do pcall(function() end) end end)
      end, stop = function() while true do end end }]],
      ["ready.lua"] = [[return { name = "Ready", start = function()
        local count = 0
        require "hyperty".every(0.01, function()
          count = count + 1
          if count == 5 then print "ready" end
        end)
      end, stop = function() print "bye" end }]],
    }, function(dir)
      local result = run(dir, "TERM", "--budget", "50", "./spin.lua", "./ready.lua")
      assert.truthy(result.err:find("spin: error: timer: ./spin.lua:2: took too long: 50 ms of "
        .. "processor time without a wait", 1, true), result.err)
      assert.truthy(result.err:find("ready: ready\n", 1, true), result.err)
      assert.truthy(result.err:find("ready: bye\n", 1, true), result.err)
      assert.equal(0, result.status)
    end)
  end)

  it("bounds memory, and trusts whom it is told to", function()
    with_files({
      ["big.lua"] = "return { name = 'B', start = function() local t = {} "
        .. "for at = 1, 1e7 do t[at] = 'x' .. at end end }",
      ["ready.lua"] = "return { name = 'R', start = function() print('ready', io ~= nil) end }",
    }, function(dir)
      assert.truthy(run(dir, "TERM", "--memory", "1000000", "./big.lua").err
        :find("not enough memory", 1, true))
      assert.equal("ready: warn: trusted: it has all of Lua's libraries, io, os, package and debug "
        .. "too\nready: ready\ttrue\n", run(dir, "TERM", "--trusted", "./ready.lua",
        "./ready.lua").err)
      program.write(dir .. "/config.lua", "return { trusted = { './ready.lua' }, budget = 100 }")
      assert.truthy(run(dir, "TERM", "--config", "config.lua", "./ready.lua").err
        :find("ready: ready\ttrue\n", 1, true))
      assert.equal("ready: ready\tfalse\n", run(dir, "TERM", "./ready.lua").err)
    end)
  end)

  it("finds hyperties by name in HYPERTY_PATH", function()
    with_files({ ["ready.lua"] = READY }, function(dir)
      local result = program.run({ "check", "ready" }, { env = "HYPERTY_PATH=/nowhere:" .. dir })
      assert.equal("ready: ok\n", result.out)
    end)
  end)

  it("knows the schemas of its folders, and says which it left out", function()
    with_files({
      ["ready.lua"] = [[return { name = "R", start = function(self)
        local lamp = assert(self.syncher:create { schema = "Lamp", data = {} })
        print("ready", lamp.url:match "^%a+")
      end }]],
    }, function(dir)
      assert(os.execute("mkdir " .. dir .. "/schemas"))
      program.write(dir .. "/schemas/Lamp.json", '{"scheme":"lamp"}')
      program.write(dir .. "/schemas/Broken.json", "{")
      program.write(dir .. "/schemas/List.json", "[]")
      local result = program.run({ "run", "--attach", "none", "ready" }, { dir = dir,
        env = "HYPERTY_PATH=" .. dir,
        shell = "{ " .. until_said "TERM" .. "; } 2>err.txt; cat err.txt >&2" })
      local broken, list, ready = result.err:match "^([^\n]*)\n([^\n]*)\n([^\n]*)\n$"
      assert.truthy(broken:find "^schemas: warn: .*/schemas/Broken%.json: left out: malformed")
      assert.truthy(list:find "^schemas: warn: .*/schemas/List%.json: left out: is no object$")
      assert.equal("ready: ready\tlamp", ready)
    end)
  end)

  it("fails when one of its hyperties does not start, naming file and line", function()
    with_files({ ["bad.lua"] = "return {\n name = 'Bad',\n start = function()\n error 'no luck'\n"
      .. "end }", ["ready.lua"] = READY }, function(dir)
      local result = program.run({ "run", "./ready.lua", "./bad.lua" }, { dir = dir })
      assert.truthy(result.err:find("hyperty: run: .*bad%.lua:4: no luck"), result.err)
      assert.equal(1, result.status)
    end)
  end)
end)

describe("hyperty check", function()
  local function check(files, ...)
    local args, result = { "check", ... }, nil
    with_files(files, function(dir) result = program.run(args, { dir = dir }) end)
    return result
  end

  it("says ok, and runs nothing", function()
    local result = check({ ["a.lua"] =
      "return { name = 'A', start = function() print 'started' end }" }, "./a.lua")
    assert.equal("./a.lua: ok\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("tells each failure and goes on", function()
    local result = check({
      ["syntax.lua"] = "return {",
      ["raise.lua"] = "error 'at load'",
      ["number.lua"] = "return 1",
      ["good.lua"] = "return { name = 'Good', api = {} }",
    }, "./syntax.lua", "./raise.lua", "./number.lua", "./good.lua")
    assert.truthy(result.err:find "hyperty: check: .*syntax%.lua:1: ", result.err)
    assert.truthy(result.err:find("hyperty: check: .*raise%.lua:1: at load"), result.err)
    assert.truthy(result.err:find "hyperty: check: .*number%.lua", result.err)
    assert.equal("./good.lua: ok\n", result.out)
    assert.equal(1, result.status)
  end)

  it("tells what looks like a mistake", function()
    local function has(text, fields)
      local result = check({ ["a.lua"] = "local f = print return { name = 'A'" .. fields .. " }" },
        "./a.lua")
      assert.truthy(result.err:find(text, 1, true), result.err)
      assert.equal(1, result.status)
    end
    has('has a function "strat": did you mean "start"?', ", strat = f, api = {}")
    has('there is no field "shemas" in a hyperty', ", start = f, shemas = {}")
    has("a value without a name", ", start = f, 1")
    has('schema "Nope" is not known here (known: ', ", start = f, schemas = { 'Nope' }")
    has("has neither start nor api: it would do nothing", ", helper = f")
  end)

  it("checks its schemas, too", function()
    local files = { ["a.lua"] = "return { name = 'A', api = {}, schemas = { 'Lamp' } }" }
    with_files(files, function(dir)
      local function check_with(text)
        program.write(dir .. "/schemas/Lamp.json", text)
        return program.run({ "check", "a" }, { dir = dir, env = "HYPERTY_PATH=" .. dir })
      end
      assert(os.execute("mkdir " .. dir .. "/schemas"))
      assert.equal("a: ok\n", check_with('{"type":"object"}').out)
      local result = check_with('{"type":"objcet"}')
      local left_out, refused = result.err:match "^([^\n]*)\n([^\n]*)\n$"
      assert.truthy(left_out:find "^schemas: warn: .*/Lamp%.json: left out: schema Lamp: type: ")
      assert.truthy(refused:find '^hyperty: check: .*a%.lua: schema "Lamp" is not known here ')
      assert.equal(1, result.status)
    end)
  end)

  it("leaves methods of one's own alone", function()
    local result = check({ ["a.lua"] =
      "return { name = 'A', start = print, show = print, schemas = { 'Resource' } }" }, "./a.lua")
    assert.equal("./a.lua: ok\n", result.out)
  end)
end)
