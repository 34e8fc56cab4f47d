-- busted's command line. Its own start script asks for `lua`, which may be any version; this one
-- is run by the lua5.4 that the module was built for.
require "busted.runner" { standalone = false }
