-- log: bad argument #1 to 'date' (format too long)
-- A date of millions of items, made in one call into C.
local hyperty = require "hyperty"
return { name = "Dates",
  start = function()
    hyperty.spawn(function() os.date(("%n"):rep(100000)) end)
    assert(os.date(("%n"):rep(2000)) == ("\n"):rep(2000))
  end }
