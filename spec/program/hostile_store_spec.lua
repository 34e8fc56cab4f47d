-- A store file that somebody has tampered with: whatever its rows say, the host starts, the objects
-- that are whole are there again, the others are told by name and left as they are, and `hyperty
-- store` looks into it all the same.
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local DIARY = [[
local Diary = { name = "Diary", schemas = { "Resource" }, api = {} }
local function open(self, name)
  return self.syncher:create {
    schema = "Resource", name = name, store = true, data = { count = 0 },
  }
end
function Diary:start()
  self.good = assert(open(self, "good"))
  self.bad, self.why = open(self, "bad")
end
function Diary.api.write(self)
  for _, book in ipairs { self.good, self.bad } do
    assert(book:add_child("items", { n = 1 }):wait())
    book.data.count = book.data.count + 1
  end
  self.bad:saved()
  return self.good:saved()
end
function Diary.api.urls(self) return self.url .. " " .. self.good.url .. " " .. self.bad.url end
function Diary.api.read(self)
  return ("good %d %d bad %s"):format(self.good.data.count, #self.good:children "items",
    self.bad and self.bad.data.count or self.why)
end
return Diary
]]

-- --- the file -----------------------------------------------------------------------------------

-- What comes out of SQL; O is the number of the bad object, G of the good one, H of the hyperty.
local function sql(file, text, dir)
  program.write(dir .. "/sql", ".bail on\n" .. text .. "\n")
  local pipe <close> = assert(io.popen(("sqlite3 '%s' <'%s/sql' 2>&1"):format(file, dir)))
  return pipe:read "a"
end

local function named(text, urls)
  local owner = "(SELECT id FROM owners WHERE url = '%s')"
  return (text:gsub("%f[%w]([HGO])%f[%W]", function(letter)
    return owner:format(urls[letter])
  end))
end

local ROWS = [[
SELECT hex(value) FROM states WHERE owner = O;
SELECT version, hex(value) FROM changes WHERE owner = O;
SELECT hex(child), hex(value) FROM children WHERE owner = O;
]]

local made -- bytes of a good file, and the addresses in it

local function make_file(dir)
  program.write(dir .. "/diary.lua", DIARY)
  local file = dir .. "/kept"
  if made then
    program.write(file, made.bytes)
    return file, made.urls
  end
  local result = program.run({ "repl", "--store", file, dir .. "/diary.lua" },
    { input = ("diary.write()\n"):rep(3) .. "diary.urls()\n" })
  assert.equal("", result.err)
  local urls = {}
  urls.H, urls.G, urls.O = result.out:match '"(%S+) (%S+) ([^"]+)"'
  assert.truthy(urls.O, result.out)
  made = { bytes = tree.read(file), urls = urls }
  return file, urls
end

local function run(...)
  local result = program.run { ... }
  assert.truthy(result.status <= 1, result.err)
  assert.is_nil((result.out .. result.err):find("Sanitizer", 1, true), result.err)
  return result
end

local function open(file, dir)
  local result = program.run({ "repl", "--store", file, dir .. "/diary.lua" },
    { input = "diary.read()\n" })
  assert.equal(0, result.status, result.err)
  return result
end

-- Does that to the file; gives what the host says of it then, and the addresses.
local function with_fault(fault, fn)
  program.with_dir(function(dir)
    local file, urls = make_file(dir)
    assert.equal("", sql(file, named(fault, urls), dir))
    local before = sql(file, named(ROWS, urls), dir)
    run("store", "show", file)
    fn(open(file, dir), urls, before == sql(file, named(ROWS, urls), dir))
  end)
end

-- --- specs --------------------------------------------------------------------------------------

