-- A million handlers of one object, or as many as there is memory for, and each of them is called.
-- log: not enough memory
local hyperty = require "hyperty"

return {
  name = "Abuse",
  start = function(self)
    local object = assert(self.syncher:create { schema = "Resource", data = {} })
    local count = 0
    local function add()
      for _ = 1, 1000 do object:on("child", function() count = count + 1 end) end
    end
    hyperty.spawn(function()
      for _ = 1, 1000 do
        add()
        hyperty.sleep(0)
      end
    end)
    hyperty.every(0.1, function() object:add_child("items", { n = count }) end)
  end,
}
