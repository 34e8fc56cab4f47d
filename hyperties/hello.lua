-- Hello: a reporter and an observer in one file, the shortest way to see data move.
--
--   hyperty run hello
--
-- The reporter counts in an object; the observer has a copy of it and prints each change. They
-- share nothing but the object's address: here one instance plays both parts, but the observer
-- could as well live in another hyperty, another process, another town.

local hyperty = require "hyperty"

local Hello = { name = "Hello", version = 1, schemas = { "Resource" } }

function Hello:start(config)
  -- Anybody may observe a public object, so there is no subscription to decide about.
  self.greeting = self.syncher:create {
    schema = "Resource", name = "hello", public = true,
    data = { text = "hello", count = 0 },
  }

  self.copy = self.syncher:subscribe(self.greeting.url)
  self.copy:on("change", "count", function(change)
    print(("%s number %d (version %d)"):format(self.copy.data.text, change.value, change.version))
  end)

  local data = self.greeting.data
  hyperty.every(config.every or 1.0, function()
    data.count = data.count + 1 -- an assignment is a change, and a change is published
  end)
end

Hello.api = {}

function Hello.api.count(self)
  return self.copy.data.count
end

function Hello.api.url(self)
  return self.greeting.url
end

return Hello
