-- --store: what a process leaves to the next one, what it says of a file that it cannot have, and
-- `hyperty store`, which looks into the file.
local process = require "spec.support.process"
local program = require "spec.support.program"

local UUID = "%x+%-%x+%-%x+%-%x+%-%x+"

local DIARY = [[
local Diary = { name = "Diary", schemas = { "Resource" }, api = {} }
function Diary:start(config)
  self.state.starts = (self.state.starts or 0) + 1
  self.book = assert(self.syncher:create {
    schema = "Resource", name = "diary", store = true, data = { count = 0 },
  })
end
function Diary.api.write(self, text)
  local child = self.book:add_child("items", { text = text })
  assert(child:wait())
  self.book.data.count = self.book.data.count + 1
  return self.book:saved()
end
function Diary.api.read(self)
  local texts = {}
  for i, child in ipairs(self.book:children "items") do texts[i] = child.data.text end
  return ("%s %d %d %s"):format(self.book.resumed, self.state.starts, self.book.data.count,
    table.concat(texts, ","))
end
function Diary.api.who(self) return self.url .. " " .. self.book.url end
return Diary
]]

local function write_diary(dir)
  program.write(dir .. "/diary.lua", DIARY)
  return dir .. "/diary.lua", dir .. "/kept"
end

-- A prompt with a diary, once it has started.
local function open(start, dir)
  local diary, file = write_diary(dir)
  local repl = start("repl", "--store", file, diary)
  local url, book = repl:ask("diary.who()",
    '"(hyperty://localhost/' .. UUID .. ') (resource://localhost/' .. UUID .. ')"\n')
  return repl, url, book
end

-- Makes a file with a diary of two lines in it; gives its path, and the addresses.
local function make_file(dir)
  local diary, file = write_diary(dir)
  local result = program.run({ "repl", "--store", file, diary },
    { input = 'diary.write "one"\ndiary.write "two"\ndiary.who()\n' })
  assert.equal("", result.err)
  local url, book = result.out:match '"(hyperty://%S+) (resource://[^"]+)"'
  assert.truthy(book, result.out)
  return file, url, book, diary
end

describe("a host with --store", function()
  it("is the same again after it was killed: addresses, state, objects", function()
    process.with(function(start, dir)
      local repl, url, book = open(start, dir)
      repl:ask('diary.write "one"', "(%d+)\n")
      repl:ask('diary.write "two"', "(%d+)\n")
      for round = 2, 3 do
        repl:signal "KILL"
        repl:wait()
        local again, url_again, book_again
        again, url_again, book_again = open(start, dir)
        assert.same({ url, book }, { url_again, book_again })
        again:ask("diary.read()", '"true ' .. round .. ' 2 one,two"\n')
        repl = again
      end
    end)
  end)

  it("is the same again after it has ended", function()
    program.with_dir(function(dir)
      local file, url, book, diary = make_file(dir)
      local result = program.run({ "repl", "--store", file, diary },
        { input = "diary.read()\ndiary.who()\n" })
      assert.equal("", result.err)
      assert.truthy(result.out:find('"true 2 2 one,two"\n', 1, true), result.out)
      assert.truthy(result.out:find(url, 1, true), result.out)
      assert.truthy(result.out:find(book, 1, true), result.out)
    end)
  end)

  it("may be told so by the file of options", function()
    program.with_dir(function(dir)
      local diary, file = write_diary(dir)
      program.write(dir .. "/options.lua", ("return { store = %q }"):format(file))
      for round = 1, 2 do
        local result = program.run({ "repl", "--config", dir .. "/options.lua", diary },
          { input = "diary.read()\n" })
        assert.truthy(result.out:find(" " .. round .. " 0 ", 1, true), result.out)
      end
    end)
  end)

  it("shows at the prompt which objects it keeps, and how safely", function()
    program.with_dir(function(dir)
      local diary, file = write_diary(dir)
      local line = "for _, o in ipairs(objects()) do print(o.role, o.store) end\n"
      local kept = program.run({ "repl", "--store", file, diary }, { input = line })
      assert.equal("reporter\ttrue\n", kept.out)
      program.write(diary, (DIARY:gsub("store = true", 'new = true, store = "sync"')))
      local synced = program.run({ "repl", "--store", file, diary }, { input = line })
      assert.equal("reporter\tsync\n", synced.out)
      local without = program.run({ "repl", diary }, { input = line })
      assert.equal("reporter\tnil\n", without.out)
    end)
  end)

  it("keeps nothing without it", function()
    program.with_dir(function(dir)
      local diary = write_diary(dir)
      for _ = 1, 2 do
        local result = program.run({ "repl", diary }, { input = "diary.read()\n" })
        assert.equal("", result.err)
        assert.equal('"false 1 0 "\n', result.out)
      end
    end)
  end)
end)

