-- PROTOCOL.md sections 6 and 7: children as an observer has them: pending, stamped, expired, and
-- its own on their way. The reporter is a raw port.
local wire = require "spec.support.wire"

local URL = "resource://localhost/far"
local ELSE = "hyperty://localhost/else"

describe("an observer of children", function()
  local world, ben, far, other

  before_each(function()
    world = wire.world { "ben" }
    ben = world.ben
    far = wire.reporter(world, URL)
    other = wire.observer(world, ELSE, URL)
    world:join("ben", URL)
    ben:eval [[
      self.heard = {}
      self.room:on("child", function(event)
        table.insert(self.heard, ("%s %s %s"):format(event.kind, tostring(event.child.data.text),
          event.child.state))
      end)]]
    world:forget()
  end)

  after_each(function() world:finish() end)

  local function heard()
    world:run()
    return ben:eval "local heard = self.heard self.heard = {} return heard"
  end

  local function listed()
    return ben:eval [[
      local all = {}
      for i, child in ipairs(self.room:children("items")) do
        all[i] = child.data.text .. " " .. child.state
      end
      return all]]
  end

  -- An operation of somebody else, published.
  local function publish(type_, body)
    other.port:send { type = type_, to = URL .. "/children/items", body = body }
  end

  local function create(n, text)
    publish("create", { resource = "else#" .. n, value = { data = { text = text } } })
  end

  it("shows what has no stamp as pending, behind the others, and not in the copy", function()
    create(1, "a")
    create(2, "b")
    world:run()
    assert.same({ "a pending", "b pending" }, listed())
    assert.equal(0, ben:eval "return self.room.version")
    far:stamp("create", ELSE, 2)
    world:run()
    assert.same({ "b kept", "a pending" }, listed())
    assert.same({ "create b kept" }, heard())
  end)

  it("applies every operation at its stamp", function()
    create(1, "a")
    publish("update", { resource = "else#1", version = 1, attribute = "text", value = "b" })
    publish("delete", { resource = "else#1", version = 2 })
    far:stamp("create", ELSE, 1)
    assert.same({ "create a kept" }, heard())
    far:stamp("update", ELSE, 1, 1)
    assert.same({ "update b kept" }, heard())
    far:stamp("delete", ELSE, 1, 2)
    assert.same({ "delete b deleted" }, heard())
    assert.same({}, far:got "read")
  end)

  it("takes stamps of one turn in one message", function()
    create(1, "a")
    create(2, "b")
    local epoch = far.epoch
    local function stamp(version, n)
      return { epoch = epoch, version = version, child = { op = "create", collection = "items",
        resource = "else#" .. n, reporter = ELSE, version = 0 } }
    end
    far.version = 2
    far:publish("event", { value = { stamps = { stamp(1, 2), stamp(2, 1) } } })
    assert.same({ "create b kept", "create a kept" }, heard())
  end)

  it("reads when the operation of a stamp did not arrive, and gets it with the answer", function()
    local stamp = far:stamp("create", ELSE, 1)
    stamp.body = { resource = "else#1", value = { data = { text = "a" } } }
    far.on_read = function(request)
      far:respond(request, 200, { epoch = far.epoch, version = 1, changes = { stamp } })
    end
    assert.same({ "create a kept" }, heard())
    assert.equal(0, far:got "read"[1].body.since.version)
  end)

  it("drops a pending one that the whole object's marks have seen and that is not in it", function()
    create(1, "a")
    create(2, "b")
    world:run()
    far.version, far.marks = 5, { [ELSE] = { n = 1 } }
    far:publish("event", { value = { lost = 1 } })
    assert.same({ "refused a refused" }, heard())
    assert.same({ "b pending" }, listed())
  end)

  it("keeps a pending one that the whole object has", function()
    create(1, "a")
    world:run()
    far.version, far.marks = 5, { [ELSE] = { n = 1 } }
    far.children = { items = { { resource = "else#1", reporter = ELSE, version = 2, order = 3,
      value = { data = { text = "later" } } } } }
    far:publish("event", { value = { lost = 1 } })
    assert.same({ "create later kept" }, heard())
  end)

  it("drops one that has no stamp after a minute, and takes it when a stamp comes yet", function()
    create(1, "a")
    world:run(59)
    assert.same({ "a pending" }, listed())
    world:run(2)
    assert.same({ "expired a expired" }, heard())
    assert.same({}, listed())
    local stamp = far:stamp("create", ELSE, 1)
    stamp.body = { resource = "else#1", value = { data = { text = "a" } } }
    far.on_read = function(request)
      far:respond(request, 200, { epoch = far.epoch, version = 1, changes = { stamp } })
    end
    assert.same({ "create a kept" }, heard())
  end)

  it("ignores ids that are not their sender's, repetitions, and what is malformed", function()
    publish("create", { resource = "somebody#1", value = { data = { text = "x" } } })
    publish("create", { resource = 5 })
    publish("update", { resource = "else#9", version = 1, attribute = "text", value = "x" })
    create(1, "a")
    create(1, "other")
    world:run()
    assert.same({ "a pending" }, listed())
    far:stamp("create", ELSE, 1)
    world:run()
    create(1, "again")
    world:run()
    assert.same({ "a kept" }, listed())
  end)

  it("takes a stamp for what it does not know to be refused or deleted as it is", function()
    far:stamp("refuse", ELSE, 1)
    far:stamp("delete", ELSE, 2, 1)
    far:update("n", 1)
    world:run()
    assert.same({ 3, {} }, { ben:eval "return self.room.version", far:got "read" })
    create(1, "late")
    world:run()
    assert.same({}, listed())
  end)

  describe("that writes one itself", function()
    local id

    local function add(text)
      id = ben:eval([[
        self.child = self.room:add_child("items", { text = ... })
        return self.child.id]], text or "mine")
      world:run()
    end

    it("announces it to all, with its id", function()
      add()
      assert.equal(ben.url:match "[^/]+$" .. "#1", id)
      local message = far.ops[1]
      assert.same({ "create", ben.url, URL .. "/children/items", id },
        { message.type, message.from, message.to, message.body.resource })
      assert.truthy(message.id)
      assert.same({ text = "mine" }, message.body.value.data)
      assert.equal("user://localhost/me", message.body.value.user)
      assert.truthy(message.body.value.created:match "^2026")
    end)

    it("sees it at once, and its own message does nothing when it comes back", function()
      add()
      assert.same({ "mine pending" }, listed())
      ben:eval [[self.child.data.text = "two"]]
      assert.equal("two", ben:eval "return self.child.data.text")
      world:run()
      assert.same({}, heard())
    end)

    it("numbers above what its marks have seen", function()
      far.marks, far.version = { [ben.url] = { n = 7, above = { { 9, 9 } } } }, 1
      far:publish("event", { value = { lost = 1 } })
      world:run()
      add()
      assert.equal(ben.url:match "[^/]+$" .. "#10", id)
      add()
      assert.equal(ben.url:match "[^/]+$" .. "#11", id)
    end)

    it("counts its updates from 1 and its delete on", function()
      add()
      ben:eval [[
        self.child.data.text = "two"
        self.child.data.more = true
        self.child:delete()]]
      world:run()
      local got = {}
      for i, message in ipairs(far.ops) do
        got[i] = ("%s %s"):format(message.type, tostring(message.body.version))
      end
      assert.same({ "create nil", "update 1", "update 2", "delete 3" }, got)
    end)

    it("repeats it unchanged, with backoff, until it is answered", function()
      add()
      world:run(40)
      local count = #far.ops
      assert.truthy(count >= 4 and count <= 7, count)
      for _, message in ipairs(far.ops) do assert.same(far.ops[1], message) end
      far.on_op = function(message) far:answer(message, 200) end
      world:run(60)
      assert.equal(count + 1, #far.ops)
    end)

    it("reads when it was answered and its stamp does not come", function()
      far.on_op = function(message) far:answer(message, 200) end
      add()
      assert.same({}, far:got "read")
      far.version, far.marks = 1, { [ben.url] = { n = 1 } }
      far.children = { items = { { resource = id, reporter = ben.url, version = 0, order = 1,
        value = { data = { text = "mine" } } } } }
      world:run(2)
      assert.same({ "mine kept" }, listed())
      assert.same({ "create mine kept" }, heard())
      world:run(30)
      assert.same({ 1, 1 }, { #far.ops, #far:got "read" })
    end)

    it("repeats nothing that is stamped", function()
      add()
      far:stamp("create", ben.url, 1)
      world:run(50)
      assert.equal(1, #far.ops)
      assert.same({ "mine kept" }, listed())
    end)

    it("repeats nothing that a whole object has seen, and shows what that says", function()
      add()
      far:stamp("create", ben.url, 1)
      world:run()
      ben:eval [[self.child.data.text = "worse"]]
      world:run()
      -- It was refused; neither the answer nor the stamp came.
      far.marks = { [ben.url] = { n = 1 } }
      far.children = { items = { {
        resource = ben.url:match "[^/]+$" .. "#1", reporter = ben.url, version = 1, order = 1,
        value = { data = { text = "mine" } },
      } } }
      far.version = far.version + 1
      far:update("n", 1)
      world:run()
      assert.same({ "mine", 0 }, { ben:eval [[
        return self.child.data.text, self.room:status().pending]] })
      local count = #far.ops
      world:run(100)
      assert.equal(count, #far.ops)
    end)

    it("sends what is missing when it is told 409 with a version", function()
      world:drop({ type = "create", to = "/children/items" }, 1)
      far.on_op = function(message)
        local has_create = far.has_create or message.type == "create"
        far.has_create = has_create
        if not has_create then
          far:answer(message, 409, { version = -1 })
        elseif message.type == "create" then
          far:stamp("create", ben.url, 1)
        else
          far:stamp("update", ben.url, 1, 1)
        end
      end
      ben:eval [[
        self.child = self.room:add_child("items", { text = "mine" })
        self.child.data.text = "two"]]
      world:run(30)
      assert.same({ "two kept" }, listed())
    end)

    it("is told when it is refused, or has no stamp for a minute", function()
      far.on_op = function(message) far:answer(message, 403, nil, "not that") end
      assert.same({ nil, "not that", "forbidden" }, { ben:eval [[
        return self.room:add_child("items", { text = "bad" }):wait(10)]] })
      far.on_op = nil
      assert.same({ nil, "no stamp in time", "timeout" }, { ben:eval [[
        return self.room:add_child("items", { text = "lost" }):wait(100)]] })
      local count = #far.ops
      world:run(100)
      assert.equal(count, #far.ops)
      assert.same({ "refused bad refused", "expired lost expired" }, heard())
    end)

    it("is undone by a stamp that refuses", function()
      add()
      far:stamp("create", ben.url, 1)
      world:run()
      ben:eval [[self.child.data.text = "worse"]]
      world:run()
      far:stamp("refuse", ben.url, 1, 1)
      world:run()
      assert.equal("mine", ben:eval "return self.child.data.text")
      ben:eval [[self.child.data.text = "better"]]
      world:run()
      assert.equal(2, far.ops[#far.ops].body.version)
      far:stamp("update", ben.url, 1, 2)
      world:run()
      assert.same({ "better kept" }, listed())
    end)
  end)
end)
