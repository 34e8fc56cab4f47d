-- How busted runs the specs of this folder: with lua5.4, and hyperty.host and hyperty.spec from here.
return {
  default = {
    lua = "lua5.4",
    ROOT = { "spec" },
    lpath = "@lua@/?.lua",
    cpath = "@module@/?.so",
  },
}
