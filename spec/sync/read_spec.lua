-- PROTOCOL.md section 5, Read: who gets an object, whole or since a position.
local wire = require "spec.support.wire"

describe("reading", function()
  local world, anna, url, far

  before_each(function()
    world = wire.world { "anna", "ben", "carl" }
    anna = world.anna
    url = world:room { n = 1 }
    far = wire.observer(world, "hyperty://localhost/far", url)
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function read(since)
    return far:request("read", url, { since = since })
  end

  local function epoch() return anna:eval "return self.room.epoch" end

  describe("is decided:", function()
    it("at once for observers", function()
      far:subscribe()
      anna:eval [[self.room:on("read", function() self.asked = true end)]]
      assert.equal(200, (read()))
      assert.is_nil(anna:eval "return self.asked")
    end)

    it("by the reporter for others: 200, or 401 with its reason", function()
      anna:eval [[self.room:on("read", function(request)
        if self.open then request:accept() else request:reject("closed on Sundays") end
      end)]]
      assert.same({ 401, nil, "closed on Sundays" }, { read() })
      anna:eval "self.open = true"
      local code, value = read()
      assert.same({ 200, { n = 1 } }, { code, value.data })
    end)

    it("401 without a handler, or when it ends undecided", function()
      assert.same({ 401, nil, 'no handler for "read" in anna' }, { read() })
      anna:eval [[self.room:on("read", function() end)]]
      assert.same({ 401, nil, "not accepted" }, { read() })
    end)

    it("at once for all if the object is public", function()
      local open = anna:eval [[
        return self.syncher:create { schema = "Resource", name = "open", public = true }.url]]
      assert.equal(200, (far:request("read", open, {})))
    end)

    it("in its time: 100 every four seconds, 401 after a minute", function()
      anna:eval [[self.room:on("read", function(request)
        require("hyperty").sleep(self.time or 9)
        request:accept()
      end)]]
      assert.equal(200, (read()))
      assert.equal(2, #world:sent { to = far.url, code = 100 })
      anna:eval "self.time = 90"
      assert.same({ 401, nil, "no decision in time" }, { read() })
    end)
  end)

  it("is a request to the object, from the hyperty, with who it is", function()
    world.ben:eval("return self.syncher:read(...)", url)
    local request = world:only { type = "read" }
    assert.same({ world.ben.url, url, "user://localhost/me", false },
      { request.from, request.to, request.body.identity.user, request.body.identity.verified })
  end)

  it("gives metadata, data, position, children and marks", function()
    far:subscribe()
    anna:eval [[self.room.data.n = 2 self.room:add_child("items", { text = "hi" })]]
    local _, value = read()
    assert.same({ url, "room", anna.url, { n = 2 }, epoch(), 2 },
      { value.url, value.name, value.reporter, value.data, value.epoch, value.version })
    assert.equal("hi", value.childrenObjects.items[1].value.data.text)
    assert.equal(1, value.childMarks[anna.url].n)
    assert.is_nil(value.changes)
  end)

  describe("since a position", function()
    before_each(function()
      far:subscribe()
      anna:eval [[
        self.room.data.n = 2
        self.room:batch(function() self.room.data.a = 1 self.room.data.b = 2 end)
        local child = self.room:add_child("items", { text = "hi" })
        child.data.text = "ho"]]
      far:create(1, { text = "far" })
    end)

    it("gives the changes and stamps after it, complete", function()
      local code, value = read { epoch = epoch(), version = 1 }
      assert.same({ 200, epoch(), 5, nil }, { code, value.epoch, value.version, value.data })
      local batch, create, update, others = table.unpack(value.changes)
      assert.same({ 2, { { attribute = "a", value = 1 }, { attribute = "b", value = 2 } } },
        { batch.version, batch.changes })
      assert.same({ 3, "create", { text = "hi" } },
        { create.version, create.child.op, create.body.value.data })
      assert.same({ 4, "update", "text", "ho", 1 },
        { update.version, update.child.op, update.body.attribute, update.body.value,
          update.body.version })
      assert.same({ 5, far.url, "far#1", { text = "far" } },
        { others.version, others.child.reporter, others.body.resource, others.body.value.data })
      assert.equal(4, #value.changes)
    end)

    it("gives none at the head", function()
      assert.same({}, select(2, read { epoch = epoch(), version = 5 }).changes)
    end)

    it("gives a refusal without a body", function()
      anna:eval [[self.room:on("child", function(event) event:refuse() end)]]
      far:create(2)
      local change = select(2, read { epoch = epoch(), version = 5 }).changes[1]
      assert.same({ "refuse", nil }, { change.child.op, change.body })
    end)

    it("gives the whole object where it must", function()
      for _, since in ipairs {
        { epoch = "1-other", version = 1 }, { epoch = epoch(), version = 99 },
        { epoch = epoch(), version = -1 }, { epoch = 5, version = 1 }, { version = 1 }, {},
      } do
        local code, value = read(since)
        assert.same({ 200, 5, 2 }, { code, value.version, value.data.n })
      end
    end)

    it("gives the whole object when so much happened since that it is not kept", function()
      anna:eval "for i = 1, 1000 do self.room.data.n = i end"
      assert.equal(1001, #select(2, read { epoch = epoch(), version = 4 }).changes)
      anna:eval "for i = 1, 4096 do self.room.data.n = i end"
      assert.equal(4096, select(2, read { epoch = epoch(), version = 4 }).data.n)
      anna:eval [[for i = 1, 3 do self.room.data["k" .. i] = ("x"):rep(400000) end]]
      local version = anna:eval "return self.room.version"
      assert.truthy(select(2, read { epoch = epoch(), version = version - 2 }).changes)
    end)
  end)

  it("what is not there gets 404, what was deleted 410", function()
    local code, _, desc = far:request("read", "resource://localhost/nothing", {})
    assert.same({ 404, "nobody is at resource://localhost/nothing" }, { code, desc })
    anna:eval "self.room:delete()"
    code, _, desc = read()
    assert.same({ 410, url .. " was deleted" }, { code, desc })
  end)

  it("and executing is all that an object takes", function()
    for _, type_ in ipairs { "update", "delete", "create", "subscribe", "forward" } do
      local code, _, desc = far:request(type_, url, {})
      assert.same({ 400, "an object takes read and execute" }, { code, desc })
    end
  end)
end)
