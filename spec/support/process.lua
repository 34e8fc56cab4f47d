-- Programs that run beside a spec: started with a bound, told lines, waited for, and stopped by
-- their own pid. What they say goes to files.
local program = require "spec.support.program"
local socket = require "socket"
local tree = require "spec.support.tree"

local M = {}

local LIFE_S = 90 -- whatever happens, a process ends by itself
local PATIENCE_S = 30
local STEP_S = 0.02

---@class spec.process
---@field dir string
---@field pid integer of the program itself
local process = {}
process.__index = process

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end

---Waits until the function gives something true, and gives that.
---@param what string for the error
---@param fn fun(): any
function M.wait(what, fn)
  local until_s = socket.gettime() + PATIENCE_S
  repeat
    local result = fn()
    if result then return result end
    socket.sleep(STEP_S)
  until socket.gettime() > until_s
  error("waited " .. PATIENCE_S .. " s in vain for " .. what, 2)
end

---What it has said so far.
---@param which "out"|"err"
function process:said(which)
  return tree.read(self.dir .. "/" .. which)
end

---Waits until a pattern is in what it said, after what was taken before; gives the captures.
---@param which "out"|"err"
---@param pattern string
function process:expect(which, pattern)
  local captures
  local ok = pcall(M.wait, pattern, function()
    captures = table.pack(self:said(which):find(pattern, self.taken[which]))
    return captures[1] or self:has_ended() and not self:said(which):find(pattern, self.taken[which])
  end)
  if not ok or not captures[1] then
    error(("%s did not say %q; it said\n%s\n%s"):format(self.name, pattern, self:said "out",
      self:said "err"), 2)
  end
  self.taken[which] = captures[2] + 1
  return table.unpack(captures, 3, captures.n)
end

---Types a line.
---@param line string
function process:type(line)
  assert(self.input:write(line, "\n"))
  assert(self.input:flush())
end

---Types a line that shows a value, and waits for that.
---@param line string
---@param pattern string|nil of the value; a line of text if not given
function process:ask(line, pattern)
  self:type(line)
  return self:expect("out", pattern or "([^\n]+)\n")
end

function process:has_ended()
  return exists(self.dir .. "/status")
end

---Waits for its end.
---@return integer status above 128 a signal
function process:wait()
  if self.input then self.input:close() end
  self.input = nil
  M.wait("the end of " .. self.name, function() return self:has_ended() end)
  return M.wait("the status of " .. self.name, function()
    return tonumber(self:said "status")
  end)
end

---@param signal string such as "TERM"
function process:signal(signal)
  os.execute(("kill -%s %d 2>/dev/null"):format(signal, self.pid))
end

---Runs a function with `start`, which starts `hyperty` with arguments; in the end all that still
---run are killed.
---@param fn fun(start: fun(...: string): spec.process, dir: string)
function M.with(fn)
  local processes = {}
  program.with_dir(function(dir)
    local function start(...)
      local self = setmetatable({ taken = { out = 1, err = 1 } }, process)
      self.name = table.concat({ "hyperty", ... }, " ")
      self.dir = ("%s/%d"):format(dir, #processes + 1)
      local words = {}
      for i, arg in ipairs { program.path, ... } do words[i] = quote(arg) end
      -- The pid is the program's: the shell becomes it. `timeout` hands its status on.
      -- Sockets for `hyperty attach` are made in `dir`, so that no two specs meet.
      local script = ("echo $$ >%s/pid\nexport XDG_RUNTIME_DIR=%s\nexec %s\n"):format(self.dir,
        dir, table.concat(words, " "))
      program.make_dir(self.dir, { ["run.sh"] = script, out = "", err = "" })
      assert(os.execute("mkfifo " .. self.dir .. "/in"))
      os.execute(("unset LD_PRELOAD; cd %s; { timeout -s KILL %d sh run.sh <in >out 2>err; "
        .. "echo $? >status.new; mv status.new status; } >/dev/null 2>&1 &"):format(self.dir,
        LIFE_S))
      self.input = assert(io.open(self.dir .. "/in", "w"))
      processes[#processes + 1] = self
      self.pid = M.wait("the pid of " .. self.name, function()
        return exists(self.dir .. "/pid") and tonumber((self:said "pid"))
      end)
      return self
    end
    local ok, err = xpcall(fn, debug.traceback, start, dir)
    for _, p in ipairs(processes) do
      if not p:has_ended() then p:signal "KILL" end
    end
    for _, p in ipairs(processes) do p:wait() end
    if not ok then error(err, 0) end
  end)
end

---The same for a block of specs: gives `start`, a function that ends it all, and the directory.
---@return fun(...: string): spec.process
---@return fun()
---@return string
function M.begin()
  local run = coroutine.wrap(function() M.with(coroutine.yield) end)
  local start, dir = run()
  return start, run, dir
end

return M
