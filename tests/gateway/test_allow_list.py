"""Undeclared paths answer 404 and start nothing; declared ones arrive as they were sent."""

from __future__ import annotations

import pytest

from tests.gateway import client
from tests.gateway.gateway import Gateway

DECLARED = [
    ("/exact/predict", "/predict"),
    ("/exact/predict?x=%20y&&", "/predict?x=%20y&&"),
    ("/exact/%70redict", "/predict"),
    ("/exact/other/../predict", "/predict"),
    ("/exact/deep/er/path", "/deep/er/path"),
    ("/exact/v1/", "/v1/"),
    ("/exact/v1/a%2Fb", "/v1/a%2Fb"),
    ("/exact/v1/a//b/", "/v1/a//b/"),
    ("/exact/v1/%e4%bd%a0?q=%zz", "/v1/%e4%bd%a0?q=%zz"),
    ("/exact/v1/...", "/v1/..."),
    ("/exact/v1/.hidden", "/v1/.hidden"),
    ("/exact/v1/x?y=/../z", "/v1/x?y=/../z"),
    ("/whole/", "/"),
    ("/whole//x", "//x"),
    ("/whole/any/thing%3Fa?b", "/any/thing%3Fa?b"),
    ("/odd/a+b,c=d@e:f!/x", "/a+b,c=d@e:f!/x"),
    ("/odd/caf~1?z", "/caf~1?z"),
    ("/Case/x", "/x"),
]
UNDECLARED = [
    "/exact/",
    "/exact",
    "/exact/predict/",
    "/exact/predictX",
    "/exact/Predict",
    "/exact//predict",
    "/exact/v1",
    "/exact/v10/x",
    "/exact/deep",
    "/exact/deep/er/path/x",
    "/exact/v1/../admin",
    "/exact/v1/%2e%2e/admin",
    "/exact/v1%2F..%2Fadmin",
    "//exact/predict",
    "/exactly/predict",
    "/exac/predict",
    "/informatics",
    "/informatics/x",
    "/infos",
    "/odd",
    "/odd/x",
    "/_demand",
    "/_demand/exact",
    "/_hold/exact",
    "/_quiet/exact",
    "/_e/404",
    "/@ready_exact",
    "/info/../_hold/exact",
    "/admin/%2e%2e/_hold/exact",
    "/admin/..%2f_hold/exact",
    "/healthzz",
    "/admin",
    "/static/a.css",
    "/whole2",
]
ODD = [
    "/exact/v1/x/../y",
    "/exact/v1/./y",
    "/exact/v1/x/%2e%2E/y",
    "/exact/v1/x%2f..%2fy",
    "/exact/v1/x/.%2e;a=b/y",
    "/exact/v1/x/..%3ba/y",
    "/exact/v1/x\\..\\y",
    "/exact/v1/x%5c..%5Cy",
    "/exact/v1/..%5Cadmin",
    "/exact/v1/x/.?q",
    "/exact/%761/y",
    "/%65xact/v1/y",
    "/exact%2Fv1/y",
    "/exact/v1%2Fy",
    "/exact/v1/x#/y",
    "/whole/..;/x",
    "/whole/a/../b",
]


@pytest.mark.parametrize(("target", "arrives"), DECLARED)
def test_a_declared_path_arrives_as_it_was_sent(
    gateway: Gateway, target: str, arrives: str
) -> None:
    route = target.split("/")[1]
    upstream = gateway.warm(route)
    assert gateway.call(target).status == 200
    assert upstream.paths() == [arrives]


@pytest.mark.parametrize("target", UNDECLARED)
def test_an_undeclared_path_is_404_and_neither_passes_nor_wakes(
    gateway: Gateway, target: str
) -> None:
    upstream = gateway.warm("exact")
    answer = gateway.call(target, "POST", body=b"x" * 3_000_000)
    assert answer.status == 404
    assert answer.one("Content-Type") == "application/problem+json"
    assert upstream.seen == []
    assert gateway.control.about(answer) == []


