#!/bin/sh
# What checks our documents, and signs people in: Debian's promtool, AsyncAPI's own schema and a real OpenID provider
# from their packages. In CI they are installed; elsewhere the tests say how and are skipped.
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
if [ ! -d .venv/oidc/node_modules ] && command -v npm >/dev/null 2>&1; then
    echo "Installing an OpenID provider to sign in through …"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/oidc oidc-provider@9 >/dev/null 2>&1
fi
exit 0
