-- The trusted module: runtimes whose process is killed, and disks that outlive them.
local host = require "hyperty.host"
local program = require "spec.support.program"

local ACTOR = [[
local hyperty = require "hyperty"
local Actor = { name = "Actor", api = {} }
local closing = setmetatable({}, { __close = function() print "closed" end })
function Actor:start()
  hyperty.spawn(function()
    local guard <close> = closing
    hyperty.sleep(1000)
  end)
  hyperty.every(0.01, function() hyperty.emit("tick") end)
end
function Actor:stop() print "stopped" end
return Actor
]]

-- Runs with a network whose runtimes note what they print and log; nothing may be left afterwards,
-- unless it is on a disk.
local function with_network(options, fn)
  local before = host.blocks()
  local net = host.network(options)
  local noted = {}
  local function start(more)
    local rt = net:runtime {
      paths = {}, domain = more and more.domain, store = more and more.store,
      print = function(_, text) table.insert(noted, text) end,
      log = function(level, who, text)
        if level ~= "info" then table.insert(noted, who .. ": " .. text) end
      end,
    }
    assert(rt:load_text(ACTOR, { as = "actor" }, "actor.lua"))
    return rt
  end
  local ok, err = pcall(fn, net, start, noted)
  net:stop()
  if not ok then error(err, 0) end
  if not options.has_disk then assert.equal(before, host.blocks()) end
end

local function with_disk(options, fn)
  local before = host.blocks()
  local disk = host.disk(options)
  local ok, err = pcall(fn, disk)
  disk:close()
  if not ok then error(err, 0) end
  assert.equal(before, host.blocks())
end

describe("a runtime that crashes", function()
  it("runs no Lua any more, says nothing, and leaves nothing", function()
    with_network({ seed = 1, delay = { 0.001, 0.02 } }, function(net, start, noted)
      local rt = start()
      net:run(1.005)
      rt:crash()
      assert.same({}, noted)
      net:run(1)
      assert.same({}, noted)
      assert.has_error(function() rt:run(1) end,
        "calling 'run' on bad self (the runtime is stopped)")
      rt:crash() -- harmless
    end)
  end)

  it("does what one that is stopped does not", function()
    with_network({ seed = 1 }, function(net, start, noted)
      local rt = start()
      net:run(1)
      rt:stop()
      assert.same({ "stopped", "closed" }, noted)
    end)
  end)

  it("is known to its node until the grace of its session is over", function()
    with_network({ seed = 1, grace = 5 }, function(net, start)
      local rt, other = start(), start()
      local port = other:port(other:url() .. "/watch")
      local url = rt:url() .. "/nobody"
      rt:crash()
      local function send()
        local answer = port:request { type = "read", to = url }
        return answer and answer.body.code
      end
      assert.equal(408, send()) -- it waits for a runtime that may come back
      net:run(6)
      assert.equal(404, send())
    end)
  end)

  it("is one of many: what is under way at that moment differs, and nothing breaks", function()
    for seed = 1, 20 do
      with_network({ seed = seed, delay = { 0.001, 0.05 } }, function(net, start)
        local list = { start(), start(), start() }
        net:run(0.1 + seed / 100)
        list[1 + seed % 3]:crash()
        net:run(0.1)
      end)
    end
  end)

  it("takes an embedded node with it", function()
    local before = host.blocks()
    local rt = host.runtime { paths = {} }
    assert(rt:load_text(ACTOR))
    rt:run(1)
    rt:crash()
    assert.equal(before, host.blocks())
  end)
end)

