#!/usr/bin/env bash
# Set everything up and run every test. Words given here go to pytest: ./test.cmd tests/unit -x
. "$(dirname "${BASH_SOURCE[0]}")/tools/setup.sh"

case ${1:-} in
    -h|--help)
        echo "Usage: ./test.cmd [pytest's arguments]   (default: all of tests/, after ruff and mypy)"
        exit 0 ;;
esac

[ "$(id -u)" = 0 ] || fail "the tests run a real Slurm in network namespaces: that needs root (sudo ./test.cmd). The pure ones do not: .venv/bin/pytest tests/unit"
packages $GATEWAY_PACKAGES $DEMO_PACKAGES tc=iproute2 wrk=wrk chromium=chromium chromedriver=chromium-driver bwrap=bubblewrap systemd-analyze=systemd
environment requirements-dev.lock

if [ $# -eq 0 ]; then
    say "checking style and types"
    .venv/bin/ruff check -q .
    .venv/bin/ruff format -q --check .
    .venv/bin/mypy --no-error-summary
fi
say "running the tests"
if [ $# -eq 0 ]; then
    # Mostly they wait for Slurm: three at a time, each file with a cluster of its worker's own.
    set -- -n 3 --dist loadfile
fi
.venv/bin/python -m pytest "$@"
say "all passed. Next: ./start.cmd, then curl http://127.0.0.1:8090/classifier/example"
