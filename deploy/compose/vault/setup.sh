#!/bin/sh
# Puts the secret into Vault, with a policy that may read nothing else and a token of that policy for the server. Can be run again,
# which rotates the secret: docker compose run --rm vault-setup
set -eu

vault() {
  method=$1 path=$2 body=$3
  curl --silent --show-error --fail --request "$method" --header "X-Vault-Token: $(cat /run/secrets/vault-root-token)" \
    --data "$body" "http://vault:8200/v1/$path"
}

vault POST secret/data/feed "{\"data\": {\"token\": \"$(cat /run/secrets/feed-token)\"}}" >/dev/null
vault PUT sys/policies/acl/mxcp '{"policy": "path \"secret/data/feed\" { capabilities = [\"read\"] }"}'
# The server renews it before the period ends.
answer=$(vault POST auth/token/create '{"policies": ["mxcp"], "no_parent": true, "period": "24h"}')

umask 027
printf '%s' "$answer" | sed 's/.*"client_token": *"\([^"]*\)".*/\1/' >/login/token.new
mv /login/token.new /login/token
