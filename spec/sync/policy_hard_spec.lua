-- Policy where it is hard: memory runs out while somebody is struck off, and refusals without end.
local host = require "hyperty.host"
local permits = require "spec.support.permits"

local FRIENDS = { name = "friends", effect = "allow", condition = { group = "friends" } }

describe("when memory runs out while rules change", function()
  it("they are changed or not; who is struck off by them hears nothing more", function()
    for n = 1, 90 do
      local world = permits.world {
        policy = { rules = { FRIENDS } }, groups = { friends = { "user://localhost/*" } },
      }
      world:make()
      for _, name in ipairs { "near", "far" } do
        assert.is_true(world:observe(name))
        world:listen(name)
      end
      local rt = world.runtimes.anna
      host.fail_after(n)
      pcall(rt.policy, rt, {})
      host.fail_after(-1)
      world:run(70)
      local is_changed = next(rt:policy()) == nil
      world.anna:eval [[self.room.data.n = "written"]]
      world:run(60)
      for _, name in ipairs { "near", "far" } do
        local heard = table.concat(world:heard(name), ",")
        -- Who could not be told at once may find out by itself.
        assert.equal(is_changed and "evicted" or "n=written", heard:gsub("^lagging,", ""), n)
      end
      world.logged = {} -- that something is tried again
      world:finish()
    end
  end)
end)

describe("refusals", function()
  local world

  before_each(function()
    world = permits.world {}
    world.far:eval "self.urls = {}"
  end)

  after_each(function() world:finish() end)

  -- Far is refused to read so many rooms of Anna, one after the other.
  local function refuse(count)
    local urls = world.anna:eval([[
      local urls = {}
      for i = 1, ... do
        urls[i] = self.syncher:create({ schema = "Resource", new = true }).url
      end
      return urls]], count)
    world.far:eval([[for _, url in ipairs(...) do self.syncher:read(url) end]], urls)
    return urls
  end

  it("are in the log up to a number of lines a minute, which is told", function()
    refuse(70)
    assert.equal(60, world:said "may not read")
    assert.equal("60 refusals in a minute; further ones are not logged until it is over",
      world.lines[61])
    assert.equal(61, #world.lines)
    world:run(61)
    refuse(1)
    assert.equal(62, #world.lines)
  end)

  it("are remembered up to a number, the last ones", function()
    local urls = refuse(1030)
    local function known(i)
      return #world.runtimes.anna:why(urls[i], world.far.url).refusals
    end
    assert.same({ 0, 0, 1, 1 }, { known(1), known(6), known(7), known(1030) })
  end)

  it("with a reason of the handler are one refusal, whatever it says", function()
    world:make()
    world.anna:eval [[
      local count = 0
      self.room:on("subscribe", function(request)
        count = count + 1
        request:reject("not " .. count)
      end)]]
    for i = 1, 3 do
      assert.same({ nil, "not " .. i, "forbidden" }, { world:observe "far" })
    end
    assert.equal(1, #world.lines)
    local refusal = world:why("far").refusals[1]
    assert.same({ "refused by the hyperty: not 3", 3 }, { refusal.text, refusal.count })
  end)
end)

describe("the trusted module", function()
  it("refuses rules with a mistake, and tables that are none", function()
    local function fails(text, options)
      options.clock = "virtual"
      local ok, message = pcall(host.runtime, options)
      assert.is_false(ok)
      assert.truthy(message:find(text, 1, true), message)
    end
    fails("policy: rule 1: it has no effect", { policy = { rules = { {} } } })
    fails("policy must be a table of names", { policy = { 1 } })
    fails("groups must be a table of names", { groups = "friends" })
    fails("groups: a must be a list of URLs", { groups = { a = { 1 } } })
  end)
end)
