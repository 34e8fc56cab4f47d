-- PROTOCOL.md section 5, Change: every form on the wire, both ways; one version a change; one
-- writer.
local host = require "hyperty.host"
local wire = require "spec.support.wire"

local raised, has = wire.raised, wire.has

describe("a change", function()
  local world, anna, ben, url

  before_each(function()
    world = wire.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
    url = world:room { n = 1, list = { 1, 2, 3 }, deep = { list = { { unit = "m" } } } }
    world:forget()
  end)

  after_each(function() world:finish() end)

  -- Anna runs the code; gives the bodies of the updates.
  local function bodies(code, ...)
    world:forget()
    anna:eval("local data, hyperty = self.room.data, require 'hyperty' " .. code, ...)
    world:run()
    local found = {}
    for i, message in ipairs(world:sent { type = "update" }) do found[i] = message.body end
    return found
  end

  local function is_level()
    local data, version = anna:eval "return self.room.data, self.room.version"
    assert.same({ data, version }, { ben:eval "return self.room.data, self.room.version" })
  end

  it("is an update from the object to its /changes, with its position, source and time", function()
    bodies "data.n = 2"
    local message = world:only { type = "update" }
    assert.same({ url, url .. "/changes", nil }, { message.from, message.to, message.id })
    local body = message.body
    assert.same({ anna:eval "return self.room.epoch", 1, anna.url },
      { body.epoch, body.version, body.source })
    assert.truthy(body.lastModified:match "^2026%-01%-01T%d%d:%d%d:%d%d%.%d%d%dZ$")
    assert.same({ "n", 2 }, { body.attribute, body.value })
    assert.same({ nil, nil, nil, nil },
      { body.attributeType, body.operation, body.changes, body.metadata })
  end)

  it("dates the metadata, at the reporter and at the observer", function()
    local first = anna:eval "return self.room.metadata.lastModified"
    world:run(3)
    local body = bodies("data.n = 2")[1]
    assert.not_equal(first, body.lastModified)
    assert.equal(body.lastModified, anna:eval "return self.room.metadata.lastModified")
    assert.equal(body.lastModified, ben:eval "return self.room.metadata.lastModified")
    assert.equal(body.lastModified, ben:eval "return self.syncher:read(self.room.url).lastModified")
  end)

  it("counts the version up by one", function()
    local versions = {}
    for _, body in ipairs(bodies "data.n = 2 data.n = 3 data.m = 4 data.m = nil") do
      versions[#versions + 1] = body.version
    end
    assert.same({ 1, 2, 3, 4 }, versions)
  end)

  -- code, then attribute, value, operation of each update that it makes
  local forms = {
    { "a key that is set", "data.n = 2", { "n", 2 } },
    { "a new key", [[data.new = "x"]], { "new", "x" } },
    { "a key that is removed: no value", "data.n = nil", { "n" } },
    { "false is a value", "data.n = false", { "n", false } },
    { "0 is a value", "data.n = 0", { "n", 0 } },
    { "the empty string is a value", [[data.n = ""]], { "n", "" } },
    { "null is a value", "data.n = hyperty.null", { "n", host.null } },
    { "an empty array, and an empty object", "data.a = hyperty.array {} data.o = {}",
      { "a", host.array {} }, { "o", {} } },
    { "a nested path has dots, and indices from 0", [[data.deep.list[1].unit = "km"]],
      { "deep.list.0.unit", "km" } },
    { "an element that is set", "data.list[2] = 20", { "list.1", 20 } },
    { "an element put at the end", "data.list[4] = 4", { "list.3", { 4 }, "add" } },
    { "an item put in is an array of items", "table.insert(data.list, 1, 0)",
      { "list.0", { 0 }, "add" } },
    { "an item taken out is how many", "table.remove(data.list, 2)", { "list.1", 1, "remove" } },
    { "an array as item", "table.insert(data.list, 1, { 7, 8 })",
      { "list.0", { { 7, 8 } }, "add" } },
    { "a key with a dot makes the path a list", [[data["a.b"] = 1]], { { "a.b" }, 1 } },
    { "an empty key makes the path a list", [[data[""] = 1]], { { "" }, 1 } },
    { "a list has its indices as text", [[data.list[1] = {} data.list[1]["x.y"] = 1]],
      { "list.0", {} }, { { "list", "0", "x.y" }, 1 } },
    { "the whole data has the empty list", [[self.room:set("", { x = 1 })]],
      { host.array {}, { x = 1 } } },
    { "digits are a key of an object", [[data.deep["0"] = 1 data.deep["0"] = nil]],
      { "deep.0", 1 }, { "deep.0" } },
    { "64-bit integers stay", "data.n = math.maxinteger data.n = math.mininteger",
      { "n", math.maxinteger }, { "n", math.mininteger } },
    { "a float stays", "data.n = 1.5 data.n = 2.0", { "n", 1.5 }, { "n", 2.0 } },
    { "any text stays", [[data.n = "\u{0}\u{1F600}\"\\/\u{7f}\u{2028}é"]],
      { "n", "\u{0}\u{1F600}\"\\/\u{7f}\u{2028}é" } },
  }

  for _, text in ipairs { "as it is", "as text" } do
    describe("delivered " .. text .. ":", function()
      before_each(function() if text == "as text" then world:as_text() end end)

      for _, form in ipairs(forms) do
        it(form[1], function()
          local got = {}
          for i, body in ipairs(bodies(form[2])) do
            got[i] = { body.attribute, body.value, body.operation }
            assert.equal(body.operation and "array" or nil, body.attributeType)
          end
          assert.same({ table.unpack(form, 3) }, got)
          is_level()
        end)
      end

      it("a batch has one version and each part in order", function()
        local found = bodies [[self.room:batch(function()
          data.n = nil
          table.insert(data.list, 1, 0)
          data.list[2] = "one"
          table.remove(data.list, 4)
          data.deep.list[1]["a.b"] = false
        end)]]
        assert.equal(1, #found)
        assert.equal(1, found[1].version)
        assert.is_nil(found[1].attribute)
        assert.same({
          { attribute = "n" },
          { attribute = "list.0", attributeType = "array", operation = "add", value = { 0 } },
          { attribute = "list.1", value = "one" },
          { attribute = "list.3", attributeType = "array", operation = "remove", value = 1 },
          { attribute = { "deep", "list", "0", "a.b" }, value = false },
        }, found[1].changes)
        is_level()
      end)

      it("what is sorted or moved is one batch", function()
        assert.equal(1, #bodies "table.sort(data.list, function(a, b) return a > b end)")
        assert.equal(1, #bodies "table.move(data.list, 1, 2, 2)")
        is_level()
      end)
    end)
  end

  it("in a batch that raises is none", function()
    assert.same({}, bodies [[pcall(function() self.room:batch(function()
      data.n = 5
      data.list[1] = nil
    end) end)]])
    assert.same({ 1, 0 }, { anna:eval "return self.room.data.n, self.room.version" })
  end)

  it("that is too large raises at the writer, and nothing has changed", function()
    local text = raised(anna, [[self.room.data.n = ("x"):rep(1 << 20)]])
    has(url .. ": a change of ", text)
    has("does not fit into a message of at most 1048576; write it in smaller parts", text)
    assert.same({ 1, 0 }, { anna:eval "return self.room.data.n, self.room.version" })
    text = raised(anna, [[self.room:batch(function()
      for i = 1, 3 do self.room.data["k" .. i] = ("x"):rep(400000) end
    end)]])
    has("write it in smaller parts", text)
    assert.same({ nil, 0 }, { anna:eval "return self.room.data.k1, self.room.version" })
    assert.same({}, world:sent { type = "update" })
  end)

  describe("of another make", function()
    local far

    before_each(function()
      far = wire.reporter(world, "resource://localhost/far",
        { data = { n = 1, list = { "a", "b", "c", "d" }, o = { ["1"] = "x" } } })
      world:join("ben", far.url)
      ben:eval [[
        self.heard = {}
        self.room:on("change", function(c)
          local hyperty = require "hyperty"
          table.insert(self.heard, ("%d %s %s"):format(c.version, c.kind, c.path))
        end)]]
    end)

    local function heard()
      world:run()
      return ben:eval "return self.heard"
    end

    it("may put in several items, and take several out", function()
      far:update("list.1", { "x", "y" }, { attributeType = "array", operation = "add" })
      assert.same({ "a", "x", "y", "b", "c", "d" }, (function()
        world:run()
        return ben:eval "return self.room.data.list"
      end)())
      far:update("list.0", 4, { attributeType = "array", operation = "remove" })
      world:run()
      assert.same({ "c", "d" }, ben:eval "return self.room.data.list")
      assert.same({ "1 add list.2", "1 add list.3", "2 remove list.4", "2 remove list.3",
        "2 remove list.2", "2 remove list.1" }, heard())
    end)

    it("may have a path of keys and numbers", function()
      far:update({ "list", 0 }, "A")
      far:update({ "o", "1" }, "B")
      assert.same({ "1 update list.1", "2 update o.1" }, heard())
    end)

    it("may be to the metadata, which has no change event but a version", function()
      far:update("description", "new", { metadata = true })
      far:update("n", 2)
      assert.same({ "2 update n" }, heard())
      assert.equal("new", ben:eval "return self.room.metadata.description")
    end)

    it("may be a batch of nothing", function()
      far:update(nil, nil, { changes = host.array {} })
      far:update("n", 2)
      assert.same({ "2 update n" }, heard())
    end)

    it("may carry fields that nobody knows", function()
      far:update("n", 2, { future = { 1 }, identity = {} })
      assert.same({ "1 update n" }, heard())
    end)
  end)

  describe("has one writer:", function()
    it("an observer's data is read-only", function()
      has(url .. " is read-only here: only its reporter writes it; ask it with execute, or add a "
        .. "child", raised(ben, "self.room.data.n = 5"))
    end)

    it("the bus lets nobody send from an object that it does not report", function()
      local other = world.rt:port "hyperty://localhost/other"
      local sent, text, code = other:send { type = "update", from = url, to = url .. "/changes",
        body = { version = 1, attribute = "n", value = 5 } }
      assert.same({ nil, "forbidden" }, { sent, code })
      assert.equal(('not allowed to send from "%s": only from "hyperty://localhost/other" and the '
        .. 'objects that it reports'):format(url), text)
    end)

    it("the node lets only the holder send to /changes", function()
      local net = host.network { seed = 1 }
      local here, there = net:runtime(), net:runtime()
      local it = assert(here:load_text [[return { name = "It", api = { make = function(self)
        self.room = self.syncher:create { schema = "Resource", data = { n = 1 } }
        return self.room.url
      end } }]])
      local object = it:call "make"
      local other = there:port "hyperty://localhost/other"
      local answer = other:request { type = "update", to = object .. "/changes",
        body = { version = 1, attribute = "n", value = 5 } }
      assert.same({ code = 403, desc = "only the holder of the object may send to " .. object ..
        "/changes" }, answer.body)
      net:stop()
    end)

    it("the observers' sync manager hears nobody but the object", function()
      local logged = {}
      local rt = host.runtime { log = function(level, who, text)
        logged[#logged + 1] = level .. " " .. who .. " " .. text
      end }
      local far = wire.reporter({ rt = rt }, "resource://localhost/far", { data = { n = 1 } })
      local it = assert(rt:load_text [[return { name = "It", api = { join = function(self, url)
        self.room = assert(self.syncher:subscribe(url))
      end, n = function(self) return self.room.data.n end } }]])
      it:call("join", far.url)
      rt:port "hyperty://localhost/other":send { type = "update", to = far.url .. "/changes",
        body = { epoch = far.epoch, version = 1, attribute = "n", value = 5 } }
      rt:run(1)
      assert.equal(1, it:call "n")
      has("warn sync resource://localhost/far: update from hyperty://localhost/other was ignored",
        table.concat(logged, "\n"))
      rt:stop()
    end)
  end)
end)
