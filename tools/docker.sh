# Sourced by start.cmd: the same words as tools/native.sh, by compose.

GATEWAY=ml_service_management

# Why Docker cannot be used; empty if it can.
against_docker() {
    command -v docker >/dev/null || { echo "docker is not installed"; return; }
    timeout 10 docker info >/dev/null 2>&1 || { echo "no Docker engine answers"; return; }
    [ -n "$(compose_program)" ] || echo "docker is installed, but compose is not"
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
    local had_key=
    settings_docker
    [ ! -e "$(setting ML_SERVICE_SSH_BIND_MOUNT ./ssh_bind_mnt)/demo_key" ] || had_key=yes
    docker inspect $GATEWAY >/dev/null 2>&1 || trap interrupted INT TERM
    say "building the images (minutes the first time, then seconds) and starting"
    build_and_start
    await_gateway
    [ -n "$had_key" ] || await_demo
    trap - INT TERM
}

build_and_start() {
    local log teller; log=$(mktemp)
    tell_steps "$log" & teller=$!
    if ! compose up -d --build >"$log" 2>&1; then
        kill $teller
        tail -n 15 "$log" >&2
        fail "compose could not start it (above: its last lines; all of them: $log). $(advice "$log")"
    fi
    kill $teller
    rm -f "$log"
}

# In the background, LOG: what compose is doing, where it takes longer; it ends with this script.
tell_steps() {
    local line last=
    while sleep 2 >/dev/null && kill -0 $$ 2>/dev/null; do
        line=$(grep -aE '^(Step [0-9]+/|#[0-9]+ \[|Pulling |Creating |Recreating )' "$1" | tail -n 1 | cut -c 1-100) || true
        if [ "$line" != "$last" ] || [ $((SECONDS % 10)) -lt 2 ]; then
            say "${line:-compose is at work} ($SECONDS s)"
        fi
        last=$line
    done
}

advice() { # LOG
    if grep -qaE 'already (allocated|in use)' "$1"; then
        echo "The port is taken: free it, or choose another NGINX_PORT in .env."
    elif grep -qaiE '[.]env|port|interpolat|environment' "$1"; then
        echo "Look at .env: every variable is explained in docs/environment.md."
    else
        echo "Fix it, then run this again."
    fi
}

# What compose reads besides .env, and what must exist before it does: Docker would make it as root.
settings_docker() {
    local keys owner
    keys=$(setting ML_SERVICE_SSH_BIND_MOUNT ./ssh_bind_mnt)
    make_env
    mkdir -p -m 700 "$keys"
    owner=$(stat -c %u "$keys")
    # The container's user has the number of the keys' owner; it is never root.
    export ML_SERVICE_UID; ML_SERVICE_UID=$(setting ML_SERVICE_UID "${owner/#0/1000}")
    if [ "$owner" = 0 ] && [ "$(id -u)" = 0 ]; then
        chown "$ML_SERVICE_UID" "$keys"
    fi
    export COMPOSE_PROFILES=
    ! wants_demo || COMPOSE_PROFILES=demo
}

# Kept here, not in the volume: after a lost volume the gateway finds its jobs by their names.
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
        if [ "$(docker inspect -f '{{.State.Status}}' $GATEWAY)" = restarting ]; then
            fail "the gateway does not start. It says: $(docker logs --tail 1 $GATEWAY 2>&1)"
        fi
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

# At its first start the demo cluster makes the key, and the gateway serves no service before it is there.
await_demo() {
    wants_demo || return 0
    local begun=$SECONDS told=
    # Not grep -q, which ends at the first match: `docker exec` would fail on the broken pipe.
    until docker exec $GATEWAY orchestrator status --json 2>/dev/null | grep '"config_error": null' >/dev/null; do
        # A mistake in the file is no reason to fail: the status page says what it is.
        [ $((SECONDS - begun)) -lt 30 ] || return 0
        [ -n "$told" ] || say "waiting for the demo cluster"
        told=yes
        sleep 0.5
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
    local away watcher; away=$(mktemp)
    settings_docker
    say "building from this checkout and replacing what has changed; jobs go on"
    time_gap "$away" & watcher=$!
    build_and_start
    await_gateway
    sleep 0.5  # the last look
    kill $watcher
    say "the gateway is version $(docker exec $GATEWAY orchestrator --version)"
    [ ! -s "$away" ] || say "it did not answer for $(cat "$away") s"
    rm -f "$away"
}

# In the background, FILE: the longest time between two answers of nginx, in seconds.
time_gap() {
    local port now last= longest=0; port=$(setting NGINX_PORT 8090)
    while sleep 0.1 >/dev/null && kill -0 $$ 2>/dev/null; do
        nginx_answers "$port" || continue
        now=${EPOCHREALTIME/[.,]/}  # microseconds
        if [ $((now - ${last:-$now})) -gt $longest ]; then
            longest=$((now - last))
            printf '%d.%d' $((longest / 1000000)) $((longest / 100000 % 10)) > "$1"
        fi
        last=$now
    done
}

nginx_answers() { # PORT
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf 'GET /healthz/nginx HTTP/1.0\r\n\r\n' >&3
        read -r -t 2 line <&3
        [[ $line == HTTP/1.* ]]  # also what it says to plain HTTP where it has HTTPS
    ) 2>/dev/null
}

status_docker() { docker exec $GATEWAY orchestrator status; }

logs_docker() { settings_docker; compose logs -f --tail 50; }
