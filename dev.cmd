#!/usr/bin/env bash
# A Python environment and the tests that need no root. See `./dev.cmd --help`.
. "$(dirname "${BASH_SOURCE[0]}")/tools/setup.sh"

usage() {
    cat <<'TEXT'
Usage: ./dev.cmd [pytest's arguments]
       ./dev.cmd --check | --fix | --setup

Without arguments: make .venv where it is missing, then run the pure tests
(tests/unit, tests/docs). Needs Python 3.11 or newer, and no root; starts no
cluster, no nginx, no ssh. What needs them runs in ./test.cmd.

  tests/unit/config -x, ...   only these tests, with these options
  --check     style (ruff) and types (mypy) too, as before every commit
  --fix       let ruff sort imports and format
  --setup     only make .venv
  -h, --help  this text
TEXT
}

case ${1:-} in
    -h|--help) usage; exit 0 ;;
esac

# Modules are compiled when they are first imported: all of them would take half of the time.
environment requirements-dev.lock --no-compile
export PATH=$PWD/.venv/bin:$PATH

case ${1:-} in
    --setup) say "ready: .venv/bin/python"; exit 0 ;;
    --fix)
        ruff check -q --fix .
        ruff format -q .
        exit 0 ;;
    --check)
        shift
        say "checking style and types"
        ruff check -q .
        ruff format -q --check .
        mypy --no-error-summary ;;
esac

say "running the pure tests"
if [ $# -eq 0 ]; then
    set -- tests/unit tests/docs -q -n auto
fi
python -m pytest "$@"
say "all passed. The rest, with a real Slurm: sudo ./test.cmd (see CONTRIBUTING.md)"
