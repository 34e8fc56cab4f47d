-- What is told in hostile_spec.lua, at a node that asks for tokens: who means harm has one, too.
assert(loadfile("spec/foreign/hostile_spec.lua", "t", _ENV)) "auth"