local GARBAGE = {
  ["a state of a negative version"] =
    "UPDATE states SET value = json_set(value, '$.version', -1) WHERE owner = O;",
  ["a state of a version beyond all integers"] = [[UPDATE states SET value =
    json_set(value, '$.version', 9223372036854775808.0) WHERE owner = O;]],
  ["a state of the highest version of all"] = [[UPDATE states SET value =
    json_set(value, '$.version', 9223372036854775807) WHERE owner = O;]],
  ["a state that is no JSON"] = "UPDATE states SET value = 'nonsense' WHERE owner = O;",
  ["a state that is no object"] = "UPDATE states SET value = '[1,2]' WHERE owner = O;",
  ["a state of any bytes"] = "UPDATE states SET value = x'ff00fe7b7d' WHERE owner = O;",
  ["a state that is a number"] = "UPDATE states SET value = 7 WHERE owner = O;",
  ["a state without data"] =
    "UPDATE states SET value = json_remove(value, '$.data') WHERE owner = O;",
  ["an epoch of a million digits"] = [[UPDATE states SET value = json_set(value, '$.epoch',
    replace(hex(zeroblob(500000)), '0', '9') || '-x') WHERE owner = O;]],
  ["an epoch that is no text"] =
    "UPDATE states SET value = json_set(value, '$.epoch', 7) WHERE owner = O;",
  ["data nested beyond all bounds"] = [[UPDATE states SET value = json_remove(value, '$.data')
    WHERE owner = O; UPDATE states SET value = substr(value, 1, length(value) - 1) || ',"data":'
    || replace(hex(zeroblob(50000)), '0', '[') || replace(hex(zeroblob(50000)), '0', ']') || '}'
    WHERE owner = O;]],
  ["a hole in its changes"] = [[DELETE FROM changes WHERE owner = O AND version =
    (SELECT max(version) - 1 FROM changes WHERE owner = O);]],
  ["a change that is no JSON"] = [[UPDATE changes SET value = '{' WHERE owner = O AND version =
    (SELECT max(version) FROM changes WHERE owner = O);]],
  ["a change of any bytes"] = "UPDATE changes SET value = x'00ff' WHERE owner = O;",
  ["a change of no version"] = "INSERT INTO changes VALUES(O, 'many', '{}');",
  ["a change of a version below all"] = "INSERT INTO changes VALUES(O, -5, '{}');",
  ["a change of something that is not there"] = [[UPDATE changes SET value = json_set(
    json_remove(value, '$.child'), '$.attribute', 'no.such', '$.value', 1) WHERE owner = O AND
    version = (SELECT max(version) FROM changes WHERE owner = O);]],
  ["a child that is no object"] = "INSERT INTO children VALUES(O, 'x', '7');",
  ["a child of no collection"] = "INSERT INTO children VALUES(O, 'x', '{}');",
  ["a child that somebody else has made"] = [[INSERT INTO children VALUES(O, 'x',
    '{"collection":"items","resource":"them#1","reporter":"hyperty://d/us","order":1,"version":0,'
    || '"value":{"data":{}}}');]],
  ["a mark that is no mark"] = "INSERT INTO marks VALUES(O, 'x', '\"high\"');",
}

-- What is not of use to anybody, and in nobody's way.
local ODDITIES = {
  ["a second state"] =
    "INSERT INTO states SELECT owner, 'more', value FROM states WHERE owner = O;",
  ["a guest that is no address"] =
    "INSERT INTO guests VALUES(O, 'nobody', '{\"observing\":true}');",
  ["answers of any time and code"] = [[
    INSERT INTO answers VALUES(O, 'a', '{"from":"hyperty://d/x","id":1,"at":-9223372036854775808}');
    INSERT INTO answers VALUES(O, 'b', '{"from":"no","id":"x","code":-1,"at":9223372036854775807}');
    INSERT INTO answers VALUES(O, 'c', 'nonsense');]],
  ["a role that is none"] = [[INSERT INTO parties VALUES(H, 'comm://d/none', '{"role":"king"}');
    INSERT INTO parties VALUES(H, 'no address', '{"role":"reporter"}');
    INSERT INTO parties VALUES(H, '', '[]');]],
  ["rows of nobody"] = [[INSERT INTO changes VALUES(999, 1, '{}');
    INSERT INTO states VALUES(998, '', '{}'); INSERT INTO parties VALUES(997, 'x', '{}');]],
  ["a second hyperty that says it reports the object"] = [[
    INSERT INTO owners(url) VALUES('hyperty://localhost/other');
    INSERT INTO parties SELECT (SELECT max(id) FROM owners), object, value FROM parties
    WHERE owner = H;]],
}

