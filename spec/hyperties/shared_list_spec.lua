-- shared_list: many edit one list, whoever reports it.
local spec = require "hyperty.spec"

local ANNA, BOB = "user://localhost/anna", "user://localhost/bob"

local function texts(list)
  local found = {}
  for i, item in ipairs(assert(list.items())) do found[i] = item.text end
  return table.concat(found, " ")
end

-- All have the same items, in that order.
local function all_have(wanted, ...)
  for _, list in ipairs { ... } do assert.equal(wanted, texts(list)) end
end

local function code_of(_, _, code) return code end

describe("a shared list", function()
  local function two(options)
    options = options or {}
    options.network, options.user = true, ANNA
    local world = spec.world(options)
    local there = world:place("there", { user = BOB })
    return world, world:load "shared_list", there:load "shared_list", there
  end

  it("gets edits of all, each in its place", function()
    local world <close>, mine, yours = two()
    local milk = yours.add "milk"
    local bread = mine.add("bread", milk)
    local eggs = yours.add("eggs", milk)
    world:settle()
    all_have("bread eggs milk", mine, yours)
    assert.equal(bread, yours.move(bread))
    assert.equal(milk, mine.move(milk, eggs))
    assert.equal(eggs, yours.edit(eggs, "ten eggs"))
    world:settle()
    all_have("milk ten eggs bread", mine, yours)
    assert.equal(milk, yours.remove(milk))
    world:settle()
    all_have("ten eggs bread", mine, yours)
    assert.same({ id = bread, text = "bread", by = ANNA }, yours.items()[2])
    assert.equal(BOB, mine.items()[1].by)
  end)

  it("moves an item to where it is meant, from either side", function()
    local world <close> = spec.world()
    local list = world:load "shared_list"
    local a, b, c = list.add "a", list.add "b", list.add "c"
    local function moved(wanted, ...)
      assert(list.move(...))
      world:settle()
      assert.equal(wanted, texts(list))
    end
    moved("b a c", a, c)
    moved("c b a", c, b)
    moved("c b a", b, b)
    moved("c b a", c, b)
    moved("b a c", c)
  end)

  it("does several edits as one, or none of them", function()
    local world <close>, mine, yours = two()
    local ids = yours.apply { { op = "add", text = "a" }, { op = "add", text = "b" } }
    assert.equal(2, #ids)
    world:settle()
    all_have("a b", mine, yours)
    local version = world:eval(mine, "return self.list.version")
    for _, list in ipairs { mine, yours } do
      local none, why, code = list.apply {
        { op = "remove", id = ids[1] }, { op = "edit", id = "gone", text = "x" },
      }
      assert.same({ nil, "item gone is not in the list any more", "conflict" }, { none, why, code })
    end
    world:settle()
    all_have("a b", mine, yours)
    assert.equal(version, world:eval(mine, "return self.list.version"))
  end)

  it("tells who was too late", function()
    local world <close>, mine, yours = two()
    local milk, bread = mine.add "milk", mine.add "bread"
    world:settle()
    assert(mine.edit(milk, "oat milk", "milk"))
    local none, why, code = yours.edit(milk, "soy milk", "milk")
    assert.same({ nil, ('item %s says "oat milk" by now'):format(milk), "conflict" },
      { none, why, code })
    assert(mine.remove(bread))
    assert.equal("conflict", code_of(yours.move(bread, milk)))
    assert.equal("conflict", code_of(yours.move(milk, bread)))
    assert.equal("conflict", code_of(yours.add("butter", bread)))
    assert.equal("conflict", code_of(yours.remove(bread)))
    world:settle()
    all_have("oat milk", mine, yours)
  end)

  it("says what is no edit, and no text", function()
    local world <close>, mine, yours = two()
    local milk = mine.add "milk"
    for _, list in ipairs { mine, yours } do
      assert.same({ nil, "add needs a text", "invalid" }, { list.add(5) })
      assert.same({ nil, "edit needs a text", "invalid" }, { list.edit(milk) })
      assert.same({ nil, "remove needs the id of an item", "invalid" }, { list.remove() })
      assert.same({ nil, "edits are a list of tables", "invalid" }, { list.apply "add" })
      assert.equal("invalid", code_of(list.apply { { op = "sort" } }))
    end
    assert.same({ nil, "a list knows only apply", "forbidden" },
      { world:eval(yours, "return self.copy:execute 'clear'") })
    assert.equal("milk", texts(mine))
  end)

  it("loses nothing when many edit at once", function()
    local world <close>, mine, yours = two { network = { delay = { 0.01, 0.2 } } }
    for _, list in ipairs { mine, yours } do
      world:eval(list, [[
        local hyperty = require "hyperty"
        for i = 1, 20 do
          hyperty.spawn(function()
            local first = self.api.items(self)[1]
            assert(self.api.add(self, tostring(i), first and first.id))
          end)
        end]])
    end
    world:run(10)
    world:settle()
    assert.equal(40, #mine.items())
    assert.same(mine.items(), yours.items())
  end)

  it("has remarks, on itself and on items", function()
    local world <close>, mine, yours = two()
    local heard = world:events(mine, "remark")
    local milk = mine.add "milk"
    local id = assert(yours.remark("the blue one", milk))
    assert(mine.remark "for Sunday")
    world:settle()
    local blue = { id = id, text = "the blue one", item = milk, by = BOB }
    assert.same({ blue }, mine.remarks(milk))
    assert.equal(2, #yours.remarks())
    assert.same(blue, heard[1])
    mine.remove(milk)
    local none, why = yours.remark("still there?", milk)
    assert.is_nil(none)
    assert.truthy(why:find("is not in the list any more", 1, true), why)
    assert.equal(2, #yours.remarks())
  end)

  it("tells of changes", function()
    local world <close>, mine, yours = two()
    local changed = world:events(yours, "changed")
    local milk = mine.add "milk"
    mine.edit(milk, "oat milk")
    mine.remove(milk)
    world:settle()
    assert.same({
      { kind = "add", path = "items.1" }, { kind = "update", path = "items.1.text" },
      { kind = "remove", path = "items.1" },
    }, changed)
  end)

  it("goes on with the others when its reporter leaves", function()
    local world <close>, mine, yours, there = two()
    mine.add "milk"
    local third = there:load("shared_list", { as = "third" })
    assert.is_true(mine.state().is_ours)
    assert.is_true(mine.leave())
    world:settle()
    assert.equal("not_found", code_of(mine.add "x"))
    assert.equal("not_found", code_of(mine.items()))
    assert.is_true(yours.state().is_ours)
    assert(third.add "bread")
    assert(yours.add "eggs")
    assert(mine.join())
    assert(mine.add "salt")
    world:settle()
    all_have("milk bread eggs salt", mine, yours, third)
    assert.is_false(mine.state().is_ours)
  end)

  it("ends with the last who leaves", function()
    local world <close>, mine, yours = two()
    assert.is_true(yours.leave())
    world:settle()
    assert.is_true(mine.leave())
    world:settle()
    assert.equal("not_found", code_of(mine.state()))
    assert(yours.join())
    assert.is_true(yours.state().is_ours)
    assert.same({}, yours.items())
  end)

  it("is read on when its reporter has died, and edited once that is back", function()
    local world <close>, mine, yours = two { store = true }
    local milk = mine.add "milk"
    assert(yours.remark("the blue one", milk))
    world:run(1)
    local status = world:events(yours, "status")
    world.network:interrupt(world.here.runtime, true)
    world:run(60)
    assert.equal("disconnected", status[#status].state)
    assert.equal("milk", texts(yours))
    assert.is_nil((yours.add "bread"))
    world.network:interrupt(world.here.runtime, false)
    world:restart()
    mine = world:load "shared_list"
    world:run(30)
    assert.is_true(mine.state().is_ours)
    assert.equal("live", yours.state().state)
    assert(yours.add "eggs")
    world:settle()
    assert.equal(texts(mine), texts(yours))
    assert.truthy(texts(mine):find "eggs")
    assert.equal(1, #mine.remarks(milk))
  end)

  it("is not begun anew by an observer who comes back before its reporter", function()
    local world <close>, mine, yours, there = two { store = true }
    mine.add "milk"
    world:run(1)
    local url = yours.state().url
    world.network:interrupt(world.here.runtime, true)
    world:run(60)
    there:restart()
    yours = there:load "shared_list"
    assert.equal(url, yours.state().url)
    assert.equal("milk", texts(yours))
    world.network:interrupt(world.here.runtime, false)
    world:run(60)
    assert(yours.add "eggs")
    world:settle()
    all_have("milk eggs", mine, yours)
  end)

  it("is as before after a reload of either side", function()
    local world <close>, mine, yours = two()
    local milk = mine.add "milk"
    world:reload(mine)
    world:reload(yours)
    assert(yours.add("bread", milk))
    assert(mine.add "eggs")
    world:settle()
    all_have("bread milk eggs", mine, yours)
    assert.is_true(mine.leave())
    world:settle()
    assert.is_true(yours.state().is_ours)
    world:reload(yours)
    assert(yours.add "salt")
    world:settle()
    assert.equal("bread milk eggs salt", texts(yours))
  end)
end)
