-- A schema in several versions, for specs of what fits and of who can read what.
--
--      one      value (a number) is required; state, cooks; items with a text
--      more     the same, and a field and a state more: each reads what the other wrote if the
--               state is not the new one, so the older cannot be sure to read the newer
--      wider    the same, and an optional field more: they read one another
--      other    value is a string: neither reads the other
local M = {}

local function kitchen(version, change)
  local document = {
    ["$schema"] = "http://json-schema.org/draft-07/schema#",
    version = version,
    scheme = "kitchen",
    type = "object",
    properties = {
      value = { type = "number" },
      state = { enum = { "on", "off" } },
      cooks = {
        type = "array",
        items = {
          type = "object", properties = { name = { type = "string" } }, required = { "name" },
        },
      },
    },
    required = { "value" },
    children = {
      items = { type = "object", properties = { text = { type = "string" } },
        required = { "text" } },
    },
  }
  if change then change(document) end
  return document
end

M.one = kitchen(1)
M.wider = kitchen(2, function(document) document.properties.note = { type = "string" } end)
M.more = kitchen(2, function(document)
  document.properties.state = { enum = { "on", "off", "idle" } }
end)
M.other = kitchen(2, function(document) document.properties.value = { type = "string" } end)

M.URL = "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/Kitchen"

return M
