"""Record a run of the real thing and draw the film of the README from it.

    python -m tests.film

As root, with curl and jq; it takes half a minute. `--draw` only draws the recorded run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.chaos.__main__ import gateway
from tests.film.animation import svg
from tests.film.recorder import Pace, record
from tests.film.recording import load, save

RECORDING = Path(__file__).resolve().parents[2] / "docs" / "diagrams" / "film.json"
FILM = RECORDING.with_suffix(".svg")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.film")
    parser.add_argument("--draw", action="store_true", help="only draw the recorded run")
    if not parser.parse_args().draw:
        print("starting a Slurm cluster of four hosts, and the gateway", flush=True)
        with gateway() as stack:
            print("asking twice, then waiting until the service is gone", flush=True)
            save(record(stack, Pace()), RECORDING)
    FILM.write_text(svg(load(RECORDING)), encoding="utf-8")


if __name__ == "__main__":
    main()
