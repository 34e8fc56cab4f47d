-- What the new code writes while it is tried in a reload is checked by the schema then.
local host = require "hyperty.host"
local kitchen = require "spec.support.kitchen"

local SOURCE = [[
local hyperty = require "hyperty"
local T = { name = "T", api = {} }
function T:start()
  self.room = assert(self.syncher:create { schema = "Kitchen", name = "here",
    data = { value = 1, cooks = { { name = "a" } } } })
  local data = self.room.data
  %s
end
return T
]]

describe("in a reload, what does not fit", function()
  local rt, one

  before_each(function()
    rt = host.runtime { clock = "virtual", seed = 1, paths = {},
      schemas = { Kitchen = kitchen.one } }
    one = assert(rt:load_text(SOURCE:format "", { as = "one" }, "one.lua"))
    rt:run(1)
  end)

  after_each(function() rt:stop() end)

  local function reload(code) return rt:reload("one", SOURCE:format(code)) end

  local function state()
    rt:run(1)
    return { one:eval "return require('hyperty').copy(self.room.data), self.room.version" }
  end

  it("raises there, as it would without", function()
    local done, text = reload "data.value = 'x'"
    assert.is_nil(done)
    assert.truthy(text:find('value: "x" is no number', 1, true), text)
    assert.same({ { value = 1, cooks = { { name = "a" } } }, 0 }, state())
  end)

  it("and is caught there leaves nothing of itself", function()
    assert.is_true(reload [[
      data.value = 2
      self.told = tostring(select(2, pcall(function() data.cooks[1].name = 5 end)))
      data.value = 3]])
    assert.truthy(one:eval "return self.told":find("cooks.1.name: 5 is no string", 1, true))
    assert.same({ { value = 3, cooks = { { name = "a" } } }, 1 }, state())
  end)

  it("is undone with its batch, at the end of that, and what came before it stays", function()
    assert.is_true(reload [[
      data.value = 2
      self.told = tostring(select(2, pcall(self.room.batch, self.room, function()
        data.value = 7
        table.insert(data.cooks, 1, {})
        data.cooks[2].name = "b"
      end)))
      self.room:batch(function()
        table.insert(data.cooks, 1, {})
        data.cooks[1].name = "z"
      end)]])
    assert.truthy(one:eval "return self.told":find('cooks.1: has no "name"', 1, true))
    assert.same({ { value = 2, cooks = { { name = "z" }, { name = "a" } } }, 1 }, state())
  end)

  it("is no child", function()
    assert.is_true(reload [[
      self.child, self.told = self.room:add_child("items", { text = 5 })]])
    assert.truthy(one:eval "return self.told":find("items: text: 5 is no string", 1, true))
    assert.same({ { value = 1, cooks = { { name = "a" } } }, 0 }, state())
  end)
end)
