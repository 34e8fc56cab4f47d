-- Counter: how an observer gets something written. Only the reporter writes; everybody else asks it to, with execute.
--
--   > a = load "counter"
--   > b = load("counter", { url = a.url() })
--   > b.add(5)                                   --> 5
--
-- Without a `url` the instance reports a counter of its own; with one it observes that counter.

local Counter = { name = "Counter", version = 1, schemas = { "Resource" } }

local function add(reporter, by)
  if math.type(by) ~= "integer" then
    return nil, "add takes a whole number"
  end
  reporter.data.count = reporter.data.count + by
  return reporter.data.count
end

function Counter:report(config)
  self.counter = self.syncher:create {
    schema = "Resource", name = config.name or "counter", data = { count = 0 },
  }
  self.counter:on("subscribe", function(request) request:accept() end)
  self.counter:on("execute", function(request)
    if request.method ~= "add" then
      return request:reject("a counter knows only add")
    end
    local count, why = add(self.counter, request.params[1])
    if count then
      request:accept(count)
    else
      request:reject(why)
    end
  end)
end

function Counter:start(config)
  if not config.url then
    return self:report(config)
  end
  local observer, why = self.syncher:subscribe(config.url)
  if not observer then
    error(why, 0)
  end
  self.copy = observer
end

Counter.api = {}

function Counter.api.add(self, by)
  by = by or 1
  if self.counter then
    return add(self.counter, by)
  end
  return self.copy:execute("add", by)
end

function Counter.api.count(self)
  return (self.counter or self.copy).data.count
end

function Counter.api.url(self)
  return (self.counter or self.copy).url
end

return Counter
