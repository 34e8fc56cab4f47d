-- Counter: how an observer gets something written. Only the reporter writes; everybody else asks
-- it to, with execute.
--
--   > a = load "counter"
--   > b = load("counter", { url = a.url() })
--   > b.add(5)                                   --> 5
--
-- Without a `url` an instance reports a counter of its own; with one it observes that counter.

local Counter = { name = "Counter", version = 1, schemas = { "Resource" } }

function Counter:start(config)
  if config.url then
    self:observe(config.url)
  else
    self:report(config.name or "counter")
  end
end

-- --- the reporter: answers what it is asked ------------------------------------------------------

function Counter:report(name)
  self.reporter = self.syncher:create { schema = "Resource", name = name, data = { count = 0 } }
  self.reporter:on("subscribe", function(request) request:accept() end)
  self.reporter:on("execute", function(request)
    if request.method ~= "add" then
      return request:reject "a counter knows only add"
    end
    local count, why = self:write(request.params[1])
    if count then
      request:accept(count)
    else
      request:reject(why)
    end
  end)
end

function Counter:write(by)
  if math.type(by) ~= "integer" then
    return nil, "add takes a whole number", "invalid"
  end
  local data = self.reporter.data
  data.count = data.count + by
  return data.count
end

-- --- an observer: reads its copy, and asks -------------------------------------------------------

function Counter:observe(url)
  local observer, why = self.syncher:subscribe(url, { schema = "Resource" })
  if not observer then
    error(why, 0)
  end
  self.observer = observer
end

Counter.api = {}

-- add([by]) → the new count
function Counter.api.add(self, by)
  by = by or 1
  if self.reporter then
    return self:write(by)
  end
  return self.observer:execute("add", by) -- waits for the reporter's answer
end

function Counter.api.count(self)
  return (self.reporter or self.observer).data.count
end

function Counter.api.url(self)
  return (self.reporter or self.observer).url
end

return Counter
