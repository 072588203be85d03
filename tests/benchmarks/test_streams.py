from __future__ import annotations

import pytest

from benchmarks.endpoint import Wrong
from benchmarks.load.streams import Chunked, _Stream

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def framed(*texts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(text), text) for text in texts) + b"0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_framing_is_taken_off_however_the_answer_is_cut(step: int) -> None:
    whole = HEAD + framed(b"data: 0 1\n\n", b"data: 1 ", b"2\n\n")
    chunks = Chunked()
    text = b"".join(chunks.feed(whole[at : at + step]) for at in range(0, len(whole), step))
    assert text == b"data: 0 1\n\ndata: 1 2\n\n"
    assert chunks.over


def test_another_status_is_wrong() -> None:
    with pytest.raises(Wrong, match="503"):
        Chunked().feed(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")


@pytest.mark.parametrize(
    "events",
    [
        [b"data: 1 5\n\n"],
        [b"data: 0 5\n\n", b"data: 2 5\n\n"],
        [b"data: 0 5\n\n", b"data: end\n\n", b"data: 1 5\n\n"],
    ],
    ids=["lost at first", "lost within", "after the end"],
)
def test_a_lost_or_reordered_chunk_is_wrong(events: list[bytes]) -> None:
    with pytest.raises(Wrong, match="in place of chunk"):
        _Stream(None).feed(HEAD + framed(*events), 9, [])  # type: ignore[arg-type]
