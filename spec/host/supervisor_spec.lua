-- A hyperty that fails again and again is stopped, started anew and in the end parked; others hear
-- of it, and nothing else is touched. On the virtual clock.
local host = require "hyperty.host"
local objects = require "spec.support.objects"
local program = require "spec.support.program"

local SHAKY = [[
local hyperty = require "hyperty"
local Shaky = { name = "Shaky", api = {} }
function Shaky:start()
  self.state.starts = (self.state.starts or 0) + 1
  self.room = self.syncher:create { schema = "Resource", name = "room", public = true }
  self.timer = hyperty.every(3600, function() end)
end
function Shaky.api.starts(self) return self.state.starts end
function Shaky.api.fail(self, times)
  for _ = 1, times do hyperty.spawn(error, "shaken") end
end
function Shaky:stop() hyperty.log.warn("stop was called") end
return Shaky
]]

local BROKEN_LATER = [[
local hyperty = require "hyperty"
local Shaky = { name = "Shaky", api = {} }
function Shaky:start()
  self.state.starts = (self.state.starts or 0) + 1
  if self.state.starts > 1 then error("no start") end
end
function Shaky.api.starts(self) return self.state.starts end
function Shaky.api.fail(self, times)
  for _ = 1, times do hyperty.spawn(error, "shaken") end
end
return Shaky
]]

