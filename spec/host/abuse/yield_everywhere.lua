-- Yields and waits where nothing can be waited for.
-- log: yield
local hyperty = require "hyperty"
local spawn, sleep, yield = hyperty.spawn, hyperty.sleep, coroutine.yield

return {
  name = "Abuse",
  start = function(self)
    local object = assert(self.syncher:create { schema = "Resource", data = {} })
    object:on("child", function() yield() end)
    object:add_child("items", {})
    for _, wait in ipairs { function() sleep(0.01) end, function() yield(1) end } do
      local trap = setmetatable({}, { __index = wait, __tostring = wait, __lt = wait,
        __close = wait, __len = wait, __pairs = wait })
      for _, abuse in ipairs {
        function() wait() end,
        function() return trap.x end,
        function() return tostring(trap) end,
        function() return trap < trap end,
        function() return #trap end,
        function() local _ <close> = trap end,
        function() local _ <close> = trap error "x" end,
        function() table.sort({ 3, 2, 1 }, wait) end,
        function() return string.gsub("x", ".", wait) end,
        function() return load(wait) end,
        function() for _ in wait do print() end end,
        function() for _ in pairs(trap) do print() end end,
        function() object:batch(wait) end,
        function() pcall(wait) xpcall(wait, wait) end,
        function() error(trap) end,
      } do
        spawn(abuse)
        spawn(function() coroutine.wrap(abuse)() end)
        spawn(function() coroutine.close(coroutine.create(abuse)) end)
      end
    end
    spawn(yield)
    spawn(sleep, 0.01)
    spawn(coroutine.wrap(function() sleep(0.01) yield() end))
  end,
}
