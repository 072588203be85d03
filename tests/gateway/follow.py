"""Counts a gateway's requests in a separate process, to be killed: <run_dir> <url> <limit>."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.store import Store
from service_management.usage.follower import Follower, Logs


def main() -> None:
    run_dir, url, limit = sys.argv[1:]
    follower = Follower(Store(url), Logs(GatewaySettings(run_dir=Path(run_dir)), int(limit)))
    while True:
        follower.step()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
