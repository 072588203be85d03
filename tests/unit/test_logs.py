"""What a traceback in the log shows, in both formats."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from service_management.host import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variables(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form, "info")
    admin_token = "".join(["can", "ary"])
    try:
        int(f"not {len(admin_token)}")
    except ValueError:
        structlog.get_logger().exception("it failed")
    said = capsys.readouterr().err
    assert "it failed" in said
    assert "ValueError: invalid literal" in said
    assert "canary" not in said
