#!/bin/sh
# Makes certificates to try TLS with: `deploy/certificates.sh .secrets [NAME...]`; needs openssl 3.
#
#   .secrets/tls/authority/   a root of one's own, and its key, which stays where it is
#   .secrets/tls/server/      the gateway's certificate, for NAMEs beside those of compose.tls.yaml
#   .secrets/tls/client/      what callers show, where they are asked for one (mutual TLS)
#
# server and client hold tls.crt, tls.key and ca.crt, as kubectl create secret generic --from-file
# takes them. Run again, it renews both under the same root, and what is running follows. They are
# valid for 90 days, the root for 10 years. A real service has its certificates from an authority.
set -eu
umask 077
[ $# -ge 1 ] || { echo "usage: deploy/certificates.sh FOLDER [NAME...]" >&2; exit 2; }
mkdir -p "$1/tls/authority"
folder=$(cd "$1" && pwd)/tls
shift
cd "$folder"

request() { # NAME DAYS SUBJECT OPTION...: a new key in NAME.key, and its certificate in NAME.crt
  name=$1 days=$2 subject=$3
  shift 3
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" \
    -subj "/CN=$subject" -keyout "$name.key" -out "$name.crt" "$@" 2>error.log ||
    { cat error.log >&2; exit 1; }
  rm error.log
}

issue() { # FOLDER USAGE NAMES: tls.crt and tls.key of the root's, renewed in place
  request partial 90 recompose -CA authority/ca.crt -CAkey authority/ca.key \
    -addext "subjectAltName=$3" -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature -addext "extendedKeyUsage=$2"
  mkdir -p "$1"
  cp authority/ca.crt "$1/ca.crt"
  mv partial.key "$1/tls.key"
  mv partial.crt "$1/tls.crt"
  # Containers read them by another user. Nobody else on this machine gets into the folder above.
  chmod 755 "$1"
  chmod 644 "$1/ca.crt" "$1/tls.key" "$1/tls.crt"
}

if [ ! -e authority/ca.crt ]; then
  request authority/new 3650 "Recompose, to try it"
  mv authority/new.key authority/ca.key
  mv authority/new.crt authority/ca.crt
fi
names=DNS:gateway,DNS:localhost,IP:127.0.0.1
for name in "$@"; do
  case $name in
    *[!0-9.]*) names=$names,DNS:$name ;;
    *) names=$names,IP:$name ;;
  esac
done
issue server serverAuth "$names"
issue client clientAuth DNS:caller
chmod 700 "$folder"
echo "certificates: made in $folder"
