-- Keys, for who runs a host: the file that --key names, what the store keeps, and the commands of
-- the prompt about them.
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local GROUP = "[a-km-np-z2-9][a-km-np-z2-9][a-km-np-z2-9][a-km-np-z2-9]"
local PRINT = GROUP .. (" " .. GROUP):rep(7)
local ANN = "user://localhost/ann"

local function repl(dir, lines, ...)
  return program.repl(lines, { dir = dir, args = { ... } })
end

-- The fingerprint of the own key.
local function own(dir, ...)
  local result = repl(dir, "keys()[1].fingerprint\n", ...)
  assert.equal("", result.err)
  return assert(result.out:match('^"(' .. PRINT .. ')"\n$'), result.out)
end

local function fails(dir, text, lines, ...)
  local result = repl(dir, lines, ...)
  assert.equal("", result.out)
  assert.truthy(result.err:find(text, 1, true), result.err)
  assert.equal(1, result.status)
end

local function in_a_folder(fn)
  return function() program.with_dir(fn) end
end

local function mode(path)
  local pipe <close> = assert(io.popen(("stat -c %%a '%s'"):format(path)))
  return pipe:read "l"
end

describe("--key", function()
  it("makes a file for its owner alone, and takes it from then on", in_a_folder(function(dir)
    local print = own(dir, "--key", "own.key")
    assert.equal("600", mode(dir .. "/own.key"))
    assert.truthy(tree.read(dir .. "/own.key"):find "^[%w+/]+=\n$")
    assert.equal(45, #tree.read(dir .. "/own.key"))
    assert.equal(print, own(dir, "--key", "own.key"))
    assert.not_equal(print, own(dir, "--key", "other.key"))
  end))

  it("may be in the file of --config", in_a_folder(function(dir)
    local print = own(dir, "--key", "own.key")
    program.write(dir .. "/config.lua", 'return { key = "own.key" }')
    assert.equal(print, own(dir, "--config", "config.lua"))
  end))

  it("takes none that others can read", in_a_folder(function(dir)
    own(dir, "--key", "own.key")
    for _, other in ipairs { "640", "604", "620" } do
      assert(os.execute(("chmod %s '%s/own.key'"):format(other, dir)))
      fails(dir, "hyperty: repl: own.key can be read by others; chmod 600 own.key\n", "1\n",
        "--key", "own.key")
    end
    assert(os.execute(("chmod 400 '%s/own.key'"):format(dir)))
    own(dir, "--key", "own.key")
  end))

  it("takes nothing that is no key", in_a_folder(function(dir)
    own(dir, "--key", "own.key")
    local line = tree.read(dir .. "/own.key")
    local texts = { "", "\n", line:sub(2), "A" .. line, line .. "\n", " " .. line,
      line:sub(1, 43) .. "A\n", ("\0"):rep(44), ("A"):rep(100000), line:sub(1, 44) .. "\r\n" }
    for _, text in ipairs(texts) do
      program.write(dir .. "/own.key", text)
      fails(dir, "own.key: is no key: that is one line of 44 letters and digits, which --key makes "
        .. "where there is no file", "1\n", "--key", "own.key")
      assert.equal(text, tree.read(dir .. "/own.key"))
    end
    program.write(dir .. "/own.key", (line:gsub("\n", "")))
    own(dir, "--key", "own.key")
  end))

  it("tells why there can be no file", in_a_folder(function(dir)
    fails(dir, "no/own.key: its folder is not there; make that first", "1\n", "--key", "no/own.key")
    fails(dir, ".: is no regular file", "1\n", "--key", ".")
    assert(os.execute(("mkfifo -m 600 '%s/pipe'"):format(dir)))
    fails(dir, "pipe: is no regular file", "1\n", "--key", "pipe")
    assert(os.execute(("ln -s nowhere '%s/link'"):format(dir)))
    fails(dir, "link: cannot be made", "1\n", "--key", "link")
  end))

  it("goes before the key in the store, and is not put there", in_a_folder(function(dir)
    local stored = own(dir, "--store", "kept")
    local print = own(dir, "--store", "kept", "--key", "own.key")
    assert.not_equal(stored, print)
    assert.equal(stored, own(dir, "--store", "kept"))
  end))
end)

-- --- the store ----------------------------------------------------------------------------------

local function sql(file, text)
  local pipe <close> = assert(io.popen(('sqlite3 "%s" "%s" 2>&1'):format(file, text)))
  return pipe:read "a"
end

-- A store with an own key, and with Ann's, which is given back.
local function make_store(dir)
  own(dir, "--store", "kept")
  local public = ("A"):rep(43) .. "="
  sql(dir .. "/kept", ([[INSERT INTO keys SELECT owner, '%s',
    '{\"keys\":[{\"key\":\"%s\",\"since\":1000}]}' FROM keys]]):format(ANN, public))
  return public
end

describe("a store", function()
  it("keeps the own key; without one, each run has another", in_a_folder(function(dir)
    assert.equal(own(dir, "--store", "kept"), own(dir, "--store", "kept"))
    assert.not_equal(own(dir), own(dir))
  end))

  it("never shows the own key by `hyperty store`", in_a_folder(function(dir)
    make_store(dir)
    local file = dir .. "/kept"
    local seed = sql(file, "SELECT value FROM keys WHERE user = ''"):match '"seed":"([^"]+)'
    assert.equal(44, #seed)
    local runtime = sql(file, "SELECT url FROM owners JOIN keys ON id = owner"):match "%S+"
    local function says(...)
      local result = program.run({ "store", ... }, { dir = dir })
      assert.is_nil((result.out .. result.err):find(seed, 1, true))
      assert.is_nil((result.out .. result.err):find(seed:sub(1, 12), 1, true))
      return result
    end
    assert.equal(0, says("ls", "kept").status)
    assert.equal(0, says("show", "kept").status)
    assert.equal(1, says("show", "kept", runtime).status)
    assert.equal("kept: ok\n", says("check", "kept").out)
    -- Nor does a damaged row.
    sql(file, "UPDATE keys SET value = substr(value, 1, 40) WHERE user = ''")
    assert.equal(("kept: keys %s : its value is no JSON\n"):format(runtime),
      says("check", "kept").out)
    says("show", "kept")
    fails(dir, "the own key in kept cannot be read; --key FILE names another one", "keys()\n",
      "--store", "kept")
    own(dir, "--store", "kept", "--key", "own.key")
  end))

  it("of before there were keys gets a place for them", in_a_folder(function(dir)
    own(dir, "--store", "kept")
    sql(dir .. "/kept", "DROP TABLE keys")
    assert.equal(own(dir, "--store", "kept"), own(dir, "--store", "kept"))
  end))
end)

-- --- the prompt ---------------------------------------------------------------------------------

describe("keys()", function()
  it("lists the own key and those of users", in_a_folder(function(dir)
    make_store(dir)
    local result = repl(dir, "keys()\n", "--store", "kept")
    local out = result.out:gsub("%d+%-%d+%-%d+T[%d:.]+Z", "TIME"):gsub(PRINT, "PRINT")
    assert.equal([[
{
  {
    fingerprint = "PRINT",
    since = "TIME",
    state = "own"
  },
  {
    fingerprint = "PRINT",
    since = "TIME",
    state = "known",
    user = "user://localhost/ann"
  }
}
]], out)
    assert.truthy(result.out:find('"1970-01-01T00:00:01.000Z"', 1, true))
  end))

  it("and accept and forget have their help, and know users", in_a_folder(function(dir)
    make_store(dir)
    local result = repl(dir, "help(keys) help 'accept' help(forget)\n", "--store", "kept")
    assert.truthy(result.out:find "^keys%(%)\nLists keys by their fingerprints")
    assert.truthy(result.out:find("\naccept(user [, fingerprint])\n", 1, true))
    assert.truthy(result.out:find("\nforget(user [, fingerprint])\n", 1, true))
  end))
end)

describe("accept", function()
  it("takes what was refused, and nothing else", in_a_folder(function(dir)
    make_store(dir)
    local function refuses(text, line) fails(dir, text, line, "--store", "kept") end
    refuses("no key of " .. ANN .. " was refused; keys() lists what is known",
      ("accept '%s'\n"):format(ANN))
    refuses("user://localhost/eve has shown no key abcd; keys() lists those it has",
      "accept('user://localhost/eve', 'abcd')\n")
    refuses("accept: user must be a string, not nil", "accept()\n")
    refuses("accept: fingerprint must be a string, not number", "accept('u', 1)\n")
  end))

  it("has nothing to do for a key that is known", in_a_folder(function(dir)
    make_store(dir)
    assert.equal("true\n", repl(dir, ("accept('%s', keys()[2].fingerprint)\n"):format(ANN),
      "--store", "kept").out)
  end))
end)

describe("forget", function()
  it("strikes a user's keys, also in the store", in_a_folder(function(dir)
    make_store(dir)
    assert.equal("true\n1\n", repl(dir, ("forget '%s'\n#keys()\n"):format(ANN),
      "--store", "kept").out)
    assert.equal("1\n", repl(dir, "#keys()\n", "--store", "kept").out)
  end))

  it("strikes the one of a fingerprint", in_a_folder(function(dir)
    make_store(dir)
    fails(dir, ANN .. " has shown no key abcd", ("forget('%s', 'abcd')\n"):format(ANN),
      "--store", "kept")
    assert.equal("true\n1\n", repl(dir,
      ("forget('%s', keys()[2].fingerprint:gsub(' ', ''))\n#keys()\n"):format(ANN),
      "--store", "kept").out)
  end))

  it("tells of whom nothing is known", in_a_folder(function(dir)
    fails(dir, "user://localhost/eve has shown no key", "forget 'user://localhost/eve'\n")
    fails(dir, "forget: user must be a string, not table", "forget {}\n")
  end))
end)
