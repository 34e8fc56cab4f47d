-- `hyperty attach`: prompts on hosts that run as processes of their own, over their sockets.
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"
local terminal = require "spec.support.terminal"
local tree = require "spec.support.tree"

local SERVICE = [[
local hyperty = require "hyperty"
local Service = { name = "Service", api = {} }
function Service:start() print "ready" end
function Service.api.add(_, a, b) return a + b end
function Service.api.flood(_, lines)
  for i = 1, lines do
    print(("line %d %s"):format(i, ("x"):rep(200)))
    if i % 100 == 0 then hyperty.sleep(0.001) end
  end
  return lines
end
return Service
]]

local function sh(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

-- Runs a function with `start`, the folder and a running `hyperty run` of the service.
local function with_host(fn, ...)
  local args = { ... }
  process.with(function(start, dir)
    program.write(dir .. "/service.lua", SERVICE)
    local host = start("run", dir .. "/service.lua", table.unpack(args))
    host:expect("err", "ready\n")
    fn(start, host, dir)
  end)
end

local function file_of(host, dir)
  return ("%s/hyperty/%d-run-service"):format(dir, host.pid)
end

-- A client that can be typed to.
local function attach(start, ...)
  local client = start("attach", ...)
  client:ask("'here'", '"here"\n')
  return client
end

describe("the socket of a host", function()
  it("is a file for its user alone, which is told, and removed at the end", function()
    with_host(function(_, host, dir)
      local file = file_of(host, dir)
      assert.truthy(host:said "err":find("attach: prompts come in by " .. file .. "\n", 1, true))
      local uid = sh "id -u"
      assert.equal("600 socket " .. uid, sh("stat -c '%a %F %u' " .. file))
      assert.equal("700 directory " .. uid, sh("stat -c '%a %F %u' " .. dir .. "/hyperty"))
      host:signal "TERM"
      assert.equal(0, host:wait())
      assert.is_nil(io.open(file))
    end)
  end)

  it("is chosen with --attach, and none is none", function()
    process.with(function(start, dir)
      local one = start("repl", "--attach", dir .. "/one")
      one:ask("'here'", '"here"\n')
      assert.equal("600", sh("stat -c %a " .. dir .. "/one"):sub(1, 3))
      attach(start, dir .. "/one")
      local two = start("repl", "--attach", "none")
      two:ask("'here'", '"here"\n')
      assert.equal("", sh("ls " .. dir .. "/hyperty 2>/dev/null"))
    end)
  end)

  it("is not taken from another host, nor from a file that is none", function()
    process.with(function(start, dir)
      local path = dir .. "/one"
      start("repl", "--attach", path):ask("'here'", '"here"\n')
      local two = program.run({ "repl", "--attach", path }, { input = "1\n" })
      assert.equal(1, two.status)
      assert.truthy(two.err:find("--attach: cannot listen on " .. path
        .. ": it is in use by another process; choose another\n", 1, true), two.err)
      program.write(dir .. "/file", "precious")
      local three = program.run({ "repl", "--attach", dir .. "/file" }, { input = "1\n" })
      assert.truthy(three.err:find("there is a file that is no socket; remove it\n", 1, true))
      assert.equal("precious", tree.read(dir .. "/file"))
      local long = program.run { "repl", "--attach", dir .. ("/x"):rep(60) }
      assert.truthy(long.err:find("too long for a socket", 1, true), long.err)
    end)
  end)

  it("left by a dead process is removed by the next one, and a free name is used again", function()
    with_host(function(start, host, dir)
      local file = file_of(host, dir)
      host:signal "KILL"
      host:wait()
      assert.truthy(sh("stat -c %F " .. file):find "socket")
      local client = start "attach"
      assert.equal(1, client:wait())
      assert.truthy(client:said "err":find "no host is running: start one")
      assert.equal("", sh("ls " .. dir .. "/hyperty"))
      local path = dir .. "/again"
      local first = start("repl", "--attach", path)
      first:ask("'here'", '"here"\n')
      os.execute("kill -KILL " .. tree.read(("/proc/%d/task/%d/children"):format(first.pid,
        first.pid)))
      first:wait()
      assert.truthy(sh("stat -c %F " .. path):find "socket")
      start("repl", "--attach", path):ask("'here'", '"here"\n')
      attach(start, path)
    end)
  end)

  it("is not made where others could have put it", function()
    process.with(function(start, dir)
      program.write(dir .. "/service.lua", SERVICE)
      assert(os.execute("mkdir -m 755 " .. dir .. "/hyperty"))
      local host = start("run", dir .. "/service.lua")
      host:expect("err", "attach: warn: nobody can attach: .*/hyperty must be a folder of this us")
      host:expect("err", "ready\n")
      local client = start "attach"
      assert.equal(1, client:wait())
      assert.truthy(client:said "err":find "must be a folder of this user's with mode 0700")
      local link = "cd %s; rmdir hyperty; mkdir -m 700 else; ln -s else hyperty"
      assert(os.execute(link:format(dir)))
      local linked = start "attach"
      assert.equal(1, linked:wait())
      assert.truthy(linked:said "err":find "not a link")
    end)
  end)
end)

describe("hyperty attach", function()
  it("finds the only host, a process, a name and a path", function()
    with_host(function(start, host, dir)
      for _, which in ipairs { tostring(host.pid), "service", file_of(host, dir), false } do
        local client = start("attach", "-e", "hyperties()[1].name", which or nil)
        assert.equal(0, client:wait())
        assert.equal('"service"\n', client:said "out")
        assert.equal("", client:said "err")
      end
    end)
  end)

  it("lists the hosts if there are several", function()
    with_host(function(start, host)
      local other = start "repl"
      other:ask("'here'", '"here"\n')
      local client = start "attach"
      assert.equal(1, client:wait())
      assert.equal("", client:said "out")
      assert.truthy(client:said "err":find(("say which one: hyperty attach PID\n"
        .. " +%d  run   service\n +%%d+  repl  \n$"):format(host.pid)), client:said "err")
    end)
  end)

  it("tells what is wrong with what it is given", function()
    local function fails(text, ...)
      local result = program.run { "attach", ... }
      assert.equal("hyperty: attach: " .. text .. "\n", result.err)
      assert.equal(1, result.status)
    end
    program.with_dir(function(dir)
      fails("no host is running: start one with hyperty run, repl or node")
      fails("4711: there is no such host, and none is running", "4711")
      fails(dir .. '/none: there is no such socket; "hyperty attach" alone tells what runs',
        dir .. "/none")
      program.write(dir .. "/file", "")
      fails(dir .. "/file: that is no socket", dir .. "/file")
      local two = program.run { "attach", "a", "b" }
      assert.equal(2, two.status)
      assert.truthy(two.err:find '"b" is too much')
    end)
  end)

  it("is not for what is no host, and does not wait for it forever", function()
    process.with(function(start, dir)
      local node = start("node", "--listen", "unix://" .. dir .. "/node", "--attach", "none")
      node:expect("err", "listens on")
      local client = start("attach", dir .. "/node", "-e", "1")
      assert.equal(1, client:wait())
      assert.truthy(client:said "err":find "attach: %S", client:said "err")
    end)
  end)

  it("runs lines of a pipe and the code of -e, and the status tells of failures", function()
    with_host(function(start)
      local client = start "attach"
      client:type "x = 20\nx + 1\nerror 'boo'\nx + 2"
      assert.equal(1, client:wait())
      assert.equal("20\n21\n22\n", client:said "out")
      assert.truthy(client:said "err":find "boo")
      local code = start("attach", "-e", "print 'one' return 2")
      assert.equal(0, code:wait())
      assert.equal("one\n2\n", code:said "out")
      local bad = start("attach", "-e", "nil + 1")
      assert.equal(1, bad:wait())
      assert.equal("", bad:said "out")
    end)
  end)

  it("leaves the host running, and takes its globals and tasks along", function()
    with_host(function(start, host)
      local one = attach(start)
      one:type "x = 1 hyperty.every(0.02, function() print 'still here' end)"
      one:expect("out", "still here\n")
      assert.equal(0, one:wait())
      local two = attach(start)
      assert.equal("nil", two:ask "x")
      assert.equal("1", two:ask "#hyperties()")
      assert.is_falsy(host:has_ended())
    end)
  end)

  it("is a prompt at a terminal, which Ctrl-D leaves", function()
    with_host(function(_, host, dir)
      local options = { args = { "attach" }, env = "XDG_RUNTIME_DIR=" .. dir }
      terminal.with(options, function(t)
        t:lines("use('service').add(20, 22)")
        t:shows "\n42\n"
        t:key "C-d"
        t:shows "status 0"
        assert.is_falsy(host:has_ended())
      end)
      host:signal "STOP" -- it does not even listen
      local late = program.run({ "attach", "-e", "1" }, { env = "XDG_RUNTIME_DIR=" .. dir })
      assert.truthy(late.err:find "nothing answers there as a host does; it is busy, stopped")
      assert.equal(1, late.status)
      host:signal "CONT"
    end)
  end)

  it("says that the host has ended", function()
    with_host(function(start, host)
      local client = attach(start)
      client:type "hyperty.sleep(60)"
      socket.sleep(0.1)
      host:signal "TERM"
      assert.equal(0, host:wait())
      assert.equal(1, client:wait())
      assert.truthy(client:said "err":find "hyperty: attach: the host has ended\n$",
        client:said "err")
    end)
  end)
end)

describe("several clients of one host", function()
  it("have globals of their own and see what hyperties print", function()
    with_host(function(start, host)
      local one, two = attach(start), attach(start)
      one:type "x = 'one'"
      two:type "x = 'two'"
      one:ask("x", '"one"\n')
      two:ask("x", '"two"\n')
      one:type "print 'mine'"
      one:expect("out", "mine\n")
      assert.equal(2, two:ask("hyperty.call(hyperties()[1].url, 'flood', 2)", "(2)\n") + 0)
      for _, said in ipairs { one, two, host } do said:expect("err", "service: line 2 x+\n") end
      assert.is_falsy((two:said "out" .. two:said "err" .. host:said "err"):find "mine")
    end)
  end)

  it("do not wait for one that is stopped, which is told how much it missed", function()
    with_host(function(start, host)
      local stopped, other = attach(start), attach(start)
      stopped:signal "STOP"
      local began = socket.gettime()
      for _ = 1, 4 do
        other:ask("hyperty.call(hyperties()[1].url, 'flood', 5000)", "5000\n")
      end
      assert.equal("3", other:ask "1 + 2")
      assert.truthy(socket.gettime() - began < 20)
      stopped:signal "CONT"
      stopped:expect("err", "hyperty: attach: %d+ lines were dropped, they came too fast\n")
      stopped:ask("'and on'", '"and on"\n')
      assert.is_falsy(host:has_ended())
    end)
  end)

  it("do not miss one that is killed, and what it had under way ends", function()
    with_host(function(start)
      local one, other = attach(start), attach(start)
      one:type [[
        do local function close() hyperty.log.warn "closed" end
        local x <close> = setmetatable({}, { __close = close }) hyperty.sleep(60) end]]
      socket.sleep(0.2)
      one:signal "KILL"
      other:expect("err", "closed\n")
      process.wait("its instance to go", function() return other:ask "#hyperties()" == "1" end)
    end)
  end)

  it("are turned away with a word when they are too many", function()
    with_host(function(start)
      for _ = 1, 16 do attach(start) end
      local late = start "attach"
      assert.equal(1, late:wait())
      assert.equal("hyperty: attach: 16 prompts are open here already, which is the most; "
        .. "leave one (Ctrl-D)\n", late:said "err")
    end)
  end)

  it("of a repl come and go beside its own prompt", function()
    process.with(function(start)
      local repl = start "repl"
      repl:ask("x = 1", "1\n")
      local client = attach(start)
      assert.equal("nil", client:ask "x")
      assert.equal(0, client:wait())
      repl:ask("x", "1\n")
      local last = attach(start)
      repl:signal "KILL"
      last:expect("err", "hyperty: attach: the host has ended\n")
      assert.equal(1, last:wait())
    end)
  end)
end)

describe("a hyperty that runs", function()
  it("is called and reloaded by who attaches, and a mistake in its file changes nothing", function()
    with_host(function(start, host, dir)
      local client = attach(start)
      client:ask("s = use 'service'", "service %(hyperty://[^)]+%): add, flood, on\n")
      client:ask("s.add(1, 2)", "3\n")
      program.write(dir .. "/service.lua", (SERVICE:gsub("return a %+ b", "return a * b")
        :gsub("api%.flood", "api.storm")))
      client:ask("reload(s)", "true\n")
      client:ask("s.add(5, 7)", "35\n")
      client:ask("s", "service %([^)]+%): add, on, storm\n")
      program.write(dir .. "/service.lua", "return {\n name = 'Service',\n api = { add = }\n}")
      client:type "reload 'service'"
      client:expect("err", "service%.lua:3: unexpected symbol")
      program.write(dir .. "/service.lua", "error 'not today'")
      client:type "reload 'service'"
      client:expect("err", "service%.lua:1: not today")
      client:ask("s.add(5, 7)", "35\n")
      client:ask("hyperties()[1].state", '"running"\n')
      client:type "reload 'nobody'"
      client:expect("err", 'reload: no instance named "nobody"; hyperties%(%) lists them')
      assert.is_falsy(host:has_ended())
    end)
  end)
end)

describe("hyperty attach to a node", function()
  -- A node, and a runtime at it with an object that somebody observes.
  local function with_node(fn)
    process.with(function(start, dir)
      program.write(dir .. "/lamp.lua", [[
return { name = "Lamp", start = function(self)
  self.object = self.syncher:create { schema = "Resource", name = "lamp", data = { n = 0 } }
  self.object:on("subscribe", function(request)
    if request.identity.user == "user://localhost/eve" then return request:reject "not you" end
    request:accept()
  end)
  print(self.object.url)
end }]])
      local node = start("node", "--listen", "unix://" .. dir .. "/node")
      node:expect("err", "listens on unix")
      local host = start("run", "--node", "unix://" .. dir .. "/node", dir .. "/lamp.lua")
      local url = host:expect("err", "lamp: (%S+)\n")
      fn(start, node, url, dir)
    end)
  end

  it("shows what it holds, and why somebody gets an object or does not", function()
    with_node(function(start, node, url, dir)
      local client = attach(start, tostring(node.pid))
      client:ask("#node.sessions()", "2\n")
      client:ask(("node.objects '%s'[1].guarded"):format(url), "true\n")
      client:ask("node.registry 'Lamp'[1].url", '"hyperty://[^"]+"\n')
      client:ask("node.stats().sessions", "2\n")
      client:ask("#node.allocations '" .. url .. "'", "1\n")
      client:type(("node.why(self.url, '%s')"):format(url))
      client:expect("out", "the registry has the object as live\n")
      client:expect("out", "has not subscribed the object's changes")
      client:type(("w = watch '%s' node.why(self.url, '%s')"):format(url, url))
      client:expect("out", "it has subscribed and is admitted")
      client:ask("#node.routes '" .. url .. "/changes'", "1\n")
      local eve = start("repl", "--node", "unix://" .. dir .. "/node", "--user",
        "user://localhost/eve", "--attach", "none")
      local name = eve:ask("self.url", '"([^"]+)"\n')
      eve:type("watch '" .. url .. "'")
      eve:expect("err", "not you")
      client:type(("node.why('%s', '%s')"):format(name, url))
      client:expect("out", "its reporter has not admitted the hyperty")
      client:ask("node", "the message node: ")
    end)
  end)

  it("changes nothing for the node, and ends with it", function()
    with_node(function(start, node, url)
      local client = attach(start, tostring(node.pid))
      local other = attach(start, tostring(node.pid))
      client:ask("#hyperties()", "1\n") -- the other prompt
      assert.equal(0, other:wait())
      node:signal "TERM"
      client:expect("err", "node: domain localhost ends")
      assert.equal(0, node:wait())
      assert.equal(1, client:wait())
      assert.truthy(url)
    end)
  end)
end)
