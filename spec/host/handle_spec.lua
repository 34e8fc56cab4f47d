-- Data handles: obj.data and self.state behave like plain Lua tables, and say where they cannot.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a handle", function()
  local world, anna, url

  before_each(function()
    world = objects.world { "anna", "ben" }
    anna = world.anna
    anna:eval 'hyperty = require "hyperty"'
    url = world:room {
      id = "t1", on = false, nothing = nil, deep = { er = { est = 7 } },
      values = { 1, 2, 3 }, list = { { n = 1 }, { n = 2 } },
    }
    anna:eval "data = self.room.data"
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  -- How many versions the code took.
  local function changes(code)
    return anna:eval("local before = self.room.version " .. code ..
      " return self.room.version - before")
  end

  describe("read", function()
    it("gives what is there, and nil for what is not", function()
      assert.same({ "t1", false, 7, 3, 2, 3 }, { anna:eval [[
        return data.id, data.on, data.deep.er.est, data.values[3], data.list[2].n, #data.values]] })
      assert.same({ true, true, true, true, true, true, true, 0 }, { anna:eval [[
        return data.missing == nil, data[1] == nil, data.values[4] == nil, data.values[0] == nil,
          data.values.x == nil, data.values[1.5] == nil, data[true] == nil, #data]] })
    end)

    it("takes a float that is an index, as Lua does, but no text", function()
      assert.same({ 2, true }, { anna:eval [[return data.values[2.0], data.values["2"] == nil]] })
    end)

    it("walks objects in order of their keys' coming, arrays by index", function()
      assert.equal("deep,id,list,on,values,new", anna:eval [[
        data.new = 1
        local keys = {}
        for key in pairs(data) do keys[#keys + 1] = key end
        return table.concat(keys, ",")]])
      assert.same({ "1=1 2=2 3=3", "1=1 2=2 3=3", "1=1 2=2 3=3" }, { anna:eval [[
        local function show(...)
          local t = {}
          for k, v in ... do t[#t + 1] = k .. "=" .. v end
          return table.concat(t, " ")
        end
        return show(pairs(data.values)), show(ipairs(data.values)), show(next, data.values)]] })
      assert.same({ true, "id" }, { anna:eval [[
        return next(hyperty.copy({})) == nil, (next(data, "deep"))]] })
    end)

    it("stands that the current key is removed while walking", function()
      assert.same({ 0, true }, { anna:eval [[
        local left = 0
        for key in pairs(data) do data[key] = nil end
        for _ in pairs(data) do left = left + 1 end
        return left, next(data) == nil]] })
    end)

    it("raises where next is given a key that is gone", function()
      has("next: the key is not there any more", raised(anna, "next(data, 'gone')"))
    end)

    it("is the same handle each time, while one is held", function()
      assert.same({ true, true, false }, { anna:eval [[
        local a = data.list[1]
        return a == data.list[1], data.deep == self.room.data.deep, a == data.list[2] ]] })
    end)

    it("moves with its node", function()
      assert.same({ 1, 0 }, { anna:eval [[
        local first = data.list[1]
        table.insert(data.list, 1, { n = 0 })
        return first.n, data.list[1].n]] })
    end)

    it("has a name for people", function()
      assert.equal(url .. ": list.2: object", anna:eval "return tostring(data.list[2])")
      assert.equal(url .. ": array", anna:eval "data = nil return tostring(self.room.data.values)"
        :gsub(": values", ""))
    end)
  end)

  describe("assigned to", function()
    it("makes one change, seen at once here and soon there", function()
      assert.equal(1, changes "data.id = 't2'")
      assert.equal(1, changes "data.deep.er.est = 8")
      assert.equal(1, changes "data.deep = { a = { 1, 2 } }")
      assert.same({ "t2", 2 }, { anna:eval "return data.id, data.deep.a[2]" })
      world:run()
      assert.same({ "t2", 2 }, { world.ben:eval [[
        return self.room.data.id, self.room.data.deep.a[2] ]] })
    end)

    it("keeps all kinds of values", function()
      assert.same({ 9007199254740993, "float", "integer", true, "" }, { anna:eval [[
        data.big, data.float, data.int = 9007199254740993, 1.0, 1
        data.none, data.text = hyperty.null, ""
        return data.big, math.type(data.float), math.type(data.int), data.none == hyperty.null,
          data.text]] })
    end)

    it("removes a key with nil; one that is not there is no change", function()
      assert.equal(1, changes "data.id = nil")
      assert.equal(0, changes "data.id = nil data.missing = nil")
      assert.truthy(anna:eval "return data.id == nil")
    end)

    it("sets and appends to arrays, and removes their last element with nil", function()
      assert.equal(1, changes "data.values[2] = 20")
      assert.equal(1, changes "data.values[#data.values + 1] = 4")
      assert.equal(1, changes "data.values[4] = nil")
      assert.equal("1,20,3", anna:eval "return table.concat(data.values, ',')")
    end)

    it("copies a handle that is assigned", function()
      assert.same({ 1, 9, false }, { anna:eval [[
        data.copy = data.list
        data.copy[1].n = 9
        return data.list[1].n, data.copy[1].n, data.copy == data.list]] })
    end)

    it("keeps an object by its URL", function()
      assert.equal(url, anna:eval "data.room = self.room return data.room")
    end)

    it("raises beyond the end of an array and for nil inside of it", function()
      local before = anna:eval "return self.room.version"
      has("room" and url .. ": values: no index 5 in an array of 3; the next one is 4",
        raised(anna, "data.values[5] = 1"))
      has("no index 0 in an array", raised(anna, "data.values[0] = 1"))
      has("no index -1 in an array", raised(anna, "data.values[-1] = 1"))
      has("no index 1.5 in an array", raised(anna, "data.values[1.5] = 1"))
      has("values.1: nil removes only the last element", raised(anna, "data.values[1] = nil"))
      has("values.4: nil removes only the last element", raised(anna, "data.values[4] = nil"))
      assert.equal(before, anna:eval "return self.room.version")
    end)

    it("raises for a key of the wrong kind", function()
      has(url .. ": this is an object, whose keys are text; for an empty list "
        .. "write hyperty.array {}",
        raised(anna, "data[1] = 1"))
      has("keys of an object are text", raised(anna, "data[true] = 1"))
      has("values: keys of an array are indices from 1", raised(anna, "data.values.x = 1"))
      has("values: keys of an array are indices from 1", raised(anna, "data.values['1'] = 1"))
      has("a key is not UTF-8", raised(anna, "data['\\xff'] = 1"))
      has("key of 1025 bytes", raised(anna, "data[('k'):rep(1025)] = 1"))
    end)

    it("raises for what is not JSON, with the object, the place and the caller's line", function()
      has(url .. ": values.3: a function is not JSON", raised(anna, "data.values[3] = print"))
      has(url .. ": deep.er: a function is not JSON", raised(anna, "data.deep.er = print"))
      has(url .. ": deep.a.b.2: a userdata is not JSON",
        raised(anna, "data.deep = { a = { b = { 1, self.syncher } } }"))
      has("eval:3: ", raised(anna, "\n\n data.values[3] = print"))
    end)

    it("raises where it would nest too deep", function()
      has("nesting deeper than 120",
        raised(anna, "local t = {} for _ = 1, 119 do t = { t } end data.deep.er = t"))
      has("deeper than 120", raised(anna, "for _ = 1, 120 do data.deep = data end"))
    end)

    it("never takes an object into itself: that is a copy", function()
      assert.same({ 7, true }, { anna:eval [[
        data.deep.er.up = data.deep
        return data.deep.er.up.er.est, data.deep.er.up.er.up == nil]] })
    end)

    it("of an observer raises", function()
      has(url, raised(world.ben, "self.room.data.id = 'x'"))
      has(url, raised(world.ben, "table.insert(self.room.data.values, 1)"))
      has(url, raised(world.ben, [[
        table.sort(self.room.data.values, function(a, b) return a > b end)]]))
    end)
  end)

  describe("that is stale", function()
    it("raises once its node was removed or replaced, and .data never is", function()
      anna:eval [[
        gone, replaced = data.list[1], data.deep.er
        table.remove(data.list, 1)
        data.deep = { er = {} }]]
      for _, code in ipairs { "return gone.n", "gone.n = 1", "return #gone",
        "for _ in pairs(gone) do end", "next(gone)", "replaced.est = 1", "data.x = gone",
        "hyperty.copy(gone)", "hyperty.json.encode({ gone })", "table.insert(gone, 1)" } do
        has("stale: ", raised(anna, code))
        has(url, raised(anna, code))
      end
      has("stale: ", anna:eval "return tostring(gone)")
      assert.equal(2, anna:eval "return data.list[1].n")
    end)

    it("raises as closed once the object is", function()
      anna:eval "self.room:delete()"
      has("is closed", raised(anna, "return data.id"))
      has("is closed", raised(anna, "data.id = 1"))
    end)
  end)

  describe("of self.state", function()
    it("is a tree of its own", function()
      assert.same({ 1, 2, "anna.state: list: array" }, { anna:eval [[
        self.state.count = (self.state.count or 0) + 1
        self.state.list = { 1, 2 }
        return self.state.count, #self.state.list, tostring(self.state.list)]] })
      has("anna.state: f: a function is not JSON", raised(anna, "self.state.f = print"))
    end)
  end)

  it("cannot be opened up by a script", function()
    assert.same({ false, "userdata" }, { anna:eval "return getmetatable(data), type(data)" })
    has("table expected", raised(anna, "setmetatable(data, {})"))
    has("expected", raised(anna, "rawset(data, 'a', 1)"))
    has("data expected", raised(anna, "local walk = pairs(data) walk(io)"))
    has("data expected", raised(anna, "local walk = pairs(data) walk(self.syncher)"))
  end)

  it("is given back when Lua lets go of it", function()
    local function used()
      return anna:eval [[
        for i = 1, 20000 do local _ = data.list[1 + i % 2] data.values[1] = i end
        return true]]
    end
    used()
    local before = anna:memory()
    for _ = 1, 5 do used() end
    assert.truthy(anna:memory() < before + 200000)
  end)
end)
