-- What an object of a world of real processes was at each version, made from its history by means
-- that share nothing with the core; and the claims of those who said that they had it so.
local check = require "spec.sim.check"

local M = {}

local function apply_data(object, kind, path, value)
  local part, key = path:match "^(%w+)%.(.+)$"
  if part == "log" then
    local at = math.tointeger(key)
    if kind == "add" then
      table.insert(object.log, at, value)
    elseif not table.remove(object.log, at) then
      check.fault("reporter", "%s:%s does not fit", kind, path)
    end
  else
    object[part][key] = value
  end
end

local function find(children, id)
  for i, child in ipairs(children) do
    if child.id == id then return i, child end
  end
  check.fault("reporter", "there is no child %s", id)
end

local function apply_child(object, kind, id, value, version)
  if kind == "create" then
    table.insert(object.children, { id = id, order = version, value = value })
    return
  end
  local at, child = find(object.children, id)
  if kind == "delete" then
    table.remove(object.children, at)
  else
    child.value = value
  end
end

local function apply(object, text, version)
  for part in text:gmatch "%S+" do
    local kind, path, value = part:match "^(%l+):([^=]+)=?(.*)$"
    if kind == "set" or kind == "add" or kind == "cut" then
      apply_data(object, kind, path, value)
    elseif kind ~= "token" and kind ~= "reporter" then
      apply_child(object, kind, path, value, version)
    end
  end
end

local function pairs_text(map)
  local list = {}
  for key, value in pairs(map) do list[#list + 1] = key .. "=" .. value end
  table.sort(list)
  return table.concat(list, ",")
end

-- As the actor writes it. Whose value it left open (its own child, ahead of what is kept) is open.
local function text_of(object, state)
  local children, has_open = {}, state:find("=*", 1, true)
  for i, child in ipairs(object.children) do
    local text = ("%s@%d="):format(child.id, child.order)
    local is_open = has_open and state:find(text .. "*", 1, true)
    children[i] = text .. (is_open and "*" or child.value)
  end
  return ("slots:%s;counts:%s;log:%s;children:%s"):format(pairs_text(object.slots),
    pairs_text(object.counts), table.concat(object.log, ","), table.concat(children, ","))
end

-- Around the first place where both differ.
local function difference(expected, found)
  local at = 1
  while expected:byte(at) == found:byte(at) do at = at + 1 end
  local from = math.max(1, at - 30)
  return ("…%s…, not …%s…"):format(found:sub(from, at + 60), expected:sub(from, at + 60))
end

---Goes through the history and compares what was claimed: {version, state, who}.
---@param history {text: string}[] by version
function M.check(history, claims)
  table.sort(claims, function(a, b) return a.version < b.version end)
  local object = { slots = {}, counts = {}, log = {}, children = {} }
  local at = 0
  for _, claim in ipairs(claims) do
    while at < claim.version do
      at = at + 1
      apply(object, history[at].text, at)
    end
    local text = text_of(object, claim.state)
    if text ~= claim.state then
      check.fault("copy", "%s has version %d as %s", claim.who, claim.version,
        difference(text, claim.state))
    end
  end
end

return M
