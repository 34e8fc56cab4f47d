-- counter: observers ask the reporter to write.
local chats = require "spec.support.chats"
local host = require "hyperty.host"

local refused = chats.refused

describe("counter", function()
  local rt, before, reporter, observer

  before_each(function()
    before = host.blocks()
    rt = host.runtime { log = function(level, who, text)
      if level == "error" then error(who .. ": " .. text, 0) end
    end }
    reporter = assert(rt:load("counter", { as = "a" }))
    observer = assert(rt:load("counter", { as = "b", url = reporter.api.url() }))
  end)

  after_each(function()
    rt:stop()
    assert.equal(before, host.blocks())
  end)

  it("counts where it is reported", function()
    assert.equal(1, reporter.api.add())
    assert.equal(6, reporter.api.add(5))
    assert.equal(6, reporter.api.count())
  end)

  it("counts for who observes it, by asking", function()
    assert.equal(5, observer.api.add(5))
    assert.equal(4, observer.api.add(-1))
    assert.equal(4, reporter.api.count())
    rt:run()
    assert.equal(4, observer.api.count())
  end)

  it("has one address, whoever is asked for it", function()
    assert.equal(reporter.api.url(), observer.api.url())
  end)

  it("loses no step when several ask at once", function()
    local third = assert(rt:load("counter", { as = "c", url = reporter.api.url() }))
    for _ = 1, 10 do
      for _, instance in ipairs { observer, third } do
        instance:eval [[
          local self = ...
          require("hyperty").spawn(function() assert(self.observer:execute("add", 1)) end)]]
      end
    end
    rt:run()
    assert.same({ 20, 20, 20 },
      { reporter.api.count(), observer.api.count(), third.api.count() })
  end)

  it("takes whole numbers only", function()
    refused("invalid", "add takes a whole number", reporter.api.add(1.5))
    refused("forbidden", "add takes a whole number", observer.api.add "x")
    assert.equal(0, reporter.api.count())
  end)

  it("knows nothing but add", function()
    refused("forbidden", "a counter knows only add",
      observer:eval [[return (...).observer:execute("reset")]])
  end)

  it("can be written by nobody else", function()
    local text = observer:eval [[
      local self = ...
      return (select(2, pcall(function() self.observer.data.count = 9 end)))]]
    assert.truthy(text:find("read-only", 1, true))
    assert.equal(0, reporter.api.count())
  end)

  it("does not start on a counter that is not there", function()
    local none, message = rt:load("counter", { url = "resource://localhost/nothing" })
    assert.is_nil(none)
    assert.truthy(message:find("resource://localhost/nothing", 1, true), message)
  end)

  it("cannot be asked once its reporter is gone", function()
    reporter:unload()
    rt:run()
    refused("closed", "is closed", observer.api.add())
  end)
end)
