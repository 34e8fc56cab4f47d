-- Who may do what, for who runs a host: rules and groups of its configuration, and the commands of
-- the prompt about them.
local program = require "spec.support.program"

local LAMP = [[
local Lamp = { name = "Lamp", api = {} }
function Lamp:start()
  self.object = self.syncher:create { schema = "Resource", name = "lamp", data = { n = 0 } }
end
function Lamp.api.url(self) return self.object.url end
function Lamp.api.authorise(self, who) return self.object:authorise(who) end
function Lamp.api.revoke(self, who) return self.object:revoke(who) end
function Lamp.api.see(self, url)
  local copy, message, code = self.syncher:subscribe(url)
  return copy and true, message, code
end
return Lamp
]]

local CONFIG = [[
return {
  groups = { friends = { "user://localhost/bob" } },
  policy = { rules = { { name = "friends", effect = "allow",
    condition = { group = "friends" } } } },
}]]

local function repl(lines, config)
  local result
  program.with_dir(function(dir)
    program.write(dir .. "/lamp.lua", LAMP)
    program.write(dir .. "/config.lua", config or CONFIG)
    result = program.repl("a = load 'lamp' u = a.url() b = load('lamp', " ..
      "{ user = 'user://localhost/bob' }) bob = hyperties()[2].url\n" .. lines,
      { env = "HYPERTY_PATH=" .. dir, args = { "--config", dir .. "/config.lua" } })
  end)
  return result
end

-- What the lines give on stdout; addresses of hyperties are left out.
local function shows(wanted, lines, config)
  local result = repl(lines, config)
  local out = result.out:gsub("%a+://localhost/%x+%-[%x-]+", "URL")
    :gsub("%d+%-%d+%-%d+T[%d:.]+Z", "TIME")
  assert.equal(wanted, out)
end

local function fails(text, lines)
  local result = repl(lines)
  assert.truthy(result.err:find(text, 1, true), result.err)
  assert.equal(1, result.status)
end

describe("a configuration's policy", function()
  local function check(config)
    local result
    program.with_dir(function(dir)
      program.write(dir .. "/lamp.lua", LAMP)
      program.write(dir .. "/config.lua", config)
      result = program.run({ "check", "--config", "config.lua", "./lamp.lua" }, { dir = dir })
    end)
    return result
  end

  it("is taken", function()
    assert.equal("./lamp.lua: ok\n", check(CONFIG).out)
    shows("true\n", "b.see(u)\n")
  end)

  it("with a mistake in it is refused, with the rule that it is in", function()
    local result = check [[
return { policy = { rules = { { name = "no guests at night", effect = "deny",
  condition = { tiem = "22:00-06:00" } } } } }]]
    assert.equal('hyperty: check: policy: rule "no guests at night": condition: there is no ' ..
      '"tiem"; did you mean time?\n', result.err)
    assert.equal(1, result.status)
  end)

  it("names groups that there are, of URLs", function()
    local rules = 'policy = { rules = { { effect = "deny", condition = { group = "freinds" } } } }'
    assert.equal('hyperty: check: policy: rule 1: condition: group: there is no "freinds"; ' ..
      "did you mean friends?\n", check("return { groups = { friends = {} }, " .. rules .. " }").err)
    assert.equal("hyperty: check: groups: friends must be a list of URLs\n",
      check 'return { groups = { friends = "user://localhost/bob" } }'.err)
    assert.truthy(check 'return { groups = { friends = { "bob" } } }'.err
      :find('groups: friends: "bob" is no URL of a user', 1, true))
  end)

  it("is a table, and no option of the command line", function()
    assert.equal("hyperty: check: --config: config.lua: policy must be a table\n",
      check 'return { policy = "none" }'.err)
    assert.equal('hyperty: run: unknown option "--policy"; "hyperty help run" lists them\n',
      program.run { "run", "--policy", "x", "lamp" }.err)
    assert.falsy(program.run { "help", "run" }.out:find("--policy", 1, true))
  end)
end)

describe("at the prompt", function()
  it("policy() gives the rules, and takes others", function()
    shows([[
{
  rules = { { condition = { group = "friends" }, effect = "allow", name = "friends" } }
}
{ rules = { { effect = "deny" } } }
nil	"refused by policy rule 1"	"forbidden"
{}
nil	"no handler for \"subscribe\" in lamp"	"forbidden"
]], [[
policy()
policy { rules = { { effect = "deny" } } }
policy()
b.see(u)
policy {}
policy()
b.see(u)
]])
  end)

  it("policy() says what is wrong, and the rules stay", function()
    fails("policy: rule 1: it has no effect", "policy { rules = { {} } }\n")
    fails("policy: rules must be a table, not string", "policy 'none'\n")
    shows("false\ntrue\n", "(pcall(policy, { ruls = {} }))\nb.see(u)\n")
  end)

  it("group() gives a group and edits it", function()
    shows([[
{ friends = { "user://localhost/bob" } }
{ "user://localhost/bob" }
{ "user://localhost/bob", "user://localhost/eve", "user://office/*" }
{ "user://localhost/eve", "user://office/*" }
array {}
{ friends = { "user://localhost/eve", "user://office/*" }, staff = array {} }
]], [[
groups()
group "friends"
group("friends", { add = { "user://localhost/eve", "user://office/*" } })
group("friends", { remove = "user://localhost/bob" })
group("staff", {})
groups()
]])
    fails('group: there is no "staff"; groups() lists them', "group 'staff'\n")
    fails('group: there is no "ad"; there are add and remove', "group('staff', { ad = {} })\n")
    fails('groups: staff: "bob" is no URL', "group('staff', { add = { 'bob' } })\n")
  end)

  it("why(url, who) tells how somebody was let in, was refused and would be", function()
    shows([[
true
URL observes it since TIME, let in by policy rule "friends"
now:
  observe: allowed by policy rule "friends"
  read: allowed by policy rule "friends"
  child: its hyperty decides
  execute: its hyperty decides
array {}
nil	"no handler for \"subscribe\" in lamp"	"forbidden"
nil	"no handler for \"subscribe\" in lamp"	"forbidden"
URL does not observe it any more
refused:
  observe, taken back: what let it in (rule "friends") does not any more (TIME)
  observe: no handler for "subscribe" in lamp (2 times, last TIME)
now:
  observe: its hyperty decides
  read: its hyperty decides
  child: its hyperty decides
  execute: its hyperty decides
]], [[
b.see(u)
why(u, bob)
group("friends", { remove = "user://localhost/bob" })
b.see(u)
b.see(u)
why(u, bob)
]])
  end)

  it("why(url, who) knows of lists, of users and of what is not here", function()
    shows([[
true
user://localhost/bob does not observe it, and is on the list of its reporter
now:
  observe: allowed by the list of its reporter
  read: allowed by the list of its reporter
  child: its hyperty decides
  execute: its hyperty decides
true
comm://localhost/1 is not reported here: ask where it is
nothing has failed here
]], [[
policy {}
a.authorise "user://localhost/bob"
why(u, "user://localhost/bob")
a.revoke "user://localhost/bob"
why("comm://localhost/1", "user://localhost/bob")
why()
]])
    fails("why: who must be a string, not nil", "why(u)\n")
    fails("why: url must be a string, not number", "why(1, u)\n")
  end)
end)
