-- The texts of help at the prompt, beside those of its commands (prompt.lua): the library of
-- scripts, one line for each name, and the objects of the syncher, one screen for each.
local M = {}

local concat, format, ipairs, pairs, pcall, rawequal, tostring, type =
  table.concat, string.format, ipairs, pairs, pcall, rawequal, tostring, type

---Names of `hyperty` → how it is called and what that does. In the order in which they are listed.
M.LIBRARY = {
  { "spawn", "spawn(fn, …)", "runs the function in a task of its own" },
  { "sleep", "sleep(seconds)", "waits" },
  { "after", "after(seconds, fn)", "calls the function once, later; gives a timer with :cancel()" },
  { "every", "every(seconds, fn)", "calls the function again and again; gives a timer" },
  { "wait", "wait(fn, timeout)", 'what the function gives, or nil, message, "timeout"' },
  { "now", "now()", "seconds since 1970, with a fraction" },
  { "call", "call(url, method, …)", "calls a function of another hyperty's api" },
  { "emit", "emit(name, …)", "tells those who follow this hyperty" },
  { "follow", "follow(url, name, fn)", "calls the function when that hyperty emits the name" },
  { "log", "log.info(…)", "writes to the log; also log.error, log.warn and log.debug" },
  { "json", "json.encode(value)", "a value as JSON text, and json.decode(text) back" },
  { "array", "array {…}", "marks a table as an array, which an empty one needs" },
  { "object", "object {…}", "marks a table as an object" },
  { "null", "null", "the null of JSON" },
  { "copy", "copy(value)", "a plain table of what a data handle names" },
  { "uuid", "uuid()", "a new identifier" },
}

