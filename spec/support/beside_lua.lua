-- Whether a hyperty's own functions give and raise what those of Lua do, which runs the specs: the
-- same code runs here and inside a hyperty, and writes down what happened.
--
--   local beside_lua = require "spec.support.beside_lua"
--   beside_lua.agree(anna, [[try(string.find, "abc", "b")]])
local M = {}

-- What the code has: `note(text)`; `try(f, …)`, which notes what it gives or raises; `random(n)`,
-- the same numbers in both; `pick(list)`, `text(list, most)`: items of a list; `shown(v)`.
local PRELUDE = [[
local seed = ...
local lines = {}
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407)
  return (seed >> 33) % n + 1
end
local function pick(list) return list[random(#list)] end
local function text(list, most)
  local made = ""
  for _ = 1, random(most + 1) - 1 do made = made .. pick(list) end
  return made
end
local HEX = "0123456789abcdef"
local function shown(v)
  if math.type(v) == "float" then return ("%.14g"):format(v) .. "f" end
  if type(v) == "table" or type(v) == "function" then return type(v) end
  if type(v) ~= "string" then return tostring(v) end
  if #v > 200 then return #v .. " bytes " .. shown(v:sub(1, 50)) .. ".." .. shown(v:sub(-50)) end
  local made = "'"
  for i = 1, #v do
    local c = v:byte(i)
    if c >= 32 and c < 127 and c ~= 92 then
      made = made .. v:sub(i, i)
    else
      made = made .. "\\" .. HEX:sub(c // 16 + 1, c // 16 + 1) .. HEX:sub(c % 16 + 1, c % 16 + 1)
    end
  end
  return made .. "'"
end
local function note(line) lines[#lines + 1] = line end
local function noted(ok, ...)
  if not ok then
    local what = ...
    note("raised " .. (type(what) == "string" and shown(what) or type(what)))
    return
  end
  local made = "gave"
  for i = 1, select("#", ...) do made = made .. " " .. shown((select(i, ...))) end
  note(made)
end
local function asked(...)
  local made = "?"
  for i = 1, select("#", ...) do made = made .. " " .. shown((select(i, ...))) end
  note(made)
end
local function try(f, ...)
  asked(...)
  noted(pcall(function(...)
    local function results(...) return ... end
    return results(f(...))
  end, ...))
end
]]

local ENDING = [[

local joined = ""
local parts = {}
for _, line in ipairs(lines) do
  joined = joined .. line .. "\n"
  if #joined > 4000 then parts[#parts + 1] = joined joined = "" end
end
parts[#parts + 1] = joined
return parts
]]

-- Where something was raised is not the same in both; and up to Lua 5.4.4 table.remove blames its
-- first argument for the second one.
local function plain(lines)
  return (table.concat(lines):gsub("(\nraised ')[^\n]-:%d+: ", "%1")
    :gsub("#[12] (to '%w+' %(position out of bounds%))", "#2 %1"))
end

local function difference(mine, luas)
  local next_line, asked, at = luas:gmatch "[^\n]*", "", 0
  for line in mine:gmatch "[^\n]*" do
    at = at + 1
    local expected = next_line()
    if line ~= expected then
      return ("line %d, after: %s\n  hyperty: %s\n  Lua:     %s"):format(at, asked, line, expected)
    end
    if line:sub(1, 1) == "?" then asked = line end
  end
end

---Runs the code in both, with the seed for its random numbers; raises the first difference.
---Gives how many lines were noted.
function M.agree(instance, code, seed)
  local whole = PRELUDE .. code .. ENDING
  local luas = plain(assert(load(whole, "=code"))(seed or 1))
  local mine = plain(instance:eval(whole, seed or 1))
  local found = mine ~= luas and difference(mine, luas)
  if found then error(found, 2) end
  assert(mine == luas)
  return select(2, mine:gsub("\n", ""))
end

return M
