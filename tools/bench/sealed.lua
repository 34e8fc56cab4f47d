-- What it costs that only its participants can read an object: changes that a script writes in one
-- runtime and a handler hears in another, on a virtual clock. Prints "plain <changes/s>" and
-- "sealed <changes/s>" of processor time. tools/bench/tls runs it.
--
--   lua5.4 tools/bench/sealed.lua [SECONDS]

local host = require "hyperty.host"

local REPORTER = [[
  local hyperty = require "hyperty"
  local R = { name = "Reporter", api = {} }
  function R:start(config)
    self.object = assert(self.syncher:create {
      schema = "Resource", public = true, mutual = config.mutual, data = { text = "" } })
  end
  function R.api.url(self) return self.object.url end
  function R.api.write(self, from, to)
    local text = string.rep("x", 99)
    for i = from, to do
      self.object.data.text = text .. (i % 10)
      if i % 64 == 0 then hyperty.sleep(0) end
    end
  end
  return R
]]

local OBSERVER = [[
  local O = { name = "Observer", api = {} }
  function O:start(config)
    self.seen = 0
    self.object = assert(self.syncher:subscribe(config.url))
    self.object:on("change", function() self.seen = self.seen + 1 end)
  end
  function O.api.seen(self) return self.seen end
  return O
]]

local SLICE = 4096

local function rate(seconds, mutual)
  local net = host.network { seed = 1 }
  local function load(name, source, config)
    local rt = net:runtime { log = function() end }
    config.user = "user://localhost/" .. name
    return assert(rt:load_text(source, config, name .. ".lua"))
  end
  local reporter = load("anna", REPORTER, { mutual = mutual })
  local observer = load("ben", OBSERVER, { url = reporter:call "url" })
  local count, began = 0, os.clock()
  repeat
    reporter:call("write", count + 1, count + SLICE)
    assert(net:settle())
    count = count + SLICE
  until os.clock() - began >= seconds
  local took = os.clock() - began
  assert(observer:call "seen" == count, "not all has arrived")
  net:stop()
  return count / took
end

local seconds = tonumber(arg[1] or 2)
print(("plain %.0f"):format(rate(seconds, false)))
print(("sealed %.0f"):format(rate(seconds, true)))
