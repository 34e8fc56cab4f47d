-- Hot reload: other code takes the place of a hyperty that runs.
local host = require "hyperty.host"
local reloads = require "spec.support.reloads"

local code, failed, renewed = reloads.code, reloads.failed, reloads.renewed
local REPORTER, OBSERVER = reloads.REPORTER, reloads.OBSERVER

describe("a reload", function()
  local world, rt

  before_each(function()
    world = reloads.world()
    rt = world.rt
  end)

  after_each(function() world:finish() end)

  describe("with good code", function()
    it("has the new code under the old name and address", function()
      local one = world:load(REPORTER, "one", { seen = "this" })
      local url = one:call "url"
      assert.is_true(rt:reload("one", renewed()))
      assert.equal("new", one:call "which")
      assert.equal(url, one:call "url")
      assert.equal("this", one:eval "return self.seen")
      assert.is_true(one:eval "return self.room.resumed")
      assert.is_true(rt:reload(one.url, REPORTER))
      assert.equal("old", one:call "which")
    end)

    it("starts with what arrived meanwhile, once and in order", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(OBSERVER, "two", { url = one:call "url" })
      two:call("say", "before")
      two:eval [[
        local hyperty = require "hyperty"
        for i = 1, 5 do hyperty.after(i / 10, function() T_say = self.room:add_child("items",
          { text = "meanwhile " .. i }) end) end]]
      rt:run(0.05)
      assert.is_true(rt:reload("one", renewed "hyperty.sleep(1)"))
      rt:run(0.1)
      assert.equal("old child create" .. (",new child create"):rep(5), one:call "log")
      assert.equal("meanwhile 1,meanwhile 2,meanwhile 3,meanwhile 4,meanwhile 5",
        two:eval [[
          local texts = {}
          for i, child in ipairs(self.room:children "items") do texts[i] = child.data.text end
          return table.concat(texts, ",", 2)]])
    end)

    it("answers what is asked meanwhile by the new code", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(OBSERVER, "two", { url = one:call "url" })
      two:eval([[
        local hyperty = require "hyperty"
        local _, url = ...
        answers = {}
        hyperty.after(0.2, function() table.insert(answers, hyperty.call(url, "which")) end)
        hyperty.after(0.3, function() table.insert(answers, self.room:execute "which") end)]],
        one.url)
      assert.is_true(rt:reload("one", renewed "hyperty.sleep(1)"))
      rt:run(0.1)
      assert.equal("newnew", two:eval "return table.concat(answers)")
      assert.equal("new", two:call "ask")
    end)

    it("answers calls from outside by who lives then", function()
      local one = world:load(REPORTER, "one")
      assert.is_true(rt:reload("one", renewed "hyperty.sleep(1)", false))
      rt:run(0.5)
      assert.equal("new", one:call "which")
      assert.is_true(rt:reload("one",
        code "function T:start() require'hyperty'.sleep(1) error 'no' end", false))
      rt:run(0.5)
      assert.equal(3, one:eval("local _, a, b = ... return b", 2, 3))
      assert.equal("new", one:call "which")
    end)

    it("shows observers a change of several fields as one, after the swap", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(OBSERVER, "two", { url = one:call "url" })
      local version = two:eval "return self.room.version"
      assert.is_true(rt:reload("one", renewed [[
        for i = 1, 10 do self.room.data.n = i end
        self.room:send_event("items", "sent")
        self.was = self.room.data.n]]))
      rt:run(0.1)
      assert.equal(10, one:eval "return self.was")
      assert.equal(version + 1, two:eval "return self.room.version")
      assert.equal("1,2,3,4,5,6,7,8,9,10,sent", two:call "heard")
    end)

    it("leaves an observer where it was", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(OBSERVER, "two", { url = one:call "url" })
      for i = 1, 3 do one:eval(("self.room.data.n = %d"):format(i)) end
      two:call("say", "a")
      rt:run(0.1)
      assert.equal("1,2,3,create a", two:call "heard")
      one:eval [[
        local hyperty = require "hyperty"
        for i = 4, 8 do hyperty.after((i - 3) / 10, function() self.room.data.n = i end) end]]
      assert.is_true(rt:reload("two", (OBSERVER:gsub("self.room = ",
        "require'hyperty'.sleep(0.35) self.room = "))))
      rt:run(1)
      assert.equal("4,5,6,7,8", two:call "heard")
      assert.equal(8, two:eval "return self.room.data.n")
    end)

    it("ends handlers, timers and follows of the old code", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(code [[
        function T:start(config)
          self.heard = {}
          hyperty.every(0.1, function() table.insert(self.heard, "tick") end)
          hyperty.after(0.45, function() table.insert(self.heard, "after") end)
          hyperty.follow(config.url, "news", function(news) table.insert(self.heard, news) end)
          self.syncher:on("invite", function() table.insert(self.heard, "invited") end)
        end
        function T.api.heard(self) return table.concat(self.heard, ",") end]],
        "two", { url = one.url })
      rt:run(0.25)
      one:eval "require'hyperty'.emit('news', 'first')"
      rt:run(0.01)
      assert.equal("tick,tick,first", two:call "heard")
      assert.is_true(rt:reload("two", code [[
        function T:start() self.heard = {} end
        function T.api.heard(self) return table.concat(self.heard, ",") end]]))
      one:eval "require'hyperty'.emit('news', 'second')"
      rt:run(1)
      assert.equal("", two:call "heard")
    end)

    it("goes on emitting to who follows, and following", function()
      local SOURCE = code [[
        function T:start(config)
          self.heard = {}
          local function hear(text) table.insert(self.heard, text) end
          if config.url then assert(hyperty.follow(config.url, "news", hear)) end
        end
        function T.api.tell(self, text) hyperty.emit("news", text) end
        function T.api.heard(self) return table.concat(self.heard, ",") end]]
      local one = world:load(SOURCE, "one")
      local two = world:load(SOURCE, "two", { url = one.url })
      assert.is_true(rt:reload("one", SOURCE))
      one:call("tell", "a")
      rt:run(0.1)
      assert.equal("a", two:call "heard")
      assert.is_true(rt:reload("two", SOURCE))
      one:call("tell", "b")
      rt:run(0.1)
      assert.equal("b", two:call "heard")
    end)

    it("does not call stop", function()
      local one = world:load(code "function T:stop() print 'stopped' end", "one")
      assert.is_true(rt:reload("one", code ""))
      assert.same({}, world.printed)
      assert.is_true(one:unload())
    end)

    it("is found in the registry as what the new code says", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(code "", "two")
      local function entry()
        return two:eval([[
          local _, url = ...
          local entry = assert(self.syncher:discover { url = url })[1]
          return entry and ("%s %s %s"):format(entry.name, entry.resources[1],
            entry.dataSchemes[1])]], one.url)
      end
      assert.equal("T nil nil", entry())
      assert.is_true(rt:reload("one", (renewed():gsub("name = \"T\"",
        'name = "Renamed", schemas = { "Resource" }, resources = { "lamp" }'))))
      rt:run(1)
      assert.equal("Renamed lamp resource", entry())
      assert.is_nil((rt:reload("one", code 'error "boom"')))
      rt:run(1)
      assert.equal("Renamed lamp resource", entry())
      assert.is_true(one:unload())
      rt:run(1)
      assert.is_nil(entry())
    end)

    it("may have no start", function()
      local one = world:load(REPORTER, "one")
      assert.is_true(rt:reload("one", code "function T.api.which() return 'bare' end"))
      assert.equal("bare", one:call "which")
      assert.is_true(rt:reload("one", REPORTER)) -- the object is still there
      assert.is_true(one:eval "return self.room.resumed")
    end)

    it("may be asked for by the hyperty itself", function()
      local own
      own = host.runtime {
        clock = "virtual", seed = 1,
        print = function(name, text)
          if text == "now" then assert(own:reload(name, code
            "function T.api.which() return 'new' end", false)) end
        end,
      }
      local one = assert(own:load_text(code [[
        function T.api.which() return "old" end
        function T.api.go() print "now" hyperty.sleep(1) return "done" end]], { as = "one" }))
      assert.equal("done", one:call "go")
      assert.equal("new", one:call "which")
      own:stop()
    end)
  end)

  describe("gives the state", function()
    local function state(one) return one:eval "return require'hyperty'.json.encode(self.state)" end

    it("as it is", function()
      local one = world:load(code "", "one")
      one:eval "self.state.n = 1 self.state.list = { 1, 2 }"
      assert.is_true(rt:reload("one",
        code "function T:start() self.state.n = self.state.n + 1 end"))
      assert.equal('{"n":2,"list":[1,2]}', state(one))
    end)

    it("to migrate as a plain copy, with the version of the old code", function()
      local one = world:load(code "T.version = 3", "one")
      one:eval "self.state.n = 1 self.state.list = { 1, 2 }"
      assert.is_true(rt:reload("one", code [[
        function T:migrate(old, version)
          print(math.type(version), version, type(old.list), #old.list, old.n, self.state.n)
          old.n = 9
          print(self.state.n)
          hyperty.sleep(0.5)
          return { sum = old.list[1] + old.list[2], version = version }
        end
        function T:start() self.state.started = self.state.sum end]]))
      assert.same({ "integer\t3\ttable\t2\t1\t1", "1" }, world.printed)
      assert.equal('{"sum":3,"version":3,"started":3}', state(one))
      assert.is_true(rt:reload("one", code "function T:migrate(_, version) print(version) end"))
      assert.equal("1", world.printed[3])
      assert.equal('{"sum":3,"version":3,"started":3}', state(one))
    end)

    it("which the store keeps as the swap leaves it", function()
      local disk = host.disk { seed = 1 }
      local own = host.runtime { clock = "virtual", seed = 1, store = disk }
      local one = assert(own:load_text(code "", { as = "one" }))
      one:eval "self.state.n = 1"
      assert.is_true(own:reload("one", code "function T:migrate(old) return { n = old.n + 1 } end"))
      assert.is_nil(own:reload("one", code [[
        function T:migrate() return { n = 100 } end
        function T:start() self.state.m = 100 error "no" end]]))
      assert.is_true(own:reload("one", code
        "function T:start() for i = 1, 3 do self.state[tostring(i)] = i end end"))
      own:run(1)
      own:crash()
      own = host.runtime { clock = "virtual", seed = 1, store = disk }
      one = assert(own:load_text(code "", { as = "one" }))
      assert.equal('{"n":2,"1":1,"2":2,"3":3}', state(one))
      own:stop()
      disk:close()
    end)
  end)

  describe("is refused", function()
    it("while the hyperty starts, or is being reloaded", function()
      local SLOW = code "function T:start() hyperty.sleep(1) end"
      local said
      local own
      own = host.runtime { clock = "virtual", seed = 1, print = function(name)
        said = { own:reload(name, SLOW, false) }
      end }
      assert(own:load_text(code "function T:start() print 'starting' hyperty.sleep(1) end",
        { as = "one" }))
      failed("conflict", "one is still starting", table.unpack(said))
      assert.is_true(own:reload("one", SLOW, false))
      failed("conflict", "one is being reloaded", own:reload("one", SLOW, false))
      own:run(0.5)
      failed("conflict", "one is being reloaded", own:reload("one", SLOW, false))
      own:run(1)
      assert.is_true(own:reload("one", SLOW))
      own:stop()
    end)

    it("while an object is handed over", function()
      local one = world:load(REPORTER, "one")
      local two = world:load(code [[
        function T:start() self.syncher:on("delegate", function(offer)
          hyperty.sleep(1) offer:decline() end) end]], "two")
      one:eval("local _, url = ... require'hyperty'.spawn(function() self.room:delegate(url) end)",
        two.url)
      failed("conflict", "is being handed over to", rt:reload("one", renewed()))
      rt:run(2)
      assert.is_true(rt:reload("one", renewed()))
    end)
  end)

  describe("ends", function()
    it("with the hyperty, when that is unloaded meanwhile", function()
      local one = world:load(REPORTER, "one")
      assert.is_true(rt:reload("one", renewed "hyperty.sleep(1)", false))
      assert.is_true(one:unload())
      assert.is_true(rt:reload(world:load(REPORTER, "two").name, renewed "hyperty.sleep(1)", false))
      rt:run(0.5)
      assert.is_nil((rt:reload("one", code "")))
      rt:run(5)
    end)

    it("with the runtime, at each of its steps", function()
      for steps = 0, 30 do
        for _, how in ipairs { "stop", "crash" } do
          local own = host.runtime { clock = "virtual", seed = 1 }
          assert(own:load_text(REPORTER, { as = "one" }))
          assert.is_true(own:reload("one", renewed [[
            self.room.data.n = 1 self.state.n = 1
            self.syncher:create { schema = "Resource", name = "more", data = {} }
            hyperty.sleep(0.1)]], false))
          for _ = 1, steps do own:step() end
          own[how](own)
        end
      end
    end)
  end)
end)
