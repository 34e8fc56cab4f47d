-- The judge of worlds of real processes, fed with what must not be: each planted fault is caught.
local judges = require "spec.scenario.crash.judge"

local EMPTY = "slots:;counts:;log:;children:"

local function said(lines)
  local list = {}
  for line in lines:gmatch "[^\n]+" do
    list[#list + 1] = "who: @ " .. line:gsub("^%s+", ""):gsub("EMPTY", EMPTY)
  end
  return list
end

describe("the judge of processes", function()
  local anna, ben, eve

  -- Anna writes once, keeps a child of Ben's and does an execute for him; he hears all of that.
  before_each(function()
    eve = {}
    anna = { [[reports NEW resource://x/1 1-a 0 EMPTY
      wrote 1 set:slots.a=7 set:slots.b=8
      asked b#1 create 20
      saved 2
      wrote 3 set:counts.ben=1 token:5]] }
    ben = { [[joined 1-a 0 EMPTY
      change 1-a 1 set:slots.a=7
      change 1-a 1 set:slots.b=8
      adds b#1 20
      child create b#1 -
      kept b#1
      asks 5
      change 1-a 3 set:counts.ben=1
      did 5 3
      look 1-a 3 slots:a=7,b=8;counts:ben=1;log:;children:b#1@2=20]] }
  end)

  local function judge()
    local verdict, lives = judges.new(), { {}, {}, {} }
    for i, lines in ipairs(anna) do lives[1][i] = said(lines) end
    for i, lines in ipairs(ben) do lives[2][i] = said(lines) end
    for i, lines in ipairs(eve) do lives[3][i] = said(lines) end
    verdict:reporters({ name = "anna", lives = lives[1] }, { name = "eve", lives = lives[3] })
    verdict:observer("ben", lives[2])
    verdict:finish()
  end

  local function catches(part)
    local ok, err = pcall(judge)
    assert.is_false(ok)
    assert.truthy(err.fault, tostring(err))
    assert.truthy(err.fault:find(part, 1, true), err.fault)
  end

  -- In what somebody said last.
  local function replace(lives, from, to)
    local count
    lives[#lives], count = lives[#lives]:gsub(from:gsub("%p", "%%%0"), (to:gsub("%%", "%%%%")))
    assert.equal(1, count)
  end

  it("is content when all is well", judge)

  it("is content when something unsaved is lost with the process", function()
    anna[2] = [[reports KEPT resource://x/1 2-b 3 slots:a=7,b=8;counts:ben=1;log:;children:b#1@2=20
      wrote 4 add:log.1=9]]
    anna[3] = [[reports KEPT resource://x/1 3-c 3 slots:a=7,b=8;counts:ben=1;log:;children:b#1@2=20
      wrote 4 set:slots.a=10]]
    replace(ben, "look 1-a 3", "change 3-c 4 set:slots.a=10\nlook 3-c 4")
    replace(ben, "slots:a=7,b", "slots:a=10,b")
    judge()
  end)

  -- Eve takes over after version 3; Anna does not know that yet.
  local function hand_over()
    anna[1] = anna[1] .. "\nhands hyperty://x/eve\nwrote 4 set:slots.a=9"
    eve = { [[reports KEPT resource://x/1 2-e 4 slots:a=7,b=8;counts:ben=1;log:;children:b#1@2=20
      wrote 5 set:slots.a=10
      hands hyperty://x/anna
      handed]] }
    anna[1] = anna[1] .. "\nreplaced\nreports KEPT resource://x/1 3-f 6 "
      .. "slots:a=10,b=8;counts:ben=1;log:;children:b#1@2=20\nwrote 7 set:slots.a=11"
    replace(ben, "look 1-a 3",
      "change 2-e 5 set:slots.a=10\nchange 3-f 7 set:slots.a=11\nlook 3-f 7")
    replace(ben, "slots:a=7,b", "slots:a=11,b")
  end

  it("is content with what comes too late for a child", function()
    replace(anna, "token:5", "token:5\nasked b#1 delete -")
    replace(ben, "did 5 3", "updates b#1 21\nchild delete b#1 -\ndid 5 3")
    replace(ben, "look 1-a 3", "look 1-a 4")
    replace(ben, "children:b#1@2=20", "children:")
    judge()
  end)

  it("is content when the object is handed over and back", function()
    hand_over()
    judge()
  end)

  describe("catches", function()
    it("what was acknowledged to who reports it no more", function()
      hand_over()
      replace(anna, "set:slots.a=9", "set:slots.a=9\nsaved 4")
      catches "eve in life 1 came back at version 4: version 4 was acknowledged to it"
    end)

    it("what is heard of who reports it no more", function()
      hand_over()
      replace(ben, "change 2-e 5 set:slots.a=10", "change 1-a 4 set:slots.a=9")
      catches "heard of version 4 after version 4"
    end)

    it("an acknowledged change that is lost", function()
      anna[2] = "reports KEPT resource://x/1 2-b 1 slots:a=7,b=8;counts:;log:;children:"
      catches "came back at version 1: version 2 was acknowledged to it"
    end)

    it("an object that is lost", function()
      anna[2] = "reports NEW resource://x/1 1-b 0 EMPTY"
      catches "that of before was not found"
    end)

    it("one that comes back in another state", function()
      anna[2] = "reports KEPT resource://x/1 2-b 3 slots:a=7;counts:ben=1;log:;children:b#1@2=20"
      catches "anna in life 2 has version 3 as"
    end)

    it("a version that nobody wrote", function()
      replace(ben, "look 1-a 3", "change 1-a 4 set:slots.a=1\nlook 1-a 4")
      catches "ben in life 1 saw version 4, which nobody wrote"
    end)

    it("a version that was seen before it was safe", function()
      anna[2] = [[reports KEPT resource://x/1 2-b 2 slots:a=7,b=8;counts:;log:;children:b#1@2=20]]
      catches "ben in life 1 saw version 3, which was lost with the reporter's process"
    end)

    it("another change under the same version", function()
      replace(ben, "change 1-a 3 set:counts.ben=1", "change 1-a 3 set:counts.ben=2")
      catches "heard set:counts.ben=2 as version 3, which is set:counts.ben=1"
    end)

    it("half a batch", function()
      replace(ben, "change 1-a 1 set:slots.b=8\n", "")
      catches "heard of version 1 only set:slots.a=7"
    end)

    it("a change that was not heard of", function()
      replace(ben, "change 1-a 3 set:counts.ben=1\n", "")
      catches "is at version 3, and heard of all up to 2"
    end)

    it("a child that was not heard of", function()
      replace(ben, "child create b#1 -\n", "")
      catches "heard of version 3 after version 1"
    end)

    it("a change that was heard of twice", function()
      replace(ben, "did 5 3", "change 1-a 2 set:slots.b=8\ndid 5 3")
      catches "heard of version 2 after version 3"
    end)

    it("a copy that goes back", function()
      replace(ben, "did 5 3", "resync 1-a 1 slots:a=7,b=8;counts:;log:;children:\ndid 5 3")
      catches "went from version 3 back to 1"
    end)

    it("an epoch that goes back", function()
      replace(ben, "joined 1-a", "joined 2-a")
      catches "went from epoch 2 back to 1-a"
    end)

    it("a copy that is not the reporter's", function()
      replace(ben, "look 1-a 3 slots:a=7", "look 1-a 3 slots:a=6")
      catches "ben in life 1 has version 3 as …slots:a=6"
    end)

    it("an acknowledged child that is lost", function()
      replace(ben, "kept b#1", "kept b#2")
      catches "child b#2 is kept: it is lost"
    end)

    it("a child that is there twice", function()
      replace(anna, "token:5", "token:5\nasked b#1 create 20")
      catches "child b#1 was made twice, as 2 and 4"
    end)

    it("an execute that is lost", function()
      replace(ben, "did 5 3", "did 6 3")
      catches "execute 6 is done as version 3: it is lost"
    end)

    it("an execute that is done twice", function()
      replace(anna, "token:5", "token:5\nwrote 4 set:counts.ben=2 token:5")
      catches "execute 5 was done twice, as 3 and 4"
    end)

    it("an operation on a child that is lost, though nothing is pending", function()
      replace(ben, "kept b#1", "kept b#1\nupdates b#1 21")
      catches "but update:b#1=21 is lost"
    end)

    it("versions of the reporter that do not follow each other", function()
      replace(anna, "wrote 3", "wrote 4")
      catches "the reporter wrote version 4 after version 2"
    end)

    it("an object that goes away", function()
      replace(ben, "asks 5", "deleted gone")
      catches "ben in life 1 was told that the object is gone: gone"
    end)
  end)
end)
