#!/bin/sh
# The browser tests need Debian's chromium, with or without windows. In CI it is installed; elsewhere the tests say how and
# are skipped.
set -u
command -v chromium-headless-shell >/dev/null 2>&1 && exit 0
if [ "${CI:-}" = "true" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests …"
    export DEBIAN_FRONTEND=noninteractive
    timeout 60 apt-get update -qq >/dev/null 2>&1
    timeout 240 apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null 2>&1 && exit 0
    command -v chromium >/dev/null 2>&1 || apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1
fi
exit 0
