-- What a script can make long inside one call of a C function ends with the run's budget: none of
-- them is deaf to it.
local host = require "hyperty.host"

local RUN_S = 0.05

describe("a call that would take for ever", function()
  local rt, one

  local function start(run_s)
    rt = host.runtime {
      clock = "virtual", seed = 1, budget = { run = run_s }, log = function() end,
    }
    one = assert(rt:load_text([[
      return { name = "One", api = {} }]], { as = "one" }, "one.lua"))
  end

  before_each(function() start(RUN_S) end)

  after_each(function() rt:stop() end)

  -- Ended by the budget, and in time: by processor time, so that other programs do not count.
  local function ends(code)
    local from = os.clock()
    local ok, why = one:eval(code)
    local took = os.clock() - from
    assert(ok == nil, "it came to an end by itself: " .. code)
    if not tostring(why):find("took too long", 1, true) then
      error(("%s\n  ended by: %s"):format(code, why), 2)
    end
    assert(took < RUN_S + 0.25, ("%s\n  took %.3f s"):format(code, took))
    assert.equal(3, one:eval "return 1 + 2")
  end

  local function all_end(list)
    for _, code in ipairs(list) do ends(code) end
  end

  it("ends: patterns", function()
    all_end {
      "return (('a'):rep(30000)):find('.-.-.-b')",
      "return (('a'):rep(30000)):find('a*a*a*a*b')",
      "return (('a'):rep(30000)):match('(.-)%1b')",
      "return (('a'):rep(60)):match('^' .. ('a?'):rep(60) .. ('a'):rep(60) .. 'b')",
      "return (('a'):rep(60)):match('^' .. ('(a-)'):rep(30) .. 'b')",
      "return (('('):rep(1000000)):find('%b()')",
      "return (('a'):rep(30000)):gsub('.-b', '')",
      "return (('a'):rep(30000)):gsub('.-.-b', {})",
      "for _ in (('a'):rep(30000)):gmatch('.-.-b') do end",
      "return (('a'):rep(1000000)):find('[' .. ('b'):rep(1000000) .. ']c')",
      "return (('a'):rep(1000)):find('a*' .. ('[^b]*'):rep(5) .. 'b')",
      "return pcall(string.find, ('a'):rep(30000), '.-.-.-b')",
      "return coroutine.wrap(function() return (('a'):rep(30000)):find('.-.-.-b') end)()",
    }
  end)

  it("ends: loops over what is said to be there", function()
    local lying = "local t = setmetatable({}, { __len = function() return 1 << 40 end }) "
    local deaf = [[local t = setmetatable({}, { __index = rawlen, __newindex = rawequal,
      __len = function() return 1 << 40 end }) ]]
    local large = "local t = { 'x' } for i = 45, 1, -1 do t[1 << i] = 'x' end "
    all_end {
      "table.move({}, 1, 1 << 28, 2)",
      "table.move({}, 1, 1 << 40, 2, {})",
      lying .. "table.insert(t, 1, 'x')",
      lying .. "table.remove(t, 1)",
      lying .. "table.move(t, 1, #t, 2)",
      deaf .. "table.insert(t, 1, 'x')",
      deaf .. "table.remove(t, 1)",
      deaf .. "table.move(t, 1, #t, 2)",
      deaf .. "table.concat(t)",
      large .. "assert(#t > 1 << 30) table.insert(t, 1, 'x')",
      large .. "table.remove(t, 1)",
    }
  end)

  it("ends: formats, copies of texts", function()
    all_end {
      [[local f, t = ('%.99f'):rep(100000), {}
        for i = 1, 100000 do t[i] = 1e308 end
        return #f:format(table.unpack(t))]],
      "local s = ('\\0'):rep(4000000) while true do local _ = ('%q'):format(s) end",
      "while true do local _ = ('x'):rep(10000000, ' ') end",
      "while true do local _ = string.packsize((' '):rep(60000)) end",
    }
  end)

  it("ends: values that are the same table again and again", function()
    local many = [[local hyperty = require "hyperty"
      local t = {}
      for i = 1, 60 do t = { t, t } end ]]
    local deep = "local t = {} for i = 1, 50 do t = { a = t, b = t, c = { t } } end "
    all_end {
      many .. "return hyperty.json.encode(t)",
      many .. "return hyperty.copy(t)",
      deep .. "self.syncher:create { schema = 'Resource', data = t }",
      deep .. "while true do pcall(require('hyperty').copy, t) end",
      [[local s, t = ("x"):rep(1000), {}
        for i = 1, 1000 do t[i] = s end
        while true do require("hyperty").copy { t, t, t, t } end]],
    }
    -- What is given back has no run that could be over: it is too large.
    local from = os.clock()
    local given, why = one:eval(many .. "return t")
    assert(given == nil or type(given) == "string", why)
    assert(os.clock() - from < 2)
  end)

  it("refuses values and texts that are too large", function()
    rt:stop()
    start(10)
    assert.same({ false, "copy: 9: the value is too large" }, { one:eval [[
      local t, s = {}, ("x"):rep(15 << 20)
      for i = 1, 20 do t[i] = s end
      local ok, text = pcall(require("hyperty").copy, t)
      return ok, (text:gsub("^eval:%d+: ", ""))]] })
    assert.same({ nil, "json.decode: the text is too long", "too_large" }, { one:eval [[
      return require("hyperty").json.decode(("0"):rep((16 << 20) + 1))]] })
  end)

  it("runs out of memory in any of them, and goes on", function()
    rt:stop()
    rt = host.runtime { clock = "virtual", seed = 1, memory = 6 << 20, log = function() end }
    one = assert(rt:load_text("return { name = 'One' }", { as = "one" }, "one.lua"))
    for _, code in ipairs {
      "return (('x'):rep(1000000)):gsub('x', 'xxxxxxxxxxxxxxxx')",
      "return (('x'):rep(1000000)):gsub('x', function() return 'xxxxxxxxxxxxxxxx' end)",
      "return ('%s%s%s%s'):format(s, s, s, s)",
      "return ('%q'):format(('\\0'):rep(1500000))",
      "return table.concat({ s, s, s, s }, ',')",
      "return table.move(many, 1, 100000, 500000)",
      "return table.sort(many, function(a, b) keep = { keep, a } return a < b end)",
      "for w in s:gmatch '.' do keep = { keep, w } end",
    } do
      local ok, why = one:eval([[
        local s, many = ("x"):rep(1000000), {}
        for i = 1, 100000 do many[i] = i * 7919 % 100003 end ]] .. code)
      assert(ok == nil and why:find("not enough memory", 1, true), code .. ": " .. tostring(why))
      assert.equal(3, one:eval "keep = nil return 1 + 2")
    end
  end)

  it("ends: sorting", function()
    local many = "local t = {} for i = 1, 60000 do t[i] = i * 7919 % 60013 end "
    all_end {
      many .. "for i = 1, 100 do table.sort(t, rawequal) end",
      many .. "while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end",
      [[local t = setmetatable({}, { __index = rawlen, __newindex = rawequal,
          __len = function() return (1 << 31) - 2 end }) table.sort(t, rawequal) ]],
      many .. [[local o = setmetatable({}, { __lt = rawequal }) for i = 1, #t do t[i] = o end
        for i = 1, 1000 do table.sort(t) end]],
    }
  end)
end)
