-- It is killed within a batch of changes, which is undone.
-- log: took too long
local hyperty = require "hyperty"

return {
  name = "Abuse",
  start = function(self)
    local object = assert(self.syncher:create { schema = "Resource", data = { n = 0 } })
    hyperty.spawn(function()
      object:batch(function() object.data.n = 1 while true do end end)
    end)
    hyperty.after(0.1, function() assert(object.data.n == 0) end)
  end,
}
