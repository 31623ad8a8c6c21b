#!/usr/bin/env bash
# Starts the stack of compose.yaml, or ends it:
#
#   docker/stack.sh up
#   docker/stack.sh down     # --volumes forgets its data too
#
# Without a .env it makes one with random passwords.
set -euo pipefail
cd "$(dirname "$0")"

secret() { head -c 24 /dev/urandom | base64 | tr '+/' 'aZ'; }

make_env() {
  umask 077
  # A1- : SQL Server wants characters of three kinds.
  sed -e "s|^MSSQL_SA_PASSWORD=.*|MSSQL_SA_PASSWORD=A1-$(secret)|" \
    -e "s|^APP_PASSWORD=.*|APP_PASSWORD=A1-$(secret)|" \
    -e "s|^REDIS_PASSWORD=.*|REDIS_PASSWORD=$(secret)|" \
    -e "s|^GOSSIP_SECRET_KEY=.*|GOSSIP_SECRET_KEY=$(head -c 32 /dev/urandom | base64)|" \
    -e "s|^ADMIN_TOKEN=.*|ADMIN_TOKEN=$(secret)|" \
    -e "s|^GRAFANA_PASSWORD=.*|GRAFANA_PASSWORD=$(secret)|" \
    .env.example >.env
  echo "docker/.env has new passwords" >&2
}

case "${1:-}" in
  up)
    [[ -e .env ]] || make_env
    if [[ ${ACCEPT_EULA:-$(sed -n 's/^ACCEPT_EULA=//p' .env)} != [yY] ]]; then
      echo "SQL Server has a license of its own: read .env.example and set ACCEPT_EULA=Y" >&2
      exit 1
    fi
    docker compose up --detach --build
    ;;
  down)
    shift
    # Compose wants every variable to be set, even now.
    [[ -e .env ]] || make_env
    docker compose down "$@"
    ;;
  env) # what up does before it needs Docker
    [[ -e .env ]] || make_env
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$(basename "$0")" >&2
    exit 2
    ;;
esac
