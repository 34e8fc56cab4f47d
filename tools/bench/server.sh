# For benches that put servers under load: starting and stopping one at a time, running the generator (load*.c)
# against it, and figures for people. Sourced after tools/common.sh; uses what that has.
#
#   build_load                              builds the generator
#   launch PATTERN COMMAND…                 starts a server
#   measure LINE SERVER MODE OPTION…        runs the generator; start_server SERVER is the bench's, and sets `url`
#   "${figure[LINE.SERVER.NAME]}"           what it gave

tmp=$(mktemp -d)
load=build/bench/load
server_pid= url= why=

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || :
  for _ in {1..40}; do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.05
  done
  kill -9 "$server_pid" 2>/dev/null || :
  wait "$server_pid" 2>/dev/null || :
  server_pid=
}
trap 'stop_server; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# launch PATTERN COMMAND… : starts it and waits until it says PATTERN. Fails if it ends before that.
launch() {
  local pattern=$1
  shift
  : >"$tmp/log"
  "${on_server[@]}" "$@" >"$tmp/log" 2>&1 &
  server_pid=$!
  for _ in {1..200}; do
    ! grep -qE -- "$pattern" "$tmp/log" || return 0
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.025
  done
  why="did not start: $(grep . "$tmp/log" | tail -n 1)"
  [ -s "$tmp/log" ] || why="did not start, and says nothing"
  stop_server
  return 1
}

declare -A figure # by line, server and name

# measure LINE SERVER MODE OPTION… : runs the generator against a fresh server. Fails with `why`.
measure() {
  local line=$1 server=$2 mode=$3 name value
  shift 3
  say "$line: $server"
  start_server "$server" || return 1
  if timeout 90 "${on_generator[@]}" "$load" "$mode" "$url" --server "$server_pid" "$@" \
      >"$tmp/result" 2>"$tmp/errors"; then
    while read -r name value; do
      figure[$line.$server.$name]=$value
    done <"$tmp/result"
    stop_server
  else
    why="failed: $(tail -n 1 "$tmp/errors")"
    [ -s "$tmp/errors" ] || why="failed: no result within 90 s"
    stop_server
    return 1
  fi
}

build_load() {
  mkdir -p build/bench
  cc -O2 -std=gnu11 -Wall -Wextra -o "$load" tools/bench/load*.c -lssl -lcrypto || die "cannot build $load"
}

# The first and the last core that we may use: these are least likely to be two halves of one.
on_server=(env) on_generator=(env) where="server and generator share the one core"
cores=$(grep Cpus_allowed_list /proc/self/status | grep -oE '[0-9]+')
first=$(head -n 1 <<<"$cores") last=$(tail -n 1 <<<"$cores")
if [ "$first" != "$last" ] && command -v taskset >/dev/null; then
  on_server=(taskset -c "$first") on_generator=(taskset -c "$last")
  where="server on core $first, generator on core $last"
fi

# --- Figures for people ---------------------------------------------------------------------------

# calc EXPRESSION VALUE… : with $1, $2 …; empty if a value is missing.
calc() {
  local expression=$1 value
  shift
  for value in "$@"; do [ -n "$value" ] || return 0; done
  echo "$@" | awk "{ print $expression }"
}
count() { # 1234567 -> 1.23 M
  awk -v n="$1" 'BEGIN {
    if (n >= 1e6) printf "%.2f M", n / 1e6; else if (n >= 1e3) printf "%.1f k", n / 1e3
    else printf "%.0f", n }'
}
micro() { awk -v n="$1" 'BEGIN { printf (n >= 1e4) ? "%.1f ms" : "%.0f µs", (n >= 1e4) ? n / 1e3 : n }'; }
if [ -t 1 ]; then green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else green= red= plain=; fi

# pad TEXT WIDTH: printf counts bytes where the locale is C.
pad() { local LC_ALL=C.UTF-8; printf '%s%*s' "$1" $(($2 > ${#1} ? $2 - ${#1} : 0)) ''; }

