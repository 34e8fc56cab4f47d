-- connection: two sides find out how to reach one another, by two objects.
local spec = require "hyperty.spec"

local ANN, BOB = "user://localhost/ann", "user://localhost/bob"

-- What the objects of a side say now: { url, status, candidates, type of the description }.
local LOOK = [[
for _, session in pairs(self.sessions) do
  local function look(object)
    local data = object.data
    local description = data.ownerPeer.connectionDescription
    return {
      url = object.url, status = data.status, candidates = #data.ownerPeer.iceCandidates,
      type = description and description.type, answers = data.answers,
    }
  end
  return { own = look(session.own), remote = look(session.remote) }
end]]

describe("a connection", function()
  local world, ann, bob, there

  -- Each in a process of their own; `config` is that of both, `of_bob` on top of it.
  local function meet(config, of_bob, network, store)
    world = spec.world { network = network or { delay = { 0.01, 0.03 } }, user = ANN }
    there = world:place("there", { user = BOB, store = store })
    local merged = {}
    for key, value in pairs(config or {}) do merged[key] = value end
    for key, value in pairs(of_bob or {}) do merged[key] = value end
    ann, bob = world:load("connection", config), there:load("connection", merged)
  end

  after_each(function() world:close() end)

  local function status_of(side)
    local calls = side.calls()
    return calls[1] and calls[1].status or "none"
  end

  local function are(of_ann, of_bob)
    assert.same({ of_ann, of_bob }, { status_of(ann), status_of(bob) })
  end

  it("is connected by an offer, an answer and candidates that trickle in", function()
    meet()
    local ringing, connected = world:events(bob, "ringing"), world:events(ann, "connected")
    local call = ann.call(BOB)
    assert.truthy(call:find "^connection://")
    world:run(0.5)
    are("inviting", "ringing")
    assert.same({ ANN, true, "ringing" },
      { ringing[1].user, ringing[1].is_incoming, ringing[1].status })
    local before = world:eval(bob, LOOK)
    assert.same({ "offer", nil, call },
      { before.remote.type, before.own.type, before.own.answers })
    assert.is_true(bob.accept(ringing[1].call))
    world:run(1)
    are("connected", "connected")
    assert.same({ call, BOB, false }, { connected[1].call, connected[1].user,
      connected[1].is_incoming })
    local of_ann, of_bob = world:eval(ann, LOOK), world:eval(bob, LOOK)
    assert.same({ "offer", 4, "answer", 4 }, { of_ann.own.type, of_ann.own.candidates,
      of_ann.remote.type, of_ann.remote.candidates })
    assert.same(of_ann.own, of_bob.remote)
    assert.same(of_ann.remote, of_bob.own)
  end)

  it("is accepted at once where that is wished, in one process, too", function()
    meet(nil, { auto = true })
    local carl = world:load("connection", { user = "user://localhost/carl", auto = true, as = "c" })
    assert(carl.call(ANN))
    world:run(0.5)
    assert.equal("ringing", status_of(ann))
    assert(ann.decline(ann.calls()[1].call))
    world:run(0.5)
    assert(ann.call(world:url(carl)))
    world:run(1)
    assert.equal("connected", status_of(carl))
    assert(ann.hang_up(ann.calls()[1].call))
    assert(ann.call(BOB))
    world:run(1)
    are("connected", "connected")
  end)

  it("ends for both when one hangs up, and leaves no object", function()
    meet(nil, { auto = true })
    local of_ann, of_bob = world:events(ann, "closed"), world:events(bob, "closed")
    local call = ann.call(BOB)
    world:run(1)
    assert.is_true(bob.hang_up(bob.calls()[1].call))
    world:run(1)
    are("none", "none")
    assert.same({ "hung up", "hung up" }, { of_ann[1].reason, of_bob[1].reason })
    assert.equal(call, of_ann[1].call)
    assert.same({}, world.here.runtime:objects())
    assert.same({}, there.runtime:objects())
    assert.equal("not_found", (select(3, ann.hang_up(call))))
  end)

  it("is declined", function()
    meet()
    local closed = world:events(ann, "closed")
    ann.call(BOB)
    world:run(0.5)
    assert.is_true(bob.decline(bob.calls()[1].call, "later"))
    world:run(0.5)
    are("none", "none")
    assert.equal("later", closed[1].reason)
  end)

  it("is declined before the caller sees by whom", function()
    meet()
    local closed = world:events(ann, "closed")
    ann.call(BOB)
    while #bob.calls() == 0 or not bob.calls()[1].call do world:run(0.005) end
    assert.is_true(bob.decline(bob.calls()[1].call))
    world:run(3)
    are("none", "none")
    assert.equal("declined", closed[1].reason)
  end)

  it("is refused by who is busy", function()
    meet(nil, { auto = true })
    local carl = there:load("connection", { user = "user://localhost/carl", as = "carl" })
    local closed = world:events(carl, "closed")
    ann.call(BOB)
    world:run(1)
    assert(carl.call(BOB))
    world:run(1)
    assert.equal("busy", closed[1].reason)
    assert.equal("none", status_of(carl))
    are("connected", "connected")
    assert.same({ nil, "in a call already: hang up first", "conflict" },
      { ann.call "user://localhost/carl" })
  end)

  it("has as many calls at a time as it is told", function()
    meet({ calls = 2, auto = true })
    local carl = there:load("connection", { user = "user://localhost/carl", as = "carl" })
    ann.call(BOB)
    carl.call(BOB)
    world:run(1)
    assert.equal(2, #bob.calls())
    assert.equal("connected", status_of(carl))
    are("connected", "connected")
  end)

  it("is one when both call at once", function()
    for _, pause in ipairs { 0, 0.01, 0.02, 0.04 } do
      meet()
      local function calls(side, who)
        world:eval(side, ("require 'hyperty'.spawn(self.api.call, self, %q)"):format(who))
      end
      calls(ann, BOB)
      world:run(pause)
      calls(bob, ANN)
      world:run(3)
      are("connected", "connected")
      assert.same({ 1, 1 }, { #ann.calls(), #bob.calls() })
      local of_ann = world:eval(ann, LOOK)
      local types = { of_ann.own.type, of_ann.remote.type }
      table.sort(types)
      assert.same({ "answer", "offer" }, types)
      world:close()
    end
  end)

  it("is found while the network is slow and cut, or fails for both", function()
    local found = 0
    for moment = 1, 6 do
      meet(nil, { auto = true }, { delay = { 0.01, 0.5 } })
      local ends = { world:events(ann, "failed"), world:events(ann, "closed") }
      world:eval(ann, ("require 'hyperty'.spawn(self.api.call, self, %q)"):format(BOB))
      for _ = 1, 3 do
        world:run(0.3 * moment)
        world.network:interrupt(there.runtime, true)
        world:run(1)
        world.network:interrupt(there.runtime, false)
      end
      world:run(30)
      assert.equal(status_of(ann), status_of(bob))
      local is_found = status_of(ann) == "connected"
      assert.equal(is_found and 0 or 1, #ends[1] + #ends[2])
      found = found + (is_found and 1 or 0)
      world:close()
    end
    assert.truthy(found >= 4, found)
  end)

  it("is accepted by who calls the caller", function()
    meet()
    ann.call(BOB)
    world:run(0.5)
    assert.equal(bob.calls()[1].call, bob.call(ANN))
    world:run(1)
    are("connected", "connected")
  end)

  it("fails when nobody answers", function()
    meet { ring = 20 }
    local failed, of_bob = world:events(ann, "failed"), world:events(bob, "failed")
    ann.call(BOB)
    world:run(19)
    are("inviting", "ringing")
    world:run(2)
    are("none", "none")
    assert.equal("there is no answer", failed[1].reason)
    assert.equal(1, #of_bob)
  end)

  it("fails when nobody is there to be called", function()
    meet()
    assert.same({ nil, "user://localhost/zoe has no connection running", "not_found" },
      { ann.call "user://localhost/zoe" })
    assert.same({ nil, "zoe is no person: give a user or hyperty url", "invalid" },
      { ann.call "zoe" })
    local failed = world:events(ann, "failed")
    world.network:interrupt(there.runtime, true)
    assert(ann.call(BOB))
    world:run(40)
    assert.equal("none", status_of(ann))
    assert.equal("there is no answer", failed[1].reason)
  end)

  it("fails where no path is found", function()
    meet({ auto = true }, { reachable = false })
    local failed, of_bob = world:events(ann, "failed"), world:events(bob, "failed")
    ann.call(BOB)
    world:run(2)
    are("none", "none")
    assert.equal("no candidate leads there", of_bob[1].reason)
    assert.equal("no candidate leads there", failed[1].reason)
  end)

  it("fails when the endpoints do not get anywhere", function()
    meet { auto = true }
    local failed = world:events(ann, "failed")
    for _, side in ipairs { ann, bob } do
      world:eval(side, "self.endpoint.add_candidate = function() return true end")
    end
    ann.call(BOB)
    world:run(14)
    are("connecting", "connecting")
    world:run(3)
    are("none", "none")
    assert.equal("no path was found", failed[1].reason)
  end)

  it("rings with nobody whose call was answered too late", function()
    for moment = 1, 12 do
      meet()
      local ringing = world:events(ann, "ringing")
      local call = ann.call(BOB)
      world:run(moment * 0.02)
      assert.is_true(ann.hang_up(call))
      world:run(5)
      are("none", "none")
      assert.same({}, ringing)
      world:close()
    end
  end)

  it("is begun anew by who has come back", function()
    meet({ auto = true }, { auto = true }, nil, true)
    ann.call(BOB)
    world:run(1)
    local closed, url = world:events(ann, "closed"), world:url(bob)
    there:restart()
    bob = there:load("connection", { auto = true })
    assert.equal(url, world:url(bob))
    assert(bob.call(ANN))
    world:run(2)
    are("connected", "connected")
    assert.same({ 1, "the other side has called anew" }, { #closed, closed[1].reason })
  end)

  it("fails when the other side has died, and not when it was away for a moment", function()
    meet({ auto = true })
    local failed = world:events(ann, "failed")
    ann.call(BOB)
    world:run(1)
    world.network:interrupt(there.runtime, true)
    world:run(5)
    world.network:interrupt(there.runtime, false)
    world:run(60)
    are("connected", "connected")
    there.runtime:crash()
    world:run(80)
    assert.equal("none", status_of(ann))
    assert.equal("the other side is not heard any more", failed[1].reason)
  end)

  it("ends at once when the other side is stopped or reloaded", function()
    meet({ auto = true })
    local closed = world:events(ann, "closed")
    ann.call(BOB)
    world:run(1)
    world:reload(bob)
    world:run(1)
    are("none", "none")
    assert.equal("reloaded", closed[1].reason)
    ann.call(BOB)
    world:run(1)
    are("connected", "connected")
    world:unload(bob)
    world:run(1)
    assert.equal("none", status_of(ann))
    assert.equal("stopped", closed[2].reason)
  end)

  it("is nobody else's business", function()
    meet({ auto = true })
    local call = ann.call(BOB)
    world:run(1)
    local guest = there:load_text [[
      local Guest = { name = "Guest", version = 1, api = {} }
      function Guest.api.look(self, url) return self.syncher:subscribe(url) end
      return Guest]]
    assert.equal("forbidden", (select(3, guest.look(call))))
  end)

  it("is not begun by who does not say truly who they are", function()
    meet({ auto = true })
    local liar = there:load_text [[
      local hyperty = require "hyperty"
      local Liar = { name = "Liar", version = 1, schemas = { "Connection" }, api = {} }
      function Liar.api.call(self, who, owner, answers)
        self.own = assert(self.syncher:create { schema = "Connection", new = true,
          observers = { who }, data = { status = "inviting", owner = owner, peer = who,
            answers = answers, ownerPeer = { iceCandidates = hyperty.array {} } } })
      end
      function Liar.api.write(self, candidate)
        table.insert(self.own.data.ownerPeer.iceCandidates, candidate)
      end
      return Liar]]
    liar.call(world:url(ann), world:url(bob))
    world:run(1)
    are("none", "none")
    liar.call(world:url(ann), world:url(liar), "connection://localhost/over")
    world:run(1)
    are("none", "none")
    liar.call(world:url(ann), world:url(liar))
    world:run(1)
    assert.equal("ringing", world:eval(ann, LOOK).own.status:sub(1, 7))
    local ok, why = pcall(liar.write, { sdpMid = "0" })
    assert.is_false(ok)
    assert.truthy(why:find('ownerPeer.iceCandidates.1: has no "candidate"', 1, true), why)
    ann.hang_up(ann.calls()[1].call)
  end)
end)

describe("an endpoint of one's own", function()
  it("takes the place of the simulated one, and can fail", function()
    local world <close> = spec.world()
    local ok, why = pcall(world.load, world, "connection", { endpoint = "no_such" })
    assert.is_false(ok)
    assert.truthy(tostring(why):find('there is no "no_such"', 1, true), why)
    local ann = world:load("connection", { user = ANN, as = "ann" })
    local failed = world:events(ann, "failed")
    world:eval(ann, [[
      self.endpoint = { new = function() return {
        create_offer = function()
          require "hyperty".sleep(1)
          return nil, "no camera"
        end,
        close = function() end,
      } end }]])
    world:load("connection", { user = BOB, as = "bob" })
    assert(ann.call(BOB))
    world:run(2)
    assert.equal("no camera", failed[1].reason)
  end)
end)