describe("a hyperty that fails", function()
  local logged

  local function with_shaky(source, fn, budget)
    logged = {}
    collectgarbage()
    collectgarbage()
    local blocks = host.blocks()
    program.with_dir(function(dir)
      program.write(dir .. "/shaky.lua", source)
      local rt = host.runtime { clock = "virtual", seed = 1, paths = { dir }, budget = budget,
        log = function(level, who, text)
          if level ~= "debug" then logged[#logged + 1] = level .. " " .. who .. ": " .. text end
        end }
      local shaky = assert(rt:load("shaky"))
      local watcher = objects.load(rt, "watcher")
      watcher:eval([[
        local hyperty = require "hyperty"
        seen = {}
        for _, name in ipairs { "stopped", "restarted", "parked" } do
          assert(hyperty.follow(..., name, function(event)
            seen[#seen + 1] = name .. ": " .. tostring(event.reason)
          end))
        end]], shaky.url)
      fn(rt, shaky, watcher, dir)
      rt:stop()
    end)
    collectgarbage()
    collectgarbage()
    assert.equal(blocks, host.blocks())
  end

  local function seen(watcher)
    return watcher:eval "local all = table.concat(seen, '\\n') seen = {} return all"
  end

  local function find_logged(part)
    for _, line in ipairs(logged) do
      if line:find(part, 1, true) then return line end
    end
    error("nothing like \"" .. part .. "\" in:\n" .. table.concat(logged, "\n"))
  end

  it("now and then goes on", function()
    with_shaky(SHAKY, function(rt, shaky, watcher)
      for _ = 1, 10 do
        shaky.api.fail(10)
        rt:run(11)
      end
      assert.equal("running", shaky:condition())
      assert.equal(1, shaky.api.starts())
      assert.equal("", seen(watcher))
    end)
  end)

  it("too often is stopped and starts again after a while, with its address and state", function()
    with_shaky(SHAKY, function(rt, shaky, watcher)
      local url = shaky.url
      shaky.api.fail(19)
      rt:run(0.1)
      assert.equal("running", shaky:condition())
      shaky.api.fail(2) -- some of the others are forgotten by now
      rt:run(0.1)
      assert.same({ "restarting", "shaken" }, { shaky:condition() })
      assert.equal(0, shaky:tasks())
      assert.equal(0, shaky:memory())
      assert.equal("stopped: shaken", seen(watcher))
      local ok, why = shaky.api.starts()
      assert.is_nil(ok)
      objects.has("not running", why)
      rt:run(1)
      assert.equal("running", shaky:condition())
      assert.equal("restarted: shaken", seen(watcher))
      assert.equal(2, shaky.api.starts())
      assert.equal(url, shaky.url)
      find_logged "error shaky: supervision: stopped (shaken); it starts again in 1 s"
      for _, line in ipairs(logged) do assert.is_nil(line:find("stop was called", 1, true)) end
    end)
  end)

  it("takes its objects along, and nobody else's", function()
    with_shaky(SHAKY, function(rt, shaky, watcher)
      local room = watcher:eval([[
        self.mine = self.syncher:create { schema = "Resource", name = "mine", data = { n = 1 } }
        local found = assert(self.syncher:discover { reporter = ... })
        self.room = assert(self.syncher:subscribe(found[1].url))
        self.room:on("delete", function(reason) seen[#seen + 1] = reason end)
        return self.room.url]], shaky.url)
      assert.is_string(room)
      shaky.api.fail(20)
      rt:run(0.1)
      assert.equal("stopped: shaken\ndeleted", seen(watcher))
      assert.equal(1, watcher:eval "self.mine.data.n = 1 return self.mine.data.n")
    end)
  end)

  it("again and again waits longer each time, and is parked in the end", function()
    with_shaky(SHAKY, function(rt, shaky, watcher)
      for n = 0, 4 do
        shaky.api.fail(20)
        rt:run(0.1)
        assert.equal("restarting", shaky:condition())
        rt:run(2 ^ n - 0.3)
        assert.equal("restarting", shaky:condition())
        rt:run(0.4)
        assert.equal("running", shaky:condition())
      end
      seen(watcher)
      shaky.api.fail(20)
      rt:run(1000)
      assert.equal("parked", shaky:condition())
      assert.equal("stopped: shaken\nparked: shaken", seen(watcher))
      objects.has('then reload("shaky")', find_logged "supervision: parked (shaken)")
    end)
  end)

  it("seldom is not held to account for long ago", function()
    with_shaky(SHAKY, function(rt, shaky)
      for _ = 1, 10 do
        shaky.api.fail(20)
        rt:run(700)
        assert.equal("running", shaky:condition())
      end
      assert.equal(11, shaky.api.starts())
    end)
  end)

  it("when it starts again is tried again, and parked in the end", function()
    with_shaky(BROKEN_LATER, function(rt, shaky, watcher)
      shaky.api.fail(20)
      rt:run(1.2)
      assert.same({ "restarting", "shaky.lua:5: no start" },
        { shaky:condition(), (select(2, shaky:condition()):gsub("^.*/", "")) })
      rt:run(100)
      assert.equal("parked", shaky:condition())
      assert.matches("^stopped: shaken\nparked: .*no start$", seen(watcher))
      assert.is_true(shaky:unload())
    end)
  end)

  it("whose file is broken meanwhile is too", function()
    with_shaky(SHAKY, function(rt, shaky, watcher, dir)
      shaky.api.fail(20)
      rt:run(0.1)
      program.write(dir .. "/shaky.lua", "return {")
      rt:run(100)
      local condition, why = shaky:condition()
      assert.equal("parked", condition)
      objects.has("shaky.lua:1:", why)
      assert.matches("^stopped: shaken\nparked: .*shaky.lua:1:", seen(watcher))
    end)
  end)

  it("can be unloaded in each of its states", function()
    with_shaky(SHAKY, function(rt, shaky)
      shaky.api.fail(20)
      rt:run(0.1)
      assert.is_true(shaky:unload())
      assert.is_nil((shaky:condition()))
      assert(rt:load("shaky"))
    end)
  end)

  it("that was loaded from a text is parked at once", function()
    with_shaky(SHAKY, function(rt, _, watcher)
      local text = assert(rt:load_text(SHAKY, { as = "text" }))
      text.api.fail(20)
      rt:run(0.1)
      assert.equal("parked", text:condition())
      assert.equal("", seen(watcher))
    end)
  end)

  it("with loops that are killed is stopped sooner", function()
    with_shaky(SHAKY, function(rt, shaky)
      for _ = 1, 5 do
        assert.equal("running", shaky:condition())
        shaky:eval 'require "hyperty".spawn(function() while true do end end)'
        rt:run(0.1)
      end
      local condition, why = shaky:condition()
      assert.equal("restarting", condition)
      objects.has("eval:1:", why)
    end, { run = 0.05 })
  end)

  it("finds what it has stored when it comes back", function()
    program.with_dir(function(dir)
      program.write(dir .. "/shaky.lua", [[
        local hyperty = require "hyperty"
        local Shaky = { name = "Shaky", api = {} }
        function Shaky:start()
          self.room = self.syncher:create { schema = "Resource", name = "room", store = true,
            public = true, data = { n = 0 } }
        end
        function Shaky.api.count(self)
          self.room.data.n = self.room.data.n + 1
          return self.room.data.n, self.room.resumed
        end
        function Shaky.api.fail() for _ = 1, 20 do hyperty.spawn(error, "shaken") end end
        return Shaky]])
      local disk = host.disk {}
      local rt = host.runtime { clock = "virtual", seed = 1, paths = { dir }, store = disk,
        log = function() end }
      local shaky = assert(rt:load("shaky"))
      local watcher = objects.load(rt, "watcher")
      assert.same({ 1, false }, { shaky.api.count() })
      watcher:eval([[
        local found = self.syncher:discover { reporter = ... }
        self.room = assert(self.syncher:subscribe(found[1].url))
        self.room:on("delete", function() self.is_deleted = true end)]], shaky.url)
      shaky.api.fail()
      rt:run(2)
      assert.same({ 2, true }, { shaky.api.count() })
      rt:run(20)
      assert.same({ 2 }, { watcher:eval "return self.room.data.n, self.is_deleted" })
      rt:stop()
    end)
  end)

  it("is heard of in other runtimes, where nothing stops", function()
    program.with_dir(function(dir)
      program.write(dir .. "/shaky.lua", SHAKY)
      local net = host.network { seed = 1, delay = { 0, 0.01 } }
      local rt = net:runtime { paths = { dir }, log = function() end }
      local far = net:runtime { paths = {}, log = function() end }
      local shaky, watcher = assert(rt:load("shaky")), objects.load(far, "watcher")
      watcher:eval([[
        local hyperty = require "hyperty"
        seen = {}
        for _, name in ipairs { "stopped", "restarted", "parked" } do
          assert(hyperty.follow(..., name, function() seen[#seen + 1] = name end))
        end]], shaky.url)
      for _ = 0, 5 do
        shaky.api.fail(20)
        net:run(20)
      end
      assert.equal("stopped restarted stopped restarted stopped restarted stopped restarted " ..
        "stopped restarted stopped parked", watcher:eval "return table.concat(seen, ' ')")
      net:stop()
    end)
  end)

  it("comes back or is parked wherever memory runs out", function()
    local ends = { running = 0, parked = 0 }
    for n = 1, 1500, 41 do
      with_shaky(SHAKY, function(rt, shaky)
        shaky.api.fail(20)
        host.fail_after(n)
        pcall(rt.run, rt, 1.5)
        host.fail_after(-1)
        rt:run(200)
        local condition = shaky:condition()
        ends[condition] = ends[condition] + 1
        if condition == "parked" then assert.is_true(rt:reload("shaky")) end
        assert.is_number(shaky.api.starts())
      end)
    end
    assert.is_true(ends.running > 10)
  end)

  describe("and is parked", function()
    local function park(rt, shaky)
      for _ = 0, 5 do
        shaky.api.fail(20)
        rt:run(20)
      end
      assert.equal("parked", shaky:condition())
    end

    it("is not there for who calls it", function()
      with_shaky(SHAKY, function(rt, shaky, watcher)
        park(rt, shaky)
        local before = rt:now()
        local ok, why, code = watcher:eval("return require('hyperty').call(..., 'starts')",
          shaky.url)
        assert.same({ nil, "not_found", true }, { ok, code, rt:now() - before < 1 }, why)
      end)
    end)

    it("runs again when it is reloaded, with new chances", function()
      with_shaky(SHAKY, function(rt, shaky, watcher, dir)
        park(rt, shaky)
        seen(watcher)
        program.write(dir .. "/shaky.lua", (SHAKY:gsub("api = {}", "api = { new = tostring }")))
        assert.is_true(rt:reload("shaky"))
        assert.equal("running", shaky:condition())
        assert.equal(7, shaky.api.starts())
        assert.is_string(shaky.api.new())
        rt:run(0.1)
        assert.equal("restarted: shaken", seen(watcher))
        shaky.api.fail(20)
        rt:run(1.2)
        assert.equal("running", shaky:condition())
      end)
    end)

    it("stays so if the new code does not load or start, which is told", function()
      with_shaky(SHAKY, function(rt, shaky, watcher, dir)
        park(rt, shaky)
        seen(watcher)
        program.write(dir .. "/shaky.lua", "return {")
        local ok, why = rt:reload("shaky")
        assert.is_nil(ok)
        objects.has("shaky.lua:1:", why)
        assert.equal("parked", shaky:condition())
        program.write(dir .. "/shaky.lua",
          "return { name = 'Shaky', start = function() error('no') end }")
        ok, why = rt:reload("shaky")
        assert.is_nil(ok)
        objects.has("shaky.lua:1: no", why)
        rt:run(100)
        assert.equal("parked", shaky:condition())
        assert.equal("", seen(watcher))
        program.write(dir .. "/shaky.lua", SHAKY)
        assert.is_true(rt:reload("shaky"))
        assert.equal("running", shaky:condition())
      end)
    end)
  end)

  it("and rests for a while can be reloaded at once", function()
    with_shaky(SHAKY, function(rt, shaky)
      shaky.api.fail(20)
      rt:run(0.1)
      assert.is_true(rt:reload("shaky"))
      assert.equal("running", shaky:condition())
      rt:run(10)
      assert.equal(2, shaky.api.starts())
    end)
  end)

  -- Whose start does not end when it is started again.
  local HANGING = SHAKY:gsub("self.room =", [[
    if self.state.starts > 1 then hyperty.sleep(1e8) end
    self.room =]])

  it("and whose new start does not end is stopped again", function()
    with_shaky(HANGING, function(rt, shaky, watcher)
      shaky.api.fail(20)
      rt:run(30)
      assert.equal("restarting", shaky:condition())
      rt:run(600)
      find_logged "start did not end within 60 s"
      assert.equal("parked", shaky:condition())
      objects.has("parked: start did not end", seen(watcher))
    end)
  end)

  it("and whose new start does not end can be reloaded meanwhile", function()
    with_shaky(HANGING, function(rt, shaky, _, dir)
      shaky.api.fail(20)
      rt:run(30)
      program.write(dir .. "/shaky.lua", SHAKY)
      assert.is_true(rt:reload("shaky"))
      assert.equal("running", shaky:condition())
      rt:run(600)
      assert.equal("running", shaky:condition())
    end)
  end)

  it("while it starts is not loaded", function()
    local rt = host.runtime { clock = "virtual", seed = 1, log = function() end }
    local ok, why = rt:load_text [[
      local hyperty = require "hyperty"
      return { name = "Shaky", start = function()
        hyperty.every(0.1, function() error("shaken") end)
        hyperty.sleep(1e8)
      end }]]
    assert.is_nil(ok)
    objects.has("shaken", why)
    rt:stop()
  end)
end)