describe("a file that cannot be had", function()
  local function fails(pattern, ...)
    local result = program.run { ... }
    assert.truthy(result.err:find(pattern), result.err)
    assert.equal("", result.out)
    assert.equal(1, result.status)
  end

  it("is in use: who has it is told, and the host goes on", function()
    process.with(function(start, dir)
      local repl = open(start, dir)
      fails("^hyperty: run: [^\n]*" .. dir .. "/kept[^\n]*%d+[^\n]*\n$", "run", "--store",
        dir .. "/kept", dir .. "/diary.lua")
      repl:ask('diary.write "still here"', "(%d+)\n")
    end)
  end)

  it("is in a folder that is not there", function()
    program.with_dir(function(dir)
      fails("^hyperty: run: [^\n]*" .. dir .. "/none[^\n]*\n$", "run", "--store",
        dir .. "/none/kept", write_diary(dir))
    end)
  end)

  it("is something else", function()
    program.with_dir(function(dir)
      local diary, file = write_diary(dir)
      local text = ("to be or not to be\n"):rep(1000)
      program.write(file, text)
      fails("^hyperty: run: [^\n]*" .. file .. "[^\n]*\n$", "run", "--store", file, diary)
      local f <close> = assert(io.open(file))
      assert.equal(text, f:read "a") -- untouched
    end)
  end)

  it("is damaged: it is left as it is, and check tells", function()
    program.with_dir(function(dir)
      local file, _, _, diary = make_file(dir)
      local f = assert(io.open(file, "r+b"))
      local size = f:seek "end"
      assert(size >= 8192)
      f:seek("set", 4096) -- not the head, which would make it something else
      f:write(("\xa5"):rep(size - 4096))
      f:close()
      fails("hyperty: run: [^\n]*" .. file .. "[^\n]* damaged[^\n]*hyperty store check[^\n]*\n$",
        "run", "--store", file, diary)
      local result = program.run { "store", "check", file }
      assert.equal(1, result.status)
      assert.truthy((result.out .. result.err):find(file, 1, true))
    end)
  end)

  it("is damaged in one page: whatever that is, it is told what cannot be read", function()
    program.with_dir(function(dir)
      local file, _, _, diary = make_file(dir)
      local source <close> = assert(io.open(file, "rb"))
      local whole = source:read "a"
      for at = 4096, #whole - 1, 4096 do
        program.write(file, whole:sub(1, at) .. ("\xa5"):rep(4096) .. whole:sub(at + 4097))
        local result = program.run({ "repl", "--store", file, diary }, { input = "diary.read()\n" })
        assert.is_nil(result.err:find("internal error", 1, true), result.err)
        if result.status == 0 then -- nobody needs that page
          assert.equal('"true 2 2 one,two"\n', result.out)
        else
          local why = result.err:match "hyperty: repl: ([^\n]+)" or ""
          assert.truthy(why:find(file, 1, true) and why:find("hyperty store check", 1, true),
            result.err)
        end
      end
    end)
  end)

  it("may not be read", function()
    if io.popen("id -u"):read "n" == 0 then return end -- root may
    program.with_dir(function(dir)
      local file, _, _, diary = make_file(dir)
      assert(os.execute("chmod 000 " .. file))
      fails("^hyperty: run: [^\n]*" .. file .. "[^\n]*\n$", "run", "--store", file, diary)
    end)
  end)
end)

