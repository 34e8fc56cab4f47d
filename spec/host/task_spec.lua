-- Tasks, waits and coroutines: a call that takes its time is a call, wherever Lua lets it be.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a script", function()
  local world, one

  before_each(function()
    world = objects.world { "one" }
    one = world.one
    one:eval 'hyperty = require "hyperty" log = {} function note(x) log[#log + 1] = x end'
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  local function noted()
    return one:eval "local text = table.concat(log, ' ') log = {} return text"
  end

  describe("that sleeps", function()
    it("lets others run meanwhile", function()
      one:eval [[
        for i = 3, 1, -1 do
          hyperty.spawn(function() hyperty.sleep(i) note(i) end)
        end
        note("first")]]
      world:run(2.5)
      assert.equal("first 1 2", noted())
      world:run(1)
      assert.equal("3", noted())
    end)

    it("sleeps as long as it says, on the runtime's clock", function()
      assert.equal("1.5", one:eval [[
        local before = hyperty.now()
        hyperty.sleep(1.5)
        return ("%.1f"):format(hyperty.now() - before)]])
      assert.equal(0, one:eval "local t = os.time() return os.time() - t")
    end)

    it("raises for what is no time", function()
      has("seconds expected", raised(one, "hyperty.sleep(-1)"))
      has("seconds expected", raised(one, "hyperty.sleep(0/0)"))
      has("seconds expected", raised(one, "hyperty.sleep(1/0)"))
      has("number expected", raised(one, "hyperty.sleep('x')"))
    end)
  end)

  describe("can wait", function()
    it("in pcall, xpcall and error handlers' reach", function()
      assert.same({ true, "a", false, "boom" }, { one:eval [[
        local ok, a = pcall(function() hyperty.sleep(1) return "a" end)
        local function fail() hyperty.sleep(1) error("boom", 0) end
        local bad, err = xpcall(fail, function(e) return e end)
        return ok, a, bad, err]] })
    end)

    it("in iterators and metamethods", function()
      assert.same({ 6, 5, true, 7 }, { one:eval [[
        local sum = 0
        local function upto(n, i)
          hyperty.sleep(0.1)
          if i < n then return i + 1 end
        end
        for i in upto, 3, 0 do sum = sum + i end
        local slow = setmetatable({}, {
          __index = function(_, key) hyperty.sleep(0.1) return key end,
          __add = function(_, x) hyperty.sleep(0.1) return x end,
          __eq = function() hyperty.sleep(0.1) return true end,
        })
        return sum, slow[5], slow == setmetatable({}, getmetatable(slow)), slow + 7]] })
    end)

    it("in __pairs, __call, __newindex, __concat, __lt and __len", function()
      assert.same({ "a", 3, 1, "xy", true, 9 }, { one:eval [[
        local function slow(f) return function(...) hyperty.sleep(0.1) return f(...) end end
        local seen
        local it = setmetatable({}, {
          __pairs = slow(function() return next, { a = 1 } end),
          __call = slow(function(_, a, b) return a + b end),
          __newindex = slow(function(_, _, v) seen = v end),
          __concat = slow(function() return "xy" end),
          __lt = slow(function() return true end),
          __len = slow(function() return 9 end),
        })
        local key
        for k in pairs(it) do key = k end
        it.x = 1
        return key, it(1, 2), seen, it .. "y", it < it, #it]] })
    end)

    it("in a function that it waits for, and in what a coroutine of it waits for", function()
      assert.same({ 1, 2 }, { one:eval [[
        local a = hyperty.wait(function() hyperty.sleep(1) return 1 end, 5)
        local b = coroutine.wrap(function()
          return (hyperty.wait(function() hyperty.sleep(1) return 2 end, 5))
        end)()
        return a, b]] })
    end)

    it("in a coroutine, and in one within one, with arguments and results kept", function()
      assert.equal("1 2 3 done|normal", one:eval [[
        local out, status = {}, nil
        local outer
        outer = coroutine.create(function(a)
          hyperty.sleep(1)
          local inner = coroutine.wrap(function(b)
            hyperty.sleep(1)
            local c = coroutine.yield(b + 1)
            hyperty.sleep(1)
            return c + 1
          end)
          hyperty.spawn(function() status = coroutine.status(outer) end)
          local two = inner(a)
          coroutine.yield(a, two)
          return inner(two), "done"
        end)
        local _, a, two = coroutine.resume(outer, 1)
        local _, three, done = coroutine.resume(outer)
        return table.concat({ a, two, three, done }, " ") .. "|" .. status]])
    end)

    it("in a variable's __close", function()
      assert.equal("closed", one:eval [[
        local state
        do
          local function close() hyperty.sleep(1) state = "closed" end
          local _ <close> = setmetatable({}, { __close = close })
        end
        return state]])
    end)
  end)

  describe("cannot wait, and is told so,", function()
    local text = ": cannot wait here " ..
      "(inside a C function such as sort, gsub, or while the file is loading)"
    local cases = {
      ["in a comparison of sort"] = "table.sort({ 3, 2, 1 }, function() hyperty.sleep(1) end)",
      ["in a replacement of gsub"] = "(('x'):gsub('x', function() hyperty.sleep(1) end))",
      ["in __tostring"] =
        "tostring(setmetatable({}, { __tostring = function() hyperty.sleep(1) return '' end }))",
      ["in a reader of load"] = "assert(load(function() hyperty.sleep(1) end))",
      ["in a metamethod that C code calls"] =
        "table.concat(setmetatable({}, { __len = function() hyperty.sleep(1) return 0 end }))",
      ["in an order that is a metamethod"] = [[(function()
        local m = { __lt = function() hyperty.sleep(1) end }
        table.sort({ setmetatable({}, m), setmetatable({}, m) })
      end)()]],
      ["in a coroutine within such"] = [[table.sort({ 2, 1 }, function()
        coroutine.wrap(function() coroutine.wrap(hyperty.sleep)(1) end)() end)]],
    }
    for where, code in pairs(cases) do
      it(where, function() has("sleep" .. text, raised(one, "local _ = " .. code)) end)
    end

    it("while the file is loading", function()
      local _, message = world.rt:load_text 'require "hyperty".sleep(1) return { name = "x" }'
      has("text:1: sleep" .. text, message)
    end)
  end)

  describe("with coroutines of its own", function()
    it("may do with them what Lua allows", function()
      assert.same({ "suspended", true, 1, "suspended", true, 2, "dead", false,
        "cannot resume dead coroutine" }, { one:eval [[
        local co = coroutine.create(function(a) return coroutine.yield(a) + 1 end)
        local s1, ok1, a = coroutine.status(co), coroutine.resume(co, 1)
        local s2, ok2, b = coroutine.status(co), coroutine.resume(co, 1)
        return s1, ok1, a, s2, ok2, b, coroutine.status(co), coroutine.resume(co)]] })
      assert.same({ false, "x", true, "dead", "boom", "cannot close a running coroutine" }, {
        one:eval [[
        local closed
        local co = coroutine.create(function() error("x", 0) end)
        local ok, err = coroutine.resume(co)
        local open = coroutine.create(function()
          local _ <close> = setmetatable({}, { __close = function() closed = true end })
          coroutine.yield()
        end)
        coroutine.resume(open)
        coroutine.close(open)
        local _, wrapped = pcall(coroutine.wrap(function() error("boom", 0) end))
        local _, running = pcall(coroutine.close, (coroutine.running()))
        return ok, err, closed, coroutine.status(open), wrapped, running]] })
    end)

    it("cannot use up the stack by closing them within each other", function()
      has("close: more than 16 within each other", raised(one, [[
        local outer
        for _ = 1, 10000 do
          local inner = outer
          outer = coroutine.create(function()
            local _ <close> = setmetatable({}, {
              __close = function() if inner then assert(coroutine.close(inner)) end end })
            coroutine.yield()
          end)
          coroutine.resume(outer)
        end
        assert(coroutine.close(outer))]]))
    end)

    it("sees its task as the main one, where it cannot yield", function()
      assert.same({ true, false, false, true }, { one:eval [[
        local _, is_main = coroutine.running()
        local _, inner, yieldable = coroutine.resume(coroutine.create(function()
          return select(2, coroutine.running()), coroutine.isyieldable()
        end))
        return is_main, coroutine.isyieldable(), inner, yieldable]] })
      has("yield outside of a coroutine", raised(one, "coroutine.yield(1)"))
      has("yield outside of a coroutine", raised(one, "table.sort({ 2, 1 }, coroutine.yield)"))
    end)

    it("cannot resume or close what waits for the host, or a task", function()
      one:eval [[
        co = coroutine.create(function() hyperty.sleep(1) return "woken" end)
        hyperty.spawn(function() task = coroutine.running() hyperty.sleep(1) note("task over") end)
        hyperty.spawn(function() note(select(2, coroutine.resume(co))) end)]]
      world:run(0.5)
      assert.same({ false, "cannot resume non-suspended coroutine", "normal",
        false, "cannot resume non-suspended coroutine", "normal" }, { one:eval [[
        local ok, err = coroutine.resume(co)
        local ok2, err2 = coroutine.resume(task)
        return ok, err, coroutine.status(co), ok2, err2, coroutine.status(task)]] })
      has("cannot close a normal coroutine", raised(one, "coroutine.close(co)"))
      has("cannot close a normal coroutine", raised(one, "coroutine.close(task)"))
      world:run(1)
      assert.equal("task over woken", noted())
      assert.same({ "dead", "dead" }, { one:eval [[
        return coroutine.status(co), coroutine.status(task)]] })
    end)

    it("cannot touch a task that is queued", function()
      one:eval [[
        threads = { (coroutine.running()) }
        hyperty.spawn(function() threads[2] = coroutine.running() end)]]
      world:run()
      -- Both threads are idle now: one will run the code, the other one is what it spawns.
      assert.same({ "normal", false, false }, { one:eval [[
        hyperty.spawn(function() note("ran") end)
        local queued = threads[1] == coroutine.running() and threads[2] or threads[1]
        return coroutine.status(queued), (coroutine.resume(queued, 1)),
          (pcall(coroutine.close, queued))]] })
      world:run()
      assert.equal("ran", noted())
    end)
  end)

  describe("that spawns", function()
    it("runs the function with its arguments, after what it does now", function()
      one:eval [[
        hyperty.spawn(function(...) note(table.concat({ ... }, ",")) end, 1, 2)
        note("now")]]
      world:run()
      assert.equal("now 1,2", noted())
    end)

    it("has an error logged once, with name and traceback", function()
      one:eval [[hyperty.spawn(function() local t = nil; t.x = 1 end)]]
      world:run()
      local errors = world:errors()
      assert.equal(1, #errors)
      has("one: spawned function: eval:1: attempt to index a nil value", errors[1])
      has("stack traceback:", errors[1])
    end)

    it("may raise anything", function()
      one:eval [[
        local function odd() return "odd" end
        hyperty.spawn(error, setmetatable({}, { __tostring = odd }))
        hyperty.spawn(error)
        hyperty.spawn(error, setmetatable({}, { __tostring = error }))]]
      world:run()
      local errors = world:errors()
      assert.equal(3, #errors)
      has("odd", errors[1])
      has("nil", errors[2])
    end)

    it("closes what an error leaves open", function()
      one:eval [[hyperty.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() note("closed") end })
        hyperty.sleep(1)
        error("x")
      end)]]
      world:run(2)
      assert.equal("closed", noted())
      assert.equal(1, #world:errors())
    end)

    it("has no more tasks than the bound", function()
      assert.same({ "nil", "full", 65536 }, { one:eval [[
        local count, ok, _, code = 1, true, nil, nil
        while ok do
          ok, _, code = hyperty.spawn(hyperty.sleep, 0.01)
          if ok then count = count + 1 end
        end
        return tostring(ok), code, count]] })
      world:run(1)
      assert.equal(0, one:tasks())
    end)
  end)

  describe("that waits with a timeout", function()
    it("has the results in time", function()
      assert.same({ 1, "nil", 3, 3 }, { one:eval [[
        local function three() hyperty.sleep(0.5) return 1, nil, 3 end
        local a, b, c = hyperty.wait(three, 1)
        return a, tostring(b), c, select("#", hyperty.wait(three, 1))]] })
    end)

    it("has nil, a message and a code else, and the function is unwound", function()
      assert.same({ "nil", "wait: not done in time", "timeout" }, { one:eval [[
        local a, message, code = hyperty.wait(function()
          local _ <close> = setmetatable({}, { __close = function() note("closed") end })
          hyperty.sleep(5)
          note("too far")
        end, 1)
        note("after")
        return tostring(a), message, code]] })
      world:run(10)
      assert.equal("closed after", noted())
      assert.equal(0, one:tasks())
    end)

    it("raises what the function raises, as it is", function()
      assert.same({ false, "table", 5 }, { one:eval [[
        local ok, err = pcall(hyperty.wait, function() hyperty.sleep(0.1) error({ n = 5 }) end, 1)
        return ok, type(err), err.n]] })
    end)

    it("unwinds inner waits before outer ones, coroutines too", function()
      one:eval [[
        local function closing(name)
          return setmetatable({}, { __close = function() note(name) end })
        end
        hyperty.wait(function()
          local _ <close> = closing "outer"
          coroutine.wrap(function()
            local _ <close> = closing "coroutine"
            hyperty.wait(function()
              local _ <close> = closing "inner"
              hyperty.sleep(10)
            end, 5)
          end)()
        end, 1)
        note("on")]]
      assert.equal("inner coroutine outer on", noted())
      assert.equal(0, one:tasks())
    end)

    it("can be nested deeply", function()
      assert.equal("bottom", one:eval [[
        local function down(n)
          if n == 0 then return "bottom" end
          return hyperty.wait(function() return down(n - 1) end, 10)
        end
        return down(2000)]])
      assert.equal("timeout", one:eval [[
        local function down(n)
          if n == 0 then hyperty.sleep(100) end
          return hyperty.wait(function() return down(n - 1) end, 50)
        end
        return select(3, hyperty.wait(function() return down(2000) end, 1))]])
      assert.equal(0, one:tasks())
    end)

    it("throws away an answer that comes too late", function()
      local slow = assert(world.rt:load_text [[
        local M = { name = "Slow", api = {} }
        function M.api.slow() require "hyperty".sleep(2) return "late" end
        return M]])
      assert.same({ "timeout", "late" }, { one:eval([[
        local url = ...
        local function call() return hyperty.call(url, "slow") end
        local code = select(3, hyperty.wait(call, 1))
        hyperty.sleep(2)
        return code, (hyperty.wait(call, 3))]], slow.url) })
      assert.equal(0, one:tasks())
    end)
  end)

  describe("with timers", function()
    it("runs after, once", function()
      one:eval [[hyperty.after(1, function() note("after") end)]]
      world:run(0.9)
      assert.equal("", noted())
      world:run(5)
      assert.equal("after", noted())
    end)

    it("runs every, until it is cancelled, also from inside", function()
      one:eval [[
        local n = 0
        timer = hyperty.every(1, function() n = n + 1 note(n) if n == 3 then timer:cancel() end end)
        other = hyperty.every(0.7, function() note("never") end)
        other:cancel() other:cancel()]]
      world:run(10)
      assert.equal("1 2 3", noted())
    end)

    it("keeps the beat and leaves out ticks that would pile up", function()
      one:eval [[
        local start = hyperty.now()
        timer = hyperty.every(1, function()
          note(("%.0f"):format(hyperty.now() - start))
          hyperty.sleep(1.5)
        end)]]
      world:run(7.2)
      assert.equal("1 3 5 7", noted())
      one:eval "timer:cancel()"
    end)

    it("needs no one to hold them", function()
      one:eval [[hyperty.after(5, function() note("held") end)
        for _ = 1, 10000 do local _ = { {} } end]]
      world:run(6)
      assert.equal("held", noted())
    end)

    it("has an error logged once", function()
      one:eval [[hyperty.after(1, function() error("bad tick") end)]]
      world:run(2)
      local errors = world:errors()
      assert.equal(1, #errors)
      has("timer: eval:1: bad tick", errors[1])
    end)

    it("raises for bad arguments", function()
      has("number expected", raised(one, "hyperty.every(print)"))
      has("function expected", raised(one, "hyperty.every(1)"))
      has("seconds expected", raised(one, "hyperty.after(-1, print)"))
    end)
  end)
end)
