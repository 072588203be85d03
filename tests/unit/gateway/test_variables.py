"""nginx/README.md lists every variable of nginx's configuration."""

from __future__ import annotations

import re
from pathlib import Path

NGINX = Path(__file__).parents[3] / "nginx"
USED = re.compile(r"\$(io_[a-z0-9_]+)|\(\?<(io_[a-z0-9_]+)>|ngx\.var\.(io_[a-z0-9_]+)")


def test_every_variable_is_listed_and_no_other() -> None:
    texts = [path.read_text() for path in NGINX.rglob("*.*") if path.suffix in (".j2", ".conf")]
    used = {next(filter(None, found)) for text in texts for found in USED.findall(text)}
    rows = [
        line.split("|")[1]
        for line in (NGINX / "README.md").read_text().splitlines()
        if "| `$" in line
    ]
    listed = re.findall(r"`\$(io_[a-z0-9_]+)`", " ".join(rows))
    assert sorted(listed) == sorted(used - {"io_"})
