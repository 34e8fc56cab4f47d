-- `hyperty node --store FILE`: killed with -9 and started again on the same ports and file.
local foreign = require "spec.foreign.client"
local process = require "spec.support.process"
local program = require "spec.support.program"
local socket = require "socket"

local SM = "domain://msg-node.localhost/sm"
local ALLOCATION = "domain://msg-node.localhost/address-allocation"

-- --- clients -------------------------------------------------------------------------------------

local Client = {}
Client.__index = Client

local last_id = 0

local function connect(url, name)
  local runtime = "hyperty-runtime://localhost/" .. name
  return setmetatable({ way = foreign.connect(url), url = url, runtime = runtime }, Client)
end

-- The body of the answer.
function Client:ask(kind, to, body, from)
  last_id = last_id + 1
  return self.way:ask { type = kind, id = last_id, from = from or self.runtime, to = to,
    body = body }.body
end

function Client:shake(kind, from)
  local body = self:ask(kind, "mn:/session", nil, from)
  assert.equal(200, body.code)
  self.token = body.runtimeToken
end

local function open(url, name)
  local client = connect(url, name)
  client:shake "open"
  return client
end

-- With nothing but its token.
function Client:come_back()
  self.way:close()
  self.way = foreign.connect(self.url)
  self:shake("re-open", self.runtime .. "/" .. self.token)
end

-- --- the node ------------------------------------------------------------------------------------

-- And the URLs on which it listens; `before`: the same again.
local function start_node(start, dir, before, ...)
  local node = start("node", "--store", dir .. "/node.store", "--log", "debug",
    "--listen", before and before.tcp or "tcp://127.0.0.1:0",
    "--listen", before and before.ws or "ws://127.0.0.1:0/ws", ...)
  local urls = {}
  for _, scheme in ipairs { "tcp", "ws" } do
    urls[scheme] = node:expect("err", "listens on (" .. scheme .. "://[^\n]+)\n")
  end
  return node, urls
end

local function kill(node)
  node:signal "KILL"
  node:wait()
end

describe("a node with a store that is killed", function()
  for _, scheme in ipairs { "tcp", "ws" } do
    it("knows after its restart what it had acknowledged: " .. scheme, function()
      process.with(function(start, dir)
        local node, urls = start_node(start, dir)
        local a, b = open(urls[scheme], "a"), open(urls[scheme], "b")
        local list = a:ask("create", ALLOCATION, { scheme = "comm", value = { number = 250 } })
        local object, another = list.value.allocated[250], list.value.allocated[1]
        assert.equal(200, a:ask("subscribe", SM, { resources = { object }, guard = true }).code)
        assert.equal(200, b:ask("subscribe", SM, { resources = { object .. "/changes" } }).code)
        local admit = { method = "admit", params = { object, b.runtime } }
        assert.equal(200, a:ask("execute", SM, admit).code)
        kill(node)

        node = start_node(start, dir, urls)
        assert.truthy(node:said("err"):find("sessions 2, allocated addresses 250,", 1, true))
        a:come_back()
        b:come_back()
        assert.equal(403, b:ask("subscribe", SM, { resources = { another } }).code)
        a.way:send { type = "update", from = object, to = object .. "/changes",
          body = { value = 1 } }
        assert.equal(object .. "/changes", assert(b.way:receive()).to)
      end)
    end)

    it("is found again by runtimes, none of which has to renew anything: " .. scheme, function()
      process.with(function(start, dir)
        local node, urls = start_node(start, dir)
        local people = {}
        for _, name in ipairs { "ann", "bob" } do
          local user = "user://localhost/" .. name
          people[name] = start("repl", "--node", urls[scheme], "--user", user)
          people[name]:ask('chat = load "group_chat"', "group_chat %(hyperty://")
        end
        people.ann:ask('room = chat.create("team")', '"(%w+://[^"]+)"\n')
        people.bob:ask('room = chat.join("team")', '"(%w+://[^"]+)"\n')
        people.bob:ask('chat.send(room, "before")', "#1")
        kill(node)

        node = start_node(start, dir, urls)
        for _ = 1, 2 do
          node:expect("err", "hyperty%-runtime://localhost/%S+ re%-opened by " .. scheme)
        end
        people.bob:ask('chat.send(room, "after")', "#2")
        process.wait("what was sent after it", function()
          return people.ann:ask "(chat.history(room, 1)[1] or {}).text" == '"after"'
        end)
        assert.is_nil(node:said("err"):find(" opened by ", 1, true))
      end)
    end)
  end

  it("gives no address twice, whenever it is killed", function()
    process.with(function(start, dir)
      local node, urls = start_node(start, dir, nil, "--rate-allocations", "0")
      local known, count, a = {}, 0, open(urls.tcp, "a")
      local body = { scheme = "comm", value = { number = 10 } }
      for _ = 1, 4 do
        local done = socket.gettime() + 0.3
        while socket.gettime() < done do
          for _, url in ipairs(a:ask("create", ALLOCATION, body).value.allocated) do
            assert.is_nil(known[url])
            known[url], count = true, count + 1
          end
        end
        for id = 1, 20 do -- it is killed in the middle of these
          a.way:send { type = "create", id = "x" .. id, from = a.runtime, to = ALLOCATION,
            body = body }
        end
        kill(node)
        node = start_node(start, dir, urls, "--rate-allocations", "0")
        local kept = node:said("err"):match "allocated addresses (%d+),"
        assert.is_true(tonumber(kept) >= count)
        a:come_back()
      end
      assert.is_true(count > 100)
    end)
  end)

  it("ends well in between, and is as it was", function()
    process.with(function(start, dir)
      local node, urls = start_node(start, dir, nil, "--drain", "0.3")
      local a = open(urls.tcp, "a")
      assert.equal(200, a:ask("create", ALLOCATION, { scheme = "comm" }).code)
      node:signal "TERM"
      assert.equal(0, node:wait())
      node = start_node(start, dir, urls)
      assert.truthy(node:said("err"):find("sessions 1, allocated addresses 1,", 1, true))
      a:come_back()
    end)
  end)
end)

describe("a node with a store fails", function()
  it("if another process has it open, if it is no store, and if its folder is not there", function()
    process.with(function(start, dir)
      local node = start_node(start, dir)
      local function says(file, text)
        local result = program.run({ "node", "--store", file, "--listen", "tcp://127.0.0.1:0" },
          { shell = "timeout 20 %s" })
        assert.equal("", result.out)
        assert.truthy(result.err:find(text), result.err)
        assert.equal(1, result.status)
      end
      says(dir .. "/node.store", "^hyperty: node: [^\n]*" .. node.pid)
      program.write(dir .. "/text", ("no store at all\n"):rep(100))
      says(dir .. "/text", "^hyperty: node: [^\n]*/text")
      says(dir .. "/nowhere/store", "^hyperty: node: [^\n]*nowhere")
    end)
  end)
end)
