#!/bin/sh
# Tests the console: pure modules in Node, then every page in Chromium against a running shop.
# Usage: console/run_test.sh PATH_OF_THE_SHOP      pictures go to $TIDEMARK_SCREENSHOTS if it is set
set -eu

here=$(cd "$(dirname "$0")" && pwd)
shop=${1:?usage: console/run_test.sh PATH_OF_THE_SHOP}
shop=$(cd "$(dirname "$shop")" && pwd)/$(basename "$shop")
tools=${TIDEMARK_CONSOLE_TOOLS:-$here/../build/console-test}

for tool in node npm chromium; do
  command -v "$tool" >/dev/null && continue
  echo "console test: $tool is missing; fix: apt-get install nodejs npm chromium" >&2
  exit 2
done

node --test "$here"/site/lib/*_test.mjs

mkdir -p "$tools"
if [ ! -d "$tools/node_modules/playwright-core" ]; then
  (cd "$tools" && echo '{"private":true}' >package.json &&
    npm install --no-audit --no-fund --loglevel=error playwright-core@1)
fi

work=$(mktemp -d)
server=
stop() {
  if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then wait "$server" || true; fi
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_ports() {
  node -e 'const net = require("net");
    const open = [0, 1].map(() => net.createServer().listen(0, "127.0.0.1"));
    Promise.all(open.map((s) => new Promise((done) => s.on("listening", done)))).then(() => {
      console.log(open.map((s) => s.address().port).join(" "));
      open.forEach((s) => s.close());
    });'
}

# Between finding a free port and taking it somebody else may take it: then another pair is tried.
start() {
  set -- $(free_ports)
  TIDEMARK_API_URL=http://127.0.0.1:$1
  TIDEMARK_ADMIN_URL=http://127.0.0.1:$2
  export TIDEMARK_API_URL TIDEMARK_ADMIN_URL
  (cd "$work" && exec "$shop" dev --port "$1" --admin-port "$2" --no-demo) >"$work/log" 2>&1 &
  server=$!
  node "$here/await_ready.mjs" "$server"
}

for attempt in 1 2 3; do
  start && break
  echo "console test: start $attempt failed, the shop said:" >&2
  tail -n 20 "$work/log" >&2
  kill -TERM "$server" 2>/dev/null || true
  server=
done
[ -n "$server" ] || exit 1

[ -z "${TIDEMARK_SCREENSHOTS:-}" ] || mkdir -p "$TIDEMARK_SCREENSHOTS"
TIDEMARK_PLAYWRIGHT=$(cd "$tools" && pwd)/node_modules/playwright-core/index.mjs
export TIDEMARK_PLAYWRIGHT
node --test "$here/console_test.mjs"
