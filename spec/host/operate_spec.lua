-- What an operator asks at the prompt: the condition of hyperties, traces, the embedded node.
local program = require "spec.support.program"

local LAMP = [[
local hyperty = require "hyperty"
local Lamp = { name = "Lamp", api = {} }
function Lamp:start()
  self.object = self.syncher:create { schema = "Resource", name = "lamp", data = { n = 0 } }
  self.object:on("subscribe", function(request) request:accept() end)
end
function Lamp.api.url(self) return self.object.url end
function Lamp.api.set(self, n) self.object.data.n = n end
function Lamp.api.fail() hyperty.spawn(function() error "no luck" end) end
return Lamp
]]

local function repl(lines)
  local result
  program.with_dir(function(dir)
    program.write(dir .. "/lamp.lua", LAMP)
    lines = "l = load 'lamp' u = l.url()\n" .. lines
    result = program.repl(lines, { env = "HYPERTY_PATH=" .. dir })
  end)
  return result
end

-- The lines give on stdout what matches, and nothing on stderr.
local function shows(pattern, lines)
  local result = repl(lines)
  assert.equal("", result.err)
  assert.truthy(result.out:find(pattern), result.out)
end

local function fails(text, lines)
  local result = repl(lines)
  assert.truthy(result.err:find(text, 1, true), result.err)
  assert.equal(1, result.status)
end

describe("hyperties()", function()
  it("tells state, memory, tasks and how long each runs", function()
    shows('^"lamp"\t"running"\ttrue\t0\t0\tnil\tnil\n$', [[
do local i = hyperties()[1]
return i.name, i.state, i.memory > 1000, i.tasks, i.uptime, i.errors, i.last_error end
]])
  end)

  it("tells the last error of a hyperty, and how many there were", function()
    local result = repl [[
l.fail() l.fail() hyperty.sleep(0.05)
hyperties()[1].errors, hyperties()[1].last_error
]]
    local pattern = '2\t"spawned function: [^\n"]*lamp%.lua:9: no luck"\n$'
    assert.truthy(result.out:find(pattern), result.out)
  end)
end)

describe("use", function()
  it("gives the functions of what is loaded, by name or URL", function()
    shows("^true\ttrue\n$", "use('lamp').url() == u, use(hyperties()[1].url).url() == u\n")
  end)

  it("says what is wrong", function()
    fails('use: no instance named "nope"; hyperties() lists them', "use 'nope'\n")
    fails("use: name must be a string, not table", "use(l)\n")
  end)
end)

describe("reload", function()
  it("says what is wrong", function()
    fails('reload: no instance named "nope"; hyperties() lists them', "reload 'nope'\n")
    fails("reload: this is the prompt itself", "reload(self.url)\n")
    fails("reload: name must be a string, not nil", "reload()\n")
    fails("lamp was unloaded", "unload(l) reload(l)\n")
  end)
end)

describe("trace", function()
  it("tells hop by hop where an object is, from who writes to who reads", function()
    shows('^reporter 0 live\nsync manager\nsync manager\nnode 1\nobserver 0 live\n$', [[
do local w = watch(u) end for _, hop in ipairs(trace(u)) do
  print(hop.at .. (hop.version and " " .. hop.version .. " " .. hop.state or "")
    .. (hop.subscribers and " " .. #hop.subscribers or "")) end
]])
  end)

  it("prints each message of the object as it passes, until it is told not to", function()
    local result = repl [[
do local w = watch(u) trace(u) l.set(1) hyperty.sleep(0.05) trace(u, false) l.set(2) end
hyperty.sleep(0.05)
]]
    assert.equal("", result.err)
    local _, updates = result.out:gsub("trace: update version 1, %S+ → %S+/changes\n", "")
    assert.equal(1, updates, result.out)
    assert.is_nil(result.out:find "trace: update version 2")
    assert.truthy(result.out:find ": n = 2\n")
  end)

  it("tells what is asked of the object and what is answered, and of no other", function()
    local result = repl [[
do local other = self.syncher:create { schema = "Resource", name = "other", data = { n = 0 } }
trace(u) trace(u) other.data.n = 1 watch(u) hyperty.sleep(0.05) end
#trace(), trace()[1] == u
]]
    assert.truthy(result.out:find "trace: subscribe, %S+ → %S+/subscription\n", result.out)
    assert.truthy(result.out:find "trace: response 200 %C+, %S+/subscription → ", result.out)
    for line in result.out:gmatch "trace: [^\n]+" do
      assert.truthy(line:find "resource://", line)
    end
    assert.is_nil(result.out:find "trace: update")
    assert.truthy(result.out:find "1\ttrue\n$", result.out)
  end)

  it("says what is wrong", function()
    fails("trace: url must be a URL, not number", "trace(1)\n")
    fails('trace: url: "lamp" is no URL; objects() lists those of objects', "trace 'lamp'\n")
    fails("trace takes a URL and false to end it, not string", "trace(u, 'off')\n")
    fails("is not traced; trace() lists", "trace(u, false)\n")
  end)
end)

describe("node", function()
  it("is the embedded one", function()
    shows("^1\ttrue\t1\n$", "#node.sessions(), node.stats().routes > 0, #node.objects(u)\n")
  end)

  it("says that it is elsewhere, if it is", function()
    local result = program.repl("node.stats()\n", { args = { "--node", "tcp://127.0.0.1:1" } })
    assert.truthy(result.err:find("the message node is in another process: attach to that one", 1,
      true), result.err)
  end)

  it("says what is wrong", function()
    fails("node.routes takes part of an address, not number", "node.routes(1)\n")
    fails("node.why takes the URL of a hyperty first, then that of an object", "node.why(u, u)\n")
    fails("node.why: the object must be a URL, not nil", "node.why(self.url)\n")
  end)
end)

describe("help", function()
  it("tells about each of them", function()
    for _, name in ipairs { "use", "reload", "trace", "node", "hyperties", "routes", "watch" } do
      shows("^" .. name, ("help(%s)\n"):format(name))
      shows("^" .. name, ("help '%s'\n"):format(name))
    end
  end)
end)
