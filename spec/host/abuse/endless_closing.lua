-- Variables to be closed whose closing never ends: after the kill, after an error, when all is
-- well, one after the other, on a coroutine that is closed, and on one that died of the kill and is
-- closed later.
-- log: took too long
local hyperty = require "hyperty"

local function spin()
  while true do end
end

local function trap()
  return setmetatable({}, { __close = spin })
end

local died

return {
  name = "Abuse",
  start = function()
    hyperty.spawn(function() local _ <close> = trap() spin() end)
    hyperty.spawn(function() local _ <close> = trap() error "x" end)
    hyperty.spawn(function() local _ <close> = trap() end)
    hyperty.spawn(function()
      local _ <close> = trap()
      local _ <close> = trap()
      table.sort({ 3, 2, 1 }, function() local _ <close> = trap() spin() end)
    end)
    -- Closing that is all C, and would wait: who is killed does not.
    hyperty.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() print "never" end })
      while true do
        pcall(function()
          local _ <close> = setmetatable({}, { __close = hyperty.sleep, __index = spin })
          table.sort({ 3, 2, 1 }, spin)
        end)
      end
    end)
    hyperty.spawn(function()
      local co = coroutine.create(function() local _ <close> = trap() coroutine.yield() end)
      coroutine.resume(co)
      while true do coroutine.close(co) end
    end)
    hyperty.spawn(function()
      died = coroutine.create(function() local _ <close> = trap() spin() end)
      coroutine.resume(died)
    end)
    hyperty.after(0.1, function()
      assert(coroutine.status(died) == "dead")
      local is_clean, why = coroutine.close(died)
      assert(not is_clean and why == "took too long")
      assert(not coroutine.resume(died))
    end)
    hyperty.spawn(function() local _ <close> = trap() hyperty.sleep(1000) end) -- ends with us
  end,
}
