-- The table library on handles: one call is one change, which does what it does to a table.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("table", function()
  local world, anna, url

  before_each(function()
    world = objects.world { "anna", "ben" }
    anna = world.anna
    anna:eval 'hyperty = require "hyperty"'
    url = world:room {
      list = { 3, 1, 2 }, objects = { { n = 3 }, { n = 1 }, { n = 2 } }, object = {},
    }
    anna:eval "data = self.room.data list = data.list"
  end)

  after_each(function()
    world:run()
    -- What everybody sees is the same.
    local here = anna:eval "return hyperty.json.encode(self.room.data)"
    assert.equal(here, world.ben:eval 'return require "hyperty".json.encode(self.room.data)')
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  local function changes(code)
    return anna:eval("local before = self.room.version " .. code ..
      " return self.room.version - before")
  end
  local function content() return anna:eval "return table.concat(list, ',')" end

  it("still works on plain tables", function()
    assert.equal("1,2,3,4|4|3|2", anna:eval [[
      local t = { 3, 1, 2 }
      table.insert(t, 4)
      table.sort(t)
      local text = table.concat(t, ",")
      local last = table.remove(t)
      table.move(t, 2, 3, 1)
      return text .. "|" .. last .. "|" .. table.concat(t, "", 2, 2) .. "|" .. t[1] ]])
    has("bad argument #1 to 'insert' (table expected", raised(anna, "table.insert(5, 1)"))
    has("wrong number of arguments", raised(anna, "table.insert({}, 1, 2, 3)"))
  end)

  describe(".insert", function()
    it("puts an element at the end, at the front, in between: one change each", function()
      assert.equal(1, changes "table.insert(list, 4)")
      assert.equal(1, changes "table.insert(list, 1, 0)")
      assert.equal(1, changes "table.insert(list, 3, { 'x' })")
      assert.same({ 6, 0, 3, "x", 1, 2, 4 }, { anna:eval [[
        return #list, list[1], list[2], list[3][1], list[4], list[5], list[6] ]] })
    end)

    it("raises where Lua does, and for what is not JSON", function()
      has("position out of bounds", raised(anna, "table.insert(list, 0, 1)"))
      has("position out of bounds", raised(anna, "table.insert(list, 5, 1)"))
      has("wrong number of arguments", raised(anna, "table.insert(list)"))
      has("list.2: a function is not JSON", raised(anna, "table.insert(list, 2, print)"))
      has("list.4: nil is not JSON", raised(anna, "table.insert(list, nil)"))
      has(url .. ": object: not an array but an object; hyperty.array{}",
        raised(anna, "table.insert(data.object, 1)"))
    end)
  end)

  describe(".remove", function()
    it("takes an element out and gives it as plain Lua: one change", function()
      assert.equal(1, changes "removed = table.remove(list, 1)")
      assert.equal(3, anna:eval "return removed")
      assert.equal(1, changes "removed = table.remove(list)")
      assert.same({ 2, "1" }, { anna:eval "return removed, table.concat(list)" })
      assert.same({ "table", 3 }, { anna:eval [[
        local object = table.remove(data.objects, 1)
        return type(object), object.n]] })
    end)

    it("does nothing at the end of what is empty, and raises beyond", function()
      anna:eval "data.empty = hyperty.array {}"
      assert.equal(0, changes "assert(table.remove(data.empty) == nil)")
      assert.equal(0, changes "assert(table.remove(list, #list + 1) == nil)")
      has("position out of bounds", raised(anna, "table.remove(list, 5)"))
      has("position out of bounds", raised(anna, "table.remove(list, -1)"))
    end)
  end)

  describe(".sort", function()
    it("is one change", function()
      assert.equal(1, changes "table.sort(list)")
      assert.equal("1,2,3", content())
      assert.equal(1, changes "table.sort(list, function(a, b) return a > b end)")
      assert.equal("3,2,1", content())
    end)

    it("is none when nothing moves", function()
      anna:eval "table.sort(list)"
      assert.equal(0, changes "table.sort(list)")
    end)

    it("sorts objects, which the comparison sees as handles", function()
      assert.equal(1, changes "table.sort(data.objects, function(a, b) return a.n < b.n end)")
      assert.same({ 1, 2, 3 }, { anna:eval "local o = data.objects return o[1].n, o[2].n, o[3].n" })
    end)

    it("keeps 1 and 1.0 apart", function()
      assert.equal("[0,1,1.0]", anna:eval [[
        data.list = { 1.0, 1, 0 }
        list = data.list
        table.sort(list, function(a, b)
          return a < b or (a == b and math.type(a) == "integer" and math.type(b) == "float")
        end)
        return hyperty.json.encode(list)]])
    end)

    it("raises what the comparison raises, and changes nothing", function()
      local before = anna:eval "return self.room.version"
      has("boom", raised(anna, "table.sort(list, function() error 'boom' end)"))
      has("attempt to compare", raised(anna, "list[4] = 'x' table.sort(list)"))
      assert.equal(before + 1, anna:eval "return self.room.version")
      anna:eval "list[4] = nil"
    end)

    it("takes what the comparison says for an order, and loses nothing", function()
      assert.same({ 3, 2, 1 }, { anna:eval [[
        table.sort(list)
        table.sort(list, function() return true end)
        return table.unpack(list)]] })
    end)

    it("raises when the comparison changes the array", function()
      has("sort: the array was changed", raised(anna, [[
        local done
        table.sort(list, function(a, b)
          if not done then done = true; table.insert(list, 1) end
          return a < b
        end)]]))
      has("stale", raised(anna, [[
        table.sort(list, function(a, b) data.list = { 1, 2, 3, 4 } return a < b end)]]))
      anna:eval "list = data.list"
    end)
  end)

  describe(".move", function()
    it("is one change, also when it makes the array longer", function()
      assert.equal(1, changes "table.move(list, 1, 3, 3)")
      assert.equal("3,1,3,1,2", content())
      assert.equal(1, changes "table.move({ 7, 8 }, 1, 2, 1, list)")
      assert.equal("7,8,3,1,2", content())
      assert.equal(0, changes "table.move(list, 1, 0, 1)")
    end)

    it("copies objects", function()
      assert.equal(1, changes "table.move(data.objects, 1, 2, 2)")
      assert.same({ 3, 3, 1, false }, { anna:eval [[
        local o = data.objects
        return o[1].n, o[2].n, o[3].n, o[1] == o[2] ]] })
    end)

    it("reads from a handle into a table", function()
      assert.equal("1,2", anna:eval "return table.concat(table.move(list, 2, 3, 1, {}), ',')")
    end)

    it("gives the destination", function()
      assert.truthy(anna:eval "return table.move({ 1 }, 1, 1, 1, list) == list")
    end)

    it("raises and changes nothing where it cannot be done", function()
      local before = anna:eval "return self.room.version"
      has("position out of bounds", raised(anna, "table.move({ 1 }, 1, 1, 5, list)"))
      has("list.2: nil is not JSON", raised(anna, "table.move({ 1 }, 1, 2, 1, list)"))
      has("list.1: a function is not JSON", raised(anna, "table.move({ print, 2 }, 1, 2, 1, list)"))
      has("too many elements to move", raised(anna, "table.move({}, 1, 1 << 28, 1, list)"))
      has("too many elements to move",
        raised(anna, "table.move({}, math.mininteger, math.maxinteger, 1, list)"))
      assert.equal(before, anna:eval "return self.room.version")
    end)
  end)

  it("calls within a batch are part of it", function()
    assert.equal(1, changes [[self.room:batch(function()
      table.insert(list, 9)
      table.sort(list)
      table.remove(list, 1)
    end)]])
    assert.equal("2,3,9", content())
  end)

  it(".unpack, .concat and select read handles", function()
    assert.same({ 3, 1, 2 }, { anna:eval "return table.unpack(list)" })
    assert.same({ 1, 2 }, { anna:eval "return table.unpack(list, 2, 3)" })
    assert.equal("3-1-2", anna:eval "return table.concat(list, '-')")
    assert.equal(3, anna:eval "return table.pack(table.unpack(list)).n")
    assert.equal("1", anna:eval "return ('%d'):format(select(2, table.unpack(list)))")
  end)
end)
