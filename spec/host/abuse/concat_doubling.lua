-- A text that doubles.
-- log: not enough memory
return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function()
      local text = "x"
      while true do text = text .. text end
    end)
  end,
}
