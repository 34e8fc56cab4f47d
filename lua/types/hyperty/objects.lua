---@meta _
-- The objects that a hyperty has or makes: self, its syncher, data objects, children.
-- Made by tools/types from the tables that the core itself uses; not to be edited.

---A hyperty: the table that a script returns; `self` of an instance has its fields, too
---@class hyperty.Hyperty
---@field url string # the address of this instance
---@field user? string # url of the user it acts for
---@field syncher hyperty.Syncher # makes and finds data objects
---@field state table # what it keeps for itself: help "state"
---@field name string # what it is called in the log
---@field version? integer # of its code; migrate gets that of the code before
---@field schemas? string[] # of the objects that it makes or observes
---@field resources? string[] # that it has, for who searches: "audio"
---functions that the prompt and other hyperties may call
---@field api? table<string, fun(self: any, ...: any): ...>
local Hyperty = {}

---It has its address; may wait
---@param config table
function Hyperty:start(config) end

---It is about to go; the host undoes the rest
function Hyperty:stop() end

---A reload: the old self.state as the new code wants it
---@param old table
---@param version integer|nil
---@return table|nil
function Hyperty:migrate(old, version) end

---@class hyperty.Syncher.create
---@field schema string # its name; any data goes with "Resource"
---@field name? string # by which others find it
---@field data? table # what a new one begins with
---@field observers? string[] # urls of hyperties to invite
---@field store? boolean|"sync" # survives the process; "sync": a loss of power, too
---@field p2p? boolean # not available
---@field public? boolean # whoever asks may observe
---@field mutual? boolean # only its participants can read it, no node
---@field description? string # for people
---@field tags? string[] # for who searches
---@field resources? string[] # that it has, for who searches: "audio"
---@field url? string # an address of one's own choice
---@field new? boolean # a new one, also if there is one of that name

---@class hyperty.Syncher.subscribe
---@field schema? string # what it must be of
---@field store? boolean|"sync" # the copy survives the process
---@field p2p? boolean # not available

---@class hyperty.Syncher.resume
---@field schema? string # only of that schema
---@field name? string # only of that name

---@class hyperty.Syncher.discover
---@field name? string # of the object or hyperty
---@field schema? string # of the object, or one that the hyperty has
---@field user? string # url of the user it belongs to
---@field resources? string[] # that it has, all of them
---@field reporter? string # url of the hyperty that reports it
---@field url? string # its address
---@field type? string # "dataObject" or "hyperty"; both without it
---@alias hyperty.Criteria hyperty.Syncher.discover

---The syncher: makes data objects, and finds those of others
---@class hyperty.Syncher
---A reporter asks us to observe
---@field on fun(self, event: "invite", fn: hyperty.OnInvite): hyperty.Handler
---A reporter wants to hand its object over to us
---@field on fun(self, event: "delegate", fn: hyperty.OnDelegate): hyperty.Handler
---An object or hyperty comes or goes
---@field on fun(self, event: "registration", fn: hyperty.OnRegistration): hyperty.Handler
---@field on fun(self, event: "registration", by: hyperty.Criteria, fn: function): hyperty.Handler
---A task of the code before a reload has got that object
---@field on fun(self, event: "resume", fn: hyperty.OnResume): hyperty.Handler
local Syncher = {}

---A reporter; the one from before, if there is one
---@param what hyperty.Syncher.create
---@return hyperty.Reporter|nil
---@return string? message
---@return hyperty.Code? code
function Syncher:create(what) end

---An observer
---@param url string
---@param how? hyperty.Syncher.subscribe
---@return hyperty.Observer|nil
---@return string? message
---@return hyperty.Code? code
function Syncher:subscribe(url, how) end

---Metadata, data and children, once
---@param url string
---@return hyperty.Reading|nil
---@return string? message
---@return hyperty.Code? code
function Syncher:read(url) end

---The reporters and observers kept from before
---@param which? hyperty.Syncher.resume
---@return (hyperty.Reporter|hyperty.Observer)[]|nil
---@return string? message
---@return hyperty.Code? code
function Syncher:resume(which) end

---What the registry knows, those that are live first
---@param what hyperty.Syncher.discover
---@return hyperty.Entry[]|nil
---@return string? message
---@return hyperty.Code? code
function Syncher:discover(what) end

