-- self.syncher: subscribing, reading, finding. Making objects is in reporter_spec, invitations are
-- in request_spec.
local objects = require "spec.support.objects"

local raised, has = objects.raised, objects.has

describe("the syncher", function()
  local world, anna, ben

  before_each(function()
    world = objects.world { "anna", "ben" }
    anna, ben = world.anna, world.ben
  end)

  after_each(function()
    assert.same({}, world:errors())
    world.rt:stop()
  end)

  it("shows whose it is, has no fields and is read-only", function()
    assert.equal("syncher of " .. anna.url, anna:eval "return tostring(self.syncher)")
    has('the syncher has no "nothing" (it has: ', raised(anna, "return self.syncher.nothing"))
    has("is read-only", raised(anna, "self.syncher.create = print"))
    has('"accept" is no event of the syncher (known: invite, delegate, registration, resume)',
      raised(anna, [[self.syncher:on("accept", print)]]))
  end)

  describe("subscribing", function()
    it("to what is not there fails", function()
      local gave, text, code = ben:eval [[
        return self.syncher:subscribe("resource://localhost/nothing")]]
      assert.same({ nil, "not_found" }, { gave, code })
      assert.truthy(#text > 0)
    end)

    it("checks the schema", function()
      local url = world:room()
      assert.equal(url, ben:eval([[
        self.room:unsubscribe()
        return self.syncher:subscribe(..., { schema = "Resource" }).url]], url))
      assert.is_nil((ben:eval([[
        self.room = self.syncher:resume()[1]
        self.room:unsubscribe()
        return self.syncher:subscribe(..., { schema = "Communication" })]], url)))
    end)

    it("checks its arguments", function()
      has('subscribe: there is no argument "name" (known: schema, store, p2p)',
        raised(ben, [[self.syncher:subscribe("resource://localhost/x", { name = 1 })]]))
      has("subscribe: schema must be a string",
        raised(ben, [[self.syncher:subscribe("resource://localhost/x", { schema = 1 })]]))
      has("string expected", raised(ben, "self.syncher:subscribe()"))
      has("call it with a colon", raised(ben, [[self.syncher.subscribe("x")]]))
      local gave, text, code = ben:eval [[
        return self.syncher:subscribe("resource://localhost/x", { p2p = true })]]
      assert.same({ nil, "invalid" }, { gave, code })
      has("p2p is not available", text)
      gave = ben:eval [[return self.syncher:subscribe("no address")]]
      assert.equal(nil, gave)
    end)
  end)

  describe("reading", function()
    it("gives metadata, data and children once", function()
      local url = world:room { n = 1 }
      anna:eval [[self.room:add_child("items", { text = "hi" })]]
      world:run()
      local value = ben:eval("return self.syncher:read(...)", url)
      assert.same({ n = 1 }, value.data)
      assert.equal("room", value.name)
      assert.equal(1, value.version)
      assert.truthy(value.childrenObjects)
    end)

    it("what is not there fails", function()
      assert.equal("not_found",
        ben:eval [[return select(3, self.syncher:read("resource://localhost/nothing"))]])
      has("string expected", raised(ben, "self.syncher:read()"))
    end)
  end)

  describe("discovering", function()
    before_each(function() world:room() end)

    it("finds by name, schema, reporter and URL", function()
      local url = anna:eval "return self.room.url"
      for _, criteria in ipairs { { name = "room" }, { name = "room", schema = "Resource" },
          { reporter = anna.url, name = "room" }, { url = url } } do
        local found = ben:eval("return self.syncher:discover(...)", criteria)
        assert.equal(1, #found)
        assert.equal(url, found[1].url)
      end
    end)

    it("gives an empty list when there is nothing", function()
      assert.same({}, ben:eval [[return self.syncher:discover { name = "nothing" }]])
    end)

    it("checks what it is asked for", function()
      has('discover: there is no argument "nmae"',
        raised(ben, [[self.syncher:discover { nmae = "room" }]]))
      has("discover: name must be a string", raised(ben, [[self.syncher:discover { name = 1 }]]))
      has("discover: resources must be a list",
        raised(ben, [[self.syncher:discover { resources = "chat" }]]))
      has("table expected", raised(ben, [[self.syncher:discover("room")]]))
    end)
  end)

  describe("resuming", function()
    it("gives reporters and observers that there are, by name", function()
      local url = world:room()
      assert.same({ url, 0, 1 }, { ben:eval [[
        return self.syncher:resume()[1].url, #self.syncher:resume { name = "other" },
          #self.syncher:resume { schema = "Resource", name = "room" }]] })
      ben:eval "self.room:unsubscribe()"
      assert.same({}, ben:eval "return self.syncher:resume {}")
    end)

    it("checks its arguments", function()
      has('resume: there is no argument "url"', raised(ben, [[self.syncher:resume { url = "x" }]]))
    end)
  end)
end)
