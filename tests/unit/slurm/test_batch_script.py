"""Batch scripts that leave their server in the background, and those that do not."""

from __future__ import annotations

import pytest

from service_management.slurm.batch_script import leaves_in_background


@pytest.mark.parametrize(
    "script",
    [
        "server --port $1 &",
        "nohup server > log 2>&1 &",
        "(cd /opt && server) &  # keeps running",
        "server & echo started",
        "server &> log & disown",
        "# wait for the model\nserver &",
        "server &\necho 'then wait'",
    ],
)
def test_a_server_behind_an_ampersand_is_left(script: str) -> None:
    assert leaves_in_background(script.split("\n"))


@pytest.mark.parametrize(
    "script",
    [
        "exec server --port $1",
        "cd /opt && server > log 2>&1",
        "server &> log",
        "server |& tee log",
        "curl 'http://host/?a=1&b=2'",
        "# server &",
        "server &\nwait",
        "server & wait $!",
        "monitor &\nserver; wait -n",
        "if true; then wait; fi\nserver &",
        "",
    ],
)
def test_a_server_that_is_waited_for_is_not(script: str) -> None:
    assert not leaves_in_background(script.split("\n"))
