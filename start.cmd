#!/usr/bin/env bash
# Set everything up and run it. See `./start.cmd --help`.
. "$(dirname "${BASH_SOURCE[0]}")/tools/setup.sh"

usage() {
    cat <<'TEXT'
Usage: ./start.cmd [COMMAND] [--no-demo]

  start     (default) install what is missing, start the gateway, end with what to try
  stop      cancel its jobs; leave no process, mount or namespace behind
  restart   stop, then start
  upgrade   install what this checkout needs now, and start the control plane
            anew from it: requests, tunnels and jobs go on
  status    what every service is doing
  logs      follow the logs of nginx and the control plane (Ctrl-C ends)

  --no-demo   never start the demo cluster. It starts by itself only while
              services_config.json uses its key (demo_key), as the shipped one does.

Settings stand in .env (made from .env_template at the first start).
TEXT
}

command=start demo=auto
for word in "$@"; do
    case $word in
        start|stop|restart|upgrade|status|logs) command=$word ;;
        --no-demo) demo=no ;;
        -h|--help) usage; exit 0 ;;
        *) usage >&2; fail "there is no '$word'" ;;
    esac
done

wants_demo() { [ "$demo" = auto ] && grep -q '"demo_key"' services_config.json 2>/dev/null; }
setting() { # NAME DEFAULT: the environment, then .env, then the default
    local value=${!1:-}
    [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1)
    printf '%s' "${value:-$2}"
}

interrupted() {
    trap '' INT TERM
    echo
    say "interrupted: taking down what was started"
    stop_all
    exit 130
}

start_all() {
    trap interrupted INT TERM
    packages $GATEWAY_PACKAGES
    if wants_demo; then
        [ "$(id -u)" = 0 ] || fail "the demo cluster needs root: run 'sudo ./start.cmd', or describe your own cluster in services_config.json (see docs/configuration.md)."
        packages $DEMO_PACKAGES
    fi
    environment requirements.lock
    local keys; keys=$(setting ML_SERVICE_SSH_BIND_MOUNT ./ssh_bind_mnt)
    mkdir -p -m 700 "$keys"
    if wants_demo; then
        say "starting the demo cluster (a real Slurm behind a real sshd)"
        .venv/bin/python -m demo up --export-key "$keys" > /dev/null
    fi
    .venv/bin/orchestrator up
    trap - INT TERM
    next_steps
}

next_steps() {
    local url; url=http://127.0.0.1:$(setting NGINX_PORT 8090)
    echo
    echo "Running. What to try next:"
    if wants_demo; then
        echo "  curl $url/classifier/example        # the first request starts a Slurm job, and waits for it"
        echo "  curl $url/textgen/v1/models         # a text generator with an OpenAI-style API"
    else
        echo "  curl -i $url/<route_name>/<path>"
    fi
    echo "  xdg-open $url/                      # status page"
    echo "  .venv/bin/orchestrator status"
    echo "  ./start.cmd stop"
}

stop_all() {
    if [ -x .venv/bin/orchestrator ]; then
        .venv/bin/orchestrator down || true
        if [ -e /run/io-demo/cluster.json ]; then
            say "taking the demo cluster down"
            .venv/bin/python -m demo down > /dev/null
        fi
    fi
}

upgrade_all() {
    packages $GATEWAY_PACKAGES
    environment requirements.lock
    .venv/bin/orchestrator upgrade
}

# Natively nginx listens where clients reach it; only a container has a port of its own.
export NGINX_LISTEN_PORT; NGINX_LISTEN_PORT=$(setting NGINX_PORT 8090)

case $command in
    start) start_all ;;
    stop) stop_all ;;
    restart) stop_all; start_all ;;
    upgrade) upgrade_all ;;
    status) [ -x .venv/bin/orchestrator ] || fail "not set up yet: run ./start.cmd"; exec .venv/bin/orchestrator status ;;
    logs) exec tail -n 50 -F "$(setting STATE_DIR ./var)"/log/{control,nginx}.log ;;
esac
