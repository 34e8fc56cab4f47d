-- What does not fit into a message between two runtimes is refused aloud, not waited for.
local host = require "hyperty.host"

local BIG = [[
  local Big = { name = "Big" }
  function Big:start()
    self.object = self.syncher:create {
      schema = "Resource", name = "big", public = true, data = { text = ("x"):rep(2 ^ 21) },
    }
  end
  Big.api = {}
  function Big.api.url(self) return self.object.url end
  function Big.api.text(self) return self.object.data.text end
  return Big
]]

local ASKER = [[
  local hyperty = require "hyperty"
  local Asker = { name = "Asker", api = {} }
  function Asker.api.call(self, ...) return hyperty.call(...) end
  function Asker.api.subscribe(self, url) return self.syncher:subscribe(url) end
  function Asker.api.read(self, url) return self.syncher:read(url) end
  return Asker
]]

describe("an answer of two megabytes", function()
  local blocks, net, big, asker

  before_each(function()
    blocks = host.blocks()
    net = host.network { seed = 1 }
    local quiet = function() end
    big = assert(net:runtime({ log = quiet }):load_text(BIG))
    asker = assert(net:runtime({ log = quiet }):load_text(ASKER))
  end)

  after_each(function()
    net:stop()
    assert.equal(blocks, host.blocks())
  end)

  local function is_refused(...)
    local value, why, code = asker:call(...)
    assert.same({ nil, "too_large" }, { value, code })
    assert.truthy(why:find("does not fit into one message", 1, true), why)
  end

  it("to a call is told as too large", function() is_refused("call", big.url, "text") end)

  it("is no event: sending it fails at once", function()
    local two = big:eval [[
      local hyperty = require "hyperty"
      local _, _, first = hyperty.emit("big", ("x"):rep(2 ^ 21))
      local _, _, second = self.object:send_event("items", { text = ("x"):rep(2 ^ 21) })
      return { first, second }
    ]]
    assert.same({ "too_large", "too_large" }, two)
  end)

  it("to a subscription or a read of the object is told as too large", function()
    local url = big:call "url"
    is_refused("subscribe", url)
    is_refused("read", url)
  end)
end)
