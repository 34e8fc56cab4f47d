-- group_chat: a mutual room, in which nobody on the way reads along.
local chats = require "spec.support.chats"

local refused = chats.refused

describe("a mutual room", function()
  local world, anna, bob, carl, room, passed

  -- Everything that passes between the runtimes and the node.
  local function finds(word)
    local count = 0
    for _, text in ipairs(passed) do
      if text:find(word, 1, true) then count = count + 1 end
    end
    return count
  end

  local function open(disks)
    world = chats.network({ "anna", "bob", "carl" }, { delay = { 0, 0.01 }, disks = disks })
    anna, bob, carl = world.anna, world.bob, world.carl
    passed = {}
    world.net:tap(function(text) table.insert(passed, text) end)
    room = assert(anna.create("team", { bob.user }, { mutual = true }))
    world:run()
    assert(carl.join "team")
    world:run()
    for _, person in ipairs(world.people) do person:heard() end
  end

  after_each(function() world:stop() end)

  it("is a room as any other to those who are in it", function()
    open()
    assert.same({ "anna", "bob", "carl" }, carl:sees(room))
    local id = assert(bob.send(room, "lapwing"))
    world:all_hear({ "message bob: lapwing" }, anna, carl)
    assert(bob.edit(room, id, "godwit"))
    world:all_hear({ "edited bob: godwit" }, anna, carl)
    assert(carl.typing(room))
    world:all_hear({ "typing carl" }, anna)
    assert(bob.remove(room, id))
    world:all_hear({ "removed " .. id }, carl)
    assert.same({}, world:logged())
  end)

  it("lets nobody on the way see a word of it", function()
    open()
    assert(anna.send(room, "dunlin"))
    local id = assert(bob.send(room, "lapwing"))
    world:run()
    assert(bob.edit(room, id, "godwit"))
    world:run()
    assert.truthy(#passed > 50)
    for _, word in ipairs { "lapwing", "godwit", "dunlin", '"participants"', "startingTime",
      '"text"' } do
      assert.equal(0, finds(word), word)
    end
    assert.truthy(finds '"team"' > 0) -- by its name it is found
  end)

  it("shows who is kicked nothing of what follows", function()
    open()
    assert(anna.kick(room, carl.user))
    world:run()
    for _, person in ipairs(world.people) do person:heard() end
    assert(bob.send(room, "curlew"))
    world:all_hear({ "message bob: curlew" }, anna)
    world:all_hear({}, carl)
    assert.same({}, carl.rooms())
    -- A node that means well to carl gives him all of it.
    local handed = passed
    for _, text in ipairs(handed) do world.runtimes.carl:receive(text) end
    world:run()
    assert.same({}, carl.rooms())
    for _, line in ipairs(carl:heard()) do assert.falsy(line:find "curlew") end
    refused("forbidden", "removed", carl.join(room))
    world:logged()
  end)

  it("is there again after a restart", function()
    open(true)
    assert(bob.send(room, "lapwing"))
    world:run()
    world:crash "anna"
    world:run(1)
    world:start "anna"
    world:run(20)
    anna = world.anna
    for _, person in ipairs(world.people) do person:heard() end
    assert(bob.send(room, "whimbrel"))
    world:all_hear({ "message bob: whimbrel" }, anna, carl)
    assert.equal(0, finds "whimbrel")
    assert.equal(0, finds "lapwing")
    world:logged()
  end)

  it("stays with who has opened it", function()
    open()
    refused("invalid", "is mutual, and stays with its reporter", anna.leave(room))
    assert(anna.close(room))
    world:all_hear({ "closed: closed" }, bob, carl)
    assert.same({}, world:logged())
  end)
end)
