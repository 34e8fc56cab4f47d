-- A table of figures beside their aims; for the benches.
--
--   local lines = report.new(wanted)                names of which a line's has to contain one
--   lines:add(name, aim, function() return figure, remark end)
--   lines:print()                                   runs each line and prints it when it is there
local M = {}

local Report = {}
Report.__index = Report

---@param wanted string[] none: all
function M.new(wanted) return setmetatable({ wanted = wanted }, Report) end

function Report:add(name, aim, fn) self[#self + 1] = { name = name, aim = aim, fn = fn } end

local function is_wanted(self, name)
  for _, part in ipairs(self.wanted) do
    if name:find(part, 1, true) then return true end
  end
  return #self.wanted == 0
end

-- By characters, not bytes.
local function pad(text, width) return text .. (" "):rep(width - utf8.len(text)) end

function Report:print()
  io.stdout:setvbuf "line"
  print(pad("what", 50) .. pad("measured", 14) .. pad("aim", 18))
  for _, line in ipairs(self) do
    if is_wanted(self, line.name) then
      local measured, remark = line.fn()
      print((pad(line.name, 50) .. pad(measured, 14) .. pad(line.aim, 18) .. (remark or ""))
        :match "^(.-)%s*$")
    end
  end
end

return M
