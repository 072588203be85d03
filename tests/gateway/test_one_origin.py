"""All services share one origin with the gateway's own pages: none may affect the others."""

from __future__ import annotations

import pytest

from tests.gateway.client import raw
from tests.gateway.control_plane import Asked, Reply, ready
from tests.gateway.gateway import Gateway

FOR_THE_WHOLE_ORIGIN = [
    ("Service-Worker-Allowed", "/"),
    ("Strict-Transport-Security", "max-age=99999999"),
    ("Clear-Site-Data", '"*"'),
    ("Alt-Svc", 'h3=":443"'),
    ("NEL", "{}"),
    ("Report-To", "{}"),
]


@pytest.mark.parametrize("cold", [False, True])
def test_headers_for_the_whole_origin_are_dropped(gateway: Gateway, cold: bool) -> None:
    def hold(asked: Asked) -> Reply:
        gateway.warm("whole").script.headers = [*FOR_THE_WHOLE_ORIGIN, ("X-Kept", "yes")]
        return ready(asked)

    gateway.control.hold = hold
    if not cold:
        gateway.warm("whole").script.headers = [*FOR_THE_WHOLE_ORIGIN, ("X-Kept", "yes")]
    answer = gateway.call("/whole/x")
    assert answer.all("X-Kept") == ["yes"]
    assert [answer.all(name) for name, _ in FOR_THE_WHOLE_ORIGIN] == [[]] * 6


COOKIE_PATHS = {
    "a=1; Path=/": "a=1; Path=/whole/",
    "a=1; path=/; HttpOnly": "a=1; path=/whole/; HttpOnly",
    "a=1; Path=/x/y": "a=1; Path=/whole/x/y",
    "a=1; Path=/whole": "a=1; Path=/whole",
    "a=1; Path=/whole/x": "a=1; Path=/whole/x",
    "a=1; Path=/wholesale": "a=1; Path=/whole/wholesale",
    "a=1; Path=odd": "a=1; Path=/whole/",
    "a=1; Path=/admin; Path=/": "a=1; Path=/whole/admin; Path=/whole/",
    "a=1": "a=1",
}


@pytest.mark.parametrize("cold", [False, True])
def test_a_cookie_stays_below_its_service(gateway: Gateway, cold: bool) -> None:
    """All in one answer: each is narrowed by itself."""

    def hold(asked: Asked) -> Reply:
        gateway.warm("whole").script.headers = [("Set-Cookie", each) for each in COOKIE_PATHS]
        return ready(asked)

    gateway.control.hold = hold
    if not cold:
        gateway.warm("whole").script.headers = [("Set-Cookie", each) for each in COOKIE_PATHS]
    assert gateway.call("/whole/x").all("Set-Cookie") == list(COOKIE_PATHS.values())


def test_at_its_own_address_a_cookie_keeps_its_path(gateway: Gateway) -> None:
    gateway.warm("own").script.headers = [("Set-Cookie", "a=1; Path=/")]
    assert gateway.call_own("/predict").all("Set-Cookie") == ["a=1; Path=/"]


SMUGGLED = [
    b"X_Forwarded_For",
    b"X-Forwarded_For",
    b"X_Forwarded-Proto",
    b"X_Forwarded_Host",
    b"x_forwarded_prefix",
    b"X_Real_IP",
    b"Content_Length",
    b"Transfer_Encoding",
    b"Content-Length\xa0",
    b"\x85Transfer-Encoding",
    b"X-Forwarded-For\xa0",
]


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_header_that_servers_mistake_for_another_is_dropped(
    gateway: Gateway, name: bytes
) -> None:
    """WSGI and CGI read "_" as "-"; others strip what is a blank in latin-1."""
    upstream = gateway.warm("whole")
    gateway.call("/whole/x", headers=[(name, b"7"), ("X_Odd-Name", "kept")])
    assert all(value != "7" for _, value in upstream.seen[0].headers)
    assert upstream.seen[0].all("X_Odd-Name") == ["kept"]


OWN = ["/", "/info", "/admin/x", "/metrics"]


@pytest.mark.parametrize("path", OWN)
def test_a_raw_path_that_is_not_ascii_is_a_problem(gateway: Gateway, path: str) -> None:
    request = b"GET %s\xc3\xa9 HTTP/1.0\r\n\r\n" % (path.rstrip("/") + "/").encode()
    answer = raw(gateway.port, request)
    assert answer.status in (400, 404)
    assert answer.one("Content-Type") == "application/problem+json"
    # At most for the words of a 404, and without that path.
    assert {asked.path for asked in gateway.control.asked} <= {"/_not_found"}
    assert all(value.isascii() for asked in gateway.control.asked for _, value in asked.headers)


@pytest.mark.parametrize("name", ["Accept", "Prefer", "Authorization", "Host"])
def test_a_large_header_does_not_reach_the_control_plane(gateway: Gateway, name: str) -> None:
    """gunicorn refuses one of 8 KB, in HTML."""
    head = b"" if name == "Host" else b"Host: x\r\n"
    for path in ("/info", "/whole/x"):
        request = b"GET %s HTTP/1.1\r\n%sConnection: close\r\n" % (path.encode(), head)
        request += b"%s: %s\r\n\r\n" % (name.encode(), b"x" * 9000)
        assert raw(gateway.port, request).status in (200, 503)
    sizes = [len(value) for asked in gateway.control.asked for _, value in asked.headers]
    assert max(sizes) < 8000
