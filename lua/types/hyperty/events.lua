---@meta _
-- What handlers and calls give, and the words in it.
-- Made by tools/types from the tables that the core itself uses; not to be edited.

---A child event: what a handler of "child" gets
---@class hyperty.ChildEvent
---@field kind hyperty.ChildEventKind # "create", "update", "delete", "refused" or "expired"
---@field child hyperty.Child # the child
---@field change? hyperty.Change # what an update changed, the first of it
---@field changes? hyperty.Change[] # all that it changed
local ChildEvent = {}

---Keeps it out; for the object's reporter
---@param reason? string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function ChildEvent:refuse(reason) end

---A change: what a handler of "change" gets
---@class hyperty.Change
---@field path string # where: "values.1.unit"
---@field keys (string|integer)[] # the same as a list
---@field value any # what is there now
---@field old any # what was there
---@field kind "add"|"update"|"remove" # "add", "update" or "remove"
---@field version integer # of the object, with this change
---@field count integer # how many items of an array it stands for
local Change = {}

---A request: what a reporter decides, in its handlers of "subscribe", "read" and "execute"
---@class hyperty.Request
---@field from string # url of the hyperty that asks
---@field identity hyperty.Identity # whom it acts for: .user, .verified
---@field method? string # of "execute": what is called
---@field params? any[] # of "execute": with which values
---@field url string # the data object
local Request = {}

---Lets it in; to "execute" the value is the answer
---@param value? any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Request:accept(value) end

---Does not
---@param reason? string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Request:reject(reason) end

---An event: what a handler of "event" gets
---@class hyperty.Event
---@field collection string # that it was sent to
---@field from string # url of the hyperty that sent it
---@field value any # what was sent
local Event = {}

---An invitation: what a handler of "invite" of the syncher gets
---@class hyperty.Invitation
---@field from string # url of the reporter's hyperty
---@field identity hyperty.Identity # whom it acts for: .user, .verified
---@field url string # the data object
---@field name? string # its name
---@field schema? string # its schema
---@field value table # all that was said about it
local Invitation = {}

---Gives the observer
---@return hyperty.Observer|nil
---@return string? message
---@return hyperty.Code? code
function Invitation:accept() end

---Does not observe
---@param reason? string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Invitation:decline(reason) end

---An offer: what a handler of "delegate" of the syncher gets
---@class hyperty.Offer
---@field from string # url of the reporter's hyperty
---@field identity hyperty.Identity # whom it acts for: .user, .verified
---@field url string # the data object
---@field name? string # its name
---@field schema? string # its schema
---@field value table # all that was said about it
local Offer = {}

---Gives the reporter, once the object is ours
---@return hyperty.Reporter|nil
---@return string? message
---@return hyperty.Code? code
function Offer:accept() end

---Does not take it
---@param reason? string
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function Offer:decline(reason) end

---A leaving: what a handler of "unsubscribe" gets
---@class hyperty.Left
---@field from string # url of the hyperty that left
local Left = {}

---A status: how it stands with a data object
---@class hyperty.Status
---@field state hyperty.StatusState # "live", "syncing", "lagging", "disconnected" or "replaced"
---@field version integer # that is here
---@field head integer # the newest that is known of
---@field pending integer # changes that wait for one before them
---@field age number # seconds since the last sign of the reporter
local Status = {}

---An identity: whom a hyperty acts for
---@class hyperty.Identity
---@field user? string # url of the user that it acts for
---@field verified boolean # somebody vouches for that
local Identity = {}

---Metadata: what is said about a data object
---@class hyperty.Metadata
---@field url string # the address of the object
---@field name? string # that it goes by
---@field schema string # of its data
---@field schemaVersion? integer # of that, as its document says
---@field schemaDigest? string # of that document: the same for who has the same
---@field reporter string # url of the hyperty that writes it
---@field user? string # url of the user that one acts for
---@field runtime string # url of the runtime that one lives in
---@field created string # when: "2026-01-01T00:00:00.000Z"
---@field lastModified string # when, as far as is known
---@field description? string # for people
---@field tags? string[] # for who searches
---@field resources? string[] # that it has, for who searches
---@field publicObservation? boolean # whoever asks may observe
---@field mutual? boolean # only its participants can read it, no node
local Metadata = {}

