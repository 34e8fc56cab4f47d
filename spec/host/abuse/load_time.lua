-- The file itself never ends: it is not loaded.
-- refused: took too long
local t = setmetatable({}, { __close = function() while true do end end })
while true do pcall(function() local _ <close> = t while true do end end) end
