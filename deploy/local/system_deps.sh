#!/bin/sh
# Makes sure that Debian packages are there: system_deps.sh NAME...
# As root on Debian or Ubuntu it installs what is missing and says so; elsewhere it names it.
set -eu

missing=""
for name in "$@"; do
    if command -v dpkg-query >/dev/null 2>&1; then
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok' || missing="$missing $name"
    elif ! command -v "$name" >/dev/null 2>&1; then
        missing="$missing $name"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "Installing Debian packages:$missing"
    apt-get update -qq
    # Names without spaces, so they are split on purpose.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
    # Some bring a service that starts by itself (Prometheus); tests start what they need.
    if [ -d /run/systemd/system ]; then
        for name in $missing; do
            systemctl disable --quiet --now "$name.service" 2>/dev/null || true
        done
    fi
else
    echo "The tests need these packages, which are not installed:$missing" >&2
    echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
