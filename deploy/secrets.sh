#!/bin/sh
# Makes what must be secret: `deploy/secrets.sh .secrets`, once; needs openssl and sha256sum.
#
#   .secrets/keys/         one file for each, as kubectl create secret --from-file takes them
#   .secrets/compose.env   the same for docker compose --env-file, and where certificates are that
#                          deploy/certificates.sh makes
#
# keys/api-keys.toml says who may call (docs/access.md) and holds hashes; each caller's key lies
# beside it, so that only who needs one is given it. A file that is there stays as it is.
set -eu
umask 077
[ $# -eq 1 ] || { echo "usage: deploy/secrets.sh FOLDER" >&2; exit 2; }
[ ! -e "$1/keys" ] || { echo "secrets: $1/keys is there already, and stays as it is." >&2; exit 1; }
mkdir -p "$1/keys.partial"
folder=$(cd "$1" && pwd)
cd "$folder/keys.partial"

for name in triton-admin-key cache-key qdrant-api-key qdrant-read-only-key redis-password \
  grafana-password; do
  openssl rand -hex 24 | tr -d '\n' > "$name"
done

# NAME, and its SCOPES as TOML.
issue() {
  printf 'rck_%s_%s' "$1" "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')" > "$1-key"
  printf '[keys.%s]\nsha256 = ["%s"]\nscopes = [%s]\n' \
    "$1" "$(sha256sum < "$1-key" | cut -d' ' -f1)" "$2" >> api-keys.toml
}
issue storefront '"search", "catalog.read"'
issue import '"catalog.read", "catalog.write"'
issue test '"search", "catalog.write"'
issue publish '"admin"'
chmod 644 api-keys.toml

cat > ../compose.env <<END
COMPOSE_PROFILES=cpu
TRITON_ADMIN_KEY=$(cat triton-admin-key)
REDIS_PASSWORD=$(cat redis-password)
CACHE_KEY=$(cat cache-key)
GRAFANA_PASSWORD=$(cat grafana-password)
API_KEYS_FILE=$folder/keys/api-keys.toml
TLS_DIR=$folder/tls
STOREFRONT_KEY=$(cat storefront-key)
IMPORT_KEY=$(cat import-key)
END
mv "$folder/keys.partial" "$folder/keys"
echo "secrets: made in $folder"