---Name → one screen of text.
M.OBJECTS = {
  syncher = [[
self.syncher: makes data objects, and finds those of others

  :create { schema=, name=, data=, … }   a reporter; the one from before, if there is one
      observers=, store=, public=, description=, tags=, url=, p2p=, new=
      store = true                       it survives the end of the process, given --store;
                                         "sync": a loss of power, too
  :subscribe(url [, {schema=, store=}])  an observer
  :read(url)                             metadata, data and children, once
  :resume { schema=, name= }             the reporters and observers kept from before
  :discover { name=, schema=, user=, resources=, reporter=, url= }
                                         a list of what the registry knows, those first whose
                                         .status is not "disconnected"
  :on("invite", fn(invitation))          somebody asks us to observe
      invitation.url .from .name .schema .value
      invitation:accept()                gives the observer
      invitation:decline(reason)
  :on("delegate", fn(offer))             a reporter wants to hand its object over to us
      offer.url .from .name .schema .value
      offer:accept()                     gives the reporter, once the object is ours
      offer:decline(reason)

Any data goes with schema = "Resource".]],

  reporter = [[
A reporter: the writing end of a data object, given by syncher:create

  .url .version .epoch .metadata .observers .resumed
  .data                                  write it like a table: each assignment is published
  :set(path, value)                      the same by path: "values.1.unit"
  :batch(fn)                             all that the function changes is one version
  :saved([timeout])                      waits until all written so far is stored; gives the
                                         version, or nil and why not
  :invite { hyperties }                  asks them to observe
  :evict(hyperty)                        ends the subscription of one
  :delegate(hyperty)                     hands the object over, if that one wants it: then this
                                         handle ends; until then nothing can be written
  :delete()                              ends the object for all
  :add_child(collection, data)           a child, at once
  :children(collection)                  the children in order
  :send_event(collection, value)         tells all, and is not kept

  :on("subscribe", fn(request))          see help "request"; without a handler nobody gets in
  :on("unsubscribe", fn)                 an observer has left
  :on("read", fn(request))               somebody reads once
  :on("execute", fn(request))            an observer calls us: request.method .params
  :on("child", fn(event))                see help "child"
  :on("event", fn(event))                what send_event of an observer sends
  :on("status", fn(status))              how it stands with the object]],

  observer = [[
An observer: the reading end of a data object, given by syncher:subscribe

  .url .version .epoch .metadata .resumed
  .data                                  read it like a table; only the reporter writes
  :execute(method, …)                    calls the reporter; gives its answer
  :status()                              { state=, version=, head=, pending=, age= }
  :unsubscribe()                         ends it
  :add_child(collection, data)           a child, at once
  :children(collection)                  the children in order
  :send_event(collection, value)         tells all, and is not kept

  :on("change", [pattern,] fn(change))   change.path .value .old .kind .version
      a pattern is a path: * stands for one key, a trailing ** for the rest
  :on("child", fn(event))                see help "child"
  :on("event", fn(event))                what send_event sends
  :on("resync", fn(from, to, reason))    it was read anew after a gap
  :on("status", fn)                      live, syncing, lagging, disconnected or replaced
  :on("delete", fn)                      the object is gone]],

  state = [[
self.state: what a hyperty keeps for itself

Read and write it like a table. With --store it is there again when the hyperty is loaded once
more under its name, also after a restart, before start runs. What one turn wrote is stored
together. For more than a few MiB, or for others to see, there are data objects.

    function Counter:start() self.state.starts = (self.state.starts or 0) + 1 end]],

  child = [[
A child: something that anybody may add to a data object, given by :add_child and :children

  .id .collection .order .created        where and when; everybody sees them in this order
  .reporter .user                        who made it
  .data                                  its own reporter may write it
  .state                                 "pending", then "kept", "refused" or "expired"
  :wait([timeout])                       true once it is kept; or nil and why not
  :delete()                              by its own reporter, or the object's

What a handler of "child" gets:

  event.kind                             "create", "update", "delete", "refused" or "expired"
  event.child                            the child
  event.change                           what an update changed
  event:refuse(reason)                   keeps it out; for the object's reporter]],

  request = [[
A request: what a reporter decides, in its handlers of "subscribe", "read" and "execute"

  .from                                  url of the hyperty that asks
  .identity                              whom it acts for
  .url                                   the data object
  .method .params                        of "execute": what is called, with which values
  :accept([value])                       lets it in; to "execute" the value is the answer
  :reject([reason])                      does not

The first decision counts. What no handler decides is rejected.

    object:on("subscribe", function(request) request:accept() end)]],
}

local SYNONYMS = { invitation = "syncher", offer = "syncher" }

---What there is help for, by name.
---@return string[]
function M.names()
  local names = { "hyperty" }
  for name in pairs(M.OBJECTS) do names[#names + 1] = name end
  for _, entry in ipairs(M.LIBRARY) do names[#names + 1] = entry[1] end
  return names
end

---The line of help for a function of the library.
---@param hyperty table the library
---@param x any a value of it, or its name with or without "hyperty."
---@return string|nil
function M.library(hyperty, x)
  local name = type(x) == "string" and x:gsub("^hyperty%.", "") or nil
  for _, entry in ipairs(M.LIBRARY) do
    if name == entry[1] or rawequal(x, hyperty[entry[1]]) then
      return "hyperty." .. entry[2] .. "\n" .. entry[3]
    end
  end
end

---All lines of the library.
---@return string
function M.overview()
  local lines = { "hyperty: the library of scripts", "" }
  for _, entry in ipairs(M.LIBRARY) do
    lines[#lines + 1] = format("  %-24s%s", entry[2], entry[3])
  end
  return concat(lines, "\n")
end

---The screen about a kind of object, given its name or one of the objects.
---@param x any
---@return string|nil
function M.object(x)
  local word = x
  if type(x) == "userdata" then
    local ok, text = pcall(tostring, x) -- that of a stale handle raises
    word = ok and text:match "^%a+"
  end
  return M.OBJECTS[SYNONYMS[word] or word]
end

return M
