-- The stranger of the random worlds: whoever answers it with a yes, or lets it hear anything, is
-- found. What stands for the core here answers as the specs want it.
local draws = require "spec.sim.draw"
local intruder = require "spec.sim.intruder"

local TRIES = 60

describe("the stranger", function()
  local world, object, code, asked, listeners

  -- Requests are answered with `code`; nil: not at all.
  local function port()
    return {
      request = function(_, message)
        asked[#asked + 1] = message
        return code and { body = { code = code } } or nil
      end,
      listen = function(_, url, fn) listeners[url] = fn end,
      close = function() end,
    }
  end

  before_each(function()
    code, asked, listeners = 403, {}, {}
    local runtime = { url = function() return "hyperty-runtime://x/thief" end, port = port }
    world = { draw = draws.new(1), told = {}, net = { runtime = function() return runtime end,
      run = function() end }, tell = function() end, next_label = function() return 1 end }
    object = { label = "o1", url = "resource://x/1", epoch = "1-a", version = 3,
      actor = { name = "anna", url = "hyperty://x/anna", domain = "x" } }
  end)

  local function fault_of(fn, ...)
    local ok, err = pcall(fn, ...)
    return not ok and (err.fault or err) or nil
  end

  local function try_all()
    for _ = 1, TRIES do
      local fault = fault_of(intruder.try, world, object)
      if fault then return fault end
    end
  end

  it("is content while it is refused, or not answered", function()
    assert.is_nil(try_all())
    code = nil
    assert.is_nil(try_all())
    assert.is_nil(fault_of(intruder.settle, world))
    assert.truthy(#asked > TRIES)
  end)

  it("tries all that it has no right to", function()
    try_all()
    local seen = {}
    for _, message in ipairs(asked) do
      seen[message.type .. " " .. (message.body and message.body.method or "")] = true
    end
    for _, kind in ipairs { "update ", "event ", "delete ", "subscribe ", "execute admit",
      "execute move", "read " } do
      assert.is_true(seen[kind], kind)
    end
  end)

  it("tells that it was answered with a yes", function()
    code = 200
    local fault = try_all()
    assert.truthy(fault:find("a stranger tried to", 1, true), fault)
    assert.truthy(fault:find("of o1, and was answered 200", 1, true), fault)
  end)

  it("tells that it has heard something", function()
    repeat intruder.try(world, object) until listeners["resource://x/1/changes"]
    listeners["resource://x/1/changes"] { type = "delete" } -- all who are there are told
    assert.is_nil(fault_of(intruder.settle, world))
    listeners["resource://x/1/changes"] { type = "update", body = { version = 4 } }
    local fault = fault_of(intruder.settle, world)
    assert.truthy(fault:find("who was not let in has heard of o1", 1, true), fault)
  end)

  it("keeps still where things go wrong, or the object is handed over", function()
    world.is_disturbed = true
    try_all()
    world.is_disturbed, object.heir = false, {}
    try_all()
    assert.equal(0, #asked)
  end)
end)