describe("a disk", function()
  it("gives the runtime after the same address", function()
    with_disk({}, function(disk)
      with_network({ seed = 1, has_disk = true }, function(net, start)
        local rt = start { store = disk }
        local url = rt:url()
        net:run(1)
        rt:crash()
        rt = start { store = disk }
        assert.equal(url, rt:url())
        rt:stop()
        assert.equal(url, start({ store = disk }):url())
      end)
    end)
  end)

  it("knows an address for each domain", function()
    with_disk({}, function(disk)
      local function url(domain)
        local rt = host.runtime { domain = domain, store = disk }
        local text = rt:url()
        rt:stop()
        return text
      end
      local here, far = url "localhost", url "far"
      assert.truthy(far:find "^hyperty%-runtime://far/")
      assert.same({ here, far }, { url "localhost", url "far" })
    end)
  end)

  it("loses what was not committed when the runtime crashes", function()
    with_disk({ delay = 10 }, function(disk)
      local rt = host.runtime { store = disk, seed = 1 }
      local url = rt:url()
      rt:run(9)
      rt:crash()
      rt = host.runtime { store = disk, seed = 2 }
      assert.not_equal(url, rt:url())
      url = rt:url()
      rt:run(11)
      rt:crash()
      rt = host.runtime { store = disk, seed = 3 }
      assert.equal(url, rt:url())
      rt:stop()
    end)
  end)

  it("commits nothing while it is full", function()
    with_disk({ full = true }, function(disk)
      local rt = host.runtime { store = disk, seed = 1 }
      local url = rt:url()
      rt:run(1)
      rt:crash()
      rt = host.runtime { store = disk, seed = 2 }
      assert.not_equal(url, rt:url())
      url = rt:url()
      disk:full(false)
      rt:run(5)
      rt:crash()
      rt = host.runtime { store = disk, seed = 3 }
      assert.equal(url, rt:url())
      rt:stop()
    end)
  end)

  it("may lose what was not synced when its machine loses power", function()
    local lost, kept = 0, 0
    for seed = 1, 20 do
      with_disk({ seed = seed }, function(disk)
        local rt = host.runtime { store = disk, seed = 1 }
        local url = rt:url()
        rt:run(1)
        rt:crash()
        disk:power_loss()
        rt = host.runtime { store = disk, seed = 2 }
        if rt:url() == url then kept = kept + 1 else lost = lost + 1 end
        rt:stop()
      end)
    end
    assert.truthy(lost > 0 and kept > 0, lost .. " lost, " .. kept .. " kept")
  end)

  it("is for one runtime at a time", function()
    with_disk({}, function(disk)
      local rt = host.runtime { store = disk }
      local ok, text = pcall(host.runtime, { store = disk })
      assert.falsy(ok)
      assert.truthy(text:find("runtime: store: another runtime has its store on the disk", 1, true))
      for _, method in ipairs { "power_loss", "close" } do
        ok, text = pcall(disk[method], disk)
        assert.falsy(ok)
        assert.truthy(text:find(method .. ": a runtime has its store on the disk", 1, true))
      end
      rt:stop()
    end)
  end)

  it("is closed for good", function()
    local disk = host.disk()
    disk:close()
    disk:close()
    assert.has_error(function() disk:full(true) end,
      "calling 'full' on bad self (the disk is closed)")
    local ok, text = pcall(host.runtime, { store = disk })
    assert.falsy(ok)
    assert.truthy(text:find("store: the disk is closed", 1, true))
    assert.falsy(pcall(host.runtime, { store = 7 }))
  end)
end)

describe("a runtime with a file", function()
  local SOURCE = "return { name = 'A', api = {} }"

  for _, clock in ipairs { "virtual", "real" } do
    it("has its address in it, on a " .. clock .. " clock", function()
      program.with_dir(function(dir)
        local before, urls = host.blocks(), {}
        for n = 1, 3 do
          local rt = host.runtime { store = dir .. "/kept", clock = clock, seed = n, paths = {} }
          local a = assert(rt:load_text(SOURCE, { as = "a" }))
          a:eval "self.state.n = (self.state.n or 0) + 1"
          urls[n] = rt:url()
          rt:run(0.05)
          if clock == "virtual" and n == 2 then rt:crash() else rt:stop() end
          assert.equal(before, host.blocks())
        end
        assert.same({ urls[1], urls[1], urls[1] }, urls)
      end)
    end)
  end

  it("is told why the file cannot be had", function()
    program.with_dir(function(dir)
      local rt = host.runtime { store = dir .. "/kept", paths = {} }
      for _, path in ipairs { dir .. "/kept", dir .. "/none/kept", dir } do
        local ok, text = pcall(host.runtime, { store = path, paths = {} })
        assert.falsy(ok)
        assert.truthy(text:find("runtime: ", 1, true) and text:find(path, 1, true), text)
      end
      rt:stop()
    end)
  end)
end)

describe("a runtime without memory", function()
  it("owes nothing, wherever it runs out", function()
    local before = host.blocks()
    for n = 1, 1000 do
      local disk = host.disk()
      host.fail_after(n)
      local ok, rt = pcall(host.runtime, { paths = {}, store = disk })
      host.fail_after(-1)
      if ok then rt:crash() end
      disk:close()
      collectgarbage() -- a world that got no runtime goes then
      assert.equal(before, host.blocks())
      if ok then return end
    end
    error "it never had enough"
  end)
end)
