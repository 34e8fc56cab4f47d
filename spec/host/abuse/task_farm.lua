-- Tasks that make tasks, at once, and after no time.
-- log: not enough memory
local hyperty = require "hyperty"

local function fork()
  for _ = 1, 10 do
    local ok, why, code = hyperty.spawn(fork)
    if not ok then error(why .. " " .. code) end
  end
end

local function again()
  return hyperty.after(0, again)
end

return {
  name = "Abuse",
  start = function()
    hyperty.spawn(fork)
    again()
  end,
}
