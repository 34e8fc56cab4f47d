-- README.md is true: what it prints runs as printed, and what it names is there.
local lfs = require "lfs"
local process = require "spec.support.process"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local README = tree.read "README.md"

-- What is marked as another spec's, up to the next blank line, left out.
local UNMARKED = README:gsub("<!%-%- spec: [^\n]* %-%->\n    .-\n\n", "\n")

-- The indented lines of it that begin with this, without it, in order.
local function indented(prefix)
  local found = {}
  for line in UNMARKED:gmatch "[^\n]+" do
    if line:sub(1, #prefix + 4) == "    " .. prefix then
      found[#found + 1] = line:sub(#prefix + 5)
    end
  end
  return found
end

-- The block of Lua after that mark.
local function block(mark)
  local _, stop = README:find("<!-- spec: " .. mark .. " -->\n```lua\n", 1, true)
  assert(stop, "README.md has no block marked " .. mark)
  return README:sub(stop + 1, README:find("```", stop, true) - 1)
end

-- The lines of some text.
local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

-- Line `i` of the output matches pattern i.
local function matches(patterns, output)
  local out = lines(output)
  for i, pattern in ipairs(patterns) do
    assert.truthy((out[i] or ""):find("^" .. pattern .. "$"),
      ("line %d of\n%s\ndoes not match %s"):format(i, output, pattern))
  end
  assert.equal(#patterns, #out, output)
end

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"
local CHAT = "group_chat[#%d]* %(hyperty://localhost/" .. UUID .. "%): close, create, edit, .*"
local ROOM = '"comm://localhost/' .. UUID .. '"'
local ID = '"' .. UUID .. '#1"'

describe("the README's kitchen", function()
  -- The commands about it, in their order.
  local function commands()
    local found = {}
    for _, line in ipairs(indented "build/release/hyperty ") do
      found[#found + 1] = line:match "^(%a+ kitchen)"
    end
    return found
  end

  -- A folder in which the first of them was typed.
  local function with_project(fn)
    program.with_dir(function(dir)
      assert.equal("new kitchen", commands()[1])
      local result = program.run({ "new", "kitchen" }, { dir = dir })
      assert.equal("", result.err)
      fn(dir)
    end)
  end

  it("works at once", function()
    assert.same({ "new kitchen", "check kitchen", "run kitchen", "repl kitchen" }, commands())
    assert.same({ " kitchen" }, indented "build/release/hyperty run --watch")
    assert.equal(1, #indented "busted ")
    with_project(function(dir)
      assert.truthy(README:find("kitchen.add(2)", 1, true))
      local asked = program.repl("kitchen.add(2)\n", { dir = dir, args = { "kitchen" } })
      assert.same("2\n", asked.out)
    end)
  end)

  it("takes over what is saved while it runs", function()
    process.with(function(start, dir)
      local project = dir .. "/1" -- where the first process runs
      local path = project .. "/hyperties/kitchen.lua"
      assert.equal(0, program.run({ "new", "kitchen", "--into", project }).status)
      local kitchen = start("run", "--watch", "kitchen")
      kitchen:expect("err", "prompts come in by")
      program.write(path, block "kitchen")
      kitchen:expect("err", "kitchen: %d+ degrees\n")
      program.write(path, (block "kitchen":gsub("%%d degrees", "now %%d")))
      kitchen:expect("err", "kitchen: now %d+\n")
    end)
  end)

  it("is checked, run, asked and tested by the commands that it gives", function()
    with_project(function(dir)
      program.write(dir .. "/hyperties/kitchen.lua", block "kitchen")
      program.write(dir .. "/spec/kitchen_spec.lua", block "kitchen's spec")
      local checked = program.run({ "check", "kitchen" }, { dir = dir })
      assert.same({ out = "kitchen: ok\n", err = "", status = 0 }, checked)
      local ran = program.run({ "run", "kitchen" }, { dir = dir, shell = [[
        { %s & pid=$!; } 2>said; while ! grep -q degrees said; do sleep 0.05
        kill -0 $pid || break; done; kill -INT $pid
        wait $pid; status=$?; cat said; exit $status]] })
      assert.truthy(ran.out:find "\nkitchen: 20 degrees\n", ran.out)
      assert.equal(0, ran.status)
      local asked = program.repl("kitchen.degrees()\n", { dir = dir, args = { "kitchen" } })
      assert.truthy(asked.out:find "%f[%d]%d%d\n$", asked.out)
      assert.equal(0, asked.status)
      local passes, text = program.busted(dir)
      assert.is_true(passes, text)
      assert.truthy(text:find("ok 1 - the kitchen gets warmer", 1, true), text)
    end)
  end)
end)

describe("the README's prompt", function()
  it("shows what a first chat shows", function()
    local typed = indented "> "
    assert.equal(13, #typed)
    local result = program.repl(table.concat(typed, "\n", 1, 8) .. "\n")
    assert.equal("", result.err)
    matches({
      CHAT, ROOM, ID,
      "{", "  {", "    at = %d+%.%d+,", '    from = "user://localhost/me",',
      "    id = " .. ID .. ",", '    text = "hello"', "  }", "}",
      CHAT, ROOM, "true",
      "user://localhost/bob\thi", ID,
    }, result.out)
    assert.equal(0, result.status)
  end)

  it("shares a shopping list", function()
    local typed = indented "> "
    local result = program.repl(table.concat(typed, "\n", 9) .. "\n")
    assert.equal("", result.err)
    local LIST = "shopping[#%d]* %(hyperty://localhost/" .. UUID .. "%): add, items, .*"
    matches({ LIST, LIST, "1", "true",
      '{ { by = "user://localhost/bob", text = "the blue one" } }' }, result.out)
  end)

  it("gives what the table of services lets one type", function()
    local typed = {}
    for cell in README:gmatch "\n|[^|\n]*|[^|\n]*`[%w_]+`: [^|\n]*| ([^|\n]*load[^|\n]*) |" do
      for line in cell:gmatch "`([^`]+)`" do typed[#typed + 1] = line end
    end
    assert.equal(7, #typed)
    local result = program.repl(table.concat(typed, "\n") .. "\n")
    assert.equal("", result.err)
    matches({
      ROOM,
      "thermometer %(hyperty://localhost/" .. UUID .. "%): every, on, set, url, values",
      "{", "  {", "    alarms = {},", '    room = "kitchen",', '    state = "live",',
      "    values = { heating = false, humidity = 45, temperature = 19 }", "  }", "}",
      "{", '  { connections = 1, status = "here", text = "", user = "user://localhost/me" }', "}",
      "connection %(hyperty://localhost/" .. UUID .. "%): accept, call, calls, .*",
      '"connection://localhost/' .. UUID .. '"',
      '"' .. UUID .. '"',
    }, result.out)
    assert.equal(0, result.status)
  end)

  it("takes its lines from a pipe", function()
    local line = indented("printf ")[1]
    assert.truthy(line:find(" | build/release/hyperty repl", 1, true))
    local result = program.run({ "repl" },
      { shell = "printf " .. line:gsub("build/release/hyperty repl", "%%s") })
    assert.equal("", result.err)
    matches({ CHAT, ROOM, "{", "  {", "    members = 1,", '    name = "team",',
      '    state = "live",', "    url = " .. ROOM, "  }", "}" }, result.out)
  end)

  it("knows its commands", function()
    local result = program.repl "help()\nhelp(load)\n"
    assert.equal("", result.err)
    assert.truthy(result.out:find("load(name [, config])", 1, true))
  end)
end)

describe("the README's rules", function()
  -- What is typed after that mark.
  local function typed()
    local text = README:match "<!%-%- spec: who may, typed %-%->\n(.-)\n\n"
    return (text:gsub("%f[^\n%z]    > ", "")) .. "\n"
  end

  it("keep Eve out until she is a friend, which why() tells", function()
    program.with_dir(function(dir)
      program.write(dir .. "/home.lua", block "who may")
      assert.equal(1, #indented "build/release/hyperty repl --config home.lua")
      local result = program.repl(typed(), { args = { "--config", dir .. "/home.lua" } })
      matches({
        CHAT, ROOM, CHAT, 'nil\t"refused by policy rule \\"not Eve\\""\t"forbidden"',
        "refused:", '  observe: refused by policy rule "not Eve" %(%d+%-.*%)', "now:",
        '  observe: denied by policy rule "not Eve"', '  read: denied by policy rule "not Eve"',
        '  child: denied by policy rule "not Eve"', '  execute: denied by policy rule "not Eve"',
        '{ "user://localhost/alice", "user://localhost/bob", "user://localhost/eve" }', ROOM,
      }, result.out)
      matches({
        'policy: comm://localhost/%S+: hyperty://localhost/%S+ may not observe: refused by policy '
          .. 'rule "not Eve"',
      }, result.err)
    end)
  end)
end)

describe("the README's diary", function()
  -- The line typed after that mark.
  local function typed(mark)
    return assert(README:match("<!%-%- spec: diary, " .. mark .. " %-%->\n    > ([^\n]+)\n"))
  end

  it("survives kill -9, and is listed", function()
    process.with(function(start, dir)
      local path, file = dir .. "/diary.lua", dir .. "/diary.store"
      program.write(path, block "diary")
      assert.truthy(README:find("build/release/hyperty repl --store diary.store diary\n", 1, true))
      local before = start("repl", "--store", file, path)
      before:ask(typed "before", "(%d+)\n")
      before:signal "KILL"
      before:wait()
      local after = start("repl", "--store", file, path)
      after:ask(typed "after", '{ count = 1, lines = { "so far so good" }, starts = 2 }\n')
      assert.truthy(README:find("build/release/hyperty store ls diary.store", 1, true))
      assert.truthy(program.run({ "store", "ls", file }).out:find("reporter  diary", 1, true))
    end)
  end)
end)

-- The same lines stand in the description of the commands, with what they give.
describe("the prompt's first lines", function()
  it("give a chat, a room, an id and a history", function()
    local result = program.repl [[
chat = load "group_chat"
room = chat.create("team")                        --> "comm://localhost/5b0c…"
chat.send(room, "hello")                          --> "…#1"
h = chat.history(room)                            --> { { id = …, from = …, text = …, at = … } }
#h, h[1].id:match "#%d+$", h[1].from, h[1].text, math.type(h[1].at), h[1].at > 1600000000
]]
    assert.equal("", result.err)
    local out = lines(result.out)
    assert.truthy(out[1]:find("^" .. CHAT .. "$"), out[1])
    assert.truthy(out[2]:find("^" .. ROOM .. "$"), out[2])
    assert.truthy(out[3]:find("^" .. ID .. "$"), out[3])
    assert.equal('1\t"#1"\t"user://localhost/me"\t"hello"\t"float"\ttrue', out[#out])
  end)
end)

describe("what the README names", function()
  -- What the reader makes.
  local MADE = {
    ["hyperties/kitchen.lua"] = true, ["./kitchen.lua"] = true, ["hyperties/diary.lua"] = true,
    ["spec/kitchen_spec.lua"] = true,
  }

  local function is_there(path)
    return lfs.attributes((path:gsub("/$", ""))) ~= nil
  end

  it("is there: files and folders by their path", function()
    local missing, count = {}, 0
    for path in README:gmatch "%f[%w.][%w_.]+/[%w_./]*" do
      path = path:gsub("%.$", "")
      local top = path:match "^[^/]+"
      if lfs.attributes(top, "mode") == "directory" and top ~= "build" and not MADE[path] then
        count = count + 1
        if not is_there(path) then missing[#missing + 1] = path end
      end
    end
    assert.same({}, missing)
    assert.truthy(count >= 8, "hardly a path was found")
    assert.truthy(is_there "LICENSE")
  end)

  it("is there: what the table says is in a folder", function()
    local missing, rows = {}, 0
    for folder, text in README:gmatch "| `([%w_]+/)` | ([^\n]+) |" do
      rows = rows + 1
      if not is_there(folder) then missing[#missing + 1] = folder end
      for name in text:gmatch "`([^`]+)`" do
        local path = folder .. name
        if not (is_there(name) or is_there(path) or is_there(path .. ".lua")) then
          missing[#missing + 1] = path
        end
      end
    end
    assert.same({}, missing)
    assert.equal(5, rows)
  end)

  it("is there: one folder of core/ per layer", function()
    local list = README:match "one folder per layer: ([^;]+);"
    for layer in list:gmatch "%a+" do
      assert.equal("directory", lfs.attributes("core/" .. layer, "mode"), layer)
    end
  end)
end)
