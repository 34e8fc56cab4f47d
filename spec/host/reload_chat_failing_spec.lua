-- Code that fails is tried in a chat at every message of a conversation, and nobody can tell. Three
-- ways to fail at a time, in a chat each; with HYPERTY_ALL=1 each way in each chat.
local chat = require "spec.support.reloaded_chat"

local ALL = os.getenv "HYPERTY_ALL"
local WAYS = {
  "raises in start", "raises in migrate", "raises while it is loaded", "does not compile",
}

describe("a chat that is to be reloaded", function()
  if ALL then
    for _, way in ipairs(WAYS) do
      for _, name in ipairs(chat.names) do
        it(("with code that %s takes part as if nothing had been: %s"):format(way, name), function()
          for at = 1, chat.count() do
            assert.equal(0, chat.check(at, { { name, chat.sources[way] } }))
          end
        end)
      end
    end
    return
  end

  it("with code that fails, at any message of a conversation takes part as if nothing had been",
    function()
      for at = 1, chat.count() do
        local reloads = {}
        for i, way in ipairs(WAYS) do
          reloads[i] = { chat.names[(at + i) % #chat.names + 1], chat.sources[way] }
        end
        assert.equal(0, chat.check(at, reloads))
      end
    end)
end)
