-- Completion: what could come behind a piece of code, without running any.
local complete = require("hyperty.complete").complete

local function never() error "a script's code was run" end

local TRAPS = {
  __index = never, __newindex = never, __len = never, __pairs = never, __call = never,
  __tostring = never, __eq = never, __lt = never, __concat = never, __close = never,
}

-- A host with two objects: one of its own, and data.
local OBJECT, LISTS = io.stdin, {
  fields = { "data", "url" }, methods = { "children", "on", "execute" },
}
local host = {
  members = function(x) if x == OBJECT then return LISTS.fields, LISTS.methods end end,
  events = function(x) return x == OBJECT and { "change", "child" } or {} end,
  schemas = function() return { "Resource", "Communication" } end,
  schema = function(x)
    if x == OBJECT or x == "Communication" then
      return { fields = { "status", "startingTime" }, collections = { "messages" } }
    end
  end,
  options = function(name) return name == "create" and { "schema", "store", "data" } or nil end,
  loadable = function() return { "hello", "group_chat" } end,
  files = function(folder)
    return folder == "." and { "hello.lua", "more.lua", "lib/" } or folder == "lib/" and { "x.lua" }
      or {}
  end,
  instances = function() return { { name = "chat" }, { name = "chat#2" } } end,
  objects = function() return { { url = "comm://a/1" } } end,
  keys = function()
    return { { state = "own" }, { user = "user://a/ann" }, { user = "user://a/ann" },
      { user = "user://a/ben" } }
  end,
  topics = function() return { "watch" } end,
}

local env = {
  chat = { send = print, rooms = print, _hidden = 1, ["not a name"] = 1, ["end"] = 1, count = 3 },
  object = OBJECT, list = { { text = "a" }, key = { inner = { deep = 1 } } },
  trap = setmetatable({ known = { more = 1 } }, TRAPS),
  class = setmetatable({ own = 1 }, { __index = setmetatable({ base = print }, TRAPS) }),
  number = 1, text = "a", load = print,
}

