-- A chat is reloaded at every message of a conversation, and nobody can tell. With HYPERTY_ALL=1
-- each of the chats at each message, else they take turns.
local chat = require "spec.support.reloaded_chat"

local ALL = os.getenv "HYPERTY_ALL"
local good = chat.sources.good

describe("a chat that is reloaded with good code", function()
  it("at any message of a conversation takes part as if nothing had been", function()
    local tried, renewed = 0, 0
    for at = 1, chat.count() do
      for i, name in ipairs(chat.names) do
        if ALL or i == at % #chat.names + 1 then
          tried = tried + 1
          renewed = renewed + chat.check(at, { { name, good } })
        end
      end
    end
    -- Only who is handing a room over cannot be reloaded just then.
    assert.truthy(renewed < tried and renewed > 0.9 * tried, renewed .. " of " .. tried)
  end)

  it("together with all others takes part as if nothing had been", function()
    for at = 1, chat.count(), ALL and 1 or 10 do
      local reloads = {}
      for i, name in ipairs(chat.names) do reloads[i] = { name, good } end
      chat.check(at, reloads)
    end
  end)
end)
