-- The texts of help at the prompt, made of what scripts see.
local help = require "hyperty.help"
local host = require "hyperty.host"

local API = host.api()

local function has(text, whole)
  assert.truthy(whole:find(text, 1, true), whole)
end

describe("help", function()
  it("has a screen for each class, with all that it has", function()
    for _, class in ipairs(API.classes) do
      local screen = help.object(API, class.name:match "%a+$":lower())
      for _, field in ipairs(class.fields) do has("\n  ." .. field.name .. " ", screen) end
      for _, method in ipairs(class.methods) do
        has("\n  :" .. method.name, screen)
        for _, option in ipairs(method.options or {}) do has(" " .. option.name .. " =", screen) end
      end
      for _, event in ipairs(class.events) do has(':on("' .. event.name .. '"', screen) end
      for line in screen:gmatch "[^\n]+" do assert.truthy(utf8.len(line) <= help.WIDTH, line) end
    end
  end)

  it("tells about each, in few words, and in whole ones", function()
    local function check(name, doc)
      assert.truthy(doc and #doc > 3 and #doc <= 64, name .. ": " .. tostring(doc))
      assert.falsy(doc:find "^%u" or doc:find "[.!]$", name .. ": " .. doc)
    end
    for _, class in ipairs(API.classes) do
      for _, field in ipairs(class.fields) do check(class.name .. "." .. field.name, field.doc) end
      for _, event in ipairs(class.events) do check(class.name .. " " .. event.name, event.doc) end
      for _, method in ipairs(class.methods) do
        check(class.name .. ":" .. method.name, method.doc)
        for _, option in ipairs(method.options or {}) do check(option.name, option.doc) end
      end
    end
    for _, library in ipairs(API.library) do
      for _, fn in ipairs(library.functions) do check(library.name .. "." .. fn.name, fn.doc) end
    end
  end)

  it("knows the library by name, by value, and as a whole", function()
    local library = { every = print, json = { encode = tostring }, null = {} }
    local every = "hyperty.every(seconds, fn)\ncalls the function again and again"
    assert.equal(every, help.library(API, library, "every"))
    assert.equal(every, help.library(API, library, "hyperty.every"))
    assert.equal(every, help.library(API, library, print))
    has("hyperty.json.encode(value)\n", help.library(API, library, tostring))
    has("  json.decode(text) ", help.library(API, library, "json"))
    has("  json.decode(text) ", help.library(API, library, library.json))
    has("hyperty.null\n", help.library(API, library, library.null))
    assert.is_nil(help.library(API, library, "json.nothing"))
    assert.is_nil(help.library(API, library, 5))
    local overview = help.overview(API)
    for _, part in ipairs(API.library) do
      for _, fn in ipairs(part.functions) do has(fn.name, overview) end
    end
  end)

  it("knows topics, and that it knows nothing of the rest", function()
    for _, topic in ipairs { "data", "state", "paths", "failures" } do
      local screen = help.object(API, topic)
      assert.truthy(screen, topic)
      for line in screen:gmatch "[^\n]+" do assert.truthy(utf8.len(line) <= help.WIDTH, line) end
    end
    has("A child event: ", help.object(API, "child event"))
    has("A hyperty's self: ", help.object(API, "self"))
    assert.is_nil(help.object(API, "nothing"))
    assert.is_nil(help.object(API, {}))
    for _, code in ipairs(API.words["hyperty.Code"]) do
      has('"' .. code .. '"', help.object(API, "failures"))
    end
  end)

  it("writes a call as one types it", function()
    local call = help.command "load"
    assert.equal("load(name [, config])", call)
    assert.equal("help([x])", (help.command "help"))
    assert.is_nil(help.command "nothing")
    for _, command in ipairs(help.COMMANDS) do
      local _, text = help.command(command[1])
      for line in text:gmatch "[^\n]+" do assert.truthy(utf8.len(line) <= help.WIDTH, line) end
    end
  end)
end)

describe("parameters", function()
  it("are told apart at the commas between them, not within", function()
    assert.same({
      { name = "fn", type = "fun(a: string, b: table<string, any>): any", optional = false },
      { name = "list", type = "{a: number, b: number}[]", optional = true },
      { name = "...", type = "any", optional = false },
    }, help.parameters
      "fn: fun(a: string, b: table<string, any>): any, list?: {a: number, b: number}[], ...: any")
    assert.same({}, help.parameters "")
  end)
end)
