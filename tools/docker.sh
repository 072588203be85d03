# Sourced by start.cmd: the same words as tools/native.sh, by compose.

GATEWAY=ml_service_management

# Why Docker would not do; empty where it does.
against_docker() {
    command -v docker >/dev/null || { echo "docker is not installed"; return; }
    timeout 10 docker info >/dev/null 2>&1 || { echo "no Docker engine answers"; return; }
    [ -n "$(compose_program)" ] || echo "Docker is here, but no compose"
}

compose_program() {
    if docker compose version >/dev/null 2>&1; then
        echo docker compose
    elif command -v docker-compose >/dev/null; then
        echo docker-compose
    fi
}

compose() { $(compose_program) -f docker-compose.yaml "$@"; }

start_docker() {
    settings_docker
    say "building the images (minutes at first, seconds from then on) and starting"
    build_and_start
    await_gateway
}

build_and_start() {
    local log; log=$(mktemp)
    if ! compose up -d --build >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "compose could not start it (above: its last lines; all of them: $log). If the port is taken, choose another NGINX_PORT in .env."
    fi
    rm -f "$log"
}

# What compose reads besides .env, and what must exist before it does: Docker would make it as root.
settings_docker() {
    local keys owner
    keys=$(setting ML_SERVICE_SSH_BIND_MOUNT ./ssh_bind_mnt)
    make_env
    mkdir -p -m 700 "$keys"
    owner=$(stat -c %u "$keys")
    # The container's user is not root: it has the keys' owner's number.
    export ML_SERVICE_UID; ML_SERVICE_UID=$(setting ML_SERVICE_UID "${owner/#0/1000}")
    if [ "$owner" = 0 ] && [ "$(id -u)" = 0 ]; then
        chown "$ML_SERVICE_UID" "$keys"
    fi
    export COMPOSE_PROFILES=
    ! wants_demo || COMPOSE_PROFILES=demo
}

# Kept here and not in the volume: who loses the volume finds its jobs again by their names.
make_env() {
    [ -e .env ] || (umask 077; cp .env_template .env)
    local token; token=$(head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_')
    grep -q '^ADMIN_TOKEN=.' .env || set_in_env ADMIN_TOKEN "$token"
    grep -q '^ORCHESTRATOR_ID=.' .env || set_in_env ORCHESTRATOR_ID "io-$(printf %s "$token" | sha256sum | cut -c1-6)"
}

set_in_env() { # NAME VALUE
    sed -i "/^$1=/d" .env
    [ -z "$(tail -c 1 .env)" ] || echo >> .env
    echo "$1=$2" >> .env
    chmod 600 .env
    say ".env: made $1"
}

await_gateway() {
    local begun=$SECONDS told=0
    until docker exec $GATEWAY healthy >/dev/null 2>&1; do
        if [ $((SECONDS - begun)) -ge 60 ]; then
            docker logs --tail 15 $GATEWAY >&2
            fail "the gateway is not healthy after 60 s: above the end of its log"
        fi
        if [ $((SECONDS - begun)) -ge $((told + 5)) ]; then
            told=$((SECONDS - begun))
            say "waiting for the gateway (${told} s)"
        fi
        sleep 0.3
    done
}

stop_docker() {
    settings_docker
    if docker inspect $GATEWAY >/dev/null 2>&1; then
        # It would be started again between the one and the other.
        docker update --restart=no $GATEWAY >/dev/null
        docker exec $GATEWAY orchestrator down \
            || say "jobs may be left on the cluster: see above"
    fi
    say "taking the containers down"
    compose --profile demo down >/dev/null 2>&1
}

upgrade_docker() {
    settings_docker
    say "building from this checkout, and replacing what changed; jobs go on"
    build_and_start
    await_gateway
    say "the gateway is version $(docker exec $GATEWAY orchestrator --version)"
}

status_docker() { docker exec $GATEWAY orchestrator status; }

logs_docker() { settings_docker; compose logs -f --tail 50; }
