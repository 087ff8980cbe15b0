#!/bin/sh
# The browser tests need Debian's chromium. In CI it is installed; elsewhere the tests say how and are skipped.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
if [ "${CI:-}" = "true" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests …"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1
fi
exit 0
