-- A world for the specs of a hyperty, under a stock lua5.4 and so under busted: hyperties run in it
-- as they do in a process, but time is virtual, so a spec of an hour takes a moment and goes the
-- same way each time.
--
--   local spec = require "hyperty.spec"
--
--   it("gets warmer", function()
--     local world <close> = spec.world()
--     local kitchen = world:load "kitchen"
--     world:run(2)
--     assert.equal(23, kitchen.degrees())
--   end)
--
-- When a world is closed, all that it had is stopped, and two things are looked at: whether there
-- was an error in the log that the spec did not ask for, and whether anything of the core is left.
local host = require "hyperty.host"

local M = {}

---@class hyperty.spec.Options
---@field seed? integer of everything that is random; 1
---@field paths? string[] folders with hyperties; ./hyperties and those that the program finds
---@field schemas? table<string, table> further schemas by name
---@field user? string url of the user of those who name none
---@field store? boolean what is stored outlives :restart() of a place
---@field network? boolean|{delay: number[]?, loss: number?, repeat_: number?} places of their own
---@field budget? {run: number?, turn: number?} seconds of the processor that a hyperty may use
---@field memory? integer bytes that a hyperty may use
---@field trusted? string[] names of hyperties that get all of Lua
---@field log_level? "error"|"warn"|"info"|"debug" what :log() has; "info"

---@class hyperty.spec.Line
---@field level "error"|"warn"|"info"|"debug"
---@field who string name of a hyperty, or of a part of the runtime
---@field text string

-- What an instance is to the world: proxies are empty but for functions.
local instances = setmetatable({}, { __mode = "k" })

-- Worlds that are open: only one that is alone can tell what it leaves.
local open_count = 0

