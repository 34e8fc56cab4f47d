-- It deletes its object in a handler of it, twice, and is unloaded while that still waits.
local hyperty = require "hyperty"

return {
  name = "Abuse",
  start = function(self)
    local object = assert(self.syncher:create { schema = "Resource", data = {} })
    object:on("child", function()
      print "unload me"
      object:delete()
      object:delete()
      pcall(function() object.data.n = 5 end)
      hyperty.sleep(1000)
      print "never"
    end)
    object:on("child", function() object:delete() end)
    object:add_child("items", {})
  end,
}
