-- A person at a terminal: the program runs in tmux, which is a terminal of a fixed size that can be
-- typed at and looked at. Each has a tmux server of its own, without anybody's configuration, that
-- is gone after the function.
--
--   terminal.with({}, function(t)
--     t:type "1 + 1"
--     t:key "Enter"
--     t:expect [[
--   > 1 + 1
--   2
--   >]]
--   end)
local program = require "spec.support.program"
local socket = require "socket"
local tree = require "spec.support.tree"

local M = {}

local PATIENCE_S = 10
local STEP_S = 0.03
local LIFE_S = 120 -- whatever happens, the program ends by itself
local WIDTH, HEIGHT = 80, 24

---@class spec.terminal
---@field dir string  its home and working folder
local terminal = {}
terminal.__index = terminal

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Runs tmux on the terminal's server; gives what it says.
local function tmux(self, ...)
  local words = {}
  for i, word in ipairs { ... } do words[i] = quote(word) end
  local pipe = assert(io.popen(("unset LD_PRELOAD TMUX; timeout 20 tmux -S %s -f /dev/null %s 2>&1")
    :format(quote(self.dir .. "/tmux"), table.concat(words, " "))))
  local said = pipe:read "a"
  pipe:close()
  return said
end

local function is_at_prompt(screen)
  return ("\n" .. screen):find "\n>+$"
end

---Types a text, as it is.
---@param text string
function terminal:type(text)
  tmux(self, "send-keys", "-l", "--", text)
end

---Presses keys, by their names in tmux: "Enter", "Tab", "C-c", "Up".
function terminal:key(...)
  tmux(self, "send-keys", ...)
end

---Types lines, each with Enter, each once the one before is answered by a prompt.
function terminal:lines(...)
  for _, line in ipairs { ... } do
    self:type(line)
    self:key "Enter"
    self:wait_until("a new prompt after " .. line, is_at_prompt)
  end
end

---Pastes a text, marked as pasted if the program asked for that.
---@param text string
function terminal:paste(text)
  program.write(self.dir .. "/pasted", text)
  tmux(self, "load-buffer", self.dir .. "/pasted")
  tmux(self, "paste-buffer", "-p", "-r")
end

---@param width integer
---@param height integer|nil
function terminal:resize(width, height)
  tmux(self, "resize-window", "-x", tostring(width), "-y", tostring(height or HEIGHT))
end

---What is on the screen, without blanks at the end; addresses and the like without what differs
---from run to run.
---@return string
function terminal:screen()
  local text = tmux(self, "capture-pane", "-p")
  text = text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x", "…")
  return (text:gsub("\u{a0}", " "):gsub("[ \t]+\n", "\n"):gsub("%s+$", ""))
end

---The same with the escapes that make colours.
---@return string
function terminal:colors()
  return tmux(self, "capture-pane", "-p", "-e")
end

---Also what has left the screen at its top.
---@return string
function terminal:all()
  return tmux(self, "capture-pane", "-p", "-S", "-")
end

---@return integer column, integer row  of the cursor, from 0
function terminal:cursor()
  local x, y = tmux(self, "display-message", "-p", "#{cursor_x} #{cursor_y}"):match "(%d+) (%d+)"
  return tonumber(x), tonumber(y)
end

---Waits until the function is true of the screen, and gives what it gives.
---@param what string  for the error
---@param fn fun(screen: string): any
function terminal:wait_until(what, fn)
  local until_s, screen = socket.gettime() + PATIENCE_S
  repeat
    screen = self:screen()
    local result = fn(screen)
    if result then return result end
    socket.sleep(STEP_S)
  until socket.gettime() > until_s
  error(("waited in vain for %s; the screen is\n%s\n"):format(what, screen), 3)
end

---Waits until the text is on the screen.
---@param text string
function terminal:shows(text)
  self:wait_until(text, function(screen) return screen:find(text, 1, true) end)
end

---Waits until the screen is just that.
---@param expected string
function terminal:expect(expected)
  expected = expected:gsub("%s+$", "")
  self:wait_until("this:\n" .. expected .. "\n", function(screen) return screen == expected end)
end

---The pid of a process of the program: the prompt's, or its host's.
---@param which "prompt"|"host"
---@return integer
function terminal:pid(which)
  local pid = tonumber((tree.read(self.dir .. "/pid")))
  if which == "prompt" then return pid end
  local children = assert(io.popen(("cat /proc/%d/task/*/children"):format(pid)))
  local child = children:read "n"
  children:close()
  return child
end

---@param which "prompt"|"host"
---@param signal string
function terminal:signal(which, signal)
  os.execute(("kill -%s %d"):format(signal, self:pid(which)))
end

---@class spec.terminal.options
---@field args string[]|nil      of hyperty; repl
---@field env string|nil         such as "NO_COLOR=1"
---@field dir string|nil         one that is there already, for several runs; else a new one
---@field width integer|nil
---@field height integer|nil
---@field is_dumb boolean|nil  it cannot clear the screen, so the greeting stays
---@field after string|nil       shell lines that come after it, in a shell that knows jobs
---@field files table<string, string>|nil  put into the folder first

local function start(self, options)
  local words = {}
  for i, word in ipairs(options.args or { "repl" }) do words[i] = quote(word) end
  program.write(self.dir .. "/run.sh", ([[
%s
cd %s
unset LD_PRELOAD NO_COLOR TMUX HYPERTY_HISTORY XDG_STATE_HOME
export HOME=$PWD XDG_RUNTIME_DIR=$PWD LANG=C.UTF-8 HYPERTY_PATH=$PWD %s
(trap '' INT; sleep %d; kill -KILL $$) &
trap : INT
sh -c 'echo $$ >pid; exec "$@"' - %s %s
echo "status $?"
%s
exec sleep %d
]]):format(options.after and "set -m" or "", quote(self.dir), options.env or "", LIFE_S,
    quote(program.path), table.concat(words, " "), options.after or "", LIFE_S))
  local width, height = tostring(options.width or WIDTH), tostring(options.height or HEIGHT)
  tmux(self, "set-option", "-g", "history-limit", "20000", ";",
    "new-session", "-d", "-x", width, "-y", height, "sh " .. quote(self.dir .. "/run.sh"))
end

-- Runs the function with the terminal; afterwards all that runs there is gone.
local function run(dir, options, fn)
  local self = setmetatable({ dir = dir }, terminal)
  for name, text in pairs(options.files or {}) do
    program.make_dir(dir .. "/" .. (name:match "^(.*)/" or ""), { [name:match "[^/]*$"] = text })
  end
  start(self, options)
  local ok, err = xpcall(function()
    self:wait_until("the prompt", is_at_prompt)
    if not options.is_dumb then
      self:key "C-l"
      self:expect ">"
    end
    fn(self)
  end, debug.traceback)
  tmux(self, "kill-server")
  if not ok then error(err, 0) end
end

---@param options spec.terminal.options
---@param fn fun(t: spec.terminal)
function M.with(options, fn)
  if options.dir then return run(options.dir, options, fn) end
  program.with_dir(function(dir) run(dir, options, fn) end)
end

return M
