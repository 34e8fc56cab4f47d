-- A service in two versions, in runtimes that know its schema in one of them each: who can read
-- what the other writes works with it, in both roles; who cannot is told where and why, and
-- nothing is lost on either side.
local kitchen = require "spec.support.kitchen"
local network = require "spec.support.network"

local CREATE = [[
  local it = assert(self.syncher:create { schema = "Kitchen", name = "here",
    data = { value = ... } })
  it:on("subscribe", function(request) request:accept() end)
  self.room = it
  return it.url]]

local function of(document) return { Kitchen = document } end

describe("two versions of a service", function()
  local world

  after_each(function() world:finish() end)

  -- Anna has the one, ben the other, carl knows none of that name.
  local function meet(annas, bens)
    world = network.world { delay = { 0, 0.01 }, { "anna", schemas = of(annas) },
      { "ben", schemas = of(bens) }, "carl" }
  end

  local function subscribe(who, url, schema)
    return world[who]:eval([[
      local url, schema = ...
      local it, text, code = self.syncher:subscribe(url, { schema = schema })
      self.room = it or self.room
      return it ~= nil, text, code]], url, schema)
  end

  local function is_level(reporter, observer)
    world:settle()
    world:run(1)
    assert.same({ world[reporter]:eval "return self.room.data, self.room.version" },
      { world[observer]:eval "return self.room.data, self.room.version" })
    assert.equal("live", world[observer]:eval "return self.room:status().state")
  end

  for _, case in ipairs {
    { "the older reports", kitchen.one, kitchen.wider },
    { "the newer reports", kitchen.wider, kitchen.one },
  } do
    describe("that read one another, where " .. case[1], function()
      local url

      before_each(function()
        meet(case[2], case[3])
        url = world.anna:eval(CREATE, 1)
      end)

      it("work together, with data and children", function()
        assert.is_true((subscribe("ben", url, "Kitchen")))
        world.anna:eval "self.room.data.value = 2 self.room.data.note = 'new'"
        world.ben:eval [[assert(self.room:add_child("items", { text = "b", more = 1 }):wait())]]
        world.anna:eval [[self.room:add_child("items", { text = "a" })]]
        is_level("anna", "ben")
        assert.equal("new", world.ben:eval "return self.room.data.note")
        for _, name in ipairs { "anna", "ben" } do
          assert.equal(1, world[name]:eval [[return self.room:children("items")[1].data.more]])
        end
      end)

      it("also where no schema was asked for", function()
        assert.is_true((subscribe("ben", url)))
        is_level("anna", "ben")
      end)

      it("meet again after the connection was lost", function()
        subscribe("ben", url)
        world:disconnect "ben"
        world.anna:eval "self.room.data.value = 3"
        world:connect "ben"
        world:run(10)
        is_level("anna", "ben")
      end)
    end)
  end

  it("the newer reads the older, whose reader is refused with the place", function()
    meet(kitchen.one, kitchen.more)
    local url = world.anna:eval(CREATE, 1)
    assert.is_true((subscribe("ben", url)))
    world.anna:eval "self.room.data.state = 'on'"
    is_level("anna", "ben")
    local newer = world.ben:eval(CREATE:gsub("self.room = it", "self.mine = it"), 5)
    local is_in, text, code = subscribe("anna", newer)
    assert.same({ false, "invalid" }, { is_in, code })
    assert.truthy(text:find("a reader of Kitchen 1 cannot read Kitchen 2: state: ", 1, true), text)
  end)

  describe("that cannot read one another", function()
    it("refuse in both roles, with the place", function()
      meet(kitchen.one, kitchen.other)
      local of_one = world.anna:eval(CREATE, 1)
      local of_other = world.ben:eval(CREATE, "x")
      for _, case in ipairs { { "ben", of_one, "2", "1" }, { "anna", of_other, "1", "2" } } do
        local is_in, text, code = subscribe(case[1], case[2])
        assert.same({ false, "invalid" }, { is_in, code })
        local wanted = ("a reader of Kitchen %s cannot read Kitchen %s: value: "):format(case[3],
          case[4])
        assert.equal(wanted, text:sub(1, #wanted))
      end
      world:settle()
      assert.same({}, world.anna:eval "return self.room.observers")
    end)
  end)

  describe("and one that knows neither", function()
    local url

    before_each(function()
      meet(kitchen.one, kitchen.wider)
      url = world.anna:eval(CREATE, 1)
      assert.is_true((subscribe("carl", url)))
    end)

    it("takes the reporter's, with its collections", function()
      world.carl:eval [[assert(self.room:add_child("items", { text = "c" }):wait())]]
      is_level("anna", "carl")
      assert.same({ nil, url .. ": items: text: 5 is no string", "invalid" },
        { world.carl:eval [[return self.room:add_child("items", { text = 5 })]] })
      assert.same({ nil, 'schema Kitchen has no collection "no"', "not_found" },
        { world.carl:eval [[return self.room:add_child("no", {})]] })
    end)
  end)
end)
