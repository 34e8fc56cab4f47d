-- Values between Lua and JSON, as scripts meet them: json, array, object, null, copy, arguments and
-- results.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a value", function()
  local world, one

  before_each(function()
    world = objects.world { "one" }
    one = world.one
    one:eval 'hyperty = require "hyperty"'
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  local function encoded(code) return one:eval("return hyperty.json.encode(" .. code .. ")") end

  describe("as JSON", function()
    it("keeps integers, floats, booleans and text apart", function()
      assert.equal('[1,1.0,-0.0,9007199254740993,9223372036854775807,true,false,"1",""]', encoded
        '{ 1, 1.0, -0.0, 9007199254740993, math.maxinteger, true, false, "1", "" }')
    end)

    it("is a list when its keys are 1 to n, else an object with its keys in order", function()
      assert.equal("[1,2,3]", encoded "{ 1, 2, 3 }")
      assert.equal('{"a":1,"b":2,"c":3,"d":{}}', encoded "{ d = {}, c = 3, a = 1, b = 2 }")
      assert.equal("{}", encoded "{}")
    end)

    it("is the kind that it is marked as, empty or not", function()
      assert.equal("[]", encoded "hyperty.array {}")
      assert.equal("[]", encoded "hyperty.array()")
      assert.equal("[5]", encoded "hyperty.array { 5 }")
      assert.equal("{}", encoded "hyperty.object {}")
      assert.equal("[[]]", encoded "hyperty.json.decode('[[]]')")
      assert.equal("{}", encoded "setmetatable(hyperty.array {}, nil)")
      assert.equal("{}", encoded "hyperty.object(hyperty.array {})")
    end)

    it("says null for hyperty.null, which is nothing else", function()
      assert.equal('{"a":null}', encoded "{ a = hyperty.null }")
      assert.same({ "null", true, true, true }, { one:eval [[
        local null = hyperty.null
        local read = hyperty.json.decode("[null]")[1]
        return tostring(null), null ~= nil, null ~= false, read == null]] })
    end)

    it("survives the round trip", function()
      local text = '{"a":[],"b":{},"c":[null,false,0,"",{"x":[1,2.5]}],"d":-9223372036854775808}'
      assert.equal(text,
        one:eval("return hyperty.json.encode(hyperty.json.decode((...)))", text))
    end)

    it("is read with nil, message, code where the text is no JSON", function()
      for _, text in ipairs { "", "{", "[1,]", '{"a":1,"a":2}', "nul", "1 2" } do
        local value, message, code = one:eval([[
          local value, message, code = hyperty.json.decode(...)
          return tostring(value), message, code]], text)
        assert.equal("nil", value)
        assert.equal("invalid", code)
        assert.truthy(#message > 0)
      end
      assert.equal("invalid", one:eval [[return select(3, hyperty.json.decode('"\xff"'))]])
      has("string expected", raised(one, "hyperty.json.decode({})"))
    end)
  end)

  describe("that is not JSON raises with its place", function()
    local cases = {
      { "{ values = { 1, 2, print } }", "values.3: a function is not JSON" },
      { "print", "json.encode: a function is not JSON" },
      { "{ a = { b = coroutine.create(print) } }", "a.b: a coroutine is not JSON" },
      { "{ a = 0/0 }", "a: not-a-number is not JSON" },
      { "{ a = 1/0 }", "a: infinity is not JSON" },
      { "{ a = '\\xff' }", "a: a string that is not UTF-8 is not JSON" },
      { "{ ['\\xff'] = 1 }", "a key is not UTF-8" },
      { "{ 1, nil, 3 }", "mixed keys" },
      { "{ 1, a = 2 }", "mixed keys" },
      { "{ a = { [true] = 1 } }", "a: mixed keys" },
      { "{ [1.5] = 1 }", "mixed keys" },
      { "{ [0] = 1 }", "mixed keys" },
      { "hyperty.array { a = 1 }", "mixed keys" },
      { "hyperty.object { 1 }", "keys of an object are text" },
      { "{ self.syncher }", "1: a userdata is not JSON" },
      { "{ [('k'):rep(1025)] = 1 }", "a key is too long" },
    }
    for _, case in ipairs(cases) do
      it(case[2] .. " for " .. case[1]:sub(1, 30), function()
        has(case[2], raised(one, "hyperty.json.encode(" .. case[1] .. ")"))
      end)
    end

    it("cycle or nesting deeper than 120, and 120 is fine", function()
      has("cycle or nesting deeper than 120",
        raised(one, "local t = {} t.t = t hyperty.json.encode(t)"))
      has("nesting deeper than 120",
        raised(one, "local t = {} for _ = 1, 120 do t = { t } end hyperty.json.encode(t)"))
      one:eval "local t = {} for _ = 1, 119 do t = { t } end hyperty.json.encode(t)"
    end)
  end)

  it("is read raw: no metamethod of a table is called", function()
    assert.equal('{"a":1}', encoded [[setmetatable({ a = 1 }, {
      __index = error, __pairs = error, __len = error, __name = "x" })]])
  end)

  it("stands for a data object by its URL, and for a handle by its content", function()
    local url = one:eval [[
      self.room = self.syncher:create { schema = "Resource", name = "r", data = { list = { 1 } } }
      return self.room.url]]
    assert.equal('["' .. url .. '",{"list":[1]}]', encoded "{ self.room, self.room.data }")
  end)

  it("is copied to a plain table", function()
    assert.same({ true, "table", 2, true }, { one:eval [[
      local t = { a = { 1, 2 } }
      local copy = hyperty.copy(t)
      self.state.t = t
      local from_handle = hyperty.copy(self.state.t)
      return copy.a ~= t.a and copy.a[2] == 2, type(from_handle.a), #from_handle.a,
        hyperty.copy(5) == 5 and hyperty.copy(nil) == nil]] })
    has("copy: a: a function is not JSON", raised(one, "hyperty.copy { a = print }"))
  end)

  it("that cannot be marked raises", function()
    has("a plain table expected", raised(one, "hyperty.array(setmetatable({}, {}))"))
    has("table expected", raised(one, "hyperty.array(5)"))
  end)

  it("goes in and out of a call, nil among the arguments", function()
    assert.same({ 3, "nil", "x", "null" }, { one:eval(
      "local a, b, c = ... return select('#', ...), tostring(b), c, tostring(hyperty.null)",
      1, nil, "x") })
  end)

  it("comes as text where a result of code is not JSON", function()
    local fn, bytes, infinite = one:eval "return print, '\\xff\\xfe', 1/0"
    has("function", fn)
    assert.equal("(a string of 2 bytes that is not UTF-8)", bytes)
    assert.equal("inf", infinite)
  end)
end)
