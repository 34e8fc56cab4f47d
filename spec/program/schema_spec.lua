-- hyperty schema: what it says of schemas, of two versions of one, and of data; and that no file,
-- whatever is in it, keeps or harms it.
local program = require "spec.support.program"

local KITCHEN = [[{
  "version": 2,
  "scheme": "ctxt",
  "type": "object",
  "properties": {
    "value": {"type": "number"},
    "unit": {"enum": ["celsius", "fahrenheit"]}
  },
  "required": ["value"],
  "children": {"alarms": {"type": "object"}}
}]]

-- Runs in a folder with these files, in hyperties/schemas or, "/x", beside hyperties. Texts without
-- a name are commands that make more, run in hyperties/schemas.
local function schema(files, ...)
  local args, result = { "schema", ... }, nil
  program.with_dir(function(dir)
    program.make_dir(dir .. "/hyperties/schemas", {})
    for name, text in pairs(files) do
      if type(name) == "string" then
        program.write(dir .. (name:find "^/" and name or "/hyperties/schemas/" .. name), text)
      end
    end
    for _, command in ipairs(files) do
      assert(os.execute(("cd %s/hyperties/schemas && %s"):format(dir, command)))
    end
    result = program.run(args, { dir = dir })
  end)
  return result
end

local function gives(out, files, ...)
  local result = schema(files, ...)
  assert.equal("", result.err)
  assert.equal(out, result.out)
  assert.equal(0, result.status)
end

-- Fails with a text in which a * stands for anything.
local function fails(text, files, ...)
  local result = schema(files, ...)
  local pattern = text:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
  assert.truthy(result.err:find("^hyperty: schema: " .. pattern .. "\n$"), result.err)
  assert.equal("", result.out)
  assert.equal(1, result.status)
end

local function misused(text, ...)
  local result = schema({}, ...)
  assert.equal("hyperty: schema: " .. text .. '; "hyperty help schema" tells more\n', result.err)
  assert.equal("", result.out)
  assert.equal(2, result.status)
end

