-- What becomes of tasks that wait when other code takes the place of theirs.
local reloads = require "spec.support.reloads"

local code, failed, renewed = reloads.code, reloads.failed, reloads.renewed
local REPORTER = reloads.REPORTER

describe("a reload", function()
  local world, rt

  before_each(function()
    world = reloads.world()
    rt = world.rt
  end)

  after_each(function() world:finish() end)

  describe("leaves tasks of the old code", function()
    it("to end in it", function()
      local one = world:load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        hyperty.spawn(function()
          hyperty.sleep(1)
          self.room.data.n = 5
          self.state.last = self.room.data.n
          print("old task", self.room.data.n, hyperty.call(self.url, "which"))
        end)]]
      assert.is_true(rt:reload("one", renewed()))
      rt:run(2)
      assert.same({ "old task\t5\tnew" }, world.printed)
      assert.equal(5, one:call "n")
      assert.equal(5, one:eval "return self.state.last")
    end)

    it("whose answer comes from them", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(
        code "function T.api.ask(self, url) return hyperty.call(url, 'slow', 2) end",
        "two")
      two:eval([[
        local _, url = ...
        require "hyperty".spawn(function() answer = self.api.ask(self, url) end)]], one.url)
      rt:run(0.1)
      assert.is_true(rt:reload("one", renewed()))
      rt:run(3)
      assert.equal("old", two:eval "return answer")
    end)

    it("for five seconds, with what they have to close", function()
      local one = world:load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        for i = 1, 2 do hyperty.spawn(function()
          local guard <close> = setmetatable({}, { __close = function() print("closed " .. i) end })
          hyperty.sleep(i == 1 and 4.9 or 60)
          print("through " .. i)
        end) end]]
      assert.is_true(rt:reload("one", renewed()))
      rt:run(4.95)
      assert.same({ "through 1", "closed 1" }, world.printed)
      rt:run(0.1)
      assert.same({ "through 1", "closed 1", "closed 2" }, world.printed)
      assert.same({ "one: reload: 1 waiting task of the code before was cancelled after 5 s" },
        world:logs())
    end)

    it("until the hyperty is unloaded", function()
      local one = world:load(REPORTER, "one")
      one:eval [[require "hyperty".spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        require "hyperty".sleep(60)
      end)]]
      assert.is_true(rt:reload("one", renewed()))
      assert.is_true(one:unload())
      assert.same({ "closed" }, world.printed)
    end)

    it("also over the next reload, and the one that fails", function()
      local one = world:load(REPORTER, "one")
      local SLEEP = [[require "hyperty".spawn(function()
        require "hyperty".sleep(3) print("slept", self.room.data.n) end)]]
      one:eval(SLEEP)
      assert.is_true(rt:reload("one", renewed()))
      one:eval(SLEEP)
      failed("timeout", "did not end", rt:reload("one", renewed "hyperty.sleep(9)"))
      assert.is_true(rt:reload("one", renewed()))
      rt:run(3)
      assert.same({ "slept\t0", "slept\t0" }, world.printed)
    end)

    it("of so many lives at most", function()
      local one = world:load(REPORTER, "one")
      for i = 1, 12 do
        one:eval(("require 'hyperty'.spawn(function() require 'hyperty'.sleep(3) print(%d) end)")
          :format(i))
        assert.is_true(rt:reload("one", renewed()))
      end
      rt:run(3.1)
      assert.same({ "5", "6", "7", "8", "9", "10", "11", "12" }, world.printed)
    end)

    it("with timers whose function still runs", function()
      local one = world:load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        hyperty.every(0.1, function() hyperty.sleep(1) print "tick" end)]]
      rt:run(0.5)
      assert.is_true(rt:reload("one", renewed()))
      rt:run(5)
      assert.same({ "tick" }, world.printed)
    end)

    it("that may not set timers any more", function()
      local one = world:load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        hyperty.spawn(function()
          hyperty.sleep(1)
          print(hyperty.after(1, print))
        end)]]
      assert.is_true(rt:reload("one", renewed()))
      rt:run(3)
      assert.same({ "nil\ta reload has replaced this code\tclosed" }, world.printed)
    end)

    it("and tells the new code of objects that they get", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(code "", "two")
      local url = one:call "url"
      two:eval([[
        local hyperty = require "hyperty"
        local _, url = ...
        hyperty.spawn(function()
          hyperty.sleep(1)
          local copy = assert(self.syncher:subscribe(url))
          print("old has", copy.role, copy == assert(self.syncher:subscribe(url)), copy.data.n)
          copy:on("change", function() print "never" end)
          hyperty.sleep(1)
          print("old sees", copy.data.n, copy:unsubscribe())
        end)
        hyperty.spawn(function()
          hyperty.sleep(3)
          print(assert(self.syncher:create { schema = "Resource", data = {} }).role)
        end)]], url)
      assert.is_true(rt:reload("two", code [[
        function T:start()
          self.syncher:on("resume", function(object)
            print("new has", object.role, object.data.n)
            if object.role == "observer" then
              object:on("change", function(change) print("new sees", change.value) end)
              object:on("delete", function(reason) print(reason) end)
            end
          end)
        end]]))
      rt:run(1.5)
      one:eval "self.room.data.n = 7"
      rt:run(2)
      assert.same({ "new has\tobserver\t0", "old has\tobserver\ttrue\t0", "new sees\t7", "left",
        "old sees\t7\ttrue", "new has\treporter\tnil", "reporter" }, world.printed)
    end)
  end)
end)
