-- Files of the source tree, for specs that read it. Specs run in the top directory.
local lfs = require "lfs"

local M = {}

---The whole text of a file.
---@param path string
---@return string
function M.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---Names in a directory, sorted, without "." and "..".
---@param dir string
---@return string[]
function M.names(dir)
  local names = {}
  for name in lfs.dir(dir) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

---Paths of all files below a directory whose name matches, sorted by folder.
---@param dir string
---@param pattern string a Lua pattern for the file's name
---@param found string[]|nil is appended to
---@return string[]
function M.files(dir, pattern, found)
  found = found or {}
  for _, name in ipairs(M.names(dir)) do
    local path = dir .. "/" .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "directory" then
      M.files(path, pattern, found)
    elseif mode == "file" and name:find(pattern) then
      found[#found + 1] = path
    end
  end
  return found
end

---What checks can be named of: the text of a file, nil where there is none; of the simulator all
---that it consists of.
---@param path string
---@return string?
function M.source(path)
  if path == "spec/sim" then
    local texts = {}
    for _, file in ipairs(M.files("spec/sim", "%.lua$")) do
      if not file:find "_spec" then texts[#texts + 1] = M.read(file) end
    end
    return table.concat(texts)
  end
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

return M