describe("hyperty store", function()
  local function run(...) return program.run { "store", ... } end

  it("lists what hyperties keep", function()
    program.with_dir(function(dir)
      local file, _, book = make_file(dir)
      local result = run("ls", file)
      assert.equal("", result.err)
      local head, line, more = result.out:match "^([^\n]+)\n([^\n]+)\n(.*)$"
      assert.truthy(head:find "^url +role +hyperty +name +version +children +bytes$", head)
      assert.truthy(line:find("^" .. book:gsub("%p", "%%%0")
        .. " +reporter +diary +diary +%d+ +2 +%d+$"), line)
      assert.equal(#head, #line)
      assert.equal("", more)
      assert.equal(0, result.status)
    end)
  end)

  it("shows an object, or all", function()
    program.with_dir(function(dir)
      local file, url, book = make_file(dir)
      local one = run("show", file, book)
      assert.equal("", one.err)
      for _, part in ipairs { '"url": "' .. book .. '"', '"role": "reporter"', '"count":2',
        '"text":"one"', '"text":"two"', '"version": ' } do
        assert.truthy(one.out:find(part, 1, true), part .. " is not in\n" .. one.out)
      end
      assert.truthy(one.out:find('"one".*"two"'))
      local all = run("show", file)
      for _, part in ipairs { '"localhost":"hyperty-runtime://', url, book, '"starts":1' } do
        assert.truthy(all.out:find(part, 1, true), part .. " is not in\n" .. all.out)
      end
      local none = run("show", file, "resource://localhost/none")
      assert.equal("hyperty: store: nothing is stored of resource://localhost/none; "
        .. "\"ls\" lists what is\n", none.err)
      assert.equal(1, none.status)
    end)
  end)

  it("finds nothing wrong with a good file", function()
    program.with_dir(function(dir)
      local file = make_file(dir)
      assert.same({ out = file .. ": ok\n", err = "", status = 0 }, run("check", file))
    end)
  end)

  it("makes a file smaller, with all that is in it", function()
    program.with_dir(function(dir)
      local file, _, _, diary = make_file(dir)
      local result = run("compact", file)
      assert.truthy(result.out:find("^" .. file .. ": %d+ bytes, %d+ before\n$"), result.out)
      assert.equal("", result.err)
      result = program.run({ "repl", "--store", file, diary }, { input = "diary.read()\n" })
      assert.equal('"true 2 2 one,two"\n', result.out)
    end)
  end)

  it("looks into a file that is in use, but does not compact it", function()
    process.with(function(start, dir)
      local repl, _, book = open(start, dir)
      repl:ask('diary.write "one"', "(%d+)\n")
      local file = dir .. "/kept"
      assert.truthy(run("ls", file).out:find(book, 1, true))
      assert.truthy(run("show", file, book).out:find('"text":"one"', 1, true))
      assert.equal(file .. ": ok\n", run("check", file).out)
      local result = run("compact", file)
      assert.truthy(result.err:find("^hyperty: store: [^\n]*" .. file), result.err)
      assert.equal(1, result.status)
    end)
  end)

  it("says that a file is a message node's, and how much is in it", function()
    process.with(function(start, dir)
      local file = dir .. "/node"
      local node = start("node", "--listen", "unix://" .. dir .. "/socket", "--store", file)
      node:expect("err", "listens on")
      assert.equal("url  role  hyperty  name  version  children  bytes\n", run("ls", file).out)
      local repl = start("repl", "--node", "unix://" .. dir .. "/socket", (write_diary(dir)))
      repl:ask("diary.who()", '"(hyperty://[^\n]+)\n')
      local listed = run("ls", file)
      assert.truthy(listed.out:find("^" .. file .. ": of a message node: 1 session, %d+ addresses, "
        .. "%d+ routes, %d+ entries of its registry\n$"), listed.out)
      assert.equal("", listed.err)
    end)
  end)

  it("tells damage line by line", function()
    program.with_dir(function(dir)
      local file = make_file(dir)
      local f = assert(io.open(file, "r+b"))
      f:seek("set", 4096)
      f:write(("\xa5"):rep(8192))
      f:close()
      local result = run("check", file)
      assert.equal(1, result.status)
      assert.is_nil(result.out:find("***", 1, true))
      for line in result.out:gmatch "[^\n]+" do
        assert.equal(file .. ": ", line:sub(1, #file + 2))
      end
    end)
  end)

  it("names a folder as such", function()
    program.with_dir(function(dir)
      for _, action in ipairs { "ls", "show", "check" } do
        local expected = "hyperty: store: " .. dir .. " is a folder; give a file\n"
        assert.equal(expected, run(action, dir).err)
      end
    end)
  end)

  it("names a file that is not there, or is something else", function()
    program.with_dir(function(dir)
      program.write(dir .. "/text", ("words\n"):rep(2000))
      for _, action in ipairs { "ls", "show", "check", "compact" } do
        for _, name in ipairs { "/none", "/text" } do
          local result = run(action, dir .. name)
          assert.truthy(result.err:find("^hyperty: store: [^\n]*" .. dir .. name), result.err)
          assert.equal("", result.out)
          assert.equal(1, result.status)
        end
      end
      assert.is_nil(io.open(dir .. "/none"))
    end)
  end)

  it("says how it is used", function()
    local function refuses(text, ...)
      local result = run(...)
      assert.equal("hyperty: store: " .. text .. '; "hyperty help store" tells more\n', result.err)
      assert.equal(2, result.status)
    end
    refuses "say what to do: ls, show, check or compact"
    refuses("ls needs the FILE that --store named", "ls")
    refuses('there is no "frobnicate": ls, show, check or compact', "frobnicate", "x")
    refuses('"y" is too much', "ls", "x", "y")
    refuses('"z" is too much', "show", "x", "y", "z")
    for _, word in ipairs { "ls", "show", "check", "compact" } do
      assert.truthy(program.run({ "help", "store" }).out:find("hyperty store " .. word .. " FILE",
        1, true), word)
    end
  end)
end)
