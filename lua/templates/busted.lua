-- How busted runs the specs of this folder: with lua5.4, and with what Hyperty has for them.
return {
  default = {
    lua = "lua5.4",
    ROOT = { "spec" },
    lpath = "@lua@/?.lua",
    cpath = "@module@/?.so",
  },
}
