-- The promises of core/GUARANTEES.md and core/SECURITY.md as checks on text: each names what holds
-- it, and all that is named is there. Like the other rules this reads no file itself: it gets the
-- text, and a function that gives the text of a path, nil where there is none.
--
--      12. A sentence that promises something.
--          - `spec/sim` oracle, oracle: PLANTED, PLANTED
--          - `spec/sync/some_spec.lua` "a sentence", "one of which … differs"
--          - `spec/node/some_spec.c` a_function, another
local M = {}

-- --- reading -------------------------------------------------------------------------------------

-- "a", "b" → { "a", "b" }; nil if it is not that.
local function quoted(text)
  local list = {}
  local rest = (", " .. text):gsub(', "([^"]*)"', function(sentence)
    list[#list + 1] = sentence
    return ""
  end)
  return rest == "" and list or nil
end

local function words(text)
  local list = {}
  for word in text:gmatch "[^,]+" do list[#list + 1] = word:match "^%s*(.-)%s*$" end
  return list
end

---Gives the promises, {number, line, text, checks}; a check is {line, path, rest}, or {line, bad}.
---Both go on in lines that are indented further.
function M.read(text)
  local list, line, last = {}, 0, nil
  for content in (text .. "\n"):gmatch "(.-)\n" do
    line = line + 1
    local number, sentence = content:match "^(%d+)%. (.+)$"
    local path, rest = content:match "^    %- `([^`]+)` (.+)$"
    local more = content:match "^    +([^ -].*)$"
    if number then
      last = { number = math.tointeger(number), line = line, text = sentence, checks = {} }
      list[#list + 1] = last
    elseif content == "" or content:find "^#" then
      last = nil
    elseif last and path then
      table.insert(list[#list].checks, { line = line, path = path, rest = rest })
    elseif last and more and #last.checks == 0 then
      last.text = last.text .. " " .. more
    elseif last and more then
      local check = last.checks[#last.checks]
      check.rest = (check.rest or "") .. " " .. more
    elseif last then
      table.insert(last.checks, { line = line, bad = content })
    end
  end
  return list
end

-- --- is it there? --------------------------------------------------------------------------------

-- The sentence stands in one `it`; what differs between several is "…".
local function has_sentence(spec, sentence)
  local open = sentence:find "…$" and "" or '"'
  local pattern = sentence:gsub("%p", "%%%0"):gsub("…", ".*")
  for line in spec:gmatch "[^\n]+" do
    if line:find('^%s*it%s*%(?"' .. pattern .. open) then return true end
  end
  return false
end

local function has_function(spec, name)
  local _, count = spec:gsub("%f[%w_]" .. name .. "%f[^%w_]", "")
  return spec:find("static void " .. name .. "(void **state)", 1, true) ~= nil and count > 1
end

local function check_sim(rest, read)
  local missing = {}
  local oracles, planted = rest:match "^([%l, ]+): ([%u_, ]+)$"
  if not oracles then return { "give oracles, a colon, planted bugs: " .. rest } end
  for _, word in ipairs(words(oracles)) do
    if not read "spec/sim":find('"' .. word .. '",', 1, true) then
      missing[#missing + 1] = "spec/sim has no oracle " .. word
    end
  end
  for _, name in ipairs(words(planted)) do
    if not read "core/base/mutant.h":find("X(" .. name .. ",", 1, true) then
      missing[#missing + 1] = "core/base/mutant.h has no planted bug " .. name
    end
  end
  return missing
end

local function check_spec(check, read)
  local spec = check.path:find "^spec/.*_spec%.%a+$" and read(check.path)
  if not spec then return { "there is no " .. check.path } end
  local is_c = check.path:find "%.c$"
  local named = is_c and words(check.rest) or quoted(check.rest)
  if not named then return { "give sentences in quotes: " .. check.rest } end
  local missing, has = {}, is_c and has_function or has_sentence
  for _, name in ipairs(named) do
    if not has(spec, name) then
      missing[#missing + 1] = ("%s has no %s"):format(check.path, name)
    end
  end
  return missing
end

-- --- the rules -----------------------------------------------------------------------------------

---Violations in such a text. `read(path)` as above; "spec/sim" gives the text of all
---that the simulator consists of.
function M.check(text, read)
  local found, promises = {}, M.read(text)
  local function fault(line, what) found[#found + 1] = ("line %d: %s"):format(line, what) end
  for i, promise in ipairs(promises) do
    local sentences = select(2, (promise.text .. " "):gsub("[.!?] ", ""))
    if promise.number ~= i then
      fault(promise.line, ("promise %d should be %d"):format(promise.number, i))
    end
    if sentences ~= 1 then fault(promise.line, "a promise is one sentence") end
    if #promise.checks == 0 then fault(promise.line, "names no check") end
    for _, check in ipairs(promise.checks) do
      local missing = check.bad and { "is no check: " .. check.bad }
        or check.path == "spec/sim" and check_sim(check.rest, read) or check_spec(check, read)
      for _, what in ipairs(missing) do fault(check.line, what) end
    end
  end
  if #promises == 0 then fault(1, "there is no promise") end
  return found
end

return M
