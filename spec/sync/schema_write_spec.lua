-- What does not fit the schema of an object is refused where it is written, with the place and the
-- rule, and nothing of it leaves (PROTOCOL.md section 5, 422).
local host = require "hyperty.host"
local kitchen = require "spec.support.kitchen"
local wire = require "spec.support.wire"

local raised = wire.raised

local CREATE = [[
  local it, text, code = self.syncher:create(...)
  if not it then return nil, text, code end
  it:on("subscribe", function(request) request:accept() end)
  self.room = it
  return it.url]]

describe("what does not fit its schema", function()
  local world, anna, ben, url

  before_each(function()
    world = wire.world({ "anna", "ben" }, { Kitchen = kitchen.one })
    anna, ben = world.anna, world.ben
  end)

  after_each(function() world:finish() end)

  local function create(data)
    return anna:eval(CREATE, { schema = "Kitchen", name = "here", data = data })
  end

  describe("is not created:", function()
    local cases = {
      { "data with a wrong value", { value = 1, state = "opne" },
        'Kitchen: state: "opne" is none of on, off' },
      { "data deep below", { value = 1, cooks = { { name = "a" }, { name = 2 } } },
        "Kitchen: cooks.2.name: 2 is no string" },
      { "data that lacks something", {}, 'Kitchen: has no "value"' },
    }
    for _, case in ipairs(cases) do
      it(case[1], function()
        local it, text, code = create(case[2])
        assert.is_nil(it)
        assert.equal(case[3], text)
        assert.equal("invalid", code)
      end)
    end

    it("without data that something is required of", function()
      assert.same({ nil, 'Kitchen: has no "value"', "invalid" }, { create(nil) })
    end)

    it("and nothing was asked of the node for it", function()
      world:forget()
      create { value = "x" }
      world:run(1)
      assert.same({}, world.messages)
    end)
  end)

  describe("is not written:", function()
    before_each(function()
      url = create { value = 1, state = "on", cooks = { { name = "a" }, { name = "b" } } }
      world:join("ben", url)
      world:forget()
    end)

    local function unchanged()
      world:run(1)
      assert.same({}, world:sent { type = "update" })
      local here = { anna:eval "return self.room.data, self.room.version" }
      assert.same({ { value = 1, state = "on", cooks = { { name = "a" }, { name = "b" } } }, 0 },
        here)
      assert.same(here, { ben:eval "return self.room.data, self.room.version" })
    end

    -- code, what it raises behind the object's URL
    local cases = {
      { "a wrong kind", "self.room.data.value = 'x'", 'value: "x" is no number' },
      { "one that is none of those", "self.room.data.state = 'opne'",
        'state: "opne" is none of on, off' },
      { "what is required is taken away", "self.room.data.value = nil", 'has no "value"' },
      { "deep below", "self.room.data.cooks[2].name = 3", "cooks.2.name: 3 is no string" },
      { "a new element", "table.insert(self.room.data.cooks, 1, {})", 'cooks.1: has no "name"' },
      { "all at once", "self.room:set('', { value = 'x' })", 'value: "x" is no number' },
      { "at a path", "self.room:set('cooks.1.name', false)", "cooks.1.name: false is no string" },
    }
    for _, case in ipairs(cases) do
      it(case[1], function()
        local text = raised(anna, case[2])
        wire.has(url .. ": " .. case[3], text)
        unchanged()
      end)
    end

    it("what fits goes on being written after it, with the next version", function()
      raised(anna, "self.room.data.value = 'x'")
      anna:eval "self.room.data.value = 2"
      world:run(1)
      assert.same({ 2, 1 }, { ben:eval "return self.room.data.value, self.room.version" })
    end)

    it("a batch as a whole, at its end", function()
      local text = raised(anna, [[
        self.room:batch(function()
          self.room.data.value = 5
          self.room.data.cooks[1].name = "z"
          self.room.data.state = "opne"
        end)]])
      wire.has(url .. ': state: "opne" is none of on, off', text)
      unchanged()
    end)

    it("but a batch may be wrong in between", function()
      anna:eval [[
        self.room:batch(function()
          self.room.data.value = nil
          self.room.data.value = 7
          table.insert(self.room.data.cooks, 1, {})
          self.room.data.cooks[1].name = "new"
        end)]]
      world:run(1)
      assert.same({ { value = 7, state = "on",
        cooks = { { name = "new" }, { name = "a" }, { name = "b" } } }, 1 },
        { ben:eval "return self.room.data, self.room.version" })
    end)
  end)

  describe("is no child:", function()
    before_each(function()
      url = create { value = 1 }
      world:join("ben", url)
      ben:eval [[
        self.child = self.room:add_child("items", { text = "good" })
        self.child:wait()]]
      world:run(1)
      world:forget()
    end)

    local function untouched(version)
      world:run(1)
      assert.same({}, world.messages)
      assert.equal(version, anna:eval "return self.room.version")
      assert.equal(1, anna:eval [[return #self.room:children "items"]])
    end

    for _, who in ipairs { "anna", "ben" } do
      it("one that " .. who .. " makes", function()
        local text = raised(world[who], [[assert(self.room:add_child("items", { text = 5 }))]])
        wire.has(url .. ": items: text: 5 is no string", text)
        untouched(1)
      end)
    end

    it("one that is changed by its creator", function()
      local text = raised(ben, "self.child.data.text = nil")
      wire.has("items " .. ben.url:match "[^/]+$" .. '#1: has no "text"', text)
      assert.equal("good", ben:eval "return self.child.data.text")
      untouched(1)
    end)

    it("one that the reporter changes", function()
      anna:eval [[self.mine = self.room:add_child("items", { text = "mine" })]]
      world:run(1)
      raised(anna, "self.mine.data.text = false")
      world:run(1)
      assert.equal("mine", anna:eval "return self.mine.data.text")
      assert.equal(2, ben:eval "return self.room.version")
    end)

    describe("one of a creator of another make", function()
      local far

      before_each(function()
        far = wire.observer(world, "hyperty://localhost/far", url)
        assert.equal(200, (far:subscribe()))
        world:forget()
      end)

      it("is answered 422, with the place, and stamped as refused", function()
        local code, _, desc = far:create(1, { text = 5 })
        assert.equal(422, code)
        assert.equal(url .. ": items: text: 5 is no string", desc)
        world:run(1)
        assert.same({ "2 refuse far#1 0" }, far:stamps())
        assert.equal(1, anna:eval [[return #self.room:children "items"]])
        assert.same({ 2, 2 },
          { anna:eval "return self.room.version", (ben:eval "return self.room.version") })
      end)

      it("and the reporter's script is not asked about it", function()
        anna:eval [[self.room:on("child", function() self.asked = true end)]]
        far:create(1, {})
        world:run(1)
        assert.is_nil(anna:eval "return self.asked")
      end)

      it("is answered so each time", function()
        far:create(1, {})
        assert.equal(422, (far:create(1, {})))
        world:run(1)
        assert.equal(2, anna:eval "return self.room.version")
      end)

      it("is not changed to what does not fit, and goes on after it", function()
        far:create(1, { text = "a" })
        local code, _, desc = far:change(1, 1, "text", 6)
        assert.equal(422, code)
        assert.equal(url .. ": items far#1: text: 6 is no string", desc)
        assert.equal(200, (far:change(1, 2, "text", "b")))
        world:run(1)
        assert.same({ "2 create far#1 0", "3 refuse far#1 1" , "4 update far#1 2" }, far:stamps())
        for _, who in ipairs { anna, ben } do
          assert.equal("b", who:eval [[return self.room:children("items")[2].data.text]])
        end
      end)
    end)
  end)

  it("does not matter where nothing is said of it", function()
    local room = anna:eval(CREATE, { schema = "Resource", data = { list = host.array {} } })
    anna:eval [[
      self.room.data.anything = { deep = { 1 } }
      self.room.data.list = false
      self.room:add_child("items", { 1, 2 })]]
    assert.truthy(room)
  end)
end)
