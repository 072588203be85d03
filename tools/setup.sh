# Sourced by start.cmd and test.cmd: installs what both need.
# A second run finds everything in place and takes well under a second.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say()  { printf '• %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# packages PROGRAM=PACKAGE ...: install the packages whose programs (or files, by their whole path) are missing.
packages() {
    local missing=() pair program
    for pair in "$@"; do
        program=${pair%%=*}
        if [[ $program == /* ]]; then
            [ -e "$program" ] || missing+=("${pair#*=}")
        else
            PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || missing+=("${pair#*=}")
        fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local names
    names=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
    if ! command -v apt-get >/dev/null; then
        fail "these are missing: $names(names of Debian packages). Install them with this system's package manager, then run this again."
    fi
    if [ "$(id -u)" != 0 ]; then
        fail "these packages are missing, and installing them takes root: run 'sudo apt-get install $names', then run this again."
    fi
    say "installing $names(apt-get, a minute or so)"
    local log; log=$(mktemp)
    # RUNLEVEL=1: services of these packages are neither started nor restarted.
    if ! { DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get update -qq \
        && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $names; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install $names(above: its last lines; all of them: $log)"
    fi
    rm -f "$log"
}

# The newest Python that will do. As root, one that other users can run too, if there is one: the
# gateway does not run as root (docs/environment.md, GATEWAY_USER).
find_python() {
    local candidate first=
    for candidate in $(type -ap python3.13 python3.12 python3.11 python3); do
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if [ "$(id -u)" != 0 ] || others_can_run "$candidate"; then
            echo "$candidate"
            return
        fi
        first=${first:-$candidate}
    done
    echo "$first"
    [ -n "$first" ]
}

others_can_run() { # PROGRAM
    setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
        sh -c 'test -r "$1" && test -x "$1"' sh "$(readlink -f "$1")" 2>/dev/null
}

# environment LOCKFILE [OPTION of pip...]: .venv with exactly what the lock file says, and the command
# orchestrator.
environment() {
    local lock=$1 stamp=.venv/installed python
    shift
    local wanted; wanted=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$lock $wanted $PWD" ] && [ -x .venv/bin/orchestrator ]; then
        return 0
    fi
    # The larger set does for both: a start after the tests reinstalls nothing.
    if [ "$lock" = requirements.lock ] && [ "$(cut -d' ' -f1 "$stamp" 2>/dev/null)" = requirements-dev.lock ]; then
        environment requirements-dev.lock "$@"
        return
    fi
    if ! find_python >/dev/null; then
        packages "no python=python3" "no venv=python3-venv"  # no such programs: always installed
    fi
    python=$(find_python) \
        || fail "Python 3.11 or newer, with its venv module, is needed (Debian: apt-get install python3 python3-venv)"
    say "installing Python packages into .venv (half a minute or so)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    rm -f "$stamp"
    local pip=(.venv/bin/python -m pip install -q --disable-pip-version-check)
    "${pip[@]}" --require-hashes -r tools/pip.lock 2>/dev/null || true  # an older pip will do, slowly
    "${pip[@]}" "$@" --require-hashes -r "$lock" \
        || fail "pip could not install $lock: see its message above"
    # Without isolation: pip would fetch a setuptools of its own choice for the build, unchecked.
    # setuptools warns of editable installations, and newer versions of pip show it.
    PYTHONWARNINGS=ignore "${pip[@]}" --no-deps --no-build-isolation -e . \
        || fail "pip could not install this checkout: see its message above"
    printf '%s %s %s' "$lock" "$wanted" "$PWD" > "$stamp"
}

GATEWAY_PACKAGES="nginx=nginx-light /usr/lib/nginx/modules/ngx_http_lua_module.so=libnginx-mod-http-lua ssh=openssh-client"
DEMO_PACKAGES="slurmctld=slurmctld slurmd=slurmd sbatch=slurm-client munged=munge sshd=openssh-server ip=iproute2 nsenter=util-linux"