-- What it gives for the code, in one line: what would stand there, and what else could.
local function after(code)
  local answer = complete(host, env, code, 100)
  if not answer or #answer.items == 0 then return "" end
  return code:sub(1, answer.from) .. table.concat(answer.items, " ")
    .. (#answer.items == 1 and answer["end"] or "")
end

describe("completion", function()
  it("of names knows globals, keywords and names of the chunk", function()
    assert.equal("chat", after "cha")
    assert.equal("x = 1 + number", after "x = 1 + num")
    assert.equal("while", after "whi")
    assert.equal("local lamp, light = 1 lamp", after "local lamp, light = 1 lam")
    assert.equal("for index = 1, 2 do index", after "for index = 1, 2 do ind")
    assert.equal("function f(param) return param", after "function f(param) return para")
    assert.equal("f(chat", after "f(cha")
    assert.equal("", after "nothing_like_that")
  end)

  it("of fields follows names and indices", function()
    assert.equal("chat.count rooms send", after "chat.")
    assert.equal("chat.send", after "chat.se")
    assert.equal("chat . send", after "chat . se")
    assert.equal("list[1].text", after "list[1].te")
    assert.equal("list['key'].inner", after "list['key'].in")
    assert.equal("list.key.inner.deep", after "list.key.inner.d")
    assert.equal("list['key'", after "list['ke")
    assert.equal("chat._hidden", after "chat._h")
    assert.equal("class.base own", after "class.")
    for _, code in ipairs { "nobody.x", "chat().x", "chat.send.x", "number.x", "(chat).x", "12.x",
      "list[i].te", "..x", "chat..se" } do
      assert.truthy(not after(code):find "send" and not after(code):find "text", code)
    end
  end)

  it("of methods knows functions, and strings", function()
    assert.equal("chat:rooms send", after "chat:")
    assert.equal("text:upper", after "text:upp")
    assert.equal("object:execute", after "object:ex")
    assert.equal("object.data", after "object.da")
    assert.equal("object:execute", after "object.ex")
  end)

  it("of texts knows what they are for", function()
    assert.equal('load "hello"', after 'load "hel')
    assert.equal("load('group_chat'", after "load('gr")
    assert.equal('load "more.lua"', after 'load "mo')
    assert.equal('load "lib/', after 'load "li')
    assert.equal('load "lib/x.lua"', after 'load "lib/')
    assert.equal('unload "chat chat#2', after 'unload "c')
    assert.equal('watch "comm://a/1"', after 'watch "co')
    assert.equal("accept 'user://a/ann user://a/ben", after "accept 'us")
    assert.equal('forget("user://a/ben"', after 'forget("user://a/b')
    assert.equal('help "watch"', after 'help "wa')
    assert.equal('object:on("change child', after 'object:on("ch')
    assert.equal('object:children "messages"', after 'object:children "')
    assert.equal('f { schema = "Communication"', after 'f { schema = "Co')
    assert.equal("", after "'cha")
    assert.equal("", after "x = [[cha")
    assert.equal("", after "-- cha")
    assert.equal("--[[ a ]] chat", after "--[[ a ]] cha")
    assert.equal("-- a\nchat", after "-- a\ncha")
    assert.equal("x = 'a\\'b' chat", after "x = 'a\\'b' cha")
  end)

  it("of named arguments knows them, and fields of the schema", function()
    assert.equal("s:create { schema = ", after "s:create { sch")
    assert.equal("s:create({ store = ", after "s:create({ st")
    assert.equal("s:create { schema = 'Communication', data = { status = ",
      after "s:create { schema = 'Communication', data = { stat")
    assert.equal("s:create { schema = 'None', data = { list", after
      "s:create { schema = 'None', data = { lis")
    assert.equal("s:create { data = list", after "s:create { data = lis")
    assert.equal("{ list", after "{ lis")
  end)

  it("runs nothing", function()
    assert.equal("trap.known", after "trap.kn")
    assert.equal("trap.known.more", after "trap.known.m")
    assert.equal("", after "trap.unknown.x")
    assert.equal("", after "trap['x'].y")
    assert.equal("class.base own", after "class.")
    assert.equal("", after "class.unknown.x")
  end)

  it("is bounded", function()
    local many = {}
    for i = 1, 20000 do many["key" .. i] = i end
    local answer = complete(host, { many = many }, "many.", 100)
    assert.equal(100, #answer.items)
    assert.is_true(answer.more)
    assert.is_true(complete(host, { many = many }, "many.key1999", 1e6).more)
    assert.is_true(complete(host, { many = many }, "many.none", 1e6).more)
    assert.is_nil(complete(host, env, "chat.", 100).more)
    local loop = {}
    setmetatable(loop, { __index = loop })
    assert.equal(0, #complete(host, { loop = loop }, "loop.x", 100).items)
    assert.is_nil(complete(host, env, ("x "):rep(20000) .. "cha", 100))
    assert.equal(0, #complete(host, env, "chat" .. (".chat"):rep(1000) .. ".x", 100).items)
  end)

  it("raises at no piece of any code", function()
    local code = [=[
local x <const>, y = { a = 1, [2] = "b\z
 c", 'd\'e' }, [==[ long ]] ]==] -- comment
--[[ another
]] for i, v in pairs(x) do print(i .. v, #x, x[1]:upper(), 0x1p4, 3..2) ::mark:: goto mark end
s:create { schema = "Communication", data = { status = "open" } } (function() return ... end)()
return x.y.z["w"][1], ~x // 2 >> 1, "\u{48}é", a == b, not c]=]
    for at = 0, #code do
      complete(host, env, code:sub(1, at), 100)
      complete(host, env, code:sub(at + 1), 100)
      for _, more in ipairs { ".", ":", "[", "['", "{ ", "(", '"', "=" } do
        complete(host, env, code:sub(1, at) .. more, 100)
      end
    end
  end)
end)
