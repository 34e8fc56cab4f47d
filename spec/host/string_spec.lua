-- The functions of `string` beside patterns that are the host's own: they give and raise what Lua's
-- do, within the memory of a hyperty.
local beside_lua = require "spec.support.beside_lua"
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("string", function()
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

  it(".format writes what Lua writes", function()
    agree [[
      local values = { 0, 1, -1, 65, 255, 1 << 53, math.mininteger, math.maxinteger, 0.0, -0.0, 0.1,
        1.5, -2.25, 1e15, 1e100, 1e308, 5e-324, math.huge, -math.huge, 0/0, 3.0, "7", "0x10", "1e3",
        "x", "", "a\0b", '"\\\n\r\0001\127\200', ("long"):rep(40), true, false, print, {},
        setmetatable({}, { __tostring = function() return "told" end }),
        setmetatable({}, { __tostring = function() return 1 end }),
        setmetatable({}, { __name = "Named" }) }
      local flags = { "", "5", "-5", "05", "+", " ", "#", ".3", "10.4", "-10.4", "+.0", "099.99",
        "%", "100", ".100", "-+ #0", "5.", "00005", "-.-", "1234567890123456789012", "..", "0-5" }
      local letters = { "d", "i", "u", "c", "x", "X", "o", "a", "A", "e", "E", "f", "F", "g", "G",
        "q", "s", "y", "%", "", "\0" }
      local function formatted(...)
        local text = string.format(...)
        return text
      end
      for _, letter in ipairs(letters) do
        for _, flag in ipairs(flags) do
          for i, value in ipairs(values) do
            local _, text = pcall(formatted, "<%" .. flag .. letter .. ">", value)
            if not tostring(text):find("0x%x%x%x%x%x") then -- no addresses
              note(flag .. letter .. i .. shown(text:gsub("^%a+:%d+: ", "")))
            end
          end
          try(string.format, "%" .. flag .. letter)
          try(string.format, "%" .. flag .. letter, nil)
        end
      end
      try(string.format) try(string.format, nil) try(string.format, 5) try(string.format, "%d%d", 1)
      try(string.format, "%d", "x") try(string.format, "%d", 1.5) try(string.format, "%d", "1.5")
      try(string.format, "%s %s", 1, 2, 3) try(string.format, "%%%d%%", 4) try(string.format, "%")
      try(string.format, "%5s|%-5s|%.2s", "ab", "ab", "abc") try(string.format, "\0%s\0", "\0")
      try(string.format, "%p", 1) try(string.format, "%10p|%-10p", nil, true) try(string.format,
        "%.3p", 1)
      try(string.format, "%q", 1, 2) try(string.format, "%5q", 1) try(string.format, "%q")]]
  end)

  it(".rep repeats as Lua does", function()
    agree [[
      for _, s in ipairs { "", "a", "ab", "\0", ("x"):rep(1000) } do
        for _, between in ipairs { "", ",", ", " } do
          for _, count in ipairs { -1, 0, 1, 2, 3, 7, 64, 100, math.mininteger } do
            try(string.rep, s, count, between)
          end
        end
        try(string.rep, s, 2)
      end
      try(string.rep) try(string.rep, "x") try(string.rep, "x", "y") try(string.rep, "x", 1.5)
      try(string.rep, "x", 2, {}) try(string.rep, {}, 2) try(string.rep, 12, 2, 3)
      try(string.rep, "x", math.maxinteger) try(string.rep, "ab", 1 << 31)
      try(string.rep, "x", 1, ("y"):rep(100)) try(string.rep, "x", 1 << 40, "y")]]
  end)

  it(".pack and .unpack are Lua's, but for formats that are longer than anything", function()
    assert.same({ 7, "ab", 8 }, { anna:eval [[
      return string.unpack("<i4s1", string.pack("<i4s1", 7, "ab")) ]] })
    assert.equal(8, anna:eval "return string.packsize('i4i4')")
    for _, call in ipairs { "pack(f)", "packsize(f)", "unpack(f, '')" } do
      has("format too long", raised(anna, "local f = (' '):rep(100000) string." .. call))
    end
  end)

  it(".rep of nothing is nothing, however often", function()
    assert.equal("", anna:eval "return (''):rep(1 << 62)")
  end)

  it(".rep says how much is too much", function()
    local rt = host.runtime { clock = "virtual", seed = 1, memory = 8 << 20 }
    local small = objects.load(rt, "small")
    has("string.rep: 1073741824 bytes are more than this hyperty may have",
      raised(small, "return ('x'):rep(1 << 30)"))
    has("string.rep: 5000000 bytes", raised(small, "return ('x'):rep(5000000)"))
    assert.equal(3000000, small:eval "return #('x'):rep(3000000)")
    -- What is garbage does not count.
    assert.equal(60000000, small:eval [[
      local bytes = 0
      for _ = 1, 20 do bytes = bytes + #('x'):rep(3000000) end
      return bytes]])
    rt:stop()
  end)
end)
