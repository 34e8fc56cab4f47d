-- Runs the built program, for specs of the command line and the prompt.
local tree = require "spec.support.tree"

local M = {}

M.path = assert(os.getenv "HYPERTY_PROGRAM", "HYPERTY_PROGRAM is not set; use run_busted")

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---A directory of its own that is gone after the function.
---@param fn fun(dir: string)
function M.with_dir(fn)
  local dir = os.tmpname()
  assert(os.remove(dir))
  assert(os.execute("mkdir " .. quote(dir)))
  local ok, err = pcall(fn, dir)
  os.execute("rm -rf " .. quote(dir))
  if not ok then error(err, 0) end
end

---@param path string
---@param text string
function M.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

---Makes a directory with files in it.
---@param dir string
---@param files table<string, string> texts by name
function M.make_dir(dir, files)
  assert(os.execute("mkdir -p " .. quote(dir)))
  for name, text in pairs(files) do M.write(dir .. "/" .. name, text) end
end

---@class spec.program.result
---@field out string what went to stdout
---@field err string what went to stderr
---@field status integer exit status; above 128 a signal

---Runs `hyperty` with these arguments.
---@param args string[]
---@param options {input: string|nil, dir: string|nil, env: string|nil, shell: string|nil}|nil
---  `shell` is a command line in which %s stands for the program and its arguments
---@return spec.program.result
function M.run(args, options)
  options = options or {}
  local result
  M.with_dir(function(dir)
    -- Sockets for `hyperty attach` are made there, so that no two specs meet.
    local words = { "env", "XDG_RUNTIME_DIR=" .. dir, options.env or "", quote(M.path) }
    for _, arg in ipairs(args) do words[#words + 1] = quote(arg) end
    local command = table.concat(words, " ")
    if options.shell then command = options.shell:gsub("%%s", function() return command end) end
    M.write(dir .. "/in", options.input or "")
    -- The module needs the sanitizers preloaded; programs have them built in, or do not want them.
    local _, how, status = os.execute(
      ("unset LD_PRELOAD; cd %s && { %s; } <%s/in >%s/out 2>%s/err"):format(
        quote(options.dir or "."), command, dir, dir, dir))
    result = {
      out = tree.read(dir .. "/out"),
      err = tree.read(dir .. "/err"),
      status = how == "signal" and 128 + status or status,
    }
  end)
  return result
end

---Runs busted in a project's folder as its user does. Gives whether all passed, and its output.
---What lua5.4 loads there is built with the sanitizers, so these are preloaded as they are here;
---that each program frees all is not asked.
---@param dir string
---@return boolean
---@return string
function M.busted(dir)
  local ok = os.execute(("cd %s && env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 "
    .. "ASAN_OPTIONS=detect_leaks=0 busted -o TAP >out 2>&1"):format(quote(dir)))
  return ok == true, tree.read(dir .. "/out")
end

---Lines typed at `hyperty repl`, from a pipe.
---@param lines string
---@param options table|nil as in run; also `args`
function M.repl(lines, options)
  options = options or {}
  options.input = lines
  local args = { "repl" }
  for _, arg in ipairs(options.args or {}) do args[#args + 1] = arg end
  return M.run(args, options)
end

return M
