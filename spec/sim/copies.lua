-- Copies that observers keep in the store of their runtime, as the oracle judges it: who was killed
-- has them again, at once and without asking anybody, and goes on from there.
--
--      joined (stored) ─► quiet: settled ─► killed: away ─► joined (resumed), not below settled
--
-- How much of a copy is committed when its process is killed is nobody's promise, but what it had
-- at the last quiet moment is, and where it ended in good order all of it. What such a copy shows,
-- and what it is told from there on, is judged as that of any other observer (story.lua).
local check = require "spec.sim.check"
local plain = require "spec.sim.plain"

local M = {}

-- Its part as a reporter, or as one to be, is the one that counts.
local function is_second(story)
  local object = story.object
  return object.actor == story.actor or object.heir == story.actor
end

-- What the disk has of it may be there again at any time, also when nobody expects it any more.
local function sleeps(story, is_lossy)
  local asleep, url = story.object.asleep, story.actor.url
  local before = asleep[url]
  asleep[url] = { is_lossy = is_lossy or before and before.is_lossy }
end

---The actor was killed, or `rests`. Its disk may have lost (`is_lossy`) what was not synced.
function M.killed(oracle, actor, is_lossy, rests)
  for _, story in ipairs(oracle.away) do
    if story.actor == actor then story.rests_at = nil end
  end
  for _, story in ipairs(oracle.order) do
    local is_kept = story.actor == actor and not story.is_reporter and story.stored
    local is_its = is_kept and story.is_open
    if is_kept and (is_its or is_lossy) then sleeps(story, is_lossy) end
    if is_its and story.settled and not story.is_leaving
      and not is_second(story) then
      oracle.away[#oracle.away + 1] = story
      story.rests_at = rests and story.version or nil
    end
  end
  if not is_lossy then return end
  for i = #oracle.away, 1, -1 do
    local story = oracle.away[i]
    if story.actor == actor and story.stored ~= "sync" then table.remove(oracle.away, i) end
  end
end

---Whose copies must be there again: the URLs of their objects.
function M.urls(oracle, actor)
  local urls = plain.array {}
  for _, story in ipairs(oracle.away) do
    if story.actor == actor and story.object.is_live then urls[#urls + 1] = story.object.url end
  end
  return urls
end

---A copy is there again, or one that observes anew in its stead: what it begins with is not below
---what it had when all was quiet. Gives the story that it goes on with; nil: there is none.
function M.came_back(oracle, actor, object, entry)
  for i, story in ipairs(oracle.away) do
    if story.actor == actor and story.object == object then
      table.remove(oracle.away, i)
      local least = story.rests_at or story.settled
      if entry.version < least and not object.has_lost then
        check.fault("acknowledged", "%s came back as %s at version %d, and had %d long before",
          story.name, entry.party, entry.version, least)
      end
      return story
    end
  end
end

---The object that a copy is there of, or one that observes anew in its stead: {is_lossy} if its
---disk has kept one longer than a quiet moment, and may have lost some of that; else nil.
function M.woke(actor, object)
  local sleep = object.asleep[actor.url]
  object.asleep[actor.url] = nil
  return sleep and sleep.is_long and sleep or nil
end

---All is quiet: those that are not there again have been told that there is nothing to come back
---to, or the reporter is not there either.
function M.settle(oracle)
  for _, story in ipairs(oracle.away) do
    local object, url = story.object, story.actor.url
    local is_out = object.evictions[url] or not object.is_live or story.actor.is_lost
    if not is_out and not is_second(story) then
      check.fault("acknowledged", "%s has not come back, though it is kept at %s", story.name,
        story.actor.name)
    end
  end
  oracle.away = {}
  for _, object in ipairs(oracle.objects) do
    for _, sleep in pairs(object.asleep) do sleep.is_long = true end
  end
  for _, story in ipairs(oracle.order) do
    if story.stored and story.is_open then story.settled = story.version end
  end
end

return M