---A reading: what syncher:read gives
---@class hyperty.Reading
---@field url string # the address of the object
---@field name? string # that it goes by
---@field schema string # of its data
---@field schemaVersion? integer # of that, as its document says
---@field schemaDigest? string # of that document: the same for who has the same
---@field reporter string # url of the hyperty that writes it
---@field user? string # url of the user that one acts for
---@field runtime string # url of the runtime that one lives in
---@field created string # when: "2026-01-01T00:00:00.000Z"
---@field lastModified string # when, as far as is known
---@field description? string # for people
---@field tags? string[] # for who searches
---@field resources? string[] # that it has, for who searches
---@field publicObservation? boolean # whoever asks may observe
---@field mutual? boolean # only its participants can read it, no node
---@field data table # the data, as plain tables
---@field version integer # of the data
---@field epoch string # a new one when it was started anew
---@field childrenObjects table<string, table[]> # the children by collection, in order
---@field childMarks table # which children each hyperty has added
local Reading = {}

---An entry: one of the list that syncher:discover gives
---@class hyperty.Entry
---@field type string # "dataObject" or "hyperty"
---@field url string # the address of the object or hyperty
---@field name? string # that it goes by
---@field schema? string # of an object's data
---@field schemas? string[] # of a hyperty: those that it has
---@field dataSchemes? string[] # the schemes of their urls
---@field reporter? string # of an object: url of the hyperty that writes it
---@field user? string # url of the user that it acts for
---@field runtime string # url of the runtime that it lives in
---@field status string # "live" or "disconnected"
---@field description? string # for people
---@field tags? string[] # for who searches
---@field resources? string[] # that it has
local Entry = {}

---A registration: what a handler of "registration" gets
---@class hyperty.Registration
---@field kind hyperty.RegistrationKind # "live", "disconnected" or "deleted"
---@field entry hyperty.Entry # what the registry says of it, or has said last
---@field first boolean # it was there already when the handler was added
local Registration = {}

---A handler: what :on gives
---@class hyperty.Handler
local Handler = {}

---The function is not called any more
function Handler:cancel() end

---A timer: what hyperty.after and every give
---@class hyperty.Timer
local Timer = {}

---The function is not called any more
function Timer:cancel() end

---Keys and indices (from 1): "values.1.unit", or as a list
---@alias hyperty.Path string|(string|integer)[]

---@alias hyperty.ChildEventKind
---| "create"
---| "update"
---| "delete"
---| "refused"
---| "expired"

---@alias hyperty.ChildState
---| "pending"
---| "kept"
---| "refused"
---| "expired"
---| "deleted"

---@alias hyperty.Code
---| "full"
---| "invalid"
---| "forbidden"
---| "not_found"
---| "timeout"
---| "conflict"
---| "deleted"
---| "too_large"
---| "internal"
---| "unreachable"
---| "closed"

---@alias hyperty.RegistrationKind
---| "live"
---| "disconnected"
---| "deleted"

---@alias hyperty.StatusState
---| "live"
---| "syncing"
---| "lagging"
---| "disconnected"
---| "replaced"
---| "closed"

---@alias hyperty.OnInvite fun(invitation: hyperty.Invitation)
---@alias hyperty.OnDelegate fun(offer: hyperty.Offer)
---@alias hyperty.OnRegistration fun(event: hyperty.Registration)
---@alias hyperty.OnResume fun(object: hyperty.Reporter|hyperty.Observer)
---@alias hyperty.OnSubscribe fun(request: hyperty.Request)
---@alias hyperty.OnUnsubscribe fun(left: hyperty.Left)
---@alias hyperty.OnRead fun(request: hyperty.Request)
---@alias hyperty.OnExecute fun(request: hyperty.Request)
---@alias hyperty.OnChild fun(event: hyperty.ChildEvent)
---@alias hyperty.OnEvent fun(event: hyperty.Event)
---@alias hyperty.OnStatus fun(status: hyperty.Status)
---@alias hyperty.OnChange fun(change: hyperty.Change)
---@alias hyperty.OnResync fun(from: integer, to: integer, reason: string)
---@alias hyperty.OnDelete fun(reason: string)
