-- Tables without end, of which it lets go when there is no more memory, to begin again.
-- log: took too long
local hoard = {}

local function fill()
  while true do hoard[#hoard + 1] = { hoard, {}, #hoard } end
end

local function begin() hoard = {} end

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function()
      while true do
        pcall(fill)
        hoard = nil
        while not pcall(begin) do end -- as long as there is no room for it
      end
    end)
  end,
}
