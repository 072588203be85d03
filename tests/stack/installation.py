"""A copy of the product in a separate directory, so that a test can install another version."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.stack.stack import ROOT

_VERSION = re.compile(r'__version__ = "(.*)"')


def install(directory: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("service_management", "nginx"):
        shutil.copytree(ROOT / name, directory / name, ignore=ignored)
    shutil.copy(ROOT / ".env_template", directory)
    return directory


def raise_version(root: Path) -> str:
    """As `git pull` would; gives the new version."""
    file = root / "service_management" / "__init__.py"
    version = _VERSION.findall(file.read_text())[0] + "+next"
    file.write_text(_VERSION.sub(f'__version__ = "{version}"', file.read_text()))
    return version
