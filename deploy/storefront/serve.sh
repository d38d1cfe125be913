#!/bin/sh
# Runs the page's web server: `serve.sh [CADDYFILE]`. Caddy reads certificates when it reads its
# configuration; where it has some for the gateway, it is told to do so again once they have changed
# (SIGUSR1; Caddy 2.11 or newer). Files that do not go together leave those in force.
set -eu

files() {
  cat "$RECOMPOSE_TLS_CA" ${RECOMPOSE_TLS_CERT:+"$RECOMPOSE_TLS_CERT" "$RECOMPOSE_TLS_KEY"} \
    2>/dev/null | sha256sum
}

follow() { # PID of Caddy: until it is gone
  before=$(files)
  while sleep 5; do
    kill -0 "$1" 2>/dev/null || exit 0
    now=$(files)
    if [ "$now" != "$before" ]; then
      before=$now
      kill -USR1 "$1" 2>/dev/null || exit 0
    fi
  done
}

if [ -n "${RECOMPOSE_TLS_CA:-}" ]; then
  trap '' USR1 # Until Caddy listens to it, it would be an end.
  follow $$ &
fi
exec caddy run --config "${1:-/etc/caddy/Caddyfile}" --adapter caddyfile