-- Runs in each place where somebody listens.
local LISTENER = [[
local hyperty = require "hyperty"
local Listener = { name = "listener", version = 1, api = {} }
local heard = {}

function Listener.api.listen(_, url, name, number)
  return hyperty.follow(url, name, function(...)
    heard[#heard + 1] = { number = number, values = hyperty.array { ... } }
  end)
end

function Listener.api.take()
  local taken = hyperty.array(heard)
  heard = {}
  return taken
end

return Listener]]

-- The names of an instance's functions.
local NAMES = [[
local names = {}
for name in pairs(self.api or {}) do names[#names + 1] = name end
table.sort(names)
return table.concat(names, " ")]]

--- --- hyperties ---------------------------------------------------------------------------------

local function record_of(proxy, what)
  return instances[proxy] or error(what .. ": a loaded hyperty expected", 3)
end

local function check_there(record)
  local is_there = record.runtime == record.place.runtime and not record.place.world.is_closed
  if not is_there or record.instance:tasks() == nil then error(record.name .. " is gone", 3) end
end

-- The function of a proxy: what raises there, raises here, with the traceback from there.
local function api_function(record, proxy, method)
  return function(...)
    if rawequal((...), proxy) then
      error(("call it with a dot: %s.%s(…)"):format(record.name, method), 2)
    end
    check_there(record)
    local results = table.pack(record.instance:call(method, ...))
    record.place.world:_hear()
    if results[1] == nil and results[3] == "internal" then error(results[2], 0) end
    return table.unpack(results, 1, results.n)
  end
end

-- Puts the functions that the instance has now into its proxy.
local function fill(proxy, record)
  for method in pairs(proxy) do proxy[method] = nil end
  record.names = assert(record.instance:eval(NAMES))
  for method in record.names:gmatch "%S+" do
    proxy[method] = api_function(record, proxy, method)
  end
end

local function proxy_of(place, instance)
  local proxy = {}
  local record = {
    place = place, runtime = place.runtime, instance = instance, name = instance.name,
  }
  fill(proxy, record)
  instances[proxy] = record
  return setmetatable(proxy, {
    __name = "hyperty",
    __tostring = function() return ("%s (%s)"):format(record.name, instance.url) end,
    __index = function(_, key)
      error(('%s has no function "%s": it has %s'):format(record.name, tostring(key),
        (record.names:gsub(" ", ", "))), 2)
    end,
  })
end

--- --- places ------------------------------------------------------------------------------------

---A runtime, as a process of its own would have it.
---@class hyperty.spec.Place
---@field name string
---@field runtime table the runtime of hyperty.host
---@field world hyperty.spec.World
local Place = {}
Place.__index = Place

-- The runtime holds these functions until it is stopped: so they hold no world, or a world that was
-- forgotten would never go.
local function start(place)
  local world, options = place.world, place.options
  local lines, logged, key = world.lines, world.logged, place.key
  local function print_line(who, text)
    lines[#lines + 1] = { key = key, who = who, text = text }
  end
  local function log_line(level, who, text)
    logged[#logged + 1] = { level = level, who = who, text = text }
  end
  local config = {
    seed = options.seed or 1, paths = options.paths, schemas = options.schemas,
    user = options.user, store = place.disk, print = print_line, log = log_line,
    log_level = options.log_level, budget = options.budget, memory = options.memory,
    trusted = options.trusted,
  }
  place.runtime = world.network and world.network:runtime(config) or host.runtime(config)
end

local function new_place(world, name, options)
  local place = setmetatable({ name = name, world = world, options = options, key = {} }, Place)
  if options.store then place.disk = host.disk {} end
  start(place)
  world.places[#world.places + 1] = place
  return place
end

---Loads a hyperty and gives its functions: kitchen.degrees(). A call moves time until it is
---answered. What fails in a healthy system comes back as nil, message, code; what raises, raises.
---@param name string name or file
---@param config? table for its start
---@return table<string, function>
function Place:load(name, config)
  local instance, message = self.runtime:load(name, config)
  if not instance then error(message, 2) end
  self.world:_hear()
  return proxy_of(self, instance)
end

---The same for the text of a script.
---@param text string
---@param config? table
---@param chunk? string names it in messages
---@return table<string, function>
function Place:load_text(text, config, chunk)
  local instance, message = self.runtime:load_text(text, config, chunk or "text")
  if not instance then error(message, 2) end
  self.world:_hear()
  return proxy_of(self, instance)
end

---The process is killed, and started again with what it stored. Its hyperties are to be loaded
---again.
function Place:restart()
  local world = self.world
  if not world.network then world.before = world:now() end -- its time ends with it
  self.runtime:crash()
  self.listener = nil
  start(self)
end

--- --- worlds ------------------------------------------------------------------------------------

---What `load`, `load_text` and `restart` of it do, its first place does.
---@class hyperty.spec.World : hyperty.spec.Place
---@field network table|nil the network of hyperty.host: cuts, crashes, losses
---@field here hyperty.spec.Place the first place
local World = {}
World.__index = World

---A world with one place, which needs no network; with `network`, others may join it.
---@param options? hyperty.spec.Options
---@return hyperty.spec.World
function M.world(options)
  options = options or {}
  local world = setmetatable({
    places = {}, lines = {}, logged = {}, heard = {}, errors_seen = 0, before = 0,
    options = options,
    blocks = open_count == 0 and host.blocks() or nil,
  }, World)
  if options.network then
    local faults = type(options.network) == "table" and options.network or {}
    world.network = host.network {
      seed = options.seed or 1, delay = faults.delay, loss = faults.loss, repeat_ = faults.repeat_,
    }
  end
  open_count = open_count + 1
  world.here = new_place(world, "here", options)
  return world
end

---A further place on the network.
---@param name string
---@param options? { user: string?, store: boolean? }
---@return hyperty.spec.Place
function World:place(name, options)
  if not self.network then
    error("place: this world has one place; make it with spec.world { network = true }", 2)
  end
  local merged = {}
  for key, value in pairs(self.options) do merged[key] = value end
  for key, value in pairs(options or {}) do merged[key] = value end
  return new_place(self, name, merged)
end

function World:load(name, config)
  local ok, proxy = pcall(Place.load, self.here, name, config)
  return ok and proxy or error(proxy, 2)
end

function World:load_text(text, config, chunk)
  local ok, proxy = pcall(Place.load_text, self.here, text, config, chunk)
  return ok and proxy or error(proxy, 2)
end

function World:restart()
  self.here:restart()
end

---Time passes.
---@param seconds number
function World:run(seconds)
  local moving = self.network or self.here.runtime
  moving:run(seconds)
  self:_hear()
end

---Until nothing is under way any more; timers that go on for ever do not count.
function World:settle()
  if not self.network then
    self.here.runtime:run()
  elseif not self.network:settle() then
    error("settle: the world does not come to rest", 2)
  end
  self:_hear()
end

---Seconds since the world was made.
---@return number
function World:now()
  return self.before + (self.network or self.here.runtime):now()
end

---Loads the code of an instance again, as --watch and reload at the prompt do. If the new code
---fails, the old goes on, and this raises.
---@param proxy table what load gave
---@param text? string the new code; else what its file has now
function World:reload(proxy, text)
  local record = record_of(proxy, "reload")
  check_there(record)
  local ok, message = record.runtime:reload(record.instance.url, text)
  self:_hear()
  if not ok then error(message, 2) end
  fill(proxy, record)
end

---Stops an instance.
---@param proxy table what load gave
function World:unload(proxy)
  local record = record_of(proxy, "unload")
  check_there(record)
  assert(record.instance:unload())
  self:_hear()
end

---The address of an instance.
---@param proxy table what load gave
---@return string
function World:url(proxy)
  return record_of(proxy, "url").instance.url
end

---Runs code in an instance, where `self` is the hyperty; gives what it returns.
---@param proxy table what load gave
---@param code string
---@param ... any its arguments, after self
function World:eval(proxy, code, ...)
  local record = record_of(proxy, "eval")
  check_there(record)
  local results = table.pack(record.instance:eval(code, ...))
  self:_hear()
  local failed = results[3] == "internal" or results[3] == "invalid"
  if results[1] == nil and failed then error(results[2], 2) end
  return table.unpack(results, 1, results.n)
end

---What an instance, or all of them, have printed so far: a list of texts.
---@param proxy? table what load gave
---@return string[]
function World:prints(proxy)
  local record = proxy and record_of(proxy, "prints")
  local texts = {}
  for _, line in ipairs(self.lines) do
    if not record or (line.key == record.place.key and line.who == record.name) then
      texts[#texts + 1] = line.text
    end
  end
  return texts
end

---The lines of the log so far.
---@return hyperty.spec.Line[]
function World:log()
  return self.logged
end

---The errors in the log since this was called last. Those that nobody asks for fail the spec.
---@return string[]
function World:errors()
  local texts = {}
  for at = self.errors_seen + 1, #self.logged do
    local line = self.logged[at]
    if line.level == "error" then texts[#texts + 1] = line.who .. ": " .. line.text end
  end
  self.errors_seen = #self.logged
  return texts
end

---A list that grows with what an instance emits under that name, from now on: the value itself if
---there is one, else the list of them.
---@param proxy table what load gave
---@param name string of the event
---@return any[]
function World:events(proxy, name)
  local record = record_of(proxy, "events")
  local place, list = record.place, {}
  if not place.listener then
    place.listener = assert(place.runtime:load_text(LISTENER, { as = "spec.listener" }))
  end
  self.heard[#self.heard + 1] = list
  assert(place.listener:call("listen", record.instance.url, name, #self.heard))
  return list
end

-- Takes what the listeners have heard. No time passes, but what is ready is worked off before.
function World:_hear()
  if #self.heard == 0 then return end
  local moving = self.network or self.here.runtime
  moving:run()
  for _, place in ipairs(self.places) do
    if place.listener then
      for _, event in ipairs(assert(place.listener:call "take")) do
        local list = self.heard[event.number]
        list[#list + 1] = #event.values == 1 and event.values[1] or event.values
      end
    end
  end
end

local function stop(world)
  if world.is_closed then return end
  world.is_closed = true
  open_count = open_count - 1
  for _, place in ipairs(world.places) do
    place.runtime:stop()
    if place.disk then place.disk:close() end
  end
  if world.network then world.network:stop() end
end

---Stops all that is in the world; raises if a hyperty failed meanwhile, or if something is left.
function World:close()
  if self.is_closed then return end
  stop(self)
  local errors = self:errors()
  if #errors > 0 then
    error("there are errors in the log (world:errors() takes those that are expected):\n"
      .. table.concat(errors, "\n"), 2)
  end
  local left = self.blocks and open_count == 0 and host.blocks() - self.blocks or 0
  if left ~= 0 then error(("%d blocks of memory are left"):format(left), 2) end
end

-- A world that was forgotten must not keep others from telling what they leave.
World.__gc = stop

function World:__close(reason)
  if reason ~= nil then return stop(self) end -- that is what the spec is to tell
  self:close()
end

return M
