-- What the judges of a world share: how they say that something is wrong, and how copies and lists
-- of children are compared.
local plain = require "spec.sim.plain"

local M = {}

---Raises {oracle, fault = text}. `oracle` is the promise that is broken, in a word or two.
function M.fault(oracle, text, ...)
  error({ oracle = oracle, fault = text:format(...) }, 0)
end

---Faults where both differ.
function M.equal(oracle, expected, actual, what, ...)
  local found = plain.difference(expected, actual)
  if found then M.fault(oracle, "%s differs at %s", what:format(...), found) end
end

---The kept ones of a list of children by collection, in the order in which the list has them.
function M.kept(children)
  local by_name, list = {}, {}
  for _, child in ipairs(children) do
    if child.state == "kept" then
      by_name[child.collection] = by_name[child.collection] or {}
      table.insert(by_name[child.collection], child)
    end
  end
  for _, name in ipairs(plain.keys(by_name)) do
    table.move(by_name[name], 1, #by_name[name], #list + 1, list)
  end
  return list
end

---The same with no more than the model knows.
function M.plain_kept(children)
  local list = {}
  for i, child in ipairs(M.kept(children)) do
    list[i] = { id = child.id, collection = child.collection, data = child.data,
      order = child.order, reporter = child.reporter, state = "kept" }
  end
  return list
end

return M
