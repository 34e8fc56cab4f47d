-- The shape of the source tree: layers, sizes, lists. First each rule on planted violations, so
-- that it is known to find them; then the tree itself.
local rules = require "spec.support.rules"
local tree = require "spec.support.tree"

local function has(text, violations)
  assert.equal(1, #violations, table.concat(violations, "\n"))
  assert.truthy(violations[1]:find(text, 1, true), violations[1])
end

local function none(violations)
  assert.equal("", table.concat(violations, "\n"))
end

local function c_function(count)
  return "/* x */\nstatic int walk(int a,\n                int b) {\n"
    .. ("    step();\n"):rep(count - 3) .. "}\n"
end

describe("the layer rule", function()
  it("lets a file include its own folder, folders to its left and limits.h", function()
    none(rules.includes("core/data/view.c", table.concat({
      '#include "view.h"', '#include "../base/value.h"', '#include "../bus/message.h"',
      '#include "../limits.h"', "#include <string.h>" }, "\n")))
  end)

  it("finds an include of a folder to the right", function()
    has("core/base/str.c:2: include of ../bus/bus.h, which is in layer bus, to the right of base",
      rules.includes("core/base/str.c", '#include "str.h"\n#  include "../bus/bus.h"\n'))
  end)

  it("finds an include of a top header from a layer, also by a winding path", function()
    has("belongs to the top", rules.includes("core/host/state.c", '#include "../runtime.h"'))
    has("layer sync", rules.includes("core/bus/bus.c", '#include "../base/../sync/syncher.h"'))
    has("outside core/", rules.includes("core/bus/bus.c", '#include "../../spec/support/x.h"'))
  end)

  it("finds a folder that is no layer", function()
    has("util is no layer", rules.includes("core/util/x.c", ""))
    has("no layer", rules.includes("core/main.c", '#include "util/x.h"'))
  end)

  it("lets top files include every layer", function()
    none(rules.includes("core/runtime.c", '#include "host/state.h"\n#include "base/str.h"\n'))
  end)

  it("keeps Lua in host and in the two entries", function()
    local text = "#include <lua.h>\n"
    none(rules.includes("core/host/state.c", text))
    none(rules.includes("core/module.c", "#include <lauxlib.h>\n"))
    has("lua.h", rules.includes("core/sync/syncher.c", text))
    has("lauxlib.h", rules.includes("core/runtime.c", "#include <lauxlib.h>"))
    has("lualib.h", rules.includes("core/net/pair.c", '#include "lualib.h"'))
  end)

  it("keeps libuv in loop, store, net, host and the top", function()
    none(rules.includes("core/net/tcp.c", "#include <uv.h>"))
    none(rules.includes("core/runtime.c", "#include <uv.h>"))
    has("is not for bus", rules.includes("core/bus/bus.c", "#include <uv.h>"))
  end)

  it("keeps SQLite in the store", function()
    none(rules.includes("core/store/sqlite.c", "#include <sqlite3.h>"))
    has("is not for sync", rules.includes("core/sync/sync.c", "#include <sqlite3.h>"))
    has("is not for host", rules.includes("core/host/state.c", "#include <sqlite3.h>"))
    has("sqlite3.h", rules.includes("core/runtime.c", '#include "sqlite3.h"'))
  end)

  it("keeps PCRE2 in the data", function()
    none(rules.includes("core/data/regex.c", "#include <pcre2.h>"))
    has("is not for host", rules.includes("core/host/lib_string.c", "#include <pcre2.h>"))
    has("is not for base", rules.includes("core/base/str.c", "#include <pcre2posix.h>"))
  end)

  it("keeps foreign JSON out", function()
    has("cJSON.h", rules.includes("core/base/json.c", "#include <cJSON.h>"))
    has("cjson/cJSON.h", rules.includes("core/host/state.c", "#include <cjson/cJSON.h>"))
    none(rules.includes("core/bus/message.c", '#include "../base/json.h"'))
    none(rules.includes("core/base/json.c", '#include "json.h"'))
  end)

  it("does not take a comment for an include", function()
    none(rules.includes("core/base/str.c", '/*\n#include "../bus/bus.h"\n*/\n// #include <uv.h>\n'))
  end)

  it("sees an include after a quote inside a comment and a comment mark inside a string", function()
    has("core/base/str.c:3", rules.includes("core/base/str.c",
      '/* don\'t */\nstatic const char *a = "/*";\n#include <uv.h>\n'))
  end)
end)

describe("the rule of logic without input and output", function()
  it("finds a clock, dice and a file", function()
    has("call of time", rules.purity("core/sync/x.c", "    now = time(NULL);\n"))
    has("call of rand", rules.purity("core/base/x.c", "return rand() % 6;\n"))
    has("call of fopen", rules.purity("core/node/x.c", "f = (void *)fopen(path, mode);\n"))
  end)

  it("leaves names alone that only look alike, members, comments and strings", function()
    none(rules.purity("core/bus/x.c",
      'a->time(b);\nhy_time(c);\nx.fopen(1); /* calls time() */\nlog("time(0)");\n'))
  end)

  it("leaves the layers alone that stand around the logic", function()
    none(rules.purity("core/host/x.c", "now = time(NULL);\n"))
    none(rules.purity("core/main.c", "printf(text);\n"))
  end)
end)

describe("the rule of sizes", function()
  it("finds a file of 501 lines and lets one of 500 pass", function()
    none(rules.size("a.c", ("x\n"):rep(500)))
    has("501 lines", rules.size("a.c", ("x\n"):rep(501)))
    has("501 lines", rules.size("a.c", ("x\n"):rep(500) .. "x"))
  end)

  it("finds a wide line, counting characters", function()
    none(rules.size("a.c", ("…"):rep(100) .. "\n"))
    has("a.c:2: over 100 columns", rules.size("a.c", "x\n" .. ("…"):rep(101) .. "\n"))
  end)

  it("finds a function of 71 lines and lets one of 70 pass", function()
    none(rules.functions("a.c", c_function(70)))
    has("a.c:2: function of 71 lines", rules.functions("a.c", c_function(71)))
  end)

  it("finds the long function among others, and after a macro, a table and a type", function()
    local before = "#define EACH(x) \\\n    for (;;) {\nstatic const int t[] = {\n    f(1),\n};\n"
      .. "typedef struct {\n    int (*call)(int);\n} thing_t;\nint small(void) {\n}\n"
    has("a.c:12: function of 90", rules.functions("a.c", before .. c_function(90)))
  end)

  it("does not take a long table for a function", function()
    none(rules.functions("a.c", "const int t[N(1)] = {\n" .. ("    1,\n"):rep(100) .. "};\n"))
  end)

  it("does not end a function at a brace in a string", function()
    has("71 lines", rules.functions("a.c",
      (c_function(71):gsub("    step%(%);\n", "    say(\"}\");\n"))))
  end)

  it("finds a file that does not begin with a comment", function()
    none(rules.first_comment("a.c", "/* What for. */\n"))
    has("a.c:1", rules.first_comment("a.c", "#include <a.h>\n/* Late. */\n"))
  end)
end)

describe("the lists", function()
  it("find a C file that no list has", function()
    local cmake = "set(X\n  core/base/a.c\n  core/main.c)\n"
    none(rules.listed({ "core/base/a.c", "core/main.c" }, cmake))
    has("core/base/b.c", rules.listed({ "core/base/a.c", "core/base/b.c" }, cmake))
  end)

  it("find a stranger at the top level", function()
    none(rules.top { ".git", ".ci", "core", "LICENSE", "README.md" })
    has("docs", rules.top { "core", "docs" })
  end)
end)

describe("the tree", function()
  local function each(dirs, pattern, ...)
    local found, count = {}, 0
    for _, dir in ipairs(dirs) do
      for _, path in ipairs(tree.files(dir, pattern)) do
        count = count + 1
        for _, rule in ipairs { ... } do
          for _, violation in ipairs(rule(path, tree.read(path))) do
            found[#found + 1] = violation
          end
        end
      end
    end
    assert.is_true(count > 0, "no file matched " .. pattern)
    none(found)
  end

  it("keeps the layers apart", function()
    each({ "core" }, "%.[ch]$", rules.includes, rules.purity)
  end)

  it("has files that begin with a comment and functions that fit a screen", function()
    each({ "core" }, "%.[ch]$", rules.first_comment, rules.functions)
  end)

  it("has no file that is too long", function()
    each({ "core", "spec", "tools" }, "%.[ch]$", rules.size)
    each({ "lua", "hyperties", "spec", "tools" }, "%.lua$", rules.size)
  end)

  it("has every C file in a list", function()
    none(rules.listed(tree.files("core", "%.c$"), tree.read "CMakeLists.txt"))
  end)

  it("has nothing at the top level that does not belong there", function()
    none(rules.top(tree.names "."))
  end)
end)
