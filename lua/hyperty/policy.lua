-- Commands of the prompt about who may do what: rules, groups, and why somebody may not.
local hyperty = require "hyperty"

local M = {}

local concat = table.concat
local error, format, ipairs, pairs, print, type = error, string.format, ipairs, pairs, print, type

local function check(value, kind, what)
  if type(value) ~= kind then
    error(format("%s must be a %s, not %s", what, kind, type(value)), 3)
  end
end

local function must(ok, message)
  if not ok then error(message, 0) end
end

-- --- why -----------------------------------------------------------------------------------------

local ACTIONS = { "observe", "read", "child", "execute" }

-- By what something lets in.
local LETS = {
  invited = "its reporter, which invited it",
  list = "the list of its reporter",
  public = "being public",
  handler = "its hyperty",
  before = "who reported it before",
}

local function by(entry)
  return entry.by == "rule" and "policy " .. entry.rule or LETS[entry.by]
end

local function tell_guest(guest)
  if guest.observing then
    local since = guest.at and " since " .. guest.at or ""
    return format("observes it%s, let in by %s", since, by(guest) or "its hyperty")
  end
  if guest.evicted then return "was evicted by its reporter, and does not observe it" end
  if guest.listed then return "does not observe it, and is on the list of its reporter" end
  return "does not observe it any more"
end

local function tell_refusal(refusal)
  local times = refusal.count > 1 and format("%d times, last ", refusal.count) or ""
  return format("%s%s: %s (%s%s)", refusal.action, refusal.struck and ", taken back" or "",
    refusal.text, times, refusal.at)
end

local function tell_ruling(action, now)
  if now.ruling == "allow" then return format("%s: allowed by %s", action, by(now)) end
  if now.ruling == "deny" then return format("%s: denied by policy %s", action, now.rule) end
  return format("%s: its hyperty decides", action)
end

-- What is known of an object and a hyperty or user, as text.
local function explain(known, url, who)
  local lines = {}
  if known.guest then lines[1] = format("%s %s", who, tell_guest(known.guest)) end
  if #known.refusals > 0 then lines[#lines + 1] = "refused:" end
  for _, refusal in ipairs(known.refusals) do
    lines[#lines + 1] = "  " .. tell_refusal(refusal)
  end
  if not known.here then
    lines[#lines + 1] = format("%s is not reported here: ask where it is", url)
    return concat(lines, "\n")
  end
  lines[#lines + 1] = "now:"
  for _, action in ipairs(ACTIONS) do
    lines[#lines + 1] = "  " .. tell_ruling(action, known.now[action])
  end
  return concat(lines, "\n")
end

---@param host table what only a prompt may do
---@param url string of an object
---@param who string a hyperty or user
function M.why(host, url, who)
  check(url, "string", "why: url")
  check(who, "string", "why: who")
  print(explain(host.why(url, who), url, who))
end

-- --- rules and groups ----------------------------------------------------------------------------

local function check_edit(edit)
  check(edit, "table", "group: what to change")
  for key in pairs(edit) do
    if key ~= "add" and key ~= "remove" then
      error(format("group: there is no %q; there are add and remove", key), 3)
    end
  end
end

-- A list, also of one.
local function listed(value)
  return value and hyperty.array(type(value) == "table" and value or { value })
end

---@param host table what only a prompt may do
---@return table<string, function> commands by name
function M.commands(host)
  local commands = {}

  function commands.policy(rules)
    if rules == nil then return host.policy() end
    check(rules, "table", "policy: rules")
    must(host.policy(rules))
  end

  function commands.groups() return host.groups() end

  function commands.group(name, edit)
    check(name, "string", "group: name")
    if edit ~= nil then
      check_edit(edit)
      must(host.group(name, { add = listed(edit.add), remove = listed(edit.remove) }))
    end
    local members = host.groups()[name]
    if not members then error(format('group: there is no "%s"; groups() lists them', name), 2) end
    return members
  end

  return commands
end

return M
