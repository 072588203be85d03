"""supervisord parses the commands as intended."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from supervisor.options import UnhosedConfigParser

from service_management import settings
from service_management.native import supervisor

ARGV = ("/usr/sbin/nginx", "-c", "/run/io/current/nginx.conf", "-g", "daemon off;")


@pytest.mark.parametrize("name", ["plain", "two words", "Bob's", 'in"ch', "back\\slash", "50%s"])
def test_a_command_with_any_path_is_read_as_it_was_meant(tmp_path: Path, name: str) -> None:
    argv = (f"/opt/{name}/bin/python", *ARGV)
    parser = UnhosedConfigParser()
    parser.read_string(supervisor.config(settings.read({}, tmp_path), argv))
    assert tuple(shlex.split(parser.saneget("program:nginx", "command"))) == argv
