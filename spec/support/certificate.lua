-- Certificates for specs, made with the program openssl: an authority, and what it signs.
local program = require "spec.support.program"

local M = {}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function openssl(...)
  local words = { "openssl" }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  local command = "unset LD_PRELOAD; " .. table.concat(words, " ") .. " 2>&1"
  local pipe <close> = assert(io.popen(command))
  local text = pipe:read "a"
  return assert(pipe:close() and text, command .. ": " .. text)
end

---An authority: DIR/ca.pem and DIR/ca.key.
---@param dir string
function M.authority(dir)
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-keyout", dir .. "/ca.key", "-out", dir .. "/ca.pem", "-days", "2",
    "-subj", "/CN=Authority of a spec")
end

---A certificate of that authority: DIR/NAME.pem and DIR/NAME.key, which only its owner can read.
---@param dir string
---@param name string
---@param who string such as "IP:127.0.0.1,DNS:localhost"
function M.signed(dir, name, who)
  program.write(dir .. "/" .. name .. ".ext", "subjectAltName=" .. who .. "\n")
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-keyout", dir .. "/" .. name .. ".key", "-out", dir .. "/" .. name .. ".csr",
    "-subj", "/CN=" .. name)
  openssl("x509", "-req", "-in", dir .. "/" .. name .. ".csr", "-CA", dir .. "/ca.pem",
    "-CAkey", dir .. "/ca.key", "-CAcreateserial", "-days", "2",
    "-extfile", dir .. "/" .. name .. ".ext", "-out", dir .. "/" .. name .. ".pem")
  assert(os.execute("chmod 600 " .. quote(dir .. "/" .. name .. ".key")))
end

return M
