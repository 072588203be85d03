"""The pages for people, and who gets them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from service_management.api.snippets import snippets
from service_management.lifecycle.states import State
from tests.pages.site import FAILURE, NO_LOGIN, NOW, RECORDS, TROUBLE, Site
from tests.unit.records import a_record, only

RECORD = {record.route: record for record in RECORDS}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.application().test_client()


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html"])
def test_a_program_gets_a_service_as_json(client: FlaskClient, accept: str | None) -> None:
    answer = client.get("/info/digits", headers={"Accept": accept} if accept else {})
    assert answer.get_json()["route_name"] == "digits"
    assert answer.headers["Vary"] == "Accept"


def test_a_browser_gets_a_service_as_a_page(client: FlaskClient) -> None:
    answer = client.get("/info/digits", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept", "no-store")
    assert "<h1>Digits</h1>" in answer.text


def test_failures_come_first_then_what_changes(client: FlaskClient) -> None:
    shown = re.findall(r'id="service-(\w+)', client.get("/").text)
    assert shown[:6] == ["whisper", "llama", "diffusion", "segment", "digits", "embed"]
    assert shown[-1] == "old"


def test_trouble_of_any_kind_comes_before_all_is_well(site: Site, client: FlaskClient) -> None:
    job, resting = only(RECORD["digits"]).job, RECORD["whisper"]
    site.show(a_record("whisper", State.READY, job=job, last_failure=resting.last_failure))
    site.show(replace(RECORD["digits"], failures=1))
    site.snapshot.trouble = {"old": TROUBLE}
    shown = re.findall(r'id="service-(\w+)', client.get("/").text)
    assert shown[:2] == ["digits", "old"]


@pytest.mark.parametrize("path", ["/", "/info/whisper"])
def test_a_page_shows_no_output_and_no_path(client: FlaskClient, path: str) -> None:
    page = client.get(path, headers=BROWSER).text
    assert "exit code 3" in page
    for private in ("secret", "run_model.sh", "login.cluster.example.org", "id_cluster"):
        assert private not in page


@pytest.mark.parametrize("path", ["/", "/info/digits", "/info/<b>x", "/nothing"])
def test_names_and_paths_are_text(site: Site, client: FlaskClient, path: str) -> None:
    digits = site.snapshot.services["digits"]
    name = "<script>alert(1)</script>"
    site.snapshot.services = {"digits": digits.model_copy(update={"name": name})}
    page = client.get(path, headers=BROWSER).text
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_a_service_that_is_not_there_has_a_page(client: FlaskClient) -> None:
    answer = client.get("/info/whispr", headers=BROWSER)
    assert (answer.status_code, answer.headers["Vary"]) == (404, "Accept")
    assert 'href="/info/whisper"' in answer.text


@pytest.mark.parametrize("path", ["/", "/info", "/info/digits", "/info/new"])
def test_a_starting_gateway_answers_503(site: Site, client: FlaskClient, path: str) -> None:
    """It does not know yet which services there are, so it cannot deny one."""
    site.starting()
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert path == "/" or answer.get_json()["detail"].startswith("The control plane is starting")


@pytest.mark.parametrize("path", ["/", "/info/digits", "/info/new"])
def test_a_page_of_a_starting_gateway_tries_again(
    site: Site, client: FlaskClient, path: str
) -> None:
    site.starting()
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == "2"
    assert '<meta http-equiv="refresh" content="2">' in answer.text


def test_known_services_are_shown_before_the_file_is_read(site: Site, client: FlaskClient) -> None:
    site.snapshot.version = ""
    assert len(client.get("/info").get_json()["services"]) == len(RECORDS)
    assert client.get("/info/digits", headers=BROWSER).status_code == 200
    assert client.get("/info/new").status_code == 503


def test_an_event_is_dated_by_its_age(client: FlaskClient) -> None:
    page = client.get("/info/whisper", headers=BROWSER).text
    assert re.search(r'<time datetime="2026-11-26T08:\d\d:50Z"[^>]*>2 min 10 s</time> ago', page)
    assert NOW == 1_795_683_600


UNREACHABLE = replace(FAILURE, text=f"the cluster's login node could not be used: {NO_LOGIN}")


def test_a_trouble_of_several_services_is_told_once(site: Site, client: FlaskClient) -> None:
    site.snapshot.trouble = dict.fromkeys(("digits", "embed", "whisper"), TROUBLE)
    site.show(replace(RECORD["whisper"], last_failure=UNREACHABLE))
    page = client.get("/").text
    assert page.count(NO_LOGIN) == 1
    assert page.count("see above") == 3
    site.snapshot.trouble = {"digits": TROUBLE}
    site.show(RECORD["whisper"])
    page = client.get("/").text
    assert (page.count(NO_LOGIN), page.count("see above")) == (1, 0)


@pytest.mark.parametrize("state", [State.FAILED, State.QUEUED, State.COLD])
def test_a_service_tells_its_last_error_once(site: Site, client: FlaskClient, state: State) -> None:
    site.snapshot.trouble = {"whisper": TROUBLE}
    site.show(a_record("whisper", state, last_failure=UNREACHABLE, failures=2))
    site.log = [(ago, UNREACHABLE.reason, State.FAILED, UNREACHABLE.text) for ago in (9, 8)]
    page = client.get("/info/whisper", headers=BROWSER).text
    assert page.count(NO_LOGIN) == 1
    assert page.count("<p>See the last error.</p>") == 2
    assert (": see the last error" in page) == (state is not State.FAILED)


def test_what_the_last_error_does_not_say_is_shown(site: Site, client: FlaskClient) -> None:
    site.snapshot.trouble = {"whisper": TROUBLE}
    page = client.get("/info/whisper", headers=BROWSER).text
    assert f"<p>The cluster does not answer at the moment: {NO_LOGIN}</p>" in page


def test_a_page_shows_every_job_the_most_advanced_first(site: Site, client: FlaskClient) -> None:
    """While Slurm cleans up after the job in slot 0, the next one is in slot 1."""
    ending = replace(only(RECORD["segment"]), route="digits")
    following = replace(only(RECORD["digits"]), slot=1)
    site.show(replace(RECORD["digits"], replicas=(ending, following)))
    card = re.search(r'id="service-digits".*?</li>', client.get("/").text, re.DOTALL)
    assert card is not None
    assert "<dd>4698 on cpu12 and 1 more</dd>" in card[0]
    text = client.get("/info/digits", headers=BROWSER).text
    jobs = re.findall(r'id="job-(\d)"><div class="row"><span>(.*?)</span>', text)
    assert jobs == [("1", "4698 on cpu12"), ("0", "4702 on gpu01")]


@pytest.mark.parametrize(
    ("paths", "opens"), [(["/"], True), (["/*"], True), (["/predict"], False), (["/v1/*"], False)]
)
def test_a_service_for_browsers_can_be_opened(
    site: Site, client: FlaskClient, paths: list[str], opens: bool
) -> None:
    digits = site.snapshot.services["digits"]
    site.snapshot.services = {"digits": digits.model_copy(update={"api_paths": tuple(paths)})}
    for path in ("/", "/info/digits"):
        assert ('<a href="/digits/">' in client.get(path, headers=BROWSER).text) == opens


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("old", "Requests are refused until an operator enables it: orchestrator enable old"),
        ("whisper", "A request after the back-off makes one more attempt, which is another job."),
        ("embed", "The first request starts it, and waits until it is ready: 2 min at most,"),
        ("llama", "A request waits until it is ready"),
        ("digits", ""),
    ],
)
def test_a_page_says_what_a_request_does_now(client: FlaskClient, route: str, said: str) -> None:
    page = client.get(f"/info/{route}", headers=BROWSER).text
    assert said in page
    assert ("The first request starts it" in page) == (route == "embed")


def test_each_retry_of_a_failed_service_is_named_a_job(client: FlaskClient) -> None:
    assert "each retry submits another job" in client.get("/info/llama", headers=BROWSER).text


@pytest.mark.parametrize(
    ("paths", "prints"),
    [
        (["/v1/chat/completions"], "print(answer.choices[0].message.content)"),
        (["/v1/completions"], "print(answer.choices[0].text)"),
        (["/v1/embeddings"], "print(answer.data[0].embedding)"),
        (["/v1/audio/transcriptions"], "print(answer.text)"),
    ],
)
def test_the_snippet_of_the_sdk_prints_what_was_asked_for(paths: list[str], prints: str) -> None:
    assert snippets("/x/", paths)[1].after.endswith(prints)


def test_a_page_says_where_the_models_name_comes_from(site: Site, client: FlaskClient) -> None:
    page = client.get("/info/llama", headers=BROWSER).text
    assert '<a href="/llama/v1/models"><code>/llama/v1/models</code></a>' in page
    page = client.get("/info/whisper", headers=BROWSER).text
    assert "MODEL is the name under which the service has loaded its model" in page
    assert "MODEL" not in client.get("/info/digits", headers=BROWSER).text


@pytest.mark.parametrize(
    ("paths", "curl", "python"),
    [
        (["/v1/*"], "/x/v1/chat/completions \\\n", "client.chat.completions.create"),
        (["/health", "/v1/embeddings"], "/x/v1/embeddings", "client.embeddings.create"),
        (["/v1/audio/*"], "/x/v1/audio/transcriptions", "client.audio.transcriptions.create"),
        (["/v1/predict"], "/x/v1/predict", 'requests.get("http://gateway:8090/x/v1/predict"'),
        (["/predict", "/explain"], "/x/predict", 'requests.get("http://gateway:8090/x/predict"'),
        (["/"], "/x/", 'requests.get("http://gateway:8090/x/"'),
        (["/items/*"], "/x/items/", 'requests.get("http://gateway:8090/x/items/"'),
    ],
)
def test_the_snippets_call_what_is_offered(paths: list[str], curl: str, python: str) -> None:
    shell, code = (
        made.before + "http://gateway:8090" + made.after for made in snippets("/x/", paths)
    )
    assert shell.startswith(f"curl --retry 2 http://gateway:8090{curl}")
    assert python in code
    assert "max_retries" not in code or "max_retries=2" in code
    compile(code, "snippet", "exec")
