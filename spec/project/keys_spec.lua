-- core/KEYS.md: its worked examples are what the code gives, its figures are those of the code,
-- and the checks that it names are there.
local host = require "hyperty.host"
local program = require "spec.support.program"
local promises = require "spec.support.promises"
local tree = require "spec.support.tree"

local TEXT = tree.read "core/KEYS.md"

-- The value of a worked example.
local function example(name)
  return (assert(TEXT:match("\n    " .. name .. " +([^\n]+)\n"), name))
end

describe("core/KEYS.md", function()
  it("tells the fingerprint of the key in its file", function()
    program.with_dir(function(dir)
      program.write(dir .. "/own.key", example "key file" .. "\n")
      assert(os.execute(("chmod 600 '%s/own.key'"):format(dir)))
      local rt = host.runtime { key = dir .. "/own.key" }
      assert.equal(example "fingerprint", rt:keys()[1].fingerprint)
      rt:stop()
    end)
  end)

  it("makes the fingerprint of the digest as it says", function()
    local alphabet, bits = TEXT:match "alphabet is `(%w+)`", ""
    assert.equal(32, #alphabet)
    for byte in example "BLAKE2b":gmatch "%x%x" do
      local n = tonumber(byte, 16)
      for bit = 7, 0, -1 do bits = bits .. (n >> bit & 1) end
    end
    local letters = bits:gsub("%d%d%d%d%d", function(five)
      local at = tonumber(five, 2) + 1
      return alphabet:sub(at, at)
    end)
    assert.equal(example "fingerprint", (letters:gsub("....", "%0 "):gsub(" $", "")))
  end)

  it("agrees with the published vectors on a key that the code gives", function()
    local spec = tree.read "spec/base/crypto_spec.c"
    assert.truthy(spec:find('"a context"', 1, true))
    assert.truthy(spec:find('"' .. example "key  " .. '"', 1, true))
  end)

  it("has the bounds of the code", function()
    local limits = tree.read "core/limits.h"
    assert.equal(limits:match "HY_KEYS_OF_USER_MAX +(%d+)u", TEXT:match "at most (%d+) keys")
    assert.equal(limits:match "HY_KEYS_KNOWN_MAX +(%d+)u", TEXT:match "there are at most (%d+)")
  end)

  it("names checks that are there", function()
    -- Each list of them as those of a promise.
    local lists = { "1. It is so." }
    for line in TEXT:gmatch "[^\n]+" do
      local is_of_list = line:find "^%- `spec/" or line:find "^  %S" and #lists > 1
      if is_of_list then lists[#lists + 1] = "    " .. line end
    end
    assert.truthy(#lists > 4)
    local violations = promises.check(table.concat(lists, "\n"), tree.read)
    assert.equal("", table.concat(violations, "\n"))
  end)
end)
