-- Functions that Lua and the host's C code call, and that never return.
-- log: took too long
local spawn = require "hyperty".spawn

local function spin()
  while true do end
end

local trap = setmetatable({}, {
  __index = spin, __newindex = spin, __len = spin, __call = spin, __tostring = spin, __eq = spin,
  __lt = spin, __le = spin, __concat = spin, __add = spin, __unm = spin, __pairs = spin,
})

return {
  name = "Abuse",
  start = function()
    local other = setmetatable({}, getmetatable(trap))
    for _, abuse in ipairs {
      function() return trap.x end,
      function() trap.x = 1 end,
      function() return #trap end,
      function() trap() end,
      function() return tostring(trap) end,
      function() return trap == other end,
      function() return trap < other end,
      function() return trap .. "x" end,
      function() return trap + 1 end,
      function() return pairs(trap) end,
      function() print(trap) end,
      function() require "hyperty".log.info(trap) end,
      function() error(trap) end,
      function() table.sort({ 3, 2, 1 }, spin) end,
      function() return string.gsub("x", ".", spin) end,
      function() return load(spin) end,
      function() return string.format("%s", trap) end,
      function() require "hyperty".wait(spin, 10) end,
      function() coroutine.wrap(spin)() end,
    } do
      spawn(abuse)
    end
  end,
}
