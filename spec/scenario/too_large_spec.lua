-- What does not fit into a message between two runtimes is refused aloud, not waited for; but an
-- object as a whole may be of any size.
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

  it("to a subscription or a read is told as too large if one value alone is", function()
    local url = big:call "url"
    is_refused("subscribe", url)
    is_refused("read", url)
  end)

  it("is no trouble if the object has it in many values", function()
    local url = big:eval [[
      local hyperty = require "hyperty"
      self.many = self.syncher:create { schema = "Resource", name = "many", public = true,
        data = { list = hyperty.array {} } }
      for i = 1, 3000 do
        self.many.data.list[i] = { i, ("x"):rep(1000) }
        if i % 500 == 0 then hyperty.sleep(0.1) end
      end
      return self.many.url]]
    local count, sum, state = asker:eval([[
      self.many = assert(self.syncher:subscribe(select(2, ...)))
      local sum = 0
      for _, item in ipairs(self.many.data.list) do sum = sum + item[1] + #item[2] end
      return #self.many.data.list, sum, self.many:status().state]], url)
    assert.same({ 3000, 3000 * 3001 / 2 + 3000000, "live" }, { count, sum, state })
    assert.equal(3000, asker:eval("return #self.syncher:read(select(2, ...)).data.list", url))
  end)

  it("is no change: it is raised at its writer, and nothing is changed", function()
    local ok, why, text = big:eval [[
      self.object.data.text = "short"
      local ok, err = pcall(function() self.object.data.text = ("x"):rep(2 ^ 20) end)
      return ok, tostring(err), self.object.data.text]]
    assert.same({ false, "short" }, { ok, text })
    assert.truthy(why:find("does not fit into a message", 1, true), why)
  end)
end)
