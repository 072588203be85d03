#!/usr/bin/env bash
# Set everything up and run every test. Arguments go to pytest: ./test.cmd tests/unit -x
. "$(dirname "${BASH_SOURCE[0]}")/tools/setup.sh"

usage() {
    cat <<'END'
Usage: ./test.cmd [pytest's arguments]
       ./test.cmd --nightly [PART...] [--resume] [--smoke]
       ./test.cmd --setup

Without arguments: all of tests/, after ruff and mypy.

  --nightly   what takes too long for every commit: thorough property tests, tests/cluster on
              paramiko, the chaos campaign, the benchmarks against their bounds, the traces.
              All parts, or those named; './test.cmd --nightly --help' lists them
  --setup     only install what the tests need
  -h, --help  this text
END
}

case ${1:-} in
    -h|--help) usage; exit 0 ;;
esac

[ "$(id -u)" = 0 ] || fail "the tests run a real Slurm in network namespaces: that needs root (sudo ./test.cmd). The pure ones do not: ./dev.cmd"
packages $GATEWAY_PACKAGES $DEMO_PACKAGES tc=iproute2 wrk=wrk jq=jq chromium=chromium chromedriver=chromium-driver bwrap=bubblewrap systemd-analyze=systemd shellcheck=shellcheck
environment requirements-dev.lock

case ${1:-} in
    --setup) exit 0 ;;
    --nightly) shift; exec .venv/bin/python -m tests.nightly "$@" ;;
esac

if [ $# -eq 0 ]; then
    say "checking style and types"
    .venv/bin/ruff check -q .
    .venv/bin/ruff format -q --check .
    .venv/bin/mypy --no-error-summary
fi
say "running the tests"
if [ $# -eq 0 ]; then
    # They mostly wait for Slurm, so four workers share two cores. Each has a cluster of its own,
    # so a file stays on one worker.
    set -- -n 4 --dist loadfile
fi
.venv/bin/python -m pytest "$@"
say "all passed. Next: ./start.cmd, then curl http://127.0.0.1:8090/classifier/example"
