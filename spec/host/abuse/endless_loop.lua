-- A task that never waits.
-- log: endless_loop.lua:6: took too long: 50 ms of processor time without a wait
return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function() while true do end end)
  end,
}
