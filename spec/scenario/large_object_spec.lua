-- An object of a hundred thousand children is read at once: it comes whole, and nobody else waits.
local network = require "spec.support.network"

local COUNT, AT_ONCE = 100000, 2000

describe("a hundred thousand children", function()
  local world, anna, ben, carl, big

  setup(function()
    world = network.world { delay = { 0, 0.005 }, "anna", "ben", "carl" }
    anna, ben, carl = world.anna, world.ben, world.carl
    local small = anna:eval [[
      self.small = self.syncher:create { schema = "Resource", name = "small", data = { n = 0 },
        public = true }
      return self.small.url]]
    for _, name in ipairs { "ben", "carl" } do
      world[name]:eval("self.small = assert(self.syncher:subscribe(...))", small)
    end
    big = world:room({ n = 0 }, anna)
    for from = 1, COUNT, AT_ONCE do
      anna:eval([[
        local from, count = ...
        for i = from, from + count - 1 do self.room:add_child("items", { i = i }) end]],
        from, AT_ONCE)
      world:settle()
    end
  end)

  teardown(function() world:finish() end)

  it("are read in parts, between which other objects' changes are heard", function()
    ben:eval "self.count = 0 self.small:on('change', function() self.count = self.count + 1 end)"
    anna:eval [[
      local hyperty = require "hyperty"
      self.is_writing = true
      hyperty.spawn(function()
        while self.is_writing do
          self.small.data.n = self.small.data.n + 1
          self.room.data.n = self.small.data.n
          hyperty.sleep(0.005)
        end
      end)]]
    world:join(ben, big)
    local heard_meanwhile = ben:eval "return self.count"
    anna:eval "self.is_writing = false"
    world:run(2)
    assert.is_true(heard_meanwhile > 50, heard_meanwhile)
    local n = anna:eval "return self.small.data.n"
    assert.is_true(n >= heard_meanwhile)
    for _, name in ipairs { "ben", "carl" } do
      assert.equal(n, world[name]:eval "return self.small.data.n")
    end
    assert.same({ COUNT, n, "live" }, { ben:eval [[
      return #self.room:children "items", self.room.data.n, self.room:status().state]] })
  end)

  it("are read once, too", function()
    anna:eval [[self.room:on("read", function(request) request:accept() end)]]
    assert.equal(COUNT,
      #carl:eval("return (self.syncher:read(...)).childrenObjects.items", big))
  end)
end)