describe("an object that is refused, and the others go on", function()
  for what, fault in pairs(GARBAGE) do
    it("has " .. what, function()
      with_fault(fault, function(result, urls, is_same)
        assert.truthy(result.out:find('"good 3 3 bad ' .. urls.O, 1, true),
          result.out .. result.err)
        assert.is_nil(result.out:find("bad " .. urls.O:gsub("%p", "%%%0") .. '"'))
        assert.is_true(is_same, "its rows were changed")
      end)
    end)
  end
end)

describe("an object that goes on", function()
  for what, fault in pairs(ODDITIES) do
    it("has " .. what, function()
      with_fault(fault, function(result)
        assert.truthy(result.out:find('"good 3 3 bad 3"', 1, true), result.out .. result.err)
      end)
    end)
  end
end)

describe("a file", function()
  -- Under another address it would be somebody else, whom none of this belongs to.
  it("that has lost the runtime's address is refused, which check tells, and left as it is",
    function()
      for _, value in ipairs { "nonsense", "[]", '{"url":"no address"}', '{"url":7}' } do
        program.with_dir(function(dir)
          local file, urls = make_file(dir)
          sql(file, ("UPDATE runtimes SET value = '%s';"):format(value), dir)
          local before = sql(file, named(ROWS, urls), dir)
          local result = program.run { "run", "--store", file, dir .. "/diary.lua" }
          assert.equal(1, result.status)
          assert.truthy(result.err:find("^hyperty: run: " .. file .. ": [^\n]*damaged[^\n]*\n$"),
            result.err)
          assert.truthy(run("store", "check", file).out:find("runtimes  localhost: its value", 1,
            true))
          assert.equal(before, sql(file, named(ROWS, urls), dir))
        end)
      end
    end)

  it("that has a hyperty of another domain, or a malformed one, loses no object", function()
    for _, value in ipairs { "nonsense", "[]", '{"url":"no address"}',
      '{"url":"hyperty://elsewhere/x"}' } do
      with_fault(("UPDATE hyperties SET value = '%s';"):format(value),
        function(result, _, is_same)
          assert.truthy(result.out:find("good", 1, true), result.out .. result.err)
          assert.is_true(is_same, value)
        end)
    end
  end)

  it("may have tables with nothing in their columns", function()
    with_fault([[
      CREATE TABLE other(owner INTEGER, version INTEGER, value TEXT);
      INSERT INTO other SELECT * FROM changes;
      INSERT INTO other VALUES(O, NULL, NULL);
      DROP TABLE changes; ALTER TABLE other RENAME TO changes;]],
      function(result, urls)
        assert.truthy(result.out:find('"good 3 3 bad ' .. urls.O, 1, true),
          result.out .. result.err)
      end)
  end)
end)

describe("hyperty store check", function()
  local function tells(fault, text)
    program.with_dir(function(dir)
      local file, urls = make_file(dir)
      assert.equal("", sql(file, named(fault, urls), dir))
      run("store", "ls", file)
      run("store", "show", file, urls.O)
      local check = run("store", "check", file)
      assert.equal(1, check.status, fault)
      assert.truthy(check.out:find((text:gsub("URL", urls.O)), 1, true), check.out)
    end)
  end

  it("names what is no JSON, what is missing, and what belongs to nobody", function()
    tells("UPDATE states SET value = 'nonsense' WHERE owner = O;",
      "states URL : its value is no JSON")
    tells(GARBAGE["a hole in its changes"], "changes of URL: from ")
    tells("INSERT INTO changes VALUES(999, 1, '{}');", "changes 1: it belongs to nobody")
  end)
end)
