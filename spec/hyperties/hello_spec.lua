-- hello: changes arrive and are printed.
local host = require "hyperty.host"

describe("hello", function()
  local rt, said, before

  before_each(function()
    before, said = host.blocks(), {}
    rt = host.runtime {
      print = function(who, text) table.insert(said, who .. ": " .. text) end,
      log = function(level, who, text)
        if level == "error" then error(who .. ": " .. text, 0) end
      end,
    }
  end)

  after_each(function()
    rt:stop()
    assert.equal(before, host.blocks())
  end)

  it("prints a change each second", function()
    local hello = assert(rt:load "hello")
    assert.equal("hello", hello.name)
    assert.equal(0, hello.api.count())
    rt:run(0.9)
    assert.same({}, said)
    rt:run(2.2)
    assert.same({
      "hello: hello number 1 (version 1)",
      "hello: hello number 2 (version 2)",
      "hello: hello number 3 (version 3)",
    }, said)
    assert.equal(3, hello.api.count())
  end)

  it("goes as fast as it is told", function()
    assert(rt:load("hello", { every = 0.1 }))
    rt:run(1)
    assert.equal(10, #said)
  end)

  it("has an object that anybody may observe", function()
    local url = assert(rt:load "hello").api.url()
    local guest = assert(rt:load_text "return { name = 'Guest' }")
    rt:run(2)
    assert.same({ "hello", 2 }, { guest:eval([[
      local self, url = ...
      local copy = assert(self.syncher:subscribe(url))
      return copy.data.text, copy.data.count]], url) })
  end)

  it("stops with its instance", function()
    local hello = assert(rt:load "hello")
    hello:unload()
    rt:run(5)
    assert.same({}, said)
    assert.same({}, rt:objects())
  end)
end)
