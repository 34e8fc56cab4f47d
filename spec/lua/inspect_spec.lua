-- Values as readable text.
local inspect = require "hyperty.inspect"

describe("inspect", function()
  it("writes strings quoted, with what a terminal would obey escaped", function()
    assert.equal('"a\\nb\\"\\\\\\x00"', inspect 'a\nb"\\\0')
    assert.equal('"é…"', inspect "é…")
    assert.equal('"\\x1b[2J"', inspect "\27[2J")
    assert.equal('"\\u{9b}x"', inspect "\u{9b}x")
    assert.equal('"a\\xff\\xc3"', inspect "a\xff\xc3")
  end)

  it("writes numbers, booleans and nil as Lua does", function()
    assert.equal("9007199254740993", inspect(9007199254740993))
    assert.equal("1.0", inspect(1.0))
    assert.equal("true", inspect(true))
    assert.equal("nil", inspect(nil))
  end)

  it("writes arrays in order and keys sorted", function()
    assert.equal('{ { at = 1, id = "…#1", text = "hello" } }',
      inspect { { text = "hello", id = "…#1", at = 1 } })
    assert.equal('{ 1, 2, a = 3, ["b c"] = 4, ["end"] = 5, [true] = 6 }',
      inspect { 1, 2, ["b c"] = 4, ["end"] = 5, a = 3, [true] = 6 })
    assert.equal("{}", inspect {})
    assert.equal("{ 1, nil, 3 }", inspect { 1, nil, 3 })
  end)

  it("tells an empty array from an empty object, nested too", function()
    local function array() return setmetatable({}, { __metatable = "array" }) end
    assert.equal("array {}", inspect(array()))
    assert.equal("{ a = array {}, b = {} }", inspect { a = array(), b = {} })
  end)

  it("breaks what does not fit the line", function()
    assert.equal('{\n  a = "xxxxxxxxxx",\n  b = { 1, 2 }\n}',
      inspect({ a = ("x"):rep(10), b = { 1, 2 } }, { width = 20 }))
  end)

  it("fills lines with short items of an array", function()
    assert.equal("{\n  1, 2, 3, 4,\n  5, 6, 7, 8\n}", inspect({ 1, 2, 3, 4, 5, 6, 7, 8 },
      { width = 14 }))
    local long = ("x"):rep(30)
    assert.equal('{\n  1,\n  2,\n  3,\n  4,\n  5,\n  6,\n  7,\n  "' .. long .. '"\n}',
      inspect({ 1, 2, 3, 4, 5, 6, 7, long }, { width = 20 }))
  end)

  it("limits depth, items, strings and the whole", function()
    assert.equal("{ { { … } } }", inspect({ { { 1 } } }, { depth = 2 }))
    assert.equal("{ 1, 2, … (3 more) }", inspect({ 1, 2, 3, 4, 5 }, { items = 2 }))
    assert.equal('"éé"… (10 bytes)', inspect("ééééé", { string = 5 }))
    local wide = {}
    for i = 1, 90 do
      wide[i] = {}
      for j = 1, 90 do wide[i][j] = { i, j } end
    end
    assert.is_true(#inspect(wide, { total = 100 }) < 2000)
  end)

  it("does not follow a cycle, but shows a value twice that is there twice", function()
    local t = {}
    t.t = t
    assert.equal("{ t = <cycle> }", inspect(t))
    local shared = { 1 }
    assert.equal("{ { 1 }, { 1 } }", inspect { shared, shared })
  end)

  it("names what has no text", function()
    assert.equal("{ <function>, <thread> }", inspect { print, coroutine.create(print) })
    local broken = setmetatable({}, { __inspect = function() error "no" end, __tostring = error })
    assert.equal("{}", inspect(broken))
  end)

  it("shows null, and handles as the data that they name", function()
    local null, handle = io.stdin, io.stdout
    local copy = function(v) return v == handle and { a = 1 } or nil end
    assert.equal("{ null, { a = 1 } }", inspect({ null, handle }, { null = null, copy = copy }))
  end)

  it("shows objects with the text that is told of them, and what they hold", function()
    local function tell(object)
      if object == io.stdin then return "thing", { a = 1 } end
      if object == io.stdout then return "empty thing" end
    end
    assert.equal("{ <thing> { a = 1 }, <empty thing> }",
      inspect({ io.stdin, io.stdout }, { tell = tell }))
    assert.truthy(inspect(io.stderr, { tell = tell }):find "^<file %(.*>$")
    assert.truthy(inspect(io.stderr, { tell = error }):find "^<file %(.*>$")
  end)

  it("lets a table tell itself", function()
    local api = setmetatable({}, { __inspect = function() return "an api" end })
    assert.equal("{ an api }", inspect { api })
  end)

  it("has colours only on wish, and they take no columns", function()
    local value = { a = ("x"):rep(8) }
    local plain = inspect(value, { width = 20 })
    local colored = inspect(value, { width = 20, color = true })
    assert.falsy(plain:find "\27")
    assert.truthy(colored:find "\27")
    assert.equal(plain, (colored:gsub("\27%[%d*m", "")))
  end)
end)
