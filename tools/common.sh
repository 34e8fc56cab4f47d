# Shared by the scripts of tools/: sourced, not run. Leaves the shell in the top directory.
# All talk goes to stderr; stdout belongs to what is run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "$(basename "$0"): $*" >&2; }
die() { say "$@"; exit 1; }

# build PRESET TARGET… : brings build/PRESET up to date. On a terminal ninja shows one moving line;
# elsewhere there is silence until it is done, or the whole output if it fails.
build() {
  local preset=$1 dir=build/$1 log=build/$1.log
  shift
  mkdir -p build
  cmake -G Ninja -S . -B "$dir" -D HYPERTY_PRESET="$preset" >"$log" 2>&1 ||
    { cat "$log" >&2; die "cannot configure $dir (see above)"; }
  say "building $dir"
  if [ -t 2 ]; then
    cmake --build "$dir" --target "$@" >&2 || die "cannot build $dir (see above)"
  else
    cmake --build "$dir" --target "$@" >"$log" 2>&1 ||
      { cat "$log" >&2; die "cannot build $dir (see above)"; }
  fi
}
