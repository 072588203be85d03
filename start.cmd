#!/usr/bin/env bash
# Install, start and stop the gateway. See `./start.cmd --help`.
. "$(dirname "${BASH_SOURCE[0]}")/tools/setup.sh"
. tools/env.sh
. tools/docker.sh
. tools/native.sh

usage() {
    cat <<'TEXT'
Usage: ./start.cmd [COMMAND] [--docker|--native] [--no-demo]

  start     (default) install or build what is missing, start the gateway, and
            print what to try
  stop      cancel its jobs; remove every process, container, mount and namespace
  restart   stop, then start
  update    switch to the code of this checkout; jobs go on (natively also
            requests and tunnels)
  upgrade   the same as update
  status    what every service is doing
  logs      follow the logs of nginx and the control plane (Ctrl-C ends)

  --docker    in containers: the default where a Docker engine answers
  --native    on this machine itself: the default elsewhere
  --no-demo   never start the demo cluster. It starts by itself only while
              services_config.json uses its key (demo_key), as the shipped one does.

Settings are in .env (made from .env_template at the first start).
TEXT
}

command=start demo=auto forced=
for word in "$@"; do
    case $word in
        start|stop|restart|update|upgrade|status|logs) command=$word ;;
        --docker) forced=docker ;;
        --native) forced=native ;;
        --no-demo) demo=no ;;
        -h|--help) usage; exit 0 ;;
        *) usage >&2; fail "unknown word: '$word'" ;;
    esac
done

wants_demo() { [ "$demo" = auto ] && grep -q '"demo_key"' services_config.json 2>/dev/null; }

# Sets `way` (docker or native) and `why`. A running gateway keeps its way.
choose_way() {
    local against
    way=$(cat "$started" 2>/dev/null || true) why="it was started this way"
    if [ -n "$forced" ]; then
        [ -z "$way" ] || [ "$way" = "$forced" ] || [ "$command" != start ] \
            || fail "it is already running, the other way ($way): run ./start.cmd stop --$way first"
        way=$forced why="--$forced"
        [ "$way" = native ] && return
    fi
    [ "$way" = native ] && return
    against=$(against_docker)
    if [ "$way" = docker ]; then
        [ -z "$against" ] || fail "in Docker ($why), but $against: start the engine, then try again"
    elif [ -z "$against" ]; then
        way=docker why="an engine answers; --native runs it on this machine itself"
    else
        way=native why=$against
    fi
}

next_steps() {
    local url cli=.venv/bin/orchestrator
    [ "$way" = native ] || cli="docker exec $GATEWAY orchestrator"
    url=http://127.0.0.1:$(setting NGINX_PORT 8090)
    [ -z "$(setting TLS_CERT '')" ] || url=${url/http/https}
    echo
    echo "Running. What to try next:"
    if wants_demo; then
        echo "  curl $url/classifier/example        # the first request starts a Slurm job, and waits for it"
        echo "  curl $url/textgen/v1/models         # a text generator with an OpenAI-style API"
    else
        echo "  curl -i $url/<route_name>/<path>"
    fi
    echo "  xdg-open $url/                      # status page"
    echo "  $cli status"
    echo "  ./start.cmd stop"
}

start_all() {
    "start_$way"
    remember_way
    next_steps
}

# By a rename: the directory may belong to the gateway's user, and root must not follow a link in it.
remember_way() {
    local draft; draft=$(mktemp)
    mkdir -p -m 700 "${started%/*}"
    echo "$way" > "$draft"
    chmod 644 "$draft"
    mv -fT "$draft" "$started"
}

interrupted() {
    trap '' INT TERM
    echo
    say "interrupted: taking down what was started"
    "stop_$way"
    exit 130
}

stop_all() {
    "stop_$way"
    rm -f "$started"
}

started=$(setting STATE_DIR ./var)/started
choose_way
say "$way: $why"
case $command in
    start) start_all ;;
    stop) stop_all ;;
    restart) stop_all; start_all ;;
    update|upgrade) "upgrade_$way" ;;
    status|logs) "${command}_$way" ;;
esac
