-- What a hyperty may use of the processor and of memory, and what a trusted one gets.
local host = require "hyperty.host"
local lfs = require "lfs"
local objects = require "spec.support.objects"

local has = objects.has

describe("a host with bounds", function()
  local rt, lines, printed, before, dir

  local function open(options)
    local all = {
      clock = "virtual", seed = 1, paths = { dir },
      log = function(level, who, text)
        if level ~= "info" then lines[#lines + 1] = who .. ": " .. text end
      end,
      print = function(name, text) printed[#printed + 1] = name .. ": " .. text end,
    }
    for name, value in pairs(options) do all[name] = value end
    rt = host.runtime(all)
  end

  local function write(name, text)
    local file <close> = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
  end

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
    before = host.blocks()
    lines, printed = {}, {}
  end)

  after_each(function()
    rt:stop()
    assert.equal(before, host.blocks())
    os.execute("rm -r '" .. dir .. "'")
  end)

  local function load(code)
    return rt:load_text("local hyperty = require 'hyperty' return { name = 'X', start = function() "
      .. code .. " end, api = { alive = function() return true end } }", { as = "x" }, "x.lua")
  end

  describe("of processor time", function()
    it("kills a run that is too long, tells where, and lets the others live", function()
      open { budget = { run = 0.05 } }
      local x = load "hyperty.spawn(function() local function f() while true do end end f() end)"
      rt:run(0.1)
      assert.equal(1, #lines)
      has("x: spawned function: x.lua:1: took too long: 50 ms of processor time without a wait",
        lines[1])
      has("in local 'f'", lines[1])
      assert.is_true(x:call "alive")
      assert.equal(0, x:tasks())
    end)

    it("begins anew with each wait", function()
      open { budget = { run = 0.1 } }
      load [[hyperty.spawn(function()
        local began = os.clock()
        repeat
          local from = os.clock()
          repeat until os.clock() > from + 0.02
          hyperty.sleep(0)
        until os.clock() > began + 0.4
        print "done"
      end)]]
      rt:run(0.1)
      assert.same({ "x: done" }, printed)
      assert.same({}, lines)
    end)

    it("gives the caller of a killed function an error", function()
      open { budget = { run = 0.05 } }
      local x = load ""
      local result, message = x:eval "while true do pcall(function() while true do end end) end"
      assert.is_nil(result)
      has("took too long", message)
      assert.is_true(x:call "alive")
    end)

    it("raises in who waits for a killed task", function()
      open { budget = { run = 0.05 } }
      load [[hyperty.spawn(function()
        print(pcall(hyperty.wait, function() while true do end end, 1))
      end)]]
      rt:run(0.1)
      assert.equal(1, #printed)
      has("x: false\tx.lua:2: took too long", printed[1])
    end)

    it("does not unwind what is killed: what closes does not run, and does not cost", function()
      open { budget = { run = 0.05 } }
      local from_s = os.clock()
      load [[
        local trap = setmetatable({}, { __close = function() print "closed" end })
        hyperty.spawn(function()
          local _ <close> = trap
          local function deeper() return pcall(deeper) or deeper() end
          deeper()
        end)]]
      rt:run(0.1)
      assert.same({}, printed)
      assert.equal(1, #lines)
      assert.is_true(os.clock() - from_s < 1)
    end)

    it("is not there if it is 0", function()
      open { budget = { run = 0, turn = 0 } }
      load [[hyperty.spawn(function()
        local from = os.clock()
        repeat until os.clock() > from + 0.3
        print "done"
      end)]]
      rt:run(0.1)
      assert.same({ "x: done" }, printed)
    end)

    it("lets who has used up its turn go on in the next one, in order", function()
      open { budget = { run = 1, turn = 0.02 } }
      load [[
        for number = 1, 10 do
          hyperty.spawn(function()
            local from = os.clock()
            repeat until os.clock() > from + 0.015
            print(number)
          end)
        end]]
      local turns = 0
      repeat turns = turns + 1 until not rt:step()
      assert.is_true(turns >= 4, turns)
      local expected = {}
      for number = 1, 10 do expected[number] = "x: " .. number end
      assert.same(expected, printed)
    end)
  end)

  describe("of memory", function()
    it("gives a script over it an error, and the host goes on", function()
      open { memory = 1 << 20 }
      local x = load ""
      local result, message = x:eval [[
        local t = {}
        for at = 1, math.maxinteger do t[at] = { at } end]]
      assert.is_nil(result)
      has("not enough memory", message)
      assert.is_true(x:memory() <= 1 << 20)
      assert.is_true(x:call "alive")
    end)

    it("does not load what has no room", function()
      open { memory = 5000 }
      local x, message = load ""
      assert.is_nil(x)
      has("not enough memory", message)
    end)
  end)

  describe("of files", function()
    it("lets require follow no link out of the folder", function()
      open {}
      write("inside.lua", "return 'inside'")
      write("outside.lua", "return 'outside'")
      assert(lfs.mkdir(dir .. "/own"))
      assert(os.rename(dir .. "/inside.lua", dir .. "/own/inside.lua"))
      assert(lfs.link(dir .. "/own/inside.lua", dir .. "/own/link.lua", true))
      assert(lfs.link(dir .. "/outside.lua", dir .. "/own/out.lua", true))
      assert(lfs.link(dir, dir .. "/own/up", true))
      write("own/init.lua", [[
        assert(require "inside" == "inside" and require "link" == "inside")
        for _, name in ipairs { "out", "up.outside" } do
          local ok, why = pcall(require, name)
          assert(not ok and why:find("a link that leads out of the hyperty's folder", 1, true), why)
        end
        return { name = "Own" }]])
      assert(rt:load("own"))
    end)
  end)

  describe("that trusts a hyperty", function()
    local CODE = [[
      local all = io and os.execute and debug and package and string.dump and collectgarbage
        and pcall(require, "lfs") and load(string.dump(function() return true end))
      return { name = "T", api = { all = function() return all ~= nil and all ~= false end,
        waits = function() require "hyperty".sleep(1) return os.time() end } }]]

    it("gives it all of Lua, and says so", function()
      open { trusted = { "yes" } }
      write("yes.lua", CODE)
      local yes = rt:load "yes"
      assert.is_true(yes:call "all")
      assert.is_number(yes:call "waits")
      assert.equal(1, #lines)
      has("yes: trusted: it has all of Lua's libraries", lines[1])
    end)

    it("means the file, if that is named, by whatever name it is loaded", function()
      write("yes.lua", CODE)
      open { trusted = { dir .. "/yes.lua" } }
      assert.is_true(rt:load("yes"):call "all")
      assert.is_true(rt:load(dir .. "/../" .. dir:match "[^/]+$" .. "/yes.lua"):call "all")
    end)

    it("does not take another file of that name, or what calls itself so, for it", function()
      open { trusted = { "yes" } }
      write("yes.lua", CODE)
      assert(lfs.mkdir(dir .. "/other"))
      write("other/yes.lua", CODE)
      assert.is_false(rt:load(dir .. "/other/yes.lua"):call "all")
      assert.is_false(rt:load_text(CODE, { as = "yes" }, "yes"):call "all")
      assert.same({}, lines)
    end)

    it("does so by the configuration of one load", function()
      open {}
      assert.is_true(rt:load_text(CODE, { trusted = true }):call "all")
      assert.is_false(rt:load_text(CODE, { trusted = false }):call "all")
      local none, message = rt:load_text(CODE, { trusted = 1 })
      assert.is_nil(none)
      has("config.trusted must be true or false", message)
    end)
  end)

  it("says what its options must be", function()
    open {}
    local function refused(text, options)
      local ok, message = pcall(host.runtime, options)
      assert.is_false(ok)
      has(text, message)
    end
    refused("budget must be a table", { budget = 1 })
    refused("budget.run must be a number of seconds", { budget = { run = -1 } })
    refused("budget.turn must be a number of seconds", { budget = { turn = "x" } })
    refused("memory must be a number of bytes", { memory = 1.5 })
    refused("trusted must be strings", { trusted = { 1 } })
  end)
end)