---A reporter: the writing end of a data object, given by syncher:create
---@class hyperty.Reporter
---@field url string # the address of the object
---@field role "reporter"|"observer" # which end of it this is
---@field data table # its data, to be used like a table; only the reporter writes
---@field version integer # how many times it was changed
---@field epoch string # a new one when it was started anew
---@field metadata? hyperty.Metadata # name, schema, reporter and more
---@field resumed boolean # it was there before, and goes on
---@field observers string[] # urls of the hyperties that observe it
---@field misfit? string # what of it does not fit its schema any more; nil: all fits
---Somebody wants to observe; without a handler nobody gets in
---@field on fun(self, event: "subscribe", fn: hyperty.OnSubscribe): hyperty.Handler
---An observer has left
---@field on fun(self, event: "unsubscribe", fn: hyperty.OnUnsubscribe): hyperty.Handler
---Somebody wants to read once
---@field on fun(self, event: "read", fn: hyperty.OnRead): hyperty.Handler
---An observer calls us: request.method .params
---@field on fun(self, event: "execute", fn: hyperty.OnExecute): hyperty.Handler
---Something happened to a child
---@field on fun(self, event: "child", fn: hyperty.OnChild): hyperty.Handler
---What send_event sends
---@field on fun(self, event: "event", fn: hyperty.OnEvent): hyperty.Handler
---How it stands with the object, whenever that changes
---@field on fun(self, event: "status", fn: hyperty.OnStatus): hyperty.Handler
local Reporter = {}

---A child, at once
---@param collection string
---@param data table
---@return hyperty.Child|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:add_child(collection, data) end

---The children in order
---@param collection? string
---@return hyperty.Child[]|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:children(collection) end

---Tells all, and is not kept
---@param collection string
---@param value any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:send_event(collection, value) end

---Writes by path: "values.1.unit"
---@param path hyperty.Path
---@param value any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:set(path, value) end

---All that the function changes is one version; it cannot wait
---@param fn fun(): ...
---@return any ...
function Reporter:batch(fn) end

---Waits until all written so far is stored; gives the version
---@param timeout? number
---@return integer|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:saved(timeout) end

---Asks them to observe
---@param hyperties string[]
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:invite(hyperties) end

---Lets hyperties, or all of a user, observe without asking
---@param who string|string[]
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:authorise(who) end

---Takes that back; who observes by it is struck off
---@param who string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:revoke(who) end

---Ends the subscription of one
---@param hyperty string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:evict(hyperty) end

---Hands the object over, if that one wants it; then this ends
---@param hyperty string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:delegate(hyperty) end

---Ends the object for all
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Reporter:delete() end

---An observer: the reading end of a data object, given by syncher:subscribe
---@class hyperty.Observer
---@field url string # the address of the object
---@field role "reporter"|"observer" # which end of it this is
---@field data table # its data, to be used like a table; only the reporter writes
---@field version integer # how many times it was changed
---@field epoch string # a new one when it was started anew
---@field metadata? hyperty.Metadata # name, schema, reporter and more
---@field resumed boolean # it was there before, and goes on
---Data was changed; a pattern before the function picks where
---@field on fun(self, event: "change", fn: hyperty.OnChange): hyperty.Handler
---@field on fun(self, event: "change", path: hyperty.Path, fn: hyperty.OnChange): hyperty.Handler
---Something happened to a child
---@field on fun(self, event: "child", fn: hyperty.OnChild): hyperty.Handler
---What send_event sends
---@field on fun(self, event: "event", fn: hyperty.OnEvent): hyperty.Handler
---It was read anew after a gap, from one version to the other
---@field on fun(self, event: "resync", fn: hyperty.OnResync): hyperty.Handler
---It is over: "deleted", "evicted"; "left" before a reload
---@field on fun(self, event: "delete", fn: hyperty.OnDelete): hyperty.Handler
---How it stands with the object, whenever that changes
---@field on fun(self, event: "status", fn: hyperty.OnStatus): hyperty.Handler
local Observer = {}

---A child, at once
---@param collection string
---@param data table
---@return hyperty.Child|nil
---@return string? message
---@return hyperty.Code? code
function Observer:add_child(collection, data) end

---The children in order
---@param collection? string
---@return hyperty.Child[]|nil
---@return string? message
---@return hyperty.Code? code
function Observer:children(collection) end

---Tells all, and is not kept
---@param collection string
---@param value any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Observer:send_event(collection, value) end

---Calls the reporter; gives its answer
---@param method string
---@param ... any
---@return any|nil
---@return string? message
---@return hyperty.Code? code
function Observer:execute(method, ...) end

---How it stands with it
---@return hyperty.Status|nil
---@return string? message
---@return hyperty.Code? code
function Observer:status() end

---Ends it
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Observer:unsubscribe() end

---A child: something that anybody may add to a data object, given by :add_child and :children
---@class hyperty.Child
---@field id string # of the child, in its object
---@field collection string # of the object, as its schema names it
---@field data table # its own reporter may write it
---@field reporter string # url of the hyperty that made it
---@field user? string # whom that acts for
---@field created? number # seconds since 1970
---@field order? integer # everybody sees children in this order
---@field state hyperty.ChildState # "pending", then "kept", "refused" or "expired"
local Child = {}

---Until it is kept
---@param timeout? number
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Child:wait(timeout) end

---By its own reporter, or the object's
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Child:delete() end
