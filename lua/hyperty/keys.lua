-- Commands of the prompt about keys: the own one, and those by which users are known again.
local M = {}

local error, format, type = error, string.format, type

-- Blames who called the command.
local function check(value, kind, what)
  if type(value) ~= kind then
    error(format("%s must be a %s, not %s", what, kind, type(value)), 4)
  end
end

local function check_names(name, user, fingerprint)
  check(user, "string", name .. ": user")
  if fingerprint ~= nil then check(fingerprint, "string", name .. ": fingerprint") end
end

local function must(value, message)
  if not value then error(message, 0) end
  return value
end

---@param host table what only a prompt may do
---@return table<string, function> commands by name
function M.commands(host)
  local commands = {}

  function commands.keys() return must(host.keys()) end

  function commands.accept(user, fingerprint)
    check_names("accept", user, fingerprint)
    return must(host.accept(user, fingerprint))
  end

  function commands.forget(user, fingerprint)
    check_names("forget", user, fingerprint)
    return must(host.forget(user, fingerprint))
  end

  return commands
end

return M
