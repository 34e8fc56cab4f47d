-- Random worlds: most of 3 runtimes, some of up to 10, on one or two nodes; messages of different
-- ones overtake each other, actors create, write, take part, leave and are thrown out, and in most
-- worlds connections, nodes and processes fail. At every moment a copy is something that its
-- reporter had; after each quiet moment it is the reporter's, every event was heard once and in
-- order, and nothing is missing that somebody was told of.
--
-- HYPERTY_SEEDS=2000 runs more of them, HYPERTY_SEED=7 one. tools/sim runs many with progress.
local world = require "spec.sim.world"

local COUNT = tonumber(os.getenv "HYPERTY_SEEDS") or 120
local ONLY = tonumber(os.getenv "HYPERTY_SEED")
local BLOCK = 25

local function play(first, last)
  for seed = first, last do
    local fault = world.play(seed)
    if fault then error(fault, 0) end
  end
end

describe("random worlds come to rest with every copy equal to its original:", function()
  if ONLY then
    it("seed " .. ONLY, function() play(ONLY, ONLY) end)
    return
  end
  for first = 1, COUNT, BLOCK do
    local last = math.min(first + BLOCK - 1, COUNT)
    it(("seeds %d to %d"):format(first, last), function() play(first, last) end)
  end
end)

describe("a random world", function()
  it("runs the same again from its seed, to the byte", function()
    for seed = 1, 3 do
      local _, first = world.play(seed)
      local _, second = world.play(seed)
      assert.truthy(#first() > 1000)
      assert.equal(first(), second())
    end
  end)

  it("is another one for another seed", function()
    local _, one = world.play(1)
    local _, another = world.play(2)
    assert.not_equal(one(), another())
  end)
end)
