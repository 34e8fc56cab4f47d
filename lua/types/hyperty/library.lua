---@meta hyperty
-- The library of scripts: require "hyperty".
-- Made by tools/types from the tables that the core itself uses; not to be edited.

local hyperty = {}

---The null of JSON
---@type lightuserdata
hyperty.null = nil

---Runs the function in a task of its own
---@param fn function
---@param ... any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.spawn(fn, ...) end

---Waits
---@param seconds number
---@return true
function hyperty.sleep(seconds) end

---What the function gives, or nil, message, "timeout"
---@param fn fun(): ...
---@param timeout number
---@return any ...
function hyperty.wait(fn, timeout) end

---Calls the function once, later
---@param seconds number
---@param fn fun()
---@return hyperty.Timer|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.after(seconds, fn) end

---Calls the function again and again
---@param seconds number
---@param fn fun()
---@return hyperty.Timer|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.every(seconds, fn) end

---Calls a function of another hyperty's api
---@param url string
---@param method string
---@param ... any
---@return any|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.call(url, method, ...) end

---Tells those who follow this hyperty
---@param name string
---@param ... any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.emit(name, ...) end

---The same, but only those of this runtime: no node hears it
---@param name string
---@param ... any
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.emit_here(name, ...) end

---Calls the function when that hyperty emits the name
---@param url string
---@param name string
---@param fn fun(...: any)
---@return true|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.follow(url, name, fn) end

---Marks a table as an array, which an empty one needs
---@param items? any[]
---@return any[]
function hyperty.array(items) end

---Marks a table as an object
---@param fields? table
---@return table
function hyperty.object(fields) end

---A plain table of what a data handle names
---@param value any
---@return any
function hyperty.copy(value) end

---Seconds since 1970, with a fraction
---@return number
function hyperty.now() end

---A new identifier
---@return string
function hyperty.uuid() end

hyperty.json = {}

---A value as JSON text
---@param value any
---@return string
function hyperty.json.encode(value) end

---The value of a JSON text
---@param text string
---@return any|nil
---@return string? message
---@return hyperty.Code? code
function hyperty.json.decode(text) end

hyperty.log = {}

---Writes to the log; a table at the end gives fields
---@param ... any
function hyperty.log.error(...) end

---The same, as a warning
---@param ... any
function hyperty.log.warn(...) end

---The same, to be read
---@param ... any
function hyperty.log.info(...) end

---The same, for who looks for a mistake
---@param ... any
function hyperty.log.debug(...) end

return hyperty
