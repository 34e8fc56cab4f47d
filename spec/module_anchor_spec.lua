-- The trusted module holds what it calls back into as long as it can, and not longer: who makes
-- many worlds, one after the other, must not keep them all.
local host = require "hyperty.host"

local function collect()
  for _ = 1, 2 do collectgarbage() end -- what has a finalizer goes with the second
end

-- Makes a network with a runtime and a port; gives the network and what tells what is left of both.
local function new(held)
  local net = host.network { seed = 1 }
  local log, listener = {}, {}
  local rt = net:runtime { paths = {}, log = function() return log end }
  local port = rt:port(rt:url() .. "/ear")
  port:listen(rt:url() .. "/ear", function() return listener end)
  held.log, held.listener, held.rt, held.port = log, listener, rt, port
  return net
end

describe("what a network calls", function()
  it("is held while it runs, and let go of when it is stopped", function()
    local held = setmetatable({}, { __mode = "v" })
    local net = new(held)
    collect()
    assert.is_table(held.log)
    assert.is_table(held.listener)
    net:stop()
    collect()
    assert.same({}, held)
  end)

  it("is let go of when a runtime of it is stopped or killed", function()
    for _, how in ipairs { "stop", "crash" } do
      local held = setmetatable({}, { __mode = "v" })
      local net = new(held)
      held.rt[how](held.rt)
      collect()
      assert.same({}, held)
      net:stop()
    end
  end)
end)
