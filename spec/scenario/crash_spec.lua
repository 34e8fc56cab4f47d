-- Some rounds of real processes that are killed and stopped while they write (crash/world.lua).
-- What was acknowledged is there, nothing is there twice, all copies are equal in the end.
--
-- HYPERTY_ROUNDS=20 plays more of them, HYPERTY_ROUND=7 one. tools/crash plays hundreds.
local socket = require "socket"
local world = require "spec.scenario.crash.world"

local COUNT = tonumber(os.getenv "HYPERTY_ROUNDS")
local ONLY = tonumber(os.getenv "HYPERTY_ROUND")
local ENOUGH_S = 25 -- no further round begins

local function play(seed)
  local fault = world.play(seed)
  if fault then error(fault, 0) end
end

describe("processes that are killed and stopped while they write lose nothing:", function()
  local began = socket.gettime()

  if ONLY then
    it("round " .. ONLY, function() play(ONLY) end)
    return
  end
  for seed = 1, COUNT or 4 do
    it("round " .. seed, function()
      if not COUNT and socket.gettime() - began > ENOUGH_S then
        return pending "the rounds before took long"
      end
      play(seed)
    end)
  end
end)
