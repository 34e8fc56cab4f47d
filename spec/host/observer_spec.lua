-- Observers as scripts see them: the copy, what they hear of changes, asking, leaving.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("an observer", function()
  local world, anna, ben, url

  before_each(function()
    world = objects.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room { title = "x", values = { 1, 2, 3 }, list = { { unit = "m" } } }
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  -- What the handlers of ben's room got, as "kind path old>value", after Anna did that.
  local function heard(code)
    ben:eval "self.heard = {}"
    anna:eval(code)
    world:run()
    return ben:eval "return self.heard"
  end

  local function listen(pattern)
    ben:eval([[
      local hyperty, pattern = require "hyperty", ...
      local function show(v)
        return type(v) == "table" and hyperty.json.encode(v) or tostring(v)
      end
      local function hear(change)
        table.insert(self.heard, change.kind .. " " .. change.path .. " " .. show(change.old) ..
          ">" .. show(change.value))
      end
      self.heard = {}
      if pattern then
        self.handler = self.room:on("change", pattern, hear)
      else
        self.handler = self.room:on("change", hear)
      end]], pattern)
  end

  it("shows the object", function()
    local it = ben:eval [[
      local room = self.room
      return { url = room.url, data = room.data, version = room.version, epoch = room.epoch,
        name = room.metadata.name, reporter = room.metadata.reporter, text = tostring(room),
      }]]
    assert.equal(url, it.url)
    assert.same({ title = "x", values = { 1, 2, 3 }, list = { { unit = "m" } } }, it.data)
    assert.equal(0, it.version)
    assert.equal(anna:eval "return self.room.epoch", it.epoch)
    assert.equal("room", it.name)
    assert.equal(anna.url, it.reporter)
    assert.equal("observer " .. url, it.text)
    for _, name in ipairs { "nothing", "invite", "observers" } do
      has(('an observer has no "%s" (it has: url, role, data'):format(name),
        raised(ben, "return self.room." .. name))
    end
  end)

  it("is given back when it is there already", function()
    assert.same({ true, true }, { ben:eval([[
      local again = self.syncher:subscribe(...)
      return again == self.room, again.resumed]], url) })
  end)

  it("is read-only, data and fields", function()
    has("read-only", raised(ben, "self.room.data.title = 1"))
    has("read-only", raised(ben, "self.room.url = 1"))
    has("is read-only", raised(ben, "self.room.data = 1"))
    has('an observer has no "mine"', raised(ben, "self.room.mine = 1"))
    assert.equal("x", ben:eval "return self.room.data.title")
  end)

  describe("hears of changes:", function()
    it("what was added, updated and removed, with what was there before", function()
      listen()
      assert.same({ "update title x>y", "add new nil>1", "remove new 1>nil" }, heard [[
        self.room.data.title = "y"
        self.room.data.new = 1
        self.room.data.new = nil]])
    end)

    it("elements of arrays, with indices from 1", function()
      listen()
      local events = heard [[
        self.room.data.values[1] = 10
        self.room.data.values[4] = 4
        self.room.data.values[4] = nil]]
      assert.same({ "update values.1 1>10", "add values.4 nil>4", "remove values.4 4>nil" }, events)
    end)

    it("what was put in before others, and taken out from among them", function()
      listen()
      assert.same({ "add values.1 nil>0", "remove values.2 1>nil" }, heard [[
        table.insert(self.room.data.values, 1, 0)
        table.remove(self.room.data.values, 2)]])
    end)

    it("deep ones, and whole values", function()
      listen()
      assert.same({ 'update list.1.unit m>km', 'update list [{"unit":"km"}]>[]' }, heard [[
        self.room.data.list[1].unit = "km"
        self.room.data.list = require("hyperty").array {}]])
    end)

    it("the whole data has the empty path", function()
      listen()
      assert.same({ 'update  {"n":1}>{"n":2}' }, (function()
        heard [[self.room:set("", { n = 1 })]]
        return heard [[self.room:set("", { n = 2 })]]
      end)())
    end)

    it("each of a batch, of one version", function()
      ben:eval [[
        self.versions = {}
        self.room:on("change", function(change)
          table.insert(self.versions, change.version)
        end)]]
      anna:eval [[self.room:batch(function()
        self.room.data.a = 1
        self.room.data.b = 2
      end)]]
      world:run()
      assert.same({ 1, 1 }, ben:eval "return self.versions")
    end)

    it("can be repeated one by one on a copy", function()
      ben:eval [=[
        local hyperty = require "hyperty"
        self.copy = hyperty.copy(self.room.data)
        self.room:on("change", function(change)
          local keys, at = change.keys, self.copy
          for i = 1, #keys - 1 do at = at[keys[i]] end
          local key = keys[#keys]
          if type(key) == "string" then
            at[key] = change.value
          elseif change.kind == "add" then
            table.insert(at, key, change.value)
          elseif change.kind == "remove" then
            table.remove(at, key)
          else
            at[key] = change.value
          end
        end)]=]
      anna:eval [[
        local data = self.room.data
        table.insert(data.values, 1, 0)
        table.insert(data.values, 3, "mid")
        table.sort(data.values, function(a, b) return tostring(a) > tostring(b) end)
        table.remove(data.values, 2)
        data.list[1].unit = nil
        data["with.dot"] = { a = 1 }
        data["with.dot"].a = 2
        data.values[#data.values] = nil]]
      world:run()
      local copy, data = ben:eval "return self.copy, self.room.data"
      assert.same(data, copy)
      assert.same(anna:eval "return self.room.data", data)
    end)

    it("with strings of any length", function()
      ben:eval [[
        self.changes = {}
        self.room:on("change", function(change) table.insert(self.changes, change) end)]]
      anna:eval [[
        self.room.data.title = ("é"):rep(1000)
        self.room.data.title = ""
        self.room.data.title = nil]]
      world:run()
      assert.same({ { "x", ("é"):rep(1000) }, { ("é"):rep(1000), "" }, { "" } }, ben:eval [[
        local pairs_of = {}
        for i, change in ipairs(self.changes) do pairs_of[i] = { change.old, change.value } end
        return pairs_of]])
    end)

    it("as objects that stay what they were", function()
      ben:eval [[
        self.changes = {}
        self.room:on("change", function(change) table.insert(self.changes, change) end)]]
      anna:eval [[
        self.room.data.list = { { unit = "a" } }
        self.room.data.list[1].unit = "b"
        self.room.data.list = nil]]
      world:run()
      collectgarbage()
      local it = ben:eval [[
        local first, last = self.changes[1], self.changes[3]
        first.value[1].mine = true -- a plain copy, kept with the change
        return { value = first.value, old = first.old, gone = last.old, none = last.value,
          same = first.value == first.value, keys = self.changes[2].keys,
          text = tostring(self.changes[2]), count = first.count }]]
      assert.same({ { unit = "a", mine = true } }, it.value)
      assert.same({ { unit = "m" } }, it.old)
      assert.same({ { unit = "b" } }, it.gone)
      assert.equal(nil, it.none)
      assert.is_true(it.same)
      assert.same({ "list", 1, "unit" }, it.keys)
      assert.equal('change: update "list.1.unit" (version 2)', it.text)
      has('a change has no "nothing" (it has: path, keys, value, old, kind, version, count)',
        raised(ben, "return self.changes[1].nothing"))
      assert.equal(1, it.count)
      has("is read-only", raised(ben, "self.changes[1].path = 1"))
    end)
  end)

  it("hears of many changes without growing", function()
    ben:eval "self.room:on('change', function(change) self.last = change.value end)"
    local function change(count)
      anna:eval([[
        for i = 1, ... do
          self.room.data.title = "title " .. i
          if i % 1000 == 0 then require("hyperty").sleep(0.01) end
        end]], count)
      world:run()
    end
    change(1000)
    local before = ben:memory()
    change(20000)
    assert.equal("title 20000", ben:eval "return self.last")
    assert.truthy(ben:memory() < 2 * before, before .. " became " .. ben:memory())
  end)

  describe("hears only of what its pattern names:", function()
    it("a path", function()
      listen "values.2"
      assert.same({ "update values.2 2>20" }, heard [[
        self.room.data.values[1] = 10
        self.room.data.values[2] = 20
        self.room.data.title = "y"]])
    end)

    it("* for one key", function()
      listen "list.*.unit"
      assert.same({ "update list.1.unit m>km", "add list.2.unit nil>s" }, heard [[
        self.room.data.list[1].unit = "km"
        self.room.data.list[2] = {}
        self.room.data.list[2].unit = "s"
        self.room.data.list[2].more = { unit = 1 }]])
    end)

    it("** at the end for any rest, the empty one included", function()
      listen "list.**"
      assert.same({ "update list.1.unit m>km", 'update list [{"unit":"km"}]>[]' }, heard [[
        self.room.data.list[1].unit = "km"
        self.room.data.title = "y"
        self.room.data.list = require("hyperty").array {}]])
    end)

    it("** alone for everything", function()
      listen "**"
      assert.equal(2, #heard [[
        self.room.data.title = "y"
        self.room:set("", {})]])
    end)

    it("a list of keys, for keys with dots", function()
      listen { "a.b", "*" }
      assert.same({ "add a.b.c nil>1" }, heard [[
        self.room.data["a.b"] = {}
        self.room.data["a.b"].c = 1]])
    end)

    it("numbers name indices, and keys that look like them", function()
      listen "byname.1"
      assert.same({ "add byname.1 nil>x" }, heard [[
        self.room.data.byname = {}
        self.room.data.byname["1"] = "x"
        self.room.data.byname["0"] = "y"]])
    end)

    it("a replaced value above it is an event at its own path only", function()
      listen "list.1.unit"
      assert.same({}, heard [[self.room.data.list = { { unit = "s" } }]])
    end)

    it("and one that makes no sense raises", function()
      has("** can only come last", raised(ben, [[self.room:on("change", "a.**.b", print)]]))
      has("a key is empty", raised(ben, [[self.room:on("change", "a..b", print)]]))
      has("a key is a string or an integer",
        raised(ben, [[self.room:on("change", { true }, print)]]))
      has("function expected", raised(ben, [[self.room:on("change", "a")]]))
      has("not UTF-8", raised(ben, [[self.room:on("change", "\xff", print)]]))
    end)
  end)

  describe("has handlers that", function()
    it("run in tasks of their own: one that waits holds up nobody", function()
      ben:eval [[
        local hyperty = require "hyperty"
        self.order = {}
        self.room:on("change", function(change)
          hyperty.sleep(5)
          table.insert(self.order, "slow " .. tostring(change.value))
        end)
        self.room:on("change", function(change)
          table.insert(self.order, "fast " .. tostring(change.value))
        end)]]
      anna:eval "self.room.data.n = 1 self.room.data.n = 2"
      world:run(10)
      assert.same({ "fast 1", "fast 2", "slow 1", "slow 2" }, ben:eval "return self.order")
    end)

    it("are logged once when they raise, and the others run", function()
      ben:eval [[
        self.room:on("change", function() error("oops") end)
        self.room:on("change", function() self.ran = true end)]]
      anna:eval "self.room.data.n = 1"
      world:run()
      assert.is_true(ben:eval "return self.ran")
      local logged = world:errors()
      assert.equal(1, #logged)
      has("ben", logged[1])
      has("handler of change", logged[1])
      has("oops", logged[1])
    end)

    it("may cancel themselves and each other, and add new ones", function()
      ben:eval [[
        self.order = {}
        local first, second
        first = self.room:on("change", function()
          table.insert(self.order, "first")
          first:cancel()
          second:cancel()
          self.room:on("change", function() table.insert(self.order, "third") end)
        end)
        second = self.room:on("change", function() table.insert(self.order, "second") end)]]
      anna:eval "self.room.data.n = 1 self.room.data.n = 2"
      world:run()
      assert.same({ "first", "third" }, ben:eval "return self.order")
    end)

    it("may leave the object, and then hear no more", function()
      ben:eval [[
        self.count = 0
        self.room:on("change", function()
          self.count = self.count + 1
          self.left = self.room:unsubscribe()
        end)
        self.room:on("delete", function() self.told = true end)]]
      anna:eval "self.room.data.n = 1"
      world:run()
      anna:eval "self.room.data.n = 2"
      world:run()
      assert.same({ 1, true, nil }, { ben:eval "return self.count, self.left, self.told" })
    end)

    it("go with their hyperty", function()
      ben:eval [[self.room:on("change", function() self.room.data = nil end)]]
      ben:unload()
      anna:eval "self.room.data.n = 1"
      world:run()
      assert.same({}, anna:eval "return self.room.observers")
    end)

    it("may be on their way out of the object when their hyperty stops", function()
      ben:eval [[
        self.room:on("change", function() end)
        require("hyperty").spawn(function() self.room:unsubscribe() end)]]
      ben:unload()
      world:run()
      assert.same({}, anna:eval "return self.room.observers")
    end)

    it("are known by name", function()
      local text = raised(ben, [[self.room:on("subscribe", print)]])
      has('"subscribe" is no event of an observer', text)
      has("change, child, event, resync, delete, status", text)
      has("string expected", raised(ben, [[self.room:on(print)]]))
      has('a handler has no "x"', raised(ben, [[self.room:on("change", print).x = 1]]))
    end)
  end)

  describe("asks the reporter", function()
    it("and gets what it accepted with", function()
      anna:eval [[self.room:on("execute", function(request)
        request:accept { method = request.method, params = request.params, from = request.from }
      end)]]
      assert.same({ method = "turn", params = { "left", 90, { deep = true } }, from = ben.url },
        ben:eval [[return self.room:execute("turn", "left", 90, { deep = true })]])
    end)

    it("and gets true where there is no value", function()
      anna:eval [[self.room:on("execute", function(request) request:accept() end)]]
      assert.is_true(ben:eval [[return self.room:execute("reset")]])
    end)

    it("and is refused with the reason", function()
      anna:eval [[self.room:on("execute", function(request) request:reject("broken") end)]]
      assert.same({ nil, "broken", "forbidden" }, { ben:eval [[return self.room:execute("x")]] })
    end)

    it("and is refused where nobody listens", function()
      assert.equal("forbidden", ben:eval [[return select(3, self.room:execute("x"))]])
    end)

    it("nothing that is not JSON", function()
      has("execute: argument 2: a: a function is not JSON",
        raised(ben, [[self.room:execute("x", 1, { a = print })]]))
      has("string expected", raised(ben, "self.room:execute()"))
    end)
  end)

  it("tells its status", function()
    local status = ben:eval "return self.room:status()"
    assert.equal("live", status.state)
    assert.equal(0, status.version)
    assert.equal(0, status.head)
    assert.equal(0, status.pending)
    assert.truthy(status.age >= 0)
  end)

  it("leaves", function()
    assert.is_true(ben:eval "return self.room:unsubscribe()")
    world:run()
    assert.same({}, anna:eval "return self.room.observers")
    for _, call in ipairs { "unsubscribe()", "status()", [[execute("x")]],
        [[add_child("items", {})]], [[children("items")]], [[send_event("items", 1)]],
        [[on("change", print)]] } do
      assert.same({ nil, url .. " is closed", "closed" }, { ben:eval("return self.room:" .. call) },
        call)
    end
    has(url .. " is closed", raised(ben, "return self.room.data"))
  end)

  it("that left may come back, as a new one", function()
    assert.same({ false, false, "x" }, { ben:eval([[
      local before = self.room
      before:unsubscribe()
      local now = self.syncher:subscribe(...)
      return before == now, now.resumed, now.data.title]], url) })
  end)
end)
