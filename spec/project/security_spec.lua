-- core/SECURITY.md: each line about who can do what names a check, and each is there. The rule
-- itself is tried on planted violations in guarantees_spec.lua.
local promises = require "spec.support.promises"
local tree = require "spec.support.tree"

describe("core/SECURITY.md", function()
  local text = tree.read "core/SECURITY.md"

  it("names a check for each line, and each is there", function()
    assert.equal("", table.concat(promises.check(text, tree.source), "\n"))
  end)

  it("says of everybody what they are trusted with, and names each attacker", function()
    for _, who in ipairs { "script", "hyperty", "runtime", "node", "NATS", "user", "disk",
      "network" } do
      assert.truthy(text:find("\n| [^|]*" .. who .. "[^|]* | [^|]+ |"), who)
    end
    for _, title in ipairs { "Somebody on the network", "A runtime with a session", "A script",
      "The node, and who shares what it knows",
      "Who has the disk", "What is not held", "How to report a weakness" } do
      assert.truthy(text:find("\n## " .. title, 1, true), title)
    end
  end)

  it("tells how to report a weakness, and invents no address for it", function()
    local report = text:match "\n## How to report a weakness\n(.*)$"
    assert.truthy(report:find("privately", 1, true))
    assert.is_nil(report:find "[%w._-]+@[%w-]+")
    assert.is_nil(report:find "://")
  end)
end)
