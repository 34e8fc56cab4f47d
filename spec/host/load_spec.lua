-- Loading, starting, stopping: what a file must be, what is said if it is not, and that nothing
-- is left.
local host = require "hyperty.host"
local lfs = require "lfs"
local objects = require "spec.support.objects"

local has = objects.has

describe("loading", function()
  local rt, errors, dir, before

  local function write(name, text)
    local path = dir .. "/" .. name
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    return path
  end

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
    before = host.blocks()
    errors = {}
    rt = host.runtime {
      clock = "virtual", seed = 1, paths = { dir }, budget = { run = 0.2 },
      log = function(level, who, text)
        if level == "error" then errors[#errors + 1] = who .. ": " .. text end
      end,
    }
  end)

  after_each(function()
    rt:stop()
    assert.same({}, errors)
    assert.equal(before, host.blocks())
    os.execute("rm -r '" .. dir .. "'")
  end)

  local function refused(text, ...)
    local instance, message, code = rt:load_text(text, nil, "bad.lua", ...)
    assert.is_nil(instance)
    assert.equal(0, rt:stats().instances)
    return message, code
  end

  describe("what is no hyperty", function()
    it("says what was returned instead of a table", function()
      for returned, what in pairs { ["5"] = "a number", ["nil"] = "nothing", ["'x'"] = "a string",
        ["print"] = "a function", [""] = "nothing", ["true"] = "a boolean" } do
        local message, code = refused("return " .. returned)
        has("bad.lua returned " .. what .. ', expected a table with a "name"', message)
        assert.equal("invalid", code)
      end
    end)

    it("says what is wrong with the table", function()
      has('bad.lua: the table needs a "name"', (refused "return {}"))
      has('the table needs a "name"', (refused "return { name = 5 }"))
      has('the table needs a "name"', (refused "return { name = '' }"))
      has('the table needs a "name"', (refused "return { name = ('x'):rep(129) }"))
      has('bad.lua: "start" is a number, expected a function',
        (refused "return { name = 'X', start = 1 }"))
      has('"stop" is a table, expected a function', (refused "return { name = 'X', stop = {} }"))
      has('"api" is a string, expected a table', (refused "return { name = 'X', api = '' }"))
      has("api.f is a number, expected functions with names",
        (refused "return { name = 'X', api = { f = 1 } }"))
      has("api.? is a function", (refused "return { name = 'X', api = { print } }"))
      has('"schemas" is a string', (refused "return { name = 'X', schemas = 'Context' }"))
    end)

    it("says where the syntax is wrong", function()
      local message, code = refused "local x = 1\nlocal = 2"
      has("bad.lua:2: ", message)
      assert.equal("invalid", code)
      has("bad.lua:1: ", (refused "return {"))
    end)

    it("says what was raised, and where", function()
      has("bad.lua:2: boom", (refused "\nerror 'boom'"))
      has("odd", (refused "error(setmetatable({}, { __tostring = function() return 'odd' end }))"))
      has("nil", (refused "error()"))
    end)

    it("takes no bytecode", function()
      has("bad.lua: attempt to load a binary chunk", (refused(string.dump(function() end))))
    end)

    it("cannot do while loading what needs an address", function()
      for _, name in ipairs { "spawn", "after", "every", "emit", "call", "follow" } do
        has(name .. ": not while the file is loading; do it in start",
          (refused('require "hyperty".' .. name .. "(1, print)")))
      end
    end)
  end)

  describe("a file", function()
    it("is found by name, as a file or a folder, or by path", function()
      write("one.lua", "return { name = 'One' }")
      assert(lfs.mkdir(dir .. "/two"))
      write("two/init.lua", "return { name = 'Two' }")
      assert.equal("one", rt:load("one").name)
      assert.equal("two", rt:load("two").name)
      assert.equal("one#2", rt:load(dir .. "/one.lua").name)
      assert.equal("two#2", rt:load(dir .. "/two").name)
      assert.equal("two#3", rt:load(dir .. "/two/init.lua").name)
      assert.equal("mine", rt:load("one", { as = "mine" }).name)
      assert.equal("mine#2", rt:load("one", { as = "mine" }).name)
    end)

    it("gets a name that is free, however many there are and go", function()
      write("one.lua", "return { name = 'One' }")
      local list = {}
      for n = 1, 40 do
        list[n] = assert(rt:load "one")
        assert.equal(n == 1 and "one" or "one#" .. n, list[n].name)
      end
      list[7]:unload()
      list[1]:unload()
      assert.equal("one", rt:load("one").name)
      assert.equal("one#41", rt:load("one").name)
    end)

    it("is refused with a config that cannot be", function()
      write("one.lua", "return { name = 'One' }")
      for text, config in pairs {
        ["its config must be a table with names"] = { 1, 2 },
        ["config.as must be a text"] = { as = 5 },
        ["config.as must be"] = { as = "" },
        ["of 1 to 128 bytes"] = { as = ("x"):rep(129) },
        ["config.as must"] = { as = "a\0b" },
        ["config.user must be a user URL"] = { user = "bob" },
      } do
        local none, message, code = rt:load("one", config)
        assert.is_nil(none)
        has(text, message)
        assert.equal("invalid", code)
      end
    end)

    it("that is missing tells where it was looked for", function()
      local _, message, code = rt:load "nope"
      assert.equal('there is no hyperty "nope"; looked for nope.lua and nope/init.lua in ' .. dir,
        message)
      assert.equal("not_found", code)
      _, message, code = rt:load(dir .. "/nope.lua")
      assert.equal("there is no file " .. dir .. "/nope.lua", message)
      assert.equal("not_found", code)
      assert.equal("invalid", select(3, rt:load ""))
    end)

    it("that is missing tells what is named almost so", function()
      write("kitchen.lua", "return { name = 'Kitchen' }")
      assert(lfs.mkdir(dir .. "/chat"))
      assert(lfs.mkdir(dir .. "/empty"))
      write("chat/init.lua", "return { name = 'Chat' }")
      for typed, meant in pairs {
        kitchn = "kitchen", kitchenss = "kitchen", ktchen = "kitchen", chta = "chat",
      } do
        local message = select(2, rt:load(typed))
        has('"' .. typed .. '" (did you mean "' .. meant .. '"?); looked', message)
      end
      for _, typed in ipairs { "kitc", "empt", "x", ("k"):rep(100) } do
        assert.falsy(select(2, rt:load(typed)):find "did you mean")
      end
    end)

    it("requires files of its folder, once, and none outside", function()
      assert(lfs.mkdir(dir .. "/app"))
      assert(lfs.mkdir(dir .. "/app/part"))
      write("secret.lua", "return 'secret'")
      write("app/part/a.lua", "count = (count or 0) + 1 return { name = ..., count = count }")
      write("app/b.lua", "local M = {} return M")
      write("app/bare.lua", "")
      write("app/loop.lua", "return require 'loop'")
      write("app/broken.lua", "\nlocal = 1")
      write("app/raising.lua", "error 'in raising'")
      write("app/waiting.lua", "require 'hyperty'.sleep(1)")
      write("app/init.lua", [[
        local a, again = require "part.a", require "part.a"
        return { name = "App", api = {
          report = function() return a.name, a.count, a == again, require "b" == require "b",
            require "bare" end,
          try = function(_, name) return select(2, pcall(require, name)) end } }]])
      local app = assert(rt:load "app")
      assert.same({ "part.a", 1, true, true, true }, { app:call "report" })
      for name, text in pairs {
        ["..secret"] = "a module's name is letters", ["../secret"] = "a module's name is letters",
        ["part/a"] = "a module's name is letters", [""] = "a module's name is letters",
        ["part."] = "a module's name is letters", [".part"] = "a module's name is letters",
        secret = 'there is no "secret": looked for ' .. dir .. "/app/secret.lua",
        io = 'there is no "io"', loop = "is being loaded", broken = "broken.lua:2:",
        raising = "raising.lua:1: in raising", waiting = "waiting.lua:1: sleep: cannot wait here",
      } do
        has(text, app:call("try", name))
        has(text, app:call("try", name)) -- and again the same
      end
    end)

    it("is checked without being started", function()
      write("good.lua", "return { name = 'Good', start = function() error 'started' end }")
      write("bad.lua", "return 5")
      assert.truthy(rt:check "good")
      has("bad.lua returned a number", (select(2, rt:check "bad")))
      assert.equal(0, rt:stats().instances)
    end)
  end)

  describe("the start", function()
    it("gets the config and self, with address, syncher and state", function()
      local one = assert(rt:load_text([[
        local M = { name = "M", kind = "class" }
        function M:start(config)
          require "hyperty".sleep(1)
          self.seen = { config.x, config.list[2], self.url, self.kind, self.syncher ~= nil,
            self.state ~= nil }
        end
        return M]], { x = 1, list = { 1, 2 } }))
      assert.same({ 1, 2, one.url, "class", true, true }, (one:eval "return self.seen"))
      local two = assert(rt:load_text [[
        return { name = "M", start = function(self, config)
          self.is_empty = next(config) == nil
        end }]])
      assert.truthy(two:eval "return self.is_empty")
      assert(rt:load_text "return { name = 'No start' }")
    end)

    it("that raises takes the instance away and says so", function()
      local message, code = refused "return { name = 'X', start = function() error 'late' end }"
      has("bad.lua:1: late", message)
      assert.equal("internal", code)
      message = refused [[return { name = "X", start = function(self)
        self.syncher:create { schema = "Resource", data = {} }
        require "hyperty".every(1, print)
        require "hyperty".sleep(1)
        error "later" end }]]
      has("bad.lua:5: later", message)
      assert.same({}, rt:objects())
    end)
  end)

  describe("unloading", function()
    local function load(text) return assert(rt:load_text(text)) end

    it("calls stop, closes what tasks left open, and undoes the rest", function()
      local one = load [[
        local hyperty = require "hyperty"
        local M = { name = "M" }
        function M:start()
          self.room = self.syncher:create { schema = "Resource", name = "r", data = {} }
          hyperty.every(1, function() end)
          hyperty.spawn(function()
            local _ <close> = setmetatable({}, { __close = function() print("closed") end })
            hyperty.sleep(1000)
          end)
          hyperty.spawn(function()
            coroutine.wrap(function()
              local _ <close> = setmetatable({}, { __close = function() print("closed in") end })
              hyperty.sleep(1000)
            end)()
          end)
        end
        function M:stop() print("stop " .. tostring(self.url ~= nil)) end
        return M]]
      assert.equal(1, #rt:objects())
      rt:run(1)
      assert.equal(2, one:tasks())
      one:unload()
      assert.equal(0, rt:stats().instances)
      assert.same({}, rt:objects())
      assert.is_nil((one:call "x"))
    end)

    it("goes on where stop raises, waits or never ends", function()
      for text, code in pairs {
        ["stop: text:1: no"] = "error 'no'",
        ["stop: text:1: sleep: cannot wait here"] = "require 'hyperty'.sleep(1)",
        ["stop: text:1: took too long"] =
          "while true do pcall(function() while true do end end) end",
      } do
        load("return { name = 'M', stop = function() " .. code .. " end }"):unload()
        assert.equal(1, #errors)
        has(text, errors[1])
        errors = {}
        assert.equal(0, rt:stats().instances)
      end
    end)

    it("goes on where closing a variable raises or never ends", function()
      for text, code in pairs { ["no"] = "error 'no'", ["took too long"] = "while true do end" } do
        local one = load([[return { name = "M", start = function()
          require "hyperty".spawn(function()
            local _ <close> = setmetatable({}, { __close = function() ]] .. code .. [[ end })
            require "hyperty".sleep(100)
          end) end }]])
        rt:run(0.1)
        one:unload()
        assert.equal(1, #errors)
        has("closing a task: ", errors[1])
        has(text, errors[1])
        errors = {}
      end
    end)

    it("leaves nothing where a hundred come and go", function()
      local text = [[
        local hyperty = require "hyperty"
        local M = { name = "M", api = {} }
        function M:start()
          self.state.x = { 1 }
          hyperty.after(100, print)
          hyperty.spawn(hyperty.sleep, 5)
        end
        return M]]
      for _ = 1, 100 do load(text):unload() end
      assert.equal(0, rt:stats().instances)
    end)
  end)

  it("costs little: a hyperty of its own needs less than 48 KiB", function()
    local one = assert(rt:load_text "return { name = 'Small' }")
    assert.truthy(one:memory() < 48 * 1024, one:memory())
  end)

  it("survives running out of memory at any allocation", function()
    local text = [[
      local hyperty = require "hyperty"
      local M = { name = "M", schemas = { "Resource" }, api = {} }
      function M:start(config)
        self.state.x = { a = { 1, 2 }, b = config.b }
        hyperty.spawn(function() hyperty.sleep(0.1) end)
        hyperty.after(0.1, function() end)
        hyperty.json.encode({ a = { 1 } })
      end
      function M.api.f(self, x) table.insert(self.state.x.a, x) return self.state.x end
      return M]]
    local n, loaded = 0
    repeat
      n = n + 1
      host.fail_after(n)
      local ok, instance = pcall(rt.load_text, rt, text, { b = "text" })
      host.fail_after(-1)
      loaded = ok and instance
      if loaded then assert.same({ a = { 1, 2, 3 }, b = "text" }, (instance:call("f", 3))) end
      rt:run(1)
      if loaded then loaded:unload() end
      errors = {}
    until loaded or n > 5000
    assert.truthy(loaded)
  end)
end)
