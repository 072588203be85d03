"""Whatever a client sends arrives as it is, or is refused: nothing is executed, no header is
injected, and the gateway goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cluster import raw
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@pytest.fixture
def warm(stack: Stack, service: Callable[..., str]) -> str:
    route = service(api_paths=["/echo", "/below/*"])
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return route


# The service may see these only where the client sent them as headers.
OURS = ("x-injected", "x-hold-sent", "x-original-method")


def check(answer: raw.Answer, sent: bytes = b"") -> None:
    """Closed, refused in the gateway's one shape, or answered by the service: never broken."""
    if answer.status == 0:
        return
    assert answer.status in (200, 400, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505), answer
    assert not answer.header("X-Injected")
    assert len(answer.header("X-Request-ID")) <= 1
    assert all(len(identity) <= 128 for identity in answer.header("X-Request-ID"))
    if answer.status != 200 and answer.body:
        kind = answer.header("Content-Type")[0]
        document = json.loads(answer.body)
        assert "problem+json" in kind or "error" in document
    if answer.status == 200 and answer.body.startswith(b'{"method"'):
        seen = {name.lower() for name, _ in json.loads(answer.body)["headers"]}
        assert not any(name in seen and name.encode() + b":" not in sent.lower() for name in OURS)


def request(
    method: bytes = b"GET", target: bytes = b"/", headers: bytes = b"", body: bytes = b""
) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = b"%b %b HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n" % (method, target)
    return head + headers + length + b"\r\n" + body


