-- The functions of `table` in hyperties are the host's own: on tables of all kinds they give, raise
-- and leave behind what Lua's do.
local beside_lua = require "spec.support.beside_lua"
local objects = require "spec.support.objects"

local PROXY = [[
-- A table whose accesses are noted.
local function proxy(t, length)
  return setmetatable({}, {
    __index = function(_, k) note("read " .. shown(k)) return t[k] end,
    __newindex = function(_, k, v) note("write " .. shown(k) .. " " .. shown(v)) t[k] = v end,
    __len = function() note("length") return length or #t end,
  })
end
local function content(t)
  local made, count = "", 0
  for k, v in pairs(t) do count = count + 1 end
  for k = -8, 40 do
    local v = rawget(t, k)
    if v ~= nil then made = made .. " " .. k .. "=" .. shown(v) end
  end
  note(count .. " items:" .. made)
end
]]

describe("table", function()
  local world, anna

  setup(function()
    world = objects.world { "anna" }
    anna = world.anna
  end)

  teardown(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  local function agree(code, seed) return beside_lua.agree(anna, PROXY .. code, seed) end

  it("does on plain tables what it does in Lua, thousands of times", function()
    local noted = 0
    for seed = 1, 4 do
      noted = noted + agree([[
        for _ = 1, 600 do
          local t, u = {}, {}
          for i = 1, random(8) - 1 do t[i] = random(50) end
          for i = 1, random(4) - 1 do u[i] = random(3) == 1 and i or tostring(i) end
          if random(10) == 1 then t[random(12) - 2] = "odd" end
          for _ = 1, 4 do
            local a, b, c = random(10) - 2, random(10) - 2, random(10) - 3
            local what = random(9)
            if what == 1 then try(table.insert, t, a)
            elseif what == 2 then try(table.insert, t, a, b)
            elseif what == 3 then try(table.remove, t)
            elseif what == 4 then try(table.remove, t, a)
            elseif what == 5 then try(table.move, t, a, b, c)
            elseif what == 6 then try(table.move, t, a, b, c, u)
            elseif what == 7 then try(table.concat, t, ",", a, b)
            elseif what == 8 then try(table.unpack, t, a, b)
            else try(table.concat, u) try(table.unpack, u) end
            content(t) content(u)
          end
        end]], seed)
    end
    assert.is_true(noted > 20000, noted)
  end)

  it("reads and writes through metamethods in the same order", function()
    agree [[
      for _, length in ipairs { false, 0, 2, 5 } do
        length = length or nil
        for at = -1, 6 do
          local t = { 1, 2, 3, 4 }
          try(table.insert, proxy(t, length), at, "x") content(t)
          try(table.remove, proxy(t, length), at) content(t)
          try(table.concat, proxy(t, length), "-", at) content(t)
          try(table.unpack, proxy(t, length), at)
          for last = -1, 5 do
            local u = {}
            try(table.move, proxy(t), at, last, 2) content(t)
            try(table.move, t, at, last, 2, proxy(u)) content(u)
          end
        end
        local t = { 1, 2, 3, 4 }
        try(table.insert, proxy(t, length), "x") content(t)
        try(table.remove, proxy(t, length)) content(t)
      end
      local same = { __eq = function() note("equal") return true end }
      local a, b = setmetatable({ 1, 2, 3 }, same), setmetatable({ 4, 5, 6 }, same)
      try(table.move, a, 1, 2, 2, b) content(a) content(b)]]
  end)

  it("raises what Lua raises", function()
    agree [[
      local big, small = math.maxinteger, math.mininteger
      for _, name in ipairs { "insert", "remove", "move", "sort", "concat", "unpack", "pack" } do
        local f = table[name]
        try(f) try(f, nil) try(f, 5) try(f, print) try(f, {}) try(f, {}, {}) try(f, {}, "x")
        try(f, {}, 1.5) try(f, {}, 1, 1.5) try(f, {}, 1, 2, 3.5) try(f, {}, 1, 2, 3, 4, 5, 6)
        try(f, setmetatable({}, { __len = function() return "x" end }))
        try(f, setmetatable({}, { __len = function() return 1.5 end }))
        try(f, setmetatable({}, { __len = function() error("no length", 0) end }))
        try(f, setmetatable({ 1, 2 }, { __len = function() return "2" end }))
      end
      try(table.concat, "abc") try(table.insert, "abc", 1) try(table.unpack, "abc")
      try(table.insert, setmetatable({}, { __len = function() return big end }), 1)
      try(table.insert, setmetatable({}, { __len = function() return big end }), big, 1)
      try(table.insert, setmetatable({}, { __len = function() return -3 end }), 1, "x")
      try(table.insert, setmetatable({}, { __len = function() return -3 end }), "x")
      try(table.remove, setmetatable({}, { __len = function() return -1 end }))
      try(table.remove, setmetatable({}, { __len = function() return big end }), big)
      try(table.move, {}, small, big, 1) try(table.move, {}, 0, big, 1) try(table.move, {}, 1,
        big, 2)
      try(table.move, {}, -1, big, 2) try(table.move, {}, big - 1, big, big) try(table.move, {},
        1, 0, big)
      try(table.move, {}, small, small + 1, -3) try(table.move, { 1 }, 1, 1, big)
      try(table.move, {}, 1, 2, 3, 4) try(table.move, 4, 1, 2, 3, {}) try(table.move, {}, 1, 2)
      try(table.unpack, {}, small, big) try(table.unpack, {}, 1, big) try(table.unpack, {}, 0, big)
      try(table.unpack, {}, 1, 1e8) try(table.unpack, {}, big, big) try(table.unpack, {}, big - 1,
        big)
      try(table.unpack, {}, small, small + 1) try(table.unpack, nil, 1, 0) try(table.unpack, nil,
        1, 1)
      try(table.concat, { 1, {}, 3 }) try(table.concat, { 1, 2.5, "x", nil, 4 }, "", 1, 5)
      try(table.concat, {}, "", big, big) try(table.concat, { [big] = "x" }, "", big, big)
      try(table.concat, { 1, 2 }, nil, 1) try(table.concat, { 1 }, 5, 1, 2) try(table.concat, {},
        "x", 3)
      try(table.sort, { 1, "x" }) try(table.sort, { {}, {} }) try(table.sort, { 1, 2, nil, 4 }, 5)
      try(table.sort, setmetatable({}, { __len = function() return 1 << 31 end }))
      try(table.sort, { 3, 1, 2 }, function() error("no order", 0) end)
      try(table.sort, { true, false }) try(table.sort, { 1 }, 5)]]
  end)

  it("sorts", function()
    for seed = 1, 4 do
      agree([[
        local function sorted(t, order)
          table.sort(t, order)
          note(table.concat(t, " "))
        end
        for _ = 1, 60 do
          local numbers, texts = {}, {}
          for i = 1, random(200) - 1 do
            numbers[i] = random(2) == 1 and random(1000) or random(1000) + 0.5
            texts[i] = text({ "a", "b", "\0", "z" }, 6)
          end
          for i = 1, random(6) do -- runs, forwards and back
            local n = #numbers
            for j = 1, random(20) do numbers[n + j] = i % 2 == 1 and j or -j end
          end
          sorted(numbers) sorted(numbers) sorted(numbers, function(a, b) return a > b end)
          table.sort(texts)
          for i = 1, #texts do note(shown(texts[i])) end
        end
        local t = { 5, 3, 4 }
        local p = setmetatable({}, { __index = t, __newindex = t, __len = function() return 3 end })
        table.sort(p) content(t) content(p)]], seed)
    end
  end)

  it("sorts what is long", function()
    anna:eval [[
      for _, count in ipairs { 16384, 16385, 150000 } do
        local t = {}
        for i = 1, count do t[i] = i * 7919 % 150001 end
        table.sort(t)
        for i = 2, count do assert(t[i - 1] < t[i]) end
        table.sort(t, function(a, b) return a > b end)
        for i = 2, count do assert(t[i - 1] > t[i]) end
        assert(#t == count)
      end]]
  end)

  it("sorts equals in the order that they were in", function()
    anna:eval [[
      for _, count in ipairs { 2, 3, 7, 50, 1000, 70000 } do
        local t = {}
        for i = 1, count do t[i] = { key = i * 7919 % 5, at = i } end
        table.sort(t, function(a, b) return a.key < b.key end)
        for i = 2, count do
          local a, b = t[i - 1], t[i]
          assert(a.key < b.key or (a.key == b.key and a.at < b.at))
        end
      end]]
  end)

  it("loses nothing when the order is none, nor when it raises", function()
    anna:eval [[
      local random = 1
      local orders = {
        function() return true end, function() return false end, function(a, b) return a <= b end,
        function() random = random * 69069 + 5 return random >> 20 & 1 == 0 end,
        function() random = random * 69069 + 5 if random >> 16 & 15 == 0 then error("x") end end,
      }
      for n = 1, 60 do
        for _, order in ipairs(orders) do
          local t, seen = {}, {}
          for i = 1, n do t[i] = i * 31 % 61 end
          pcall(table.sort, t, order)
          for i = 1, n do assert(not seen[t[i] ]) seen[t[i] ] = true end
          assert(#t == n)
        end
      end]]
  end)
end)
