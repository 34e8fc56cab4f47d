-- Hot reload: other code takes the place of a hyperty that runs, or nothing has happened.
local host = require "hyperty.host"

local HEAD = [[
local hyperty = require "hyperty"
local T = { name = "T", version = 1, api = {} }
]]
local TAIL = "\nreturn T"

local function code(text) return HEAD .. text .. TAIL end

-- Reports a counter, and tells by api which code answers.
local REPORTER = code [[
function T:start(config)
  self.room = assert(self.syncher:create { schema = "Resource", name = "room",
    data = { n = 0, log = hyperty.array {} } })
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("child", function(event) self:note("old child " .. event.kind) end)
  self.room:on("execute", function(request) request:accept("old") end)
  self.seen = config.seen
end
function T:note(text) table.insert(self.room.data.log, text) end
function T.api.which() return "old" end
function T.api.slow(self, seconds) hyperty.sleep(seconds) return "old" end
function T.api.log(self) return table.concat(hyperty.copy(self.room.data.log), ",") end
function T.api.n(self) return self.room.data.n end
function T.api.url(self) return self.room.url end
]]

-- The same, with what is given at the end of its start.
local function renewed(more)
  return (REPORTER:gsub('"old"', '"new"'):gsub("old child", "new child")
    :gsub("self.seen = config.seen", function(seen) return seen .. "\n" .. (more or "") end))
end

local OBSERVER = code [[
function T:start(config)
  self.heard = {}
  self.room = assert(self.syncher:subscribe(config.url))
  self.room:on("change", "n", function(change) table.insert(self.heard, change.value) end)
  self.room:on("child", function(event)
    table.insert(self.heard, event.kind .. " " .. tostring(event.child.data.text))
  end)
  self.room:on("event", function(event) table.insert(self.heard, event.value) end)
end
function T.api.heard(self)
  local heard = self.heard
  self.heard = {}
  return table.concat(heard, ",")
end
function T.api.say(self, text) self.room:add_child("items", { text = text }) end
function T.api.ask(self) return self.room:execute "which" end
]]

