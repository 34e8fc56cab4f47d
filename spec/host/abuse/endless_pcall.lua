-- It catches what ends it, again and again.
-- log: took too long
local function spin()
  while true do end
end

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function()
      while true do pcall(spin) end
    end)
    require "hyperty".spawn(function()
      local function deeper() return pcall(deeper) or deeper() end
      while true do pcall(deeper) end
    end)
    require "hyperty".spawn(pcall, spin)
  end,
}
