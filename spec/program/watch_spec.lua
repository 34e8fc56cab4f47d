-- `hyperty run --watch`: what is edited is reloaded, whoever saves it and however.
local program = require "spec.support.program"

local KITCHEN = [[
local part = require "part"
return { name = "Kitchen", start = function() print("cooks " .. part) end }
]]

-- A shell line that goes through these steps, each once the program has said so many lines, and
-- then ends it.
local function steps(list)
  local lines = { "{ %s & } 2>err.txt; pid=$!",
    "said() { for i in $(seq 1000); do",
    "[ $(wc -l <err.txt) -ge $1 ] && return; sleep 0.02; done; }" }
  for _, step in ipairs(list) do
    lines[#lines + 1] = ("said %d"):format(step[1])
    lines[#lines + 1] = step[2]
  end
  lines[#lines + 1] = "kill -TERM $pid; wait $pid; status=$?; cat err.txt >&2; exit $status"
  return table.concat(lines, "\n")
end

describe("hyperty run --watch", function()
  local function run(list, ...)
    local args, result = { "run", "--watch", "--attach=none", ... }, nil
    program.with_dir(function(dir)
      program.write(dir .. "/kitchen.lua", KITCHEN)
      program.write(dir .. "/part.lua", "return 1\n")
      result = program.run(args, { dir = dir, shell = steps(list) })
    end)
    assert.equal(0, result.status)
    return result.err
  end

  it("reloads a hyperty whose file, or a file that it requires, is saved", function()
    assert.equal([[
kitchen: cooks 1
kitchen: cooks 2
kitchen: reloaded
kitchen: cooks 3
kitchen: reloaded
kitchen: bakes 3
kitchen: reloaded
]], run({
      { 1, "echo 'return 2' >part.lua" },
      { 3, "echo 'return 3' >part.new; mv part.new part.lua" },
      { 5, "mv kitchen.lua kitchen.lua~; sed s/cooks/bakes/ kitchen.lua~ >kitchen.lua" },
      { 7, ":" },
    }, "./kitchen.lua"))
  end)

  it("shows where new code is wrong, in a line, and goes on with the old", function()
    assert.equal([[
kitchen: cooks 1
kitchen: error: not reloaded: ./part.lua:1: <eof> expected near '2'
kitchen: error: not reloaded: ./part.lua:2: no part
kitchen: error: not reloaded: ./kitchen.lua:1: require: there is no "other": ]]
      .. [[looked for ./other.lua and ./other/init.lua
kitchen: cooks 4
kitchen: reloaded
kitchen: error: not reloaded: ./kitchen.lua:1: no start
]], run({
      { 1, "echo 'return 2 2' >part.lua" },
      { 2, "printf '\\nerror \"no part\"' >part.lua" },
      { 3, "sed -i s/'\"part\"'/'\"other\"'/ kitchen.lua" },
      { 4, "echo 'return 4' >other.lua" }, -- the file that was missing
      { 6, [[echo "return { name = 'K', start = function() error 'no start' end }" >kitchen.lua]] },
      { 7, ":" },
    }, "./kitchen.lua"))
  end)

  it("reloads each hyperty that uses a file, and no other one", function()
    local err = run({
      { 2, "echo \"return { name = 'H', start = function() print 'hall' end }\" >hall.lua; "
        .. "sleep 0.2; echo 'return 2' >part.lua" },
      { 6, ":" },
    }, "./kitchen.lua", "./kitchen.lua")
    local lines = {}
    for line in err:gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "kitchen#2: cooks 1", "kitchen#2: cooks 2", "kitchen#2: reloaded",
      "kitchen: cooks 1", "kitchen: cooks 2", "kitchen: reloaded" }, lines)
  end)

  it("reloads all when a schema is saved, by which their objects are checked then", function()
    local result
    program.with_dir(function(dir)
      program.make_dir(dir .. "/hyperties/schemas",
        { ["Kitchen.json"] = '{ "properties": { "n": { "enum": [1] } } }' })
      program.write(dir .. "/hyperties/kitchen.lua", [[
return { name = "Kitchen", start = function(self)
  local kitchen = assert(self.syncher:create { schema = "Kitchen" })
  print(pcall(function() kitchen.data.n = 2 end))
end }]])
      result = program.run({ "run", "--watch", "--attach=none", "kitchen" }, { dir = dir,
        shell = steps { { 1, "sed -i s/1/2/ hyperties/schemas/Kitchen.json" }, { 3, ":" } } })
    end)
    assert.equal(0, result.status)
    local first, rest = result.err:match "^([^\n]*)\n(.*)$"
    assert.truthy(first:match "^kitchen: false\t.*: n: 2 is none of 1$", first)
    assert.equal("kitchen: true\nkitchen: reloaded\n", rest)
  end)

  it("may be said in the configuration", function()
    local result
    program.with_dir(function(dir)
      program.write(dir .. "/kitchen.lua", KITCHEN)
      program.write(dir .. "/part.lua", "return 1\n")
      program.write(dir .. "/config.lua", "return { watch = true, attach = 'none' }")
      result = program.run({ "run", "--config", "config.lua", "./kitchen.lua" },
        { dir = dir, shell = steps { { 1, "echo 'return 2' >part.lua" }, { 3, ":" } } })
      program.write(dir .. "/config.lua", "return { watch = 'yes' }")
      local refused = program.run({ "run", "--config", "config.lua", "kitchen" }, { dir = dir })
      assert.equal("hyperty: run: --config: config.lua: watch must be true or false\n", refused.err)
    end)
    assert.equal("kitchen: cooks 1\nkitchen: cooks 2\nkitchen: reloaded\n", result.err)
  end)
end)
