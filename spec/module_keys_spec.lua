-- The trusted module: the own key of a runtime, and the keys that it knows.
local host = require "hyperty.host"
local program = require "spec.support.program"

local function with_runtime(options, fn)
  local before = host.blocks()
  local rt = host.runtime(options)
  local ok, err = pcall(fn, rt)
  rt:stop()
  if not ok then error(err, 0) end
  if not options.store then assert.equal(before, host.blocks()) end -- a disk keeps its rows
end

-- The fingerprint of the own key.
local function own(options)
  local print
  with_runtime(options, function(rt)
    rt:run()
    local keys = assert(rt:keys())
    assert.equal(1, #keys)
    assert.equal("own", keys[1].state)
    print = keys[1].fingerprint
  end)
  return print
end

describe("host.runtime{key = …}", function()
  it("takes a seed", function()
    -- BLAKE2b of the public key of RFC 8032's first test, made elsewhere.
    local seed = ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
      :gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
    assert.equal("dn4t rv44 8cyi pqhr 7ccf feen iz46 r2d3", own { key = seed })
  end)

  it("takes a file, which it makes", function()
    program.with_dir(function(dir)
      local print = own { key = dir .. "/own.key" }
      assert.equal(print, own { key = dir .. "/own.key" })
      assert(os.execute(("chmod 644 '%s/own.key'"):format(dir)))
      assert.has_error(function() host.runtime { key = dir .. "/own.key" } end,
        ("runtime: key: %s/own.key can be read by others; chmod 600 %s/own.key"):format(dir, dir))
    end)
  end)

  it("takes nothing else", function()
    local before = host.blocks()
    assert.has_error(function() host.runtime { key = {} } end,
      "runtime: key must be a seed or the path of a file")
    assert.has_error(function() host.runtime { key = 7 } end,
      "runtime: key must be a seed or the path of a file")
    assert.equal(before, host.blocks())
  end)

  it("not given, has a key that the disk keeps, and the next runtime on it has again", function()
    local disk <close> = host.disk {}
    local print = own { store = disk }
    assert.equal(print, own { store = disk })
    assert.not_equal(print, own { store = disk, key = ("k"):rep(32) })
    assert.equal(print, own { store = disk })
    with_runtime({ store = disk }, function(rt)
      assert.same({ nil, "the keys in memory are still being read; try again in a moment",
        "unreachable" }, { rt:keys() })
    end)
  end)
end)

describe("rt:accept and rt:forget", function()
  it("tell of whom no key is known", function()
    with_runtime({}, function(rt)
      assert.same({ nil, "no key of user://a/b was refused; keys() lists what is known",
        "not_found" }, { rt:accept "user://a/b" })
      assert.same({ nil, "user://a/b has shown no key abcd; keys() lists those it has",
        "not_found" }, { rt:accept("user://a/b", "abcd") })
      assert.same({ nil, "user://a/b has shown no key", "not_found" }, { rt:forget "user://a/b" })
    end)
  end)
end)