describe("hyperty schema", function()
  it("lists those of the search path", function()
    local result = schema({ ["Kitchen.json"] = KITCHEN, ["Any.json"] = "{}" }, "ls")
    for line in result.out:gmatch "[^\n]+" do assert.falsy(line:find " $", line) end
    assert.truthy(result.out:find("^name%s+version%s+scheme%s+children%s+file\n"), result.out)
    assert.truthy(result.out:find("\nKitchen%s+2%s+ctxt%s+alarms%s+%./hyperties/schemas/Kitchen"
      .. "%.json\n"), result.out)
    assert.truthy(result.out:find("\nAny%s+%-%s+resource%s+%-%s+%./hyperties/schemas/Any%.json\n"),
      result.out)
    assert.truthy(result.out:find("\nResource%s+%-%s+resource%s+items%s+built in\n"), result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  it("lists what can be used, and tells what cannot", function()
    local result = schema({ ["Kitchen.json"] = KITCHEN, ["Broken.json"] = "{\n  1" }, "ls")
    assert.equal("hyperty: schema: ./hyperties/schemas/Broken.json: left out: malformed JSON at "
      .. "line 2, column 3: expected a key\n", result.err)
    assert.truthy(result.out:find("\nKitchen ", 1, true))
    assert.falsy(result.out:find("Broken", 1, true))
    assert.equal(0, result.status)
  end)

  it("shows one", function()
    gives('{\n  "version": 1,\n  "type": "object",\n  "properties": {"a":{"type":"string"}}\n}\n',
      { ["A.json"] = '{"version":1,"type":"object","properties":{"a":{"type":"string"}}}' },
      "show", "A")
  end)

  it("says of a name and of a file whether it is one, and what it has", function()
    local has = "  version   2\n  scheme    ctxt\n  fields    value, unit\n  children  alarms\n"
    gives("Kitchen: ok\n" .. has, { ["Kitchen.json"] = KITCHEN }, "check", "Kitchen")
    gives("./kitchen2.json: ok\n" .. has, { ["/kitchen2.json"] = KITCHEN }, "check",
      "./kitchen2.json")
    gives("Resource: ok\n  scheme    resource\n  children  items\n", {}, "check", "Resource")
  end)

  it("finds what a file refers to beside it", function()
    local result = schema({
      "mkdir -p ../../far/schemas",
      "printf '{\"$ref\":\"Other\"}' >../../far/schemas/One.json",
      "printf '{\"type\":\"object\"}' >../../far/schemas/Other.json",
    }, "check", "far/schemas/One.json")
    assert.same({ "", 0 }, { result.err, result.status })
  end)

  it("says whether data fits", function()
    local files = { ["Kitchen.json"] = KITCHEN, ["/good.json"] = '{"value": 21.5}',
      ["/bad.json"] = '{"value": 1, "unit": "kelvin"}', ["/text.json"] = '{"value": ' }
    gives("good.json: fits Kitchen\n", files, "fits", "Kitchen", "good.json")
    fails('bad.json: does not fit Kitchen: unit: "kelvin" is none of celsius, fahrenheit', files,
      "fits", "Kitchen", "bad.json")
    fails("text.json: malformed JSON at line 1, column 11: *", files, "fits", "Kitchen",
      "text.json")
    fails("none.json: there is no such file", files, "fits", "Kitchen", "none.json")
  end)

  it("is used as its help says", function()
    misused("say what to do: ls, show, check or fits")
    misused('there is no "list": ls, show, check or fits', "list")
    misused("show needs the NAME or FILE of a schema", "show")
    misused("check needs the NAME or FILE of a schema, or of two versions of one", "check")
    misused("fits needs the NAME or FILE of a schema, and a FILE with data", "fits", "Kitchen")
    misused('"b" is too much', "show", "a", "b")
    misused('"c" is too much', "check", "a", "b", "c")
    local help = program.run { "help", "schema" }
    for _, word in ipairs { "ls", "show NAME", "check NAME", "check OLD NEW", "fits NAME DATA" } do
      assert.truthy(help.out:find("hyperty schema " .. word, 1, true), word)
    end
    assert.same(help, program.run { "schema", "--help" })
    assert.truthy(program.run({ "help" }).out:find("\n  hyperty schema ", 1, true))
  end)
end)

describe("two versions of a schema:", function()
  local function version(properties)
    return ('{"type":"object","properties":{%s}}'):format(properties)
  end
  local NUMBER = '"value":{"type":"number"}'

  it("each reads the other", function()
    gives("both: each reads what is written for the other\n",
      { ["/old.json"] = version(NUMBER), ["/new.json"] = version(NUMBER .. ',"note":{}') },
      "check", "old.json", "new.json")
  end)

  it("children of a collection that one does not have are told of", function()
    local function children(more) return ('{"children":{"items":{}%s}}'):format(more) end
    gives("both: each reads what is written for the other\n"
      .. '  new.json has no children "notes": who reads by it keeps them, unchecked\n',
      { ["/old.json"] = children ',"notes":{}', ["/new.json"] = children "" },
      "check", "old.json", "new.json")
    gives("both: each reads what is written for the other\n"
      .. '  old.json has no children "notes": who reads by it keeps them, unchecked\n',
      { ["/old.json"] = children "", ["/new.json"] = children ',"notes":{}' },
      "check", "old.json", "new.json")
  end)

  local function compared(older, newer)
    local result = schema({ ["/old.json"] = older, ["/new.json"] = newer }, "check", "old.json",
      "new.json")
    assert.equal("", result.err)
    return result.out, result.status
  end

  -- A pattern: who cannot read what, and where.
  local function breaks(reader, writer)
    return ("  %s%%.json cannot read what is written for %s%%.json:\n    value: [^\n]+\n")
      :format(reader, writer)
  end

  it("the newer reads the older", function()
    local out, status = compared(version '"value":{"type":"integer"}', version(NUMBER))
    assert.truthy(out:find("^backward: new%.json reads what is written for old%.json\n"
      .. breaks("old", "new") .. "$"), out)
    assert.equal(0, status)
  end)

  it("the older reads the newer", function()
    local out, status = compared(version(NUMBER), version '"value":{"type":"integer"}')
    assert.truthy(out:find("^forward: old%.json reads what is written for new%.json\n"
      .. breaks("new", "old") .. "$"), out)
    assert.equal(0, status)
  end)

  it("neither reads the other", function()
    local out, status = compared(version(NUMBER), version '"value":{"type":"string"}')
    assert.truthy(out:find("^breaking: neither reads what is written for the other\n"
      .. breaks("new", "old") .. breaks("old", "new") .. "$"), out)
    assert.equal(1, status)
  end)
end)

describe("what is no schema is told with its file and place:", function()
  it("a name that is not there, with those that are and the similar one", function()
    fails('there is no schema "Kitchn" (known: *Kitchen*; did you mean "Kitchen"?); give the path '
      .. "of its file, or put Kitchn.json into ./hyperties/schemas",
      { ["Kitchen.json"] = KITCHEN }, "check", "Kitchn")
  end)

  it("what is no JSON, with line and column", function()
    fails("./hyperties/schemas/A.json: malformed JSON at line 3, column 7: expected a colon",
      { ["A.json"] = '{\n  "ä": 1,\n  "x" 2\n}' }, "check", "A")
    fails("./hyperties/schemas/A.json: malformed JSON at line 2, column 11: key given twice",
      { ["A.json"] = '{\n "ä": 1, "ä": 1}' }, "check", "A")
    fails("./hyperties/schemas/A.json: malformed JSON at line 1, column 1: *",
      { ["A.json"] = "" }, "check", "A")
    fails("./hyperties/schemas/A.json: malformed JSON at line 1, column 2: *",
      { ["A.json"] = "{\0}" }, "check", "A")
    fails("./hyperties/schemas/A.json: malformed JSON at line 1, column 7: *",
      { ["A.json"] = '{"a":"\xff"}' }, "check", "A")
  end)

  it("what is JSON and no object", function()
    fails("./hyperties/schemas/A.json: is no object", { ["A.json"] = "[1]" }, "check", "A")
  end)

  it("what the metaschema does not allow, with the place", function()
    fails("./hyperties/schemas/A.json: schema A: properties.value.type: *",
      { ["A.json"] = '{"properties":{"value":{"type":"strnig"}}}' }, "check", "A")
    fails("./hyperties/schemas/A.json: schema A: children.notes.minLength: *",
      { ["A.json"] = '{"children":{"notes":{"minLength":-1}}}' }, "check", "A")
  end)

  it("what a schema says for Hyperty", function()
    fails('./hyperties/schemas/A.json: schema A: "scheme" is no URL scheme',
      { ["A.json"] = '{"scheme":"no scheme"}' }, "check", "A")
    fails("a b.json: schema *: a name is letters, digits, - and _", { ["/a b.json"] = "{}" },
      "check", "a b.json")
  end)

  it("a reference that leads back to itself", function()
    local back = "./hyperties/schemas/A.json: schema A: *lead back to itself*"
    fails(back, { ["A.json"] = '{"$ref":"#"}' }, "check", "A")
    fails(back, { ["A.json"] = '{"$ref":"B"}', ["B.json"] = '{"allOf":[{"$ref":"A"}]}' }, "check",
      "A")
  end)

  it("a reference that leads nowhere", function()
    fails("./hyperties/schemas/A.json: schema A: *$ref*", { ["A.json"] = '{"$ref":"#/nowhere"}' },
      "check", "A")
    fails("./hyperties/schemas/A.json: schema A: *$ref*", { ["A.json"] = '{"$ref":"Nobody"}' },
      "check", "A")
    fails("./hyperties/schemas/A.json: schema A: *$ref*",
      { ["A.json"] = '{"$ref":"http://example.com/schema.json"}' }, "check", "A")
  end)

  it("a pattern that is none", function()
    fails("./hyperties/schemas/A.json: schema A: *pattern*", { ["A.json"] = '{"pattern":"(a"}' },
      "check", "A")
  end)

  it("a pattern that takes for ever, once it does", function()
    local files = { ["A.json"] = '{"pattern":"^(a|a)*$"}', ["/data.json"] = '"' .. ("a"):rep(60)
      .. '!"', ["/short.json"] = '"aaa"' }
    gives("A: ok\n  scheme    resource\n", files, "check", "A")
    gives("short.json: fits A\n", files, "fits", "A", "short.json")
    fails("data.json: does not fit A: *", files, "fits", "A", "data.json")
  end)

  it("a file of 10 MB", function()
    local large = '{"description":"' .. ("x"):rep(10 << 20) .. '"}'
    fails("./hyperties/schemas/A.json: has " .. #large .. " bytes, more than 262144",
      { ["A.json"] = large }, "check", "A")
  end)

  it("one that is nested too deep", function()
    fails("./hyperties/schemas/A.json: JSON at line 1, column * is nested deeper than 128 levels",
      { ["A.json"] = ('{"not":'):rep(1000) .. "{}" .. ("}"):rep(1000) }, "check", "A")
  end)

  it("one that recurs deeper than its data", function()
    local files = { ["A.json"] = '{"properties":{"a":{"$ref":"#"}}}',
      ["/deep.json"] = ('{"a":'):rep(120) .. "1" .. ("}"):rep(120) }
    gives("deep.json: fits A\n", files, "fits", "A", "deep.json")
  end)

  it("a folder, a pipe, a loop of links and what may not be read", function()
    fails("./hyperties/schemas/A.json: is a folder, no file", { "mkdir A.json" }, "check", "A")
    fails("./hyperties/schemas/A.json: is no regular file", { "mkfifo A.json" }, "check", "A")
    fails("hyperties/schemas/A.json: Too many levels of symbolic links", { "ln -s A.json A.json" },
      "check", "hyperties/schemas/A.json")
    fails("/dev/zero.json: there is no such file", {}, "check", "/dev/zero.json")
    fails("./zero.json: is no regular file", { "ln -s /dev/zero ../../zero.json" }, "check",
      "./zero.json")
  end)
end)

describe("a folder of schemas", function()
  it("of which each is bad in its way keeps nobody", function()
    local result = schema({
      "mkdir A.json", "mkfifo B.json", "ln -s C.json C.json", "ln -s /dev/zero D.json",
      "ln -s . schemas", ["E.json"] = ("["):rep(300), ["F.json"] = '{"$ref":"#"}',
      ["G.json"] = KITCHEN, ["not a name.json"] = "{}",
    }, "ls")
    assert.truthy(result.out:find("\nG ", 1, true), result.out)
    local told = {}
    for name in result.err:gmatch "schemas/([^\n]-)%.json: left out: " do told[name] = true end
    assert.same({ A = true, B = true, C = true, D = true, E = true, F = true,
      ["not a name"] = true }, told)
    assert.equal(0, result.status)
  end)

  it("of a thousand is there in a moment", function()
    local began = os.time()
    local result = schema({ [[for i in $(seq 1000); do
      printf '{"version":%d,"type":"object","properties":{"a":{"type":"string"}},' $i >S$i.json
      printf '"children":{"c":{"$ref":"S%d"}}}' $((i % 1000 + 1)) >>S$i.json; done]] }, "ls")
    local count = select(2, result.out:gsub("\nS%d+ ", ""))
    assert.same({ "", 1000 }, { result.err, count })
    assert.truthy(os.time() - began < 60)
  end)
end)

describe("hyperty node", function()
  it("gives the schemas of its folders to runtimes that do not have them", function()
    program.with_dir(function(dir)
      program.make_dir(dir .. "/node/hyperties/schemas", { ["Kitchen.json"] = KITCHEN })
      program.make_dir(dir .. "/elsewhere", { ["chef.lua"] = [[
        local Chef = { name = "Chef", schemas = { "Kitchen" }, api = {} }
        function Chef:start()
          self.room = assert(self.syncher:create { schema = "Kitchen", data = { value = 20 } })
        end
        function Chef.api.warm(self, by) self.room.data.value = by return self.room.url end
        return Chef]] })
      local address = "unix://" .. dir .. "/node.sock"
      local result = program.run({ "repl", "--node", address, "./chef.lua" }, {
        dir = dir .. "/elsewhere", input = "chef.warm(21)\nchef.warm('hot')\n",
        shell = ("cd %s/node; timeout 60 %s node --attach none --listen %s 2>../said & pid=$!; "
          .. "for i in $(seq 500); do grep -q 'listens on' ../said && break; sleep 0.02; done; "
          .. "cd %s/elsewhere; %%s; kill $pid; wait $pid"):format(dir, program.path, address, dir),
      })
      assert.truthy(result.out:find('^"ctxt://localhost/'), result.out .. result.err)
      assert.truthy(result.err:find('value: "hot"', 1, true), result.err)
    end)
  end)
end)
