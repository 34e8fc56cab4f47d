-- What luacheck knows about the names that each kind of file sees.
max_line_length = 100
self = false -- a method may leave its self alone
exclude_files = { "build", "lua/types", "lua/templates" }

-- A hyperty runs in a sandbox: an allow list of Lua's own names; the rest comes by `require`.
stds.hyperty = {
  read_globals = {
    "_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall",
    "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable",
    "tonumber", "tostring", "type", "xpcall",
    coroutine = { other_fields = true },
    math = { other_fields = true },
    string = { other_fields = true },
    table = { other_fields = true },
    utf8 = { other_fields = true },
    os = { fields = { "clock", "date", "difftime", "time" } },
  },
}

std = "lua54"
files["hyperties"] = { std = "hyperty" }
files["spec"] = { std = "+busted" }
