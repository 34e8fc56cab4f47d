-- Where a simulated sensor has its values from: functions that give degrees Celsius and relative
-- humidity at a time. Each is made with the thermometer's config.

local M = {}

-- Draws between -1 and 1 that depend on the seed alone: xorshift, 64 bits.
local function draws(seed)
  local x = seed ~ 0x2545F4914F6CDD1D
  if x == 0 then x = 1 end
  return function()
    x = x ~ (x << 13)
    x = x ~ (x >> 7)
    x = x ~ (x << 17)
    return (x >> 11) / (1 << 52) - 1
  end
end

local function within(low, value, high)
  return math.max(low, math.min(value, high))
end

---A random walk: each value is near the one before. Equal seeds walk the same way.
---@param config { seed: integer?, start: number? }
function M.walk(config)
  local draw = draws(config.seed or 1)
  local degrees, humidity = config.start or 19, 45
  return function()
    degrees = within(-10, degrees + draw() * 0.5, 40)
    humidity = within(10, humidity + draw(), 90)
    return degrees, humidity
  end
end

---A curve over the day (of UTC): coldest at three in the night, warmest at three in the afternoon.
---@param config { start: number? }
function M.day(config)
  local mean = config.start or 19
  return function(now)
    local hour = now % 86400 / 3600
    local warmth = math.cos((hour - 15) / 24 * 2 * math.pi)
    return mean + 6 * warmth, 50 - 15 * warmth
  end
end

return M
