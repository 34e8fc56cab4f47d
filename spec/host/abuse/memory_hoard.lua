-- Tables without end, of which it lets go when there is no more memory, to begin again.
-- log: took too long
local hoard = {}

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function()
      while true do
        pcall(function()
          while true do hoard[#hoard + 1] = { hoard, {}, #hoard } end
        end)
        hoard = {}
      end
    end)
  end,
}
