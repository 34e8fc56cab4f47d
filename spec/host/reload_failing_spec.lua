-- Hot reload that fails, wherever it may: the code that runs goes on as if nothing had been.
local host = require "hyperty.host"
local reloads = require "spec.support.reloads"

local code, failed, renewed = reloads.code, reloads.failed, reloads.renewed
local HEAD, REPORTER, OBSERVER = reloads.HEAD, reloads.REPORTER, reloads.OBSERVER

describe("a reload", function()
  local world, rt

  before_each(function()
    world = reloads.world()
    rt = world.rt
  end)

  after_each(function() world:finish() end)

  describe("that fails", function()
    local one, two

    before_each(function()
      one = world:load(REPORTER, "one")
      two = world:load(OBSERVER, "two", { url = one:call "url" })
      one:eval [[
        local hyperty = require "hyperty"
        self.state.list = { a = { b = 1 } }
        held = self.state.list.a
        hyperty.every(1, function() self.room.data.n = self.room.data.n + 1 end)]]
    end)

    local MISCHIEF = [[
      self.room.data.n = 99
      self.room:add_child("items", { text = "never" })
      self.room:send_event("items", "never")
      hyperty.emit("never")
      hyperty.spawn(function() self.room:delete() end)
      hyperty.after(0.01, function() self.room.data.n = 100 end)
      self.state.list.a.b = 2
      self.state.list = nil
      self.state.other = true
      self.more = assert(self.syncher:create { schema = "Resource", name = "more", data = {} })]]

    local function is_as_before()
      assert.equal("old", one:call "which")
      assert.equal(1, one:eval "return held.b")
      assert.equal('{"list":{"a":{"b":1}}}', one:eval
        "return require'hyperty'.json.encode(self.state)")
      two:call("say", "on")
      rt:run(0.1)
      assert.equal("old child create", one:call "log")
      assert.equal("old", two:call "ask")
      local heard = two:call "heard"
      assert.falsy(heard:find "never" or heard:find "99" or heard:find "100", heard)
      assert.is_true(rt:reload("one", renewed()))
      assert.equal("new", one:call "which")
      assert.is_true(one:eval "return self.room.resumed")
    end

    it("to compile", function()
      failed("invalid", "one.lua:3:", rt:reload("one", HEAD .. "local = 1"))
      is_as_before()
    end)

    it("to load", function()
      failed("invalid", "one.lua:3: boom", rt:reload("one", HEAD .. "error 'boom'"))
      failed("invalid", "cannot wait here", rt:reload("one", HEAD .. "hyperty.sleep(1)"))
      is_as_before()
    end)

    it("to be a hyperty", function()
      failed("invalid", "one.lua: \"start\" is a number, expected a function",
        rt:reload("one", "return { name = 'T', start = 1 }"))
      failed("invalid", "one.lua returned nothing", rt:reload("one", "return"))
      is_as_before()
    end)

    it("to find a file that it requires", function()
      failed("invalid", "there is no \"elsewhere\"",
        rt:reload("one", HEAD .. "require 'elsewhere'"))
      is_as_before()
    end)

    it("in migrate", function()
      failed("internal", "one.lua:5: boom", rt:reload("one", code [[
        function T:migrate(old)
          self.state.other = 1
          error 'boom'
        end]]))
      failed("invalid", "what migrate gives: expected a table with names, or nil",
        rt:reload("one", code "function T:migrate() return 7 end"))
      failed("invalid", "what migrate gives: f: a function is not JSON",
        rt:reload("one", code "function T:migrate() return { f = print } end"))
      is_as_before()
    end)

    it("in start", function()
      failed("internal", "boom", rt:reload("one", renewed(MISCHIEF .. " error 'boom'")))
      is_as_before()
    end)

    it("in start, after it has waited", function()
      failed("internal", "boom", rt:reload("one",
        renewed(MISCHIEF .. " hyperty.sleep(1.5) error 'boom'")))
      is_as_before()
    end)

    it("to end its start within two seconds", function()
      failed("timeout", "one.lua: start of the new code did not end within 2 s",
        rt:reload("one", renewed(MISCHIEF .. " hyperty.sleep(2.1)")))
      failed("timeout", "migrate of the new code did not end",
        rt:reload("one", code "function T:migrate() hyperty.sleep(2.1) end"))
      is_as_before()
    end)

    it("to end its start, as it waits for what comes after it", function()
      failed("timeout", "it waits for evict, which comes only once the new code is in place",
        rt:reload("one", renewed("self.room:evict('" .. two.url .. "')")))
      failed("timeout", "it waits for execute", rt:reload("two", (OBSERVER:gsub("self.heard = {}",
        "self.heard = {} self.syncher:subscribe(config.url):execute('which')", 1))))
      is_as_before()
    end)

    it("as it takes all of the processor", function()
      local own = host.runtime { clock = "virtual", seed = 1, budget = { run = 0.05 } }
      local greedy = assert(own:load_text(REPORTER, { as = "one" }, "one.lua"))
      for _, text in ipairs {
        "while true do end",
        "function T:migrate() while true do end end",
        "function T:start() while true do pcall(function() while true do end end) end end",
      } do
        local ok, why = own:reload("one", code(text))
        assert.is_nil(ok)
        assert.truthy(why:find("one.lua:3: took too long", 1, true), why)
        assert.equal("old", greedy:call "which")
      end
      own:stop()
    end)

    it("to have a hyperty", function()
      failed("not_found", 'no instance is named "three"', rt:reload("three", code ""))
      failed("invalid", "one was loaded from a text", rt:reload "one")
      is_as_before()
    end)

    it("lets timers go on that were due meanwhile, each once", function()
      local n = one:call "n"
      failed("internal", "boom", rt:reload("one", code
        "function T:start() require'hyperty'.sleep(1.9) error 'boom' end"))
      local after = one:call "n"
      assert.truthy(after == n + 1 or after == n + 2, after)
      rt:run(3)
      assert.equal(after + 3, one:call "n")
      is_as_before()
    end)

    it("lets tasks go on in the order in which they would have", function()
      one:eval [[
        local hyperty = require "hyperty"
        order = {}
        for i, seconds in ipairs { 0.3, 0.1, 0.2 } do
          hyperty.spawn(function() hyperty.sleep(seconds) table.insert(order, "task " .. i) end)
        end
        hyperty.after(0.15, function() table.insert(order, "timer") end)
        hyperty.spawn(function()
          local _, _, why = hyperty.wait(function() hyperty.sleep(9) end, 0.25)
          table.insert(order, why)
        end)]]
      failed("internal", "boom", rt:reload("one", code
        "function T:start() require'hyperty'.sleep(1) error 'boom' end"))
      assert.equal("task 2,timer,task 3,timeout,task 1", one:eval "return table.concat(order, ',')")
      is_as_before()
    end)
  end)
end)
