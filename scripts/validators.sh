#!/bin/sh
# What checks our documents: Debian's promtool, and AsyncAPI's own schema from its package. In CI they are installed;
# elsewhere the tests say how and are skipped.
set -u
[ "${CI:-}" = "true" ] || exit 0
if ! command -v promtool >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing promtool to check the alert rules …"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus; } >/dev/null 2>&1
fi
if [ ! -d .venv/asyncapi/node_modules ] && command -v npm >/dev/null 2>&1; then
    echo "Installing AsyncAPI's schema to check the events' document …"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/asyncapi @asyncapi/specs@6 >/dev/null 2>&1
fi
exit 0