describe("a reload", function()
  local rt, logged, printed, blocks

  before_each(function()
    blocks = host.blocks()
    logged, printed = {}, {}
    rt = host.runtime {
      clock = "virtual", seed = 1,
      log = function(level, who, text)
        if level == "error" or level == "warn" then
          table.insert(logged, ("%s: %s"):format(who, text:match "^[^\n]*"))
        end
      end,
      print = function(_, text) table.insert(printed, text) end,
    }
  end)

  after_each(function()
    rt:stop()
    assert.same({}, logged)
    assert.equal(blocks, host.blocks())
  end)

  local function load(source, name, config)
    config = config or {}
    config.as = name
    return assert(rt:load_text(source, config, name .. ".lua"))
  end

  -- It failed with that code and a text that has this part.
  local function failed(wanted, part, ...)
    local ok, text, word = ...
    assert.is_nil(ok)
    assert.truthy(text:find(part, 1, true), text)
    assert.equal(wanted, word)
  end

  local function logs()
    local lines = logged
    logged = {}
    return lines
  end

  describe("with good code", function()
    it("has the new code under the old name and address", function()
      local one = load(REPORTER, "one", { seen = "this" })
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
      local one = load(REPORTER, "one")
      local two = load(OBSERVER, "two", { url = one:call "url" })
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
      local one = load(REPORTER, "one")
      local two = load(OBSERVER, "two", { url = one:call "url" })
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
      local one = load(REPORTER, "one")
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
      local one = load(REPORTER, "one")
      local two = load(OBSERVER, "two", { url = one:call "url" })
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
      local one = load(REPORTER, "one")
      local two = load(OBSERVER, "two", { url = one:call "url" })
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
      local one = load(REPORTER, "one")
      local two = load(code [[
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
      local one = load(SOURCE, "one")
      local two = load(SOURCE, "two", { url = one.url })
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
      local one = load(code "function T:stop() print 'stopped' end", "one")
      assert.is_true(rt:reload("one", code ""))
      assert.same({}, printed)
      assert.is_true(one:unload())
    end)

    it("is found in the registry as what the new code says", function()
      local one = load(REPORTER, "one")
      local two = load(code "", "two")
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
      local one = load(REPORTER, "one")
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

  describe("that fails", function()
    local one, two

    before_each(function()
      one = load(REPORTER, "one")
      two = load(OBSERVER, "two", { url = one:call "url" })
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

  describe("leaves tasks of the old code", function()
    it("to end in it", function()
      local one = load(REPORTER, "one")
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
      assert.same({ "old task\t5\tnew" }, printed)
      assert.equal(5, one:call "n")
      assert.equal(5, one:eval "return self.state.last")
    end)

    it("whose answer comes from them", function()
      local one = load(REPORTER, "one")
      local two = load(code "function T.api.ask(self, url) return hyperty.call(url, 'slow', 2) end",
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
      local one = load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        for i = 1, 2 do hyperty.spawn(function()
          local guard <close> = setmetatable({}, { __close = function() print("closed " .. i) end })
          hyperty.sleep(i == 1 and 4.9 or 60)
          print("through " .. i)
        end) end]]
      assert.is_true(rt:reload("one", renewed()))
      rt:run(4.95)
      assert.same({ "through 1", "closed 1" }, printed)
      rt:run(0.1)
      assert.same({ "through 1", "closed 1", "closed 2" }, printed)
      assert.same({ "one: reload: 1 waiting task of the code before was cancelled after 5 s" },
        logs())
    end)

    it("until the hyperty is unloaded", function()
      local one = load(REPORTER, "one")
      one:eval [[require "hyperty".spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        require "hyperty".sleep(60)
      end)]]
      assert.is_true(rt:reload("one", renewed()))
      assert.is_true(one:unload())
      assert.same({ "closed" }, printed)
    end)

    it("also over the next reload, and the one that fails", function()
      local one = load(REPORTER, "one")
      local SLEEP = [[require "hyperty".spawn(function()
        require "hyperty".sleep(3) print("slept", self.room.data.n) end)]]
      one:eval(SLEEP)
      assert.is_true(rt:reload("one", renewed()))
      one:eval(SLEEP)
      failed("timeout", "did not end", rt:reload("one", renewed "hyperty.sleep(9)"))
      assert.is_true(rt:reload("one", renewed()))
      rt:run(3)
      assert.same({ "slept\t0", "slept\t0" }, printed)
    end)

    it("of so many lives at most", function()
      local one = load(REPORTER, "one")
      for i = 1, 12 do
        one:eval(("require 'hyperty'.spawn(function() require 'hyperty'.sleep(3) print(%d) end)")
          :format(i))
        assert.is_true(rt:reload("one", renewed()))
      end
      rt:run(3.1)
      assert.same({ "5", "6", "7", "8", "9", "10", "11", "12" }, printed)
    end)

    it("with timers whose function still runs", function()
      local one = load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        hyperty.every(0.1, function() hyperty.sleep(1) print "tick" end)]]
      rt:run(0.5)
      assert.is_true(rt:reload("one", renewed()))
      rt:run(5)
      assert.same({ "tick" }, printed)
    end)

    it("that may not set timers any more", function()
      local one = load(REPORTER, "one")
      one:eval [[
        local hyperty = require "hyperty"
        hyperty.spawn(function()
          hyperty.sleep(1)
          print(hyperty.after(1, print))
        end)]]
      assert.is_true(rt:reload("one", renewed()))
      rt:run(3)
      assert.same({ "nil\ta reload has replaced this code\tclosed" }, printed)
    end)

    it("and tells the new code of objects that they get", function()
      local one = load(REPORTER, "one")
      local two = load(code "", "two")
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
        "old sees\t7\ttrue", "new has\treporter\tnil", "reporter" }, printed)
    end)
  end)

  describe("gives the state", function()
    local function state(one) return one:eval "return require'hyperty'.json.encode(self.state)" end

    it("as it is", function()
      local one = load(code "", "one")
      one:eval "self.state.n = 1 self.state.list = { 1, 2 }"
      assert.is_true(rt:reload("one",
        code "function T:start() self.state.n = self.state.n + 1 end"))
      assert.equal('{"n":2,"list":[1,2]}', state(one))
    end)

    it("to migrate as a plain copy, with the version of the old code", function()
      local one = load(code "T.version = 3", "one")
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
      assert.same({ "integer\t3\ttable\t2\t1\t1", "1" }, printed)
      assert.equal('{"sum":3,"version":3,"started":3}', state(one))
      assert.is_true(rt:reload("one", code "function T:migrate(_, version) print(version) end"))
      assert.equal("1", printed[3])
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
      local one = load(REPORTER, "one")
      local two = load(code [[
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
      local one = load(REPORTER, "one")
      assert.is_true(rt:reload("one", renewed "hyperty.sleep(1)", false))
      assert.is_true(one:unload())
      assert.is_true(rt:reload(load(REPORTER, "two").name, renewed "hyperty.sleep(1)", false))
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