@pytest.mark.parametrize("target", ODD)
def test_a_path_that_could_be_read_in_two_ways_is_400(gateway: Gateway, target: str) -> None:
    upstream, whole = gateway.warm("exact"), gateway.warm("whole")
    answer = gateway.call(target)
    assert answer.status == 400
    assert answer.json()["status"] == 400
    assert "normal form" in answer.json()["detail"]
    assert upstream.seen == whole.seen == gateway.control.about(answer) == []


def test_a_404_names_the_service_where_there_is_one(gateway: Gateway) -> None:
    assert gateway.call("/exact/nope").json()["service"] == "exact"
    assert "service" not in gateway.call("/nope/nope").json()


def test_the_control_plane_words_a_404(gateway: Gateway) -> None:
    for target, service, prefix in (
        ("/exact/nope%20x?y", "exact", "/exact"),
        ("/exact", "exact", "/exact"),
        ("/nope/nope", None, None),
        ("/exact/" + "x" * 3000, "exact", "/exact"),
    ):
        answer = gateway.call(target, headers=[("Accept", "text/html")])
        assert answer.status == 404
        uri = target if len(target) < 2000 else None
        assert answer.json()["asked"] == {"uri": uri, "prefix": prefix}
        assert answer.json().get("service") == service
        assert gateway.control.about(answer)[0].get("Accept") == "text/html"
    small = gateway.call("/exact/nope", "POST", body=b"x" * 1000)
    assert small.json()["asked"]["uri"] == "/exact/nope"


def test_a_flood_of_404s_does_not_reach_the_control_plane(gateway: Gateway) -> None:
    answers = [gateway.call("/nope") for _ in range(300)]
    assert {answer.status for answer in answers} == {404}
    assert 0 < sum("asked" in answer.json() for answer in answers) < 300


def test_a_route_is_not_the_prefix_of_another(gateway: Gateway) -> None:
    one, two = gateway.warm("classifier"), gateway.warm("classifier2")
    assert gateway.call("/classifier2/y").status == 200
    assert gateway.call("/classifier/y").status == 404
    assert gateway.call("/classifier2/x").status == 404
    assert (one.paths(), two.paths()) == ([], ["/y"])


def test_routes_that_differ_in_case_only_are_two(gateway: Gateway) -> None:
    upper, lower = gateway.warm("Case"), gateway.warm("case")
    gateway.call("/Case/x")
    gateway.call("/case/y")
    assert (upper.paths(), lower.paths()) == (["/x"], ["/y"])


def test_a_whole_service_without_its_slash_is_redirected_to_it(gateway: Gateway) -> None:
    answer = gateway.call("/whole?a=b")
    assert (answer.status, answer.one("Location")) == (308, "/whole/?a=b")


def test_an_absolute_request_target_is_held_to_the_same_list(gateway: Gateway) -> None:
    upstream = gateway.warm("exact")
    head = b"GET http://elsewhere%b HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n"
    assert client.raw(gateway.port, head % b"/exact/v1/a%2Fb?c").status == 200
    assert client.raw(gateway.port, head % b"/exact/nope").status == 404
    assert upstream.paths() == ["/v1/a%2Fb?c"]


def test_bytes_that_are_not_ascii_arrive_as_they_are(gateway: Gateway) -> None:
    gateway.warm("exact")
    path = "/exact/v1/größe".encode()
    head = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
    answer = client.raw(gateway.port, head)
    assert answer.status == 200
    assert answer.json()["path"].encode("latin-1") == "/v1/größe".encode()


def test_h2c_cannot_carry_requests_past_the_list(gateway: Gateway) -> None:
    upstream = gateway.warm("exact")
    headers = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]
    assert gateway.call("/exact/v1/ws", headers=headers).status == 200
    assert upstream.seen[0].all("Upgrade") == []


@pytest.mark.parametrize(
    "target", ["/", "/info", "/info/exact", "/admin/services/x/start", "/metrics"]
)
def test_the_gateways_own_paths_are_flasks(gateway: Gateway, target: str) -> None:
    answer = gateway.call(f"{target}?q=1")
    assert answer.body.decode() == f"control {target}?q=1"


def test_flask_gets_the_path_as_nginx_matched_it(gateway: Gateway) -> None:
    for target in ("/_hold/../info/x", "/_hold/exact/%2e%2e/../info/x", "/_hold%2f../info/x"):
        assert gateway.call(target).body == b"control /info/x"