TARGETS = (
    b"/ROUTE/echo?a=;'\"`$(touch /tmp/x){}<>|\\^",
    b"/ROUTE/echo?%0d%0aX-Injected:%201",
    b"/ROUTE/echo%0d%0aX-Injected:%201",
    b"/ROUTE/echo%00",
    b"/ROUTE/below/\xff\xfe\xc3\xa9",
    b"/ROUTE/below/..%2f..%2fhealth",
    b"/ROUTE/below/../../info",
    b"/ROUTE/../_demand/ROUTE",
    b"/%5fdemand/ROUTE",
    b"/_hold/ROUTE",
    b"/ROUTE//echo",
    b"/ROUTE/echo#fragment",
    b"/ROUTE/below/$request_uri${http_host}",
    b"/ROUTE/below/" + b"a" * 30_000,
    b"/ROUTE/below/" + b"a" * 40_000,
    b"http://elsewhere.example/ROUTE/echo",
    b"http://elsewhere.example/_demand/ROUTE",
    b"https:/ROUTE/echo",
    b"*",
    b"ROUTE/echo",
    b"/ROUTE/echo HTTP/1.1\r\nX-Injected: 1\r\n\r\nGET /ROUTE/echo",
    b"/ROUTE/\x01\x02",
    b"/ROUTE/echo?" + b"a" * 30_000,
    b"/info/" + b"a" * 30_000,
    b"/info/\xff%ff%00",
)
HEADERS = (
    b"X-Request-ID: a\tb\r\n",
    b"X-Request-ID: $(touch /tmp/x);'\"{}\r\n",
    b"X-Request-ID: " + b"a" * 129 + b"\r\n",
    b"X-Request-ID: one\r\nX-Request-ID: two\r\n",
    b"X-Request-ID: \xff\xfe\r\n",
    b"Prefer: wait=-1\r\n",
    b"Prefer: wait=1e9, wait=\xc2\xb2, wait=99999999999999999999999\r\n",
    b"Prefer: ,,,=;wait\r\n",
    b"Accept: ;;;,,q=\xff/html\r\n",
    b"Accept: text/html;q=NaN\r\n",
    b"Accept: " + b"text/html," * 2000 + b"\r\n",
    b"Cookie: a=\x01\r\n",
    b"X-Accel-Redirect: /info\r\nX-Cold-Start: 9\r\nX-Hold-Sent: 0 : 0, 9 : 9\r\n",
    b'X-Original-Method: DELETE\r\nX-Forwarded-Host: evil"><script>\r\n',
    b"X-Forwarded-For: $(touch /tmp/x), \xff\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Content-Length: 1\r\nContent-Length: 2\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Expect: 200-maybe\r\n",
    b"Host: evil.example/\r\n",
    b"Range: bytes=0-18446744073709551615\r\n",
    b"X: y\r\n folded: z\r\n",
    b": nameless\r\n",
    b"no colon at all\r\n",
    b"X Y: blank in a name\r\n",
    b"X-Big: " + b"a" * 40_000 + b"\r\n",
    b"".join(b"X-%d: %b\r\n" % (number, b"v" * 900) for number in range(400)),
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
METHODS = (b"get", b"TRACE", b"CONNECT", b"PROPFIND", b"G\xffT", b"A" * 5000, b"POST;", b"{}", b"")


def test_hostile_requests_are_refused_or_arrive_as_they_are(stack: Stack, warm: str) -> None:
    requests = [request(target=target) for target in TARGETS]
    requests += [request(target=b"/ROUTE/echo", headers=line) for line in HEADERS]
    requests += [request(method, b"/ROUTE/echo") for method in METHODS]
    both_lengths = request(
        b"POST", b"/ROUTE/echo", CHUNKED, b"0\r\n\r\nGET /_demand/x HTTP/1.1\r\n"
    )
    requests.append(both_lengths)

    for each in requests:
        check(raw.ask(stack.port, each.replace(b"ROUTE", warm.encode())), each)

    answer = stack.client.get(f"/{warm}/echo")
    assert answer.status_code == 200
    assert stack.submissions(warm) == 1


ANY_HEADER_VALUE = st.binary(max_size=60).map(lambda value: value.replace(b"\n", b"").strip())
HEADER_NAMES = st.sampled_from(
    [b"X-Request-ID", b"Prefer", b"Accept", b"Host", b"X-Forwarded-For", b"X-Any", b"Cookie"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tail=st.binary(max_size=40),
    headers=st.lists(st.tuples(HEADER_NAMES, ANY_HEADER_VALUE), max_size=4),
    body=st.binary(max_size=50),
)
@example(tail=b"?\xff", headers=[(b"Prefer", b"wait=\xb2")], body=b"\r\n\r\n")
def test_any_bytes_in_target_headers_and_body_break_nothing(
    stack: Stack, warm: str, tail: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    target = b"/%b/below/" % warm.encode() + tail.replace(b"\n", b"")
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    check(raw.ask(stack.port, request(b"POST", target, lines, body)))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(headers=st.lists(st.tuples(HEADER_NAMES, ANY_HEADER_VALUE), max_size=4))
@example(headers=[(b"Prefer", b"wait=\xc2\xb2")])
@example(headers=[(b"Accept", b"text/html;q=\xff")])
def test_any_headers_break_nothing_where_flask_answers(
    stack: Stack, warm: str, headers: list[tuple[bytes, bytes]]
) -> None:
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    for path in (b"/info", b"/info/" + warm.encode(), b"/healthz", b"/"):
        check(raw.ask(stack.port, request(target=path, headers=lines)))


def test_hostile_requests_to_a_cold_service_are_refused_or_held(
    stack: Stack, service: Callable[..., str]
) -> None:
    """The same, on the way through the hold. No request waits: the job never starts."""
    before = stack.log()
    stack.cluster.drain_all()
    try:
        route = service(hold_timeout=0).encode()
        echo = b"/%b/echo" % route
        requests = [request(b"POST", echo, line, b"x") for line in HEADERS]
        requests += [request(target=target.replace(b"ROUTE", route)) for target in TARGETS]
        requests += [request(b"POST", echo, b"X-Hold-Sent: 0 : 5\r\n", b"x")]
        for each in requests:
            answer = raw.ask(stack.port, each)
            if answer.status == 503:
                assert json.loads(answer.body)["state"] == "queued"
                assert not answer.header("X-Injected")
            else:
                check(answer)
        wait_for("the job", lambda: stack.submissions(route.decode()) == 1)
        assert "a request failed" not in stack.log().removeprefix(before)
    finally:
        stack.cluster.resume_all()


def test_harmful_request_id_is_replaced(stack: Stack, warm: str) -> None:
    for value in (b"a b", b"a;b", b"$(x)", b"a" * 129, b"\xff", b'a"b', b""):
        line = b"X-Request-ID: %b\r\n" % value
        answer = raw.ask(stack.port, request(target=b"/%b/echo" % warm.encode(), headers=line))
        (identity,) = answer.header("X-Request-ID")
        assert re.fullmatch(r"\d+\.\d{3}-\d+-\d+-\d+", identity)
        headers = {name.lower(): given for name, given in json.loads(answer.body)["headers"]}
        assert headers["x-request-id"] == identity
