-- What is told of an error in a task: its stack, those of who waited for it, and where it came
-- from.
local objects = require "spec.support.objects"

local has = objects.has

describe("an error in a task", function()
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

  it("tells where it was spawned", function()
    one:eval "local function fail() error('oh') end\nhyperty.spawn(fail)"
    world:run()
    local errors = world:errors()
    assert.equal(1, #errors)
    assert.matches("spawned at eval:2$", errors[1])
  end)

  it("tells where its timer was started", function()
    one:eval "local function fail() error('oh') end\n\nhyperty.after(1, fail)"
    world:run(2)
    local errors = world:errors()
    assert.equal(1, #errors)
    assert.matches("started at eval:3$", errors[1])
  end)

  it("tells the stacks of all who waited, the innermost first", function()
    one:eval [[
      local function innermost() error("oh") end
      local function inner() hyperty.sleep(1) innermost() end
      local function middle() return (hyperty.wait(inner, 5)) end
      local function outer() return (hyperty.wait(middle, 5)) end
      hyperty.spawn(outer)]]
    world:run(2)
    local errors = world:errors()
    assert.equal(1, #errors)
    assert.equal(table.concat({
      "one: spawned function: eval:1: oh",
      "stack traceback:",
      "\t[C]: in global 'error'",
      "\teval:1: in 'innermost'",
      "\teval:2: in function <eval:2>",
      "waited for by:",
      "\t[C]: in field 'wait'",
      "\teval:3: in function <eval:3>",
      "waited for by:",
      "\t[C]: in field 'wait'",
      "\teval:4: in function <eval:4>",
      "spawned at eval:5",
    }, "\n"), (errors[1]:gsub("upvalue '", "'"):gsub("local '", "'"):gsub("function '", "'")))
  end)

  it("does not tell those of errors that were caught before", function()
    one:eval [[
      hyperty.spawn(function()
        pcall(hyperty.wait, function() error("first") end, 5)
        error("second")
      end)]]
    world:run(2)
    local errors = world:errors()
    assert.equal(1, #errors)
    assert.is_nil(errors[1]:find("waited for by", 1, true))
    assert.is_nil(errors[1]:find("first", 1, true))
  end)

  it("tells them also if who caught it has added to it, or raised an object", function()
    one:eval [[
      hyperty.spawn(function()
        local _, e = pcall(hyperty.wait, function() error("first") end, 5)
        error("more: " .. e)
      end)
      hyperty.spawn(function()
        local odd = setmetatable({}, { __tostring = function() return "odd" end })
        hyperty.wait(function() error(odd) end, 5)
      end)]]
    world:run(2)
    local errors = world:errors()
    assert.equal(2, #errors)
    for n = 1, 2 do has("waited for by:", errors[n]) end
  end)

  it("does not tell of endless many", function()
    one:eval [[
      local function down(n)
        if n == 0 then error("deep") end
        hyperty.wait(function() down(n - 1) end, 100)
      end
      hyperty.spawn(down, 500)]]
    world:run(2)
    local errors = world:errors()
    assert.equal(1, #errors)
    has("waited for by:", errors[1])
    assert.is_true(#errors[1] < 20000)
  end)
end)
