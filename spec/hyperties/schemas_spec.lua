-- The schemas that come with the program: what they take, and what they say of what they do not.
local spec = require "hyperty.spec"

-- A list, which is one when it is empty, too.
local function list(...) return setmetatable({ ... }, { is_list = true }) end

-- The value as JSON text, with keys in the order of the alphabet.
local function json(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
  end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if getmetatable(value) then
    for i, item in ipairs(value) do parts[i] = json(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do parts[#parts + 1] = ('"%s":%s'):format(key, json(item)) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A table with other fields on top.
local function with(base, fields)
  local copy = {}
  for key, value in pairs(base) do copy[key] = value end
  for key, value in pairs(fields) do copy[key] = value end
  return copy
end

local MAKER = [[
local hyperty = require "hyperty"
local Maker = { name = "Maker", version = 1, api = {} }
function Maker.api.make(self, schema, text)
  local made, why, code = self.syncher:create {
    schema = schema, new = true, data = assert(hyperty.json.decode(text)),
  }
  self.made = made
  return made and made.url, why, code
end
function Maker.api.add(self, collection, text)
  local ok, child, why = pcall(function()
    return self.made:add_child(collection, assert(hyperty.json.decode(text)))
  end)
  if not ok then return nil, child end
  if not child then return nil, why end
  return child:wait()
end
return Maker]]

local PERSON = { user = "user://localhost/ann", hyperty = "hyperty://localhost/1" }
local ROOM = { status = "open", participants = list(PERSON) }
local SIDE = {
  status = "connecting", owner = "hyperty://localhost/1", peer = "hyperty://localhost/2",
  ownerPeer = {
    connectionDescription = { type = "offer", sdp = "v=0\r\n" },
    iceCandidates = list { candidate = "", sdpMid = "0", sdpMLineIndex = 0 },
  },
}
local KITCHEN = {
  id = "kitchen", time = 0, unit = "Cel", values = list({ name = "temperature", value = 19.5 }),
}
local ITEMS = { items = list({ id = "1", text = "milk" }) }

-- Schema, scheme of its objects, data; the place and the rule where it does not fit.
local DATA = {
  { "Communication", "comm", ROOM },
  { "Communication", "comm", with(ROOM, {
    owner = PERSON.user, startingTime = 1.5, lastModified = "2026-01-01T00:00:00Z", duration = 0,
    resources = list({ type = "chat", direction = "inout" }), qos = {}, of_our_own = true,
  }) },
  { "Communication", nil, { status = "open" }, 'has no "participants"' },
  { "Communication", nil, with(ROOM, { status = "opne" }), 'status: "opne" is none of open' },
  { "Communication", nil, with(ROOM, { participants = list({ user = PERSON.user }) }),
    'participants.1: has no "hyperty"' },
  { "Communication", nil, with(ROOM, { participants = list(with(PERSON, { since = "noon" })) }),
    'participants.1.since: "noon"' },
  { "Communication", nil, with(ROOM, { owner = "ann" }), 'owner: "ann"' },
  { "Communication", nil, with(ROOM, { lastModified = "yesterday" }), 'lastModified: "yesterday"' },
  { "Communication", nil, with(ROOM, { duration = -1 }), "duration: -1" },
  { "Communication", nil, with(ROOM, { resources = list({ type = "smell" }) }),
    'resources.1.type: "smell" is none of chat' },
  { "Connection", "connection", SIDE },
  { "Connection", nil, with(SIDE, { status = "gone" }), 'status: "gone" is none of inviting' },
  { "Connection", nil, with(SIDE, { peer = "user://localhost/ann" }), "peer: " },
  { "Connection", nil, with(SIDE, { colour = "red" }), "colour" },
  { "Connection", nil, with(SIDE, { ownerPeer = with(SIDE.ownerPeer, {
    connectionDescription = { type = "offer", sdp = "hello" } }) }),
    "ownerPeer.connectionDescription.sdp: " },
  { "Connection", nil, with(SIDE, { ownerPeer = { iceCandidates = list({ sdpMid = "0" }) } }),
    'ownerPeer.iceCandidates.1: has no "candidate"' },
  { "Context", "ctxt", KITCHEN },
  { "Context", "ctxt", with(KITCHEN, { parent = "ctxt://localhost/house", tag = "room",
    values = list({ name = "heating", value = false }, { name = "power", sum = 12.5, unit = "J" }),
  }) },
  { "Context", nil, { values = list() }, 'has no "id"' },
  { "Context", nil, with(KITCHEN, { time = "noon" }), 'time: "noon"' },
  { "Context", nil, with(KITCHEN, { values = list({ value = 1 }) }), 'values.1: has no "name"' },
  { "Context", nil, with(KITCHEN, { values = list({ name = "nothing" }) }), "values.1: " },
  { "Context", nil, with(KITCHEN, { values = list({ name = "t", value = {} }) }),
    "values.1.value: " },
  { "Context", nil, with(KITCHEN, { contexts = list("ctxt://a/1", "ctxt://a/1") }), "contexts: " },
  { "List", "resource", ITEMS },
  { "List", nil, { items = list({ id = "1", text = "" }) }, "items.1.text: " },
  { "List", nil, { items = list({ id = "1", text = ("x"):rep(1001) }) }, "items.1.text: " },
  { "List", nil, { items = list({ text = "milk" }) }, 'items.1: has no "id"' },
}

-- Schema, data, collection, child; the place and the rule where it does not fit.
local CHILDREN = {
  { "Communication", ROOM, "messages", { text = "hi" } },
  { "Communication", ROOM, "messages", { type = "file", text = "a.png", size = 12,
    url = "https://example.org/a.png", contentType = "image/png" } },
  { "Communication", ROOM, "messages", { type = "chat" }, 'has no "text"' },
  { "Communication", ROOM, "messages", { text = "hi", contentType = "png" }, "contentType: " },
  { "Communication", ROOM, "messages", { text = "a.png", url = "not one" }, "url: " },
  { "Context", KITCHEN, "notes", { text = "the window is open", name = "temperature" } },
  { "Context", KITCHEN, "notes", { text = 5 }, "text: 5" },
  { "List", ITEMS, "remarks", { text = "the blue one", item = "1" } },
  { "List", ITEMS, "remarks", { text = "the blue one", colour = "blue" }, "colour" },
}

describe("the schemas", function()
  it("take what fits, and say of the rest where it does not", function()
    local world <close> = spec.world()
    local maker = world:load_text(MAKER)
    for _, case in ipairs(DATA) do
      local schema, scheme, data, place = table.unpack(case, 1, 4)
      local url, why, code = maker.make(schema, json(data))
      if scheme then
        assert.truthy(url and url:find("^" .. scheme .. "://"), why)
      else
        assert.is_nil(url, json(data))
        assert.equal("invalid", code)
        assert.truthy(why:find(place, 1, true), why)
      end
    end
  end)

  it("take children that fit, and no others", function()
    local world <close> = spec.world()
    local maker = world:load_text(MAKER)
    for _, case in ipairs(CHILDREN) do
      local schema, data, collection, child, place = table.unpack(case, 1, 5)
      assert(maker.make(schema, json(data)))
      local ok, why = maker.add(collection, json(child))
      if place then
        assert.is_nil(ok, json(child))
        assert.truthy(why:find(place, 1, true), why)
      else
        assert.is_true(ok, why)
      end
    end
  end)
end)
