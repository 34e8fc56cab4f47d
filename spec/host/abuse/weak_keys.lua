-- log: there is no __mode "k" here
-- log: there is no __mode "k" here
-- Values that only weak keys lead to, in a long chain: the collector would look through all of
-- them for each of them, in one piece.
local hyperty = require "hyperty"
return { name = "WeakKeys",
  start = function()
    hyperty.spawn(function() setmetatable({}, { __mode = "k" }) end)
    hyperty.spawn(function() setmetatable({}, { __mode = "sk" }) end)
    assert(setmetatable({}, { __mode = "v" }) and setmetatable({}, { __mode = "kv" }))
  end }
