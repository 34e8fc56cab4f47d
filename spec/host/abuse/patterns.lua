-- Patterns that try every way to match, over texts that match none.
-- log: took too long
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    local text = ("a"):rep(50000)
    spawn(function() return text:find(("a-"):rep(20) .. "b") end)
    spawn(function() return text:match((".*"):rep(10) .. "b") end)
    spawn(function() return text:gsub(("a?"):rep(200) .. ("a"):rep(200) .. "b", "") end)
    spawn(function() text:gmatch ".-b"() end)
    spawn(function() return (("("):rep(50000)):find "%b()" end)
    spawn(function() return text:find(("x"):rep(20000) .. "*", 1, true) end)
    spawn(function() return ("(" ):rep(30) .. text:gsub("a", ("%0"):rep(1000)) end)
  end,
}
