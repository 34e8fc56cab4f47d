-- hyperty new: what it makes passes at once, and it leaves alone what is there.
local lfs = require "lfs"
local program = require "spec.support.program"
local tree = require "spec.support.tree"

local MADE = {
  "hyperties/kitchen.lua", "hyperties/schemas/Kitchen.json", "spec/kitchen_spec.lua", ".busted",
  ".luarc.json",
}

local function new(dir, ...)
  return program.run({ "new", ... }, { dir = dir })
end

local function files_in(dir, prefix, found)
  prefix, found = prefix or "", found or {}
  for name in lfs.dir(dir) do
    local path = dir .. "/" .. name
    if name == "." or name == ".." then
      found = found
    elseif lfs.attributes(path, "mode") == "directory" then
      found[#found + 1] = prefix .. name .. "/"
      files_in(path, prefix .. name .. "/", found)
    else
      found[#found + 1] = prefix .. name
    end
  end
  table.sort(found)
  return found
end

local function makes(dir, name, ...)
  local result = new(dir, name, ...)
  assert.equal("", result.err)
  assert.equal(0, result.status)
  return result.out
end

describe("hyperty new", function()
  it("makes a hyperty, its schema and its spec, and tells what comes next", function()
    program.with_dir(function(dir)
      local out = makes(dir, "kitchen")
      for _, path in ipairs(MADE) do
        assert.truthy(out:find("made " .. path .. "\n", 1, true), out)
        assert.truthy(lfs.attributes(dir .. "/" .. path), path)
        assert.falsy(tree.read(dir .. "/" .. path):find "@%a+@", path)
      end
      for _, command in ipairs { "check", "repl", "run --watch" } do
        local line = ("  %s %s kitchen"):format(program.path, command) -- as it was called
        assert.truthy(out:find(line, 1, true), out)
      end
      assert.equal(#MADE + 3, #files_in(dir))
    end)
  end)

  it("makes what passes at once: check, run, the prompt and busted", function()
    program.with_dir(function(dir)
      makes(dir, "kitchen")
      local checked = program.run({ "check", "kitchen" }, { dir = dir })
      assert.same({ out = "kitchen: ok\n", err = "", status = 0 }, checked)
      local ran = program.run({ "run", "kitchen" }, { dir = dir, shell = [[
        { %s & pid=$!; } 2>said; while ! grep -q reports said; do sleep 0.05
        kill -0 $pid || break; done; kill -INT $pid
        wait $pid; status=$?; cat said; exit $status]] })
      assert.truthy(ran.out:find "%f[%a]kitchen: reports resource://localhost/%x", ran.out)
      assert.equal(0, ran.status)
      local asked = program.repl("kitchen.add(2)\nkitchen.add()\nkitchen.value()\n",
        { dir = dir, args = { "kitchen" } })
      assert.equal("2\n3\n3\n", asked.out)
      local passes, text = program.busted(dir)
      assert.is_true(passes, text)
      assert.truthy(text:find("ok 2", 1, true), text)
    end)
  end)

  it("makes a spec that can fail", function()
    program.with_dir(function(dir)
      makes(dir, "kitchen")
      local path = dir .. "/hyperties/kitchen.lua"
      program.write(path, (tree.read(path):gsub("n or 1", "n or 2")))
      local passes, text = program.busted(dir)
      assert.is_false(passes, text)
      assert.truthy(text:find("not ok 1", 1, true), text)
    end)
  end)

  it("makes another one beside it, and keeps what they share", function()
    program.with_dir(function(dir)
      makes(dir, "kitchen")
      program.write(dir .. "/.busted", (tree.read(dir .. "/.busted"):gsub("^", "-- mine\n")))
      local out = makes(dir, "Cellar_2")
      assert.falsy(out:find("made .busted", 1, true))
      assert.truthy(tree.read(dir .. "/.busted"):find "^%-%- mine\n")
      assert.truthy(lfs.attributes(dir .. "/hyperties/schemas/Cellar_2.json"))
      local checked = program.run({ "check", "kitchen", "Cellar_2" }, { dir = dir })
      assert.same({ out = "kitchen: ok\nCellar_2: ok\n", err = "", status = 0 }, checked)
      local passes, text = program.busted(dir)
      assert.is_true(passes, text)
      assert.truthy(text:find("ok 4", 1, true), text)
    end)
  end)

  it("makes it in another folder, with those above it", function()
    program.with_dir(function(dir)
      local out = makes(dir, "kitchen", "--into", "a/b")
      assert.truthy(out:find("made a/b/hyperties/kitchen.lua\n", 1, true), out)
      assert.truthy(out:find("next, in a/b:\n", 1, true), out)
      assert.is_true((program.busted(dir .. "/a/b")))
    end)
  end)

  it("finds what busted and an editor need where the program is installed", function()
    program.with_dir(function(dir)
      local build = program.path:match "^(.*)/"
      local places = {
        [program.path] = "bin", [build .. "/lua/hyperty/host.so"] = "lib/lua/5.4/hyperty",
        ["lua/hyperty/spec.lua"] = "share/lua/5.4/hyperty", ["lua/types"] = "share/hyperty",
      }
      for from, to in pairs(places) do
        assert.is_true(os.execute(("unset LD_PRELOAD; mkdir -p %s/%s && cp -r %s %s/%s"):format(
          dir, to, from, dir, to)))
      end
      local result = program.run({}, { shell = dir .. "/bin/hyperty new kitchen --into " .. dir })
      assert.equal(0, result.status)
      assert.truthy(tree.read(dir .. "/.busted"):find(dir .. "/lib/lua/5.4/?.so", 1, true))
      assert.truthy(tree.read(dir .. "/.luarc.json"):find(dir .. "/share/hyperty/types", 1, true))
      local passes, text = program.busted(dir)
      assert.is_true(passes, text)
    end)
  end)

  it("overwrites nothing, and says what is there", function()
    program.with_dir(function(dir)
      program.make_dir(dir .. "/spec", { ["kitchen_spec.lua"] = "mine" })
      program.make_dir(dir .. "/hyperties/kitchen", { ["init.lua"] = "mine, too" })
      local before = files_in(dir)
      local result = new(dir, "kitchen")
      assert.equal("", result.out)
      assert.equal("hyperty: new: spec/kitchen_spec.lua: is there already; move it away, or use "
        .. "another name\nhyperty: new: ./hyperties/kitchen/init.lua: has that name already; use "
        .. "another one\n", result.err)
      assert.equal(1, result.status)
      assert.same(before, files_in(dir))
      assert.equal("mine", tree.read(dir .. "/spec/kitchen_spec.lua"))
    end)
  end)

  it("leaves nothing behind when it fails half way", function()
    program.with_dir(function(dir)
      program.write(dir .. "/spec", "a file where a folder should be")
      local result = new(dir, "kitchen")
      assert.equal("", result.out)
      assert.equal("hyperty: new: spec/kitchen_spec.lua: Not a directory\n", result.err)
      assert.equal(1, result.status)
      assert.same({ "spec" }, files_in(dir))
      result = new(dir, "kitchen", "--into", "spec/x")
      assert.equal(1, result.status)
      assert.same({ "spec" }, files_in(dir))
    end)
  end)

  it("refuses what is no name", function()
    program.with_dir(function(dir)
      for _, name in ipairs { "", "2nd", "_x", "a-b", "a.lua", "../x", "é", ("x"):rep(49) } do
        local result = new(dir, name)
        assert.equal(2, result.status)
        assert.truthy(result.err:find("is no name: use at most 48 letters", 1, true), result.err)
      end
      for _, name in ipairs { "end", "world", "hyperty" } do
        local result = new(dir, name)
        assert.equal(2, result.status)
        assert.truthy(result.err:find("means something else already", 1, true), result.err)
      end
      assert.same({}, files_in(dir))
      makes(dir, ("x"):rep(48))
    end)
  end)

  it("needs one name", function()
    for _, result in ipairs { new(".", nil), new(".", "a", "b") } do
      assert.equal("hyperty: new: give one name: hyperty new NAME\n", result.err)
      assert.equal(2, result.status)
    end
    assert.truthy(program.run({ "help", "new" }).out:find("spec/NAME_spec.lua", 1, true))
  end)
end)
