---@meta _
-- The commands of the prompt, for files with lines that are typed there.
-- Made by tools/types from the tables that the core itself uses; not to be edited.

---Loads the hyperty of that name or file and gives its functions: chat = load "group_chat".
---  config.as     names the instance; config.user sets its user; the rest goes to its start
---  .on(event, fn) calls fn with what the hyperty emits: chat.on("message", print)
---Lua's own load is loadtext.
---@param name string
---@param config? table
---@return table<string, function>
function load(name, config) end

---Gives the functions of a hyperty that is loaded, as load does: chat = use "group_chat".
---@param name string
---@return table<string, function>
function use(name) end

---Takes the code of a loaded hyperty from its file again, given its name or what load gave. What
---it has made stays; if anything is wrong with the new code, that is told, and the old one runs
---on. One that was parked, since it failed too often, is started.
---@param name string|table
---@return true
function reload(name) end

---Stops an instance, given its name or what load gave for it. Its objects are deleted, unless they
---are stored and the host has --store: those wait for it to be loaded again.
---@param name string|table
---@return true
function unload(name) end

---Lists what is loaded: name, url, user, functions, state, memory in bytes, tasks, seconds since
---its code started, errors logged and the last of them.
---@return table[]
function hyperties() end

---Lists the data objects of this runtime: who reports and who observes each, its version, and
---whether it is kept, given --store: store = true or "sync".
---@return table[]
function objects() end

---Lists the addresses that this runtime listens to.
---@return table[]
function routes() end

---Observes a data object and prints all that happens to it. Gives the observer.
---@param url string
---@return hyperty.Observer
function watch(url) end

---Tells hop by hop what this process knows of an object: its reporter, who may observe it, each
---copy, and the message node if that is here, with its version where there is one. From then on
---each message that goes to or comes from the object is printed as it passes; trace(url, false)
---ends that, trace() lists what is traced.
---@param url? string
---@param on? boolean
---@return table[]|nil
function trace(url, on) end

---What the message node holds, if it is in this process. Each takes part of an address, to see
---only what has that in it:
---  node.sessions()     connected runtimes, and what waits for each
---  node.routes()       who subscribes what; gets = false: it waits to be admitted
---  node.allocations()  who owns which address
---  node.objects()      who holds an object, who is admitted, how many subscribe it
---  node.registry()     what the registry knows, and whether it is live
---  node.stats()        figures
---  node.why(hyperty, object)  tells why a hyperty does not get what happens to an object
---@type table<string, function>
node = {}

---Tells the last error once more, with the calls that led to it. why(url, who) tells of an object
---that is reported here and of a hyperty or user: how that was let in, what it was refused and by
---what, and what it would be now.
---@param url? string
---@param who? string
function why(url, who) end

---Gives the rules about who may create, observe, read, write children and execute; or takes others:
---  policy { rules = { { name = "no guests at night", effect = "deny",
---    target = { action = "observe" }, condition = { time = "22:00-06:00" } } } }
---Who observes by a rule, a group or a list, and would not be let in now, is struck off at once.
---policy {} does without.
---@param rules? table
---@return table|nil
function policy(rules) end

---Gives the groups that rules speak of: URLs of users and hyperties by name.
---@return table<string, string[]>
function groups() end

---Gives the members of a group. group("friends", { add = { "user://localhost/ann" } }) adds some
---first, or takes some out with remove; it makes the group if there is none.
---@param name string
---@param edit? table
---@return string[]
function group(name, edit) end

---Lists keys by their fingerprints, which people compare over another way: state "own" is that of
---this host; "known" of a user that it has met, taken at the first time or accepted; "refused" was
---shown by a user who is known by another one.
---@return table[]
function keys() end

---Takes a key of a user that was refused: it is the same person, with a further host or a new key.
---keys() lists them; the fingerprint says which, if there are several.
---@param user string
---@param fingerprint? string
---@return true
function accept(user, fingerprint) end

---Strikes a key of a user, or all. Who has none left is met anew: the next one is taken.
---@param user string
---@param fingerprint? string
---@return true
function forget(user, fingerprint) end

---Compiles a text: Lua's own load. Gives the function, or nil and what is wrong.
---@param text string
---@param name? string
---@return function
function loadtext(text, name) end

---Tells about a command, or what a loaded hyperty can do: help(load), help "watch", help(chat).
---  help(hyperty), help "every"                                  the library of scripts
---  help "syncher", "reporter", "observer", "child", "request"   data objects
---  help "data", "state", "paths", "failures"                    how to use them
---@param x? any
function help(x) end
