# Sourced by start.cmd: the same words as tools/docker.sh, on this machine itself.

DEMO=/run/io-demo

# demo_owner: the checkout that started the demo cluster. One that is gone has left it to anyone.
demo_owner() {
    local owner; owner=$(cat $DEMO/started_by 2>/dev/null) || return 0
    [ ! -d "$owner" ] || printf '%s' "$owner"
}

start_native() {
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
        local owner; owner=$(demo_owner)
        if [ -n "$owner" ] && [ "$owner" != "$PWD" ]; then
            say "using the demo cluster that $owner started"
        else
            say "starting the demo cluster (a real Slurm behind a real sshd)"
        fi
        .venv/bin/python -m demo up --export-key "$keys" > /dev/null
        [ -n "$owner" ] || printf '%s\n' "$PWD" > $DEMO/started_by
    fi
    compile_python
    .venv/bin/orchestrator up
    trap - INT TERM
}

stop_native() {
    if [ -x .venv/bin/orchestrator ]; then
        # Any other failure has been said; the demo cluster, which may be its cause, is taken down all the same.
        .venv/bin/orchestrator down || [ $? != 130 ] || exit 130
        local owner; owner=$(demo_owner)
        if [ -n "$owner" ] && [ "$owner" != "$PWD" ]; then
            say "leaving the demo cluster to $owner, which started it"
        elif [ -e $DEMO/cluster.json ]; then
            say "taking the demo cluster down"
            .venv/bin/python -m demo down > /dev/null
        fi
    fi
}

upgrade_native() {
    packages $GATEWAY_PACKAGES
    environment requirements.lock
    compile_python
    .venv/bin/orchestrator upgrade
}

# The gateway's user cannot write into a checkout of root's: Python would compile at every start.
compile_python() { .venv/bin/python -m compileall -q service_management; }

status_native() {
    [ -x .venv/bin/orchestrator ] || fail "not set up yet: run ./start.cmd"
    .venv/bin/orchestrator status
}

logs_native() { exec tail -n 50 -F "$(setting STATE_DIR ./var)"/log/{control,nginx}.log; }
