-- Source texts that are long, or deep.
-- log: took too long
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    spawn(function()
      for _ = 1, 1000 do load(("x = 1 "):rep(200000)) end
    end)
    spawn(function()
      assert(not load(("("):rep(1000000)))
      assert(not load("return " .. ("{"):rep(100000)))
      assert(not load("x = " .. ("-"):rep(1) .. ("not "):rep(100000) .. "1"))
      assert(not load(("local function f() "):rep(1000)))
    end)
  end,
}
