-- String patterns of hyperties are matched by our own matcher: what it gives and raises is what Lua
-- gives and raises.
local beside_lua = require "spec.support.beside_lua"
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("a pattern", function()
  local world, anna

  setup(function()
    world = objects.world { "anna" }
    anna = world.anna
  end)

  teardown(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  local function agree(code, seed) return beside_lua.agree(anna, code, seed) end

  describe("means what it means in Lua:", function()
    it("classes, of every byte", function()
      agree [[
        for _, class in ipairs { "a", "c", "d", "g", "l", "p", "s", "u", "w", "x", "z", ".", "%",
          "k" } do
          for _, pattern in ipairs { "%" .. class, "%" .. class:upper(), "[%" .. class .. "]",
                                     "[^%" .. class:upper() .. "]" } do
            local made = pattern .. ":"
            for c = 0, 255 do
              if string.find(string.char(c), pattern) then made = made .. " " .. c end
            end
            note(made)
          end
        end]]
    end)

    it("sets", function()
      agree [==[
        local sets = { "[]]", "[^]]", "[]-a]", "[a-]", "[-a]", "[^-a]", "[a%-z]", "[%a-z]",
          "[a-%z]",
          "[%]]", "[^%]]", "[+--]", "[--/]", "[\0-\31]", "[\128-\255]", "[^\0]", "[[]", "[[-]]",
            "[a^]",
          "[^^]", "[.%.]", "[%w%s_]", "[z-a]", "[]", "[^]", "[", "[^", "[%", "[%]", "[a", "[a-",
            "[]a" }
        for _, set in ipairs(sets) do
          local made = ""
          for c = 0, 255 do
            local ok, found = pcall(string.find, string.char(c), set)
            if not ok then made = found break end
            if found then made = made .. " " .. c end
          end
          note(shown(set) .. ":" .. shown(made))
          try(string.match, "a]-b^[z", set .. "+")
        end]==]
    end)

    it("repetition, greedy and lazy", function()
      agree [[
        for _, suffix in ipairs { "*", "+", "-", "?", "" } do
          for _, rest in ipairs { "", "a", "b", ".", "$", "(.)", "()", "ab", "b*", "%d" } do
            for _, subject in ipairs { "", "a", "aaa", "aaab", "baab", "aab1ab" } do
              try(string.find, subject, "a" .. suffix .. rest)
              try(string.find, subject, "^(." .. suffix .. ")" .. rest)
              try(string.match, subject, "([ab]" .. suffix .. ")" .. rest)
            end
          end
        end]]
    end)

    it("anchors, captures, positions, and what comes again", function()
      agree [[
        for _, pattern in ipairs { "^", "$", "^$", "^^", "$$", "a^", "a$b", "^a", "b$", "()",
          "()()",
            "(a)(b)", "(a(b))", "((a)b)", "(a", "a)", "(", ")", "(()", "())", "(a)%1", "(a)%2",
              "%1",
            "%0", "(%1)", "(a)%1%1", "()%1", "(a*)%1", "(a*(.)%2)", "(.)(.)%2%1", "%9",
              "(.-)%1" } do
          for _, subject in ipairs { "", "a", "ab", "aab", "abba", "aaaa", "^a$b", "a^$" } do
            try(string.find, subject, pattern)
            try(string.match, subject, pattern)
            try(string.gsub, subject, pattern, "<%0>")
            try(string.gsub, subject, pattern, "<%1>")
          end
        end]]
    end)

    it("%b and %f", function()
      agree [[
        for _, pattern in ipairs { "%b()", "%bxx", "%b", "%b(", "%baa", "%b\0\0", "%b)(", "(%b())",
            "%f[%w]%w+", "%f[^%w]", "%f[\0]", "%f", "%fa", "%f[", "%f[a", "%f[^\0]", "%f[%a]()",
            "()%f[%z]", "%f[a-c]." } do
          for _, subject in ipairs { "", "(a(b)c)d", "((a)", "xaxbx", "aab", "one two", "\0a\0",
            "a)(b",
              "THE (quick) fox" } do
            try(string.find, subject, pattern)
            try(string.gsub, subject, pattern, "<%0>")
          end
        end]]
    end)

    it("the number of captures and how deep it may be", function()
      agree [[
        for _, count in ipairs { 1, 31, 32, 33, 40, 197, 198, 199, 200, 201, 202, 250 } do
          local subject = ("a"):rep(count)
          for _, item in ipairs { "(a)", "()", "a?", "a*", "a-", "b?", "b*", "b-", "(", "(a" } do
            for _, ending in ipairs { "", ")" } do
              try(string.find, subject, item:rep(count) .. ending)
            end
          end
        end]]
    end)

    it("where to begin, and plain text", function()
      agree [[
        for _, init in ipairs { 1, 0, 2, 3, 4, 5, -1, -2, -3, -4, math.maxinteger,
          math.mininteger } do
          for _, pattern in ipairs { "", "a", ".", "^a", "a$", "()", "a.", "^", "%" } do
            try(string.find, "aba", pattern, init)
            try(string.find, "aba", pattern, init, true)
            try(string.match, "aba", pattern, init)
            try(function(...) local list = {}
              for a, b in string.gmatch(...) do list[#list + 1] = shown(a) .. shown(b) end
              return table.concat(list, " ")
            end, "aba", pattern, init)
          end
        end
        for _, wanted in ipairs { "a.b", ".", "%", "\0", "b\0", "", ")", "a)", "(", "-" } do
          for _, plain in ipairs { true, false } do
            try(string.find, "a.b)\0c%", wanted, 1, plain)
          end
        end]]
    end)

    it("plain text in what is short and what is long", function()
      agree [[
        local letters = { "a", "b", "a" }
        for _ = 1, 400 do
          local wanted = text(letters, 6)
          for _, subject in ipairs { text(letters, 12), text(letters, 200):rep(3) } do
            try(string.find, subject, wanted, random(8) - 3, true)
            try(string.find, subject, wanted)
          end
        end]]
    end)

    it("replacements", function()
      agree [[
        local replacements = { "x", "", "%0%0", "%1", "%2", "%3", "%%", "%", "%x", "a%", "%\0", 7,
          1.5,
          "%0123", { a = "A", b = false, [1] = "one" }, setmetatable({}, { __index = function(_, k)
            return "<" .. tostring(k) .. ">" end }),
          function(...) return select("#", ...) end, function(a) return a end, function() end,
          function() return false end, function() return true end, function() return {} end,
          function() error("no", 0) end, function() error({}) end }
        for _, replacement in ipairs(replacements) do
          for _, pattern in ipairs { "a", "(a)(b)", "", "^a", "()", "(a)()", ".", "b*", "zz" } do
            for _, most in ipairs { false, 0, 1, 2, -1 } do
              try(string.gsub, "abcabc", pattern, replacement, most or nil)
            end
          end
        end]]
    end)

    it("arguments that are wrong", function()
      agree [[
        for _, name in ipairs { "find", "match", "gmatch", "gsub" } do
          local f = string[name]
          try(f) try(f, "a") try(f, nil, "a") try(f, {}, "a") try(f, "a", {}) try(f, 12, 1) try(f,
            12, 2, 1)
          try(f, "a", "a", {}) try(f, "a", "a", "x", {}) try(f, "a", "a", 1.5) try(f, "a", "a", "1")
          try(f, "a", "a", nil) try(f, "a", "a", true) try(f, "a", "a", print, "x")
        end
        try(function() return ("x"):find() end)
        try(function() return ("x").gsub(true, "x", "y") end)]]
    end)
  end)

  it("agrees on thousands of random cases", function()
    local noted = 0
    for seed = 1, 8 do
      noted = noted + agree([==[
        local subjects = { "a", "b", "a", "b", "c", "1", " ", "(", ")", "%", ".", "-", "]", "\0",
          "\255" }
        local pieces = { "a", "b", "c", ".", "%a", "%d", "%w", "%s", "%A", "%S", "[ab]", "[^a]",
          "[a-c]",
          "[%a_]", "[]]", "[^]a]", "%1", "%2", "(", ")", "(", ")", "()", "*", "+", "-", "?", "*",
            "+", "-",
          "?", "^", "$", "%b()", "%bab", "%f[%w]", "%f[^a]", "%g", "%%", "\0", "\255", ".-", ".*",
            "(.*)",
          "(.-)", "(a", "b)", "(%a+)", "[%s%d]", "1", " " }
        local odd = { "%", "[", "[^", "[a-", "%f", "%z", "[%", "[%]", "[a-%z]", "%b", "%bx", "%0",
          "%9",
          "]", "%f[", "[]", "[^]" }
        local replacements = { "x", "", "%0", "<%1>", "%2%1", "%%", "%", { a = "A", ab = 2 },
          function(a, b) return b or a end, function() end }
        for _ = 1, 700 do
          local subject, pattern = text(subjects, 12), text(pieces, 7)
          if random(8) == 1 then pattern = pattern .. pick(odd) .. text(pieces, 2) end
          if random(6) == 1 then pattern = "^" .. pattern end
          try(string.find, subject, pattern, random(4) - 2)
          try(string.match, subject, pattern)
          try(string.gsub, subject, pattern, pick(replacements), pick { nil, 1, 2, 100 })
          try(function(s, p)
            local list = {}
            for a, b in s:gmatch(p) do list[#list + 1] = shown(a) .. shown(b) end
            return table.concat(list, " ")
          end, subject, pattern)
        end
        for _ = 1, 700 do
          local pattern, subject = "", ""
          for _ = 1, random(8) do pattern = pattern .. string.char(random(96) + 31) end
          for _ = 1, random(20) do subject = subject .. string.char(random(256) - 1) end
          try(string.find, subject, pattern)
          try(string.gsub, pattern .. subject, pattern, "%0")
        end]==], seed)
    end
    assert.is_true(noted > 60000, noted)
  end)

  it("does not wait in a replacement, as before", function()
    has("cannot wait here", raised(anna, [[
      ("a"):gsub("a", function() require("hyperty").sleep(1) end)]]))
  end)
end)
