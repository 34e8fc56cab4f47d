-- The processes of a world: each member of the fleet (the node, the reporter, an observer) is one
-- `hyperty` at a time, which is killed, stopped, let go on and started again. What each says is
-- read as it comes and never waited for; a last line without an end is no line.
--
--   local member = fleet:add { name = "ann", args = function(life) return { "run", … } end }
--   fleet:start(member)  fleet:kill(member)  fleet:stop(member)  fleet:continue(member)
--   fleet:poll()       reads what was said; a member that ended by itself is started again
--   member.lives       lists of the lines that it said, by life; `times` of each, when it was read
local check = require "spec.sim.check"
local socket = require "socket"

local M = {}

local Fleet = {}
Fleet.__index = Fleet

-- A member may end by itself, as when it finds no node; not forever.
local SIGTERM_STATUS, SHELL_SAYS = 128 + 15, "Terminated"
local ENDS_MAX = 20

---@param start fun(...: string): spec.process of process.with
---@param tell fun(text: string, ...) takes the story
function M.new(start, tell)
  return setmetatable({ start_process = start, tell = tell, members = {} }, Fleet)
end

---`fields`: name; args, a function that gives the arguments of a life; optional `is_ready`, a
---pattern that tells in what it says that it can be used.
function Fleet:add(fields)
  local member = fields
  member.lives, member.ends = {}, 0
  self.members[#self.members + 1] = member
  return member
end

-- --- reading -------------------------------------------------------------------------------------

local function take(self, member, line)
  local life = member.lives[#member.lives]
  table.insert(life, line)
  life.times[#life] = self.now
  local of, text = line:match "^(%S+): error: (.*)"
  if of then self.logged = { member.name, text } end
  if line:find("AddressSanitizer", 1, true) or line:find("runtime error:", 1, true) then
    check.fault("process", "%s: %s", member.name, line)
  end
  if member.is_ready and line:find(member.is_ready) then member.is_up = true end
  if self.on_line then self.on_line(member, line) end
end

local function read(self, member)
  self.now = socket.gettime()
  local text = member.rest .. member.file:read "a"
  local from = 1
  while true do
    local to = text:find("\n", from, true)
    if not to then break end
    take(self, member, text:sub(from, to - 1))
    from = to + 1
  end
  member.rest = text:sub(from)
  if self.logged then check.fault("log", "%s logged: %s", table.unpack(self.logged)) end
end

-- --- living and dying ----------------------------------------------------------------------------

local function ended(self, member)
  read(self, member)
  member.file:close()
  member.process, member.file = nil, nil
end

---Starts a member that does not run; its next life.
function Fleet:start(member)
  table.insert(member.lives, { times = {} })
  member.rest, member.is_up, member.is_stopped, member.due = "", false, false, nil
  member.process = self.start_process(table.unpack(member.args(#member.lives)))
  member.file = assert(io.open(member.process.dir .. "/err", "rb"))
  self.tell("%s is started, life %d, pid %d", member.name, #member.lives, member.process.pid)
end

---kill -9, and its end is waited for. It is started again at `due` (a time), if given.
function Fleet:kill(member, due)
  if not member.process then return end
  self.tell("%s is killed%s", member.name, member.is_stopped and " while stopped" or "")
  member.process:signal "KILL"
  member.process:wait()
  ended(self, member)
  member.due = due
end

---SIGTERM: it ends in good order. One that has not said a word yet may not watch for it yet.
function Fleet:terminate(member, due)
  if not member.process or member.is_stopped then return self:kill(member, due) end
  self.tell("%s is told to end", member.name)
  member.process:signal "TERM"
  local status = member.process:wait()
  ended(self, member)
  local last = member.lives[#member.lives]
  local first, said = last[1] or SHELL_SAYS, last[#last] or ""
  local is_early = status == SIGTERM_STATUS and first:find(SHELL_SAYS, 1, true)
    or said:find("while it was starting", 1, true)
  if status ~= 0 and not is_early then
    check.fault("process", "%s ended with status %d", member.name, status)
  end
  member.due = due
end

---SIGSTOP until that time.
function Fleet:stop(member, until_s)
  if not member.process or member.is_stopped then return end
  self.tell("%s is stopped for %.2f s", member.name, until_s - socket.gettime())
  member.process:signal "STOP"
  member.is_stopped, member.awake = true, until_s
end

function Fleet:continue(member)
  if not member.process or not member.is_stopped then return end
  self.tell("%s goes on", member.name)
  member.process:signal "CONT"
  member.is_stopped = false
end

local function restart_if_ended(self, member, now)
  if not member.process:has_ended() then return end
  local status = member.process:wait()
  ended(self, member)
  local last = member.lives[#member.lives]
  member.ends = member.ends + 1
  self.tell("%s ended by itself with status %d: %s", member.name, status, last[#last] or "")
  if status > 128 or member.ends > ENDS_MAX then
    check.fault("process", "%s ended by itself with status %d: %s", member.name, status,
      last[#last] or "")
  end
  member.due = now + 0.1
end

---Reads what all have said; starts whose time has come.
function Fleet:poll()
  local now = socket.gettime()
  for _, member in ipairs(self.members) do
    if member.process then
      read(self, member)
      if member.is_stopped and now >= member.awake then self:continue(member) end
      if not member.is_stopped then restart_if_ended(self, member, now) end
    elseif member.due and now >= member.due then
      self:start(member)
    end
  end
end

---True if every member runs.
function Fleet:is_whole()
  for _, member in ipairs(self.members) do
    if not member.process or member.is_stopped then return false end
  end
  return true
end

return M
