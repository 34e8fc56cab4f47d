-- What can be looked up at the registry of a domain: when all is quiet, whoever asks finds each
-- object and each hyperty that the model knows to be there, live and with the reporter that it has,
-- and nothing that was deleted.
--
-- One look-up a quiet moment: by the URL from anywhere, by what else is known of an object, or by
-- the user for whom its reporter acts, from its own domain.
local check = require "spec.sim.check"
local plain = require "spec.sim.plain"

local M = {}

-- Those that are alive and can be asked about by others.
local function some_actor(world, domain)
  local list = {}
  for _, actor in ipairs(world.actors) do
    if actor.is_alive and (not domain or actor.domain == domain) then list[#list + 1] = actor end
  end
  return #list > 0 and world.draw:one(list) or nil
end

-- What must be found, by URL: the reporter of an object, true for a hyperty.
local function wanted(oracle, actors, criteria, domain)
  local found = {}
  for _, object in ipairs(oracle.objects) do
    local fits = object.is_live and not object.is_dying and object.actor.domain == domain
      and (not criteria.url or criteria.url == object.url)
      and (not criteria.name or criteria.name == object.label)
      and (not criteria.reporter or criteria.reporter == object.actor.url)
      and (not criteria.schema or criteria.schema == object.schema)
      and (not criteria.user or criteria.user == object.actor.user)
    if fits then found[object.url] = object.actor.url end
  end
  local asks_all = criteria.user and not criteria.schema
  for _, actor in ipairs(asks_all and actors or {}) do
    if actor.is_alive and actor.user == criteria.user then found[actor.url] = true end
  end
  return found
end

local function by_url(list)
  local entries = {}
  for _, entry in ipairs(list) do
    if entries[entry.url] then
      check.fault("registry", "%s is found twice", entry.url)
    end
    entries[entry.url] = entry
  end
  return entries
end

---What was found is what is there. `domain` is whose registry was asked.
function M.check(oracle, actors, criteria, domain, list)
  local entries = by_url(list)
  local found = wanted(oracle, actors, criteria, domain)
  for _, url in ipairs(plain.keys(found)) do
    local entry, reporter = entries[url], found[url]
    if not entry or entry.status ~= "live" then
      check.fault("registry", "%s is %s for who looks for %s", url,
        entry and tostring(entry.status) or "not there", plain.show(criteria))
    end
    if reporter ~= true and entry.reporter ~= reporter then
      check.fault("registry", "%s is reported by %s, not by %s", url, tostring(entry.reporter),
        reporter)
    end
  end
  for _, object in ipairs(oracle.objects) do
    local entry = entries[object.url]
    local is_gone = not object.is_live and not object.is_orphan and not object.actor.is_lost
    if entry and is_gone and entry.status == "live" then
      check.fault("registry", "%s was deleted, and is there for who looks for %s", object.url,
        plain.show(criteria))
    end
  end
end

local KINDS = { "url", "name", "reporter", "schema", "user" }

---All is quiet: somebody looks for an object, or for all that is there.
function M.settle(world)
  if #world.oracle.objects == 0 then return end
  local object, kind = world.draw:one(world.oracle.objects), world.draw:one(KINDS)
  local domain = object.actor.domain
  local criteria = ({ url = { url = object.url }, name = { name = object.label },
    reporter = { reporter = object.actor.url }, schema = { schema = object.schema },
    user = { user = object.actor.user } })[kind]
  local actor = some_actor(world, kind ~= "url" and domain or nil)
  if not actor then return end
  local list, text = actor.inst:call("discover", criteria)
  world:tell("%s looks for %s: %s", actor.name, criteria, list or tostring(text))
  if not list then
    check.fault("calls", "%s looks for %s: %s", actor.name, plain.show(criteria), tostring(text))
  end
  M.check(world.oracle, world.actors, criteria, domain, list)
end

return M
