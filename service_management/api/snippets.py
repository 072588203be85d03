"""How a service is called: what a request does now, and code to copy. Between `before` and `after`
comes the address of the gateway, which only the browser knows.

The code waits for a cold start at the gateway, which holds the request. It retries twice, no more:
each retry of a service that fails to start is another job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from service_management.controller.snapshot import ServiceSnapshot
from service_management.lifecycle.states import State
from service_management.time_text import at_most


@dataclass(frozen=True)
class Snippet:
    title: str
    before: str
    after: str


@dataclass(frozen=True)
class OpenAICall:
    path: str
    method: str  # of the SDK's client
    arguments: str
    curl: str
    text: str  # what to print of its answer


_CURL = "curl --retry 2 "
_JSON = "-H 'Content-Type: application/json' -d"
OPENAI_CALLS = (
    OpenAICall(
        "/v1/chat/completions",
        "chat.completions.create",
        'messages=[{"role": "user", "content": "Hello"}]',
        f"""{_JSON} '{{"model": "MODEL", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
        "choices[0].message.content",
    ),
    OpenAICall(
        "/v1/completions",
        "completions.create",
        'prompt="Hello"',
        f"""{_JSON} '{{"model": "MODEL", "prompt": "Hello"}}'""",
        "choices[0].text",
    ),
    OpenAICall(
        "/v1/embeddings",
        "embeddings.create",
        'input="Hello"',
        f"""{_JSON} '{{"model": "MODEL", "input": "Hello"}}'""",
        "data[0].embedding",
    ),
    OpenAICall(
        "/v1/audio/transcriptions",
        "audio.transcriptions.create",
        'file=open("speech.wav", "rb")',
        "-F model=MODEL -F file=@speech.wav",
        "text",
    ),
)


def request_now(view: ServiceSnapshot, now: float) -> str:
    """What a request does in this state; empty where it is simply answered."""
    record = view.record
    ready = (
        f"until it is ready: {at_most(view.service.hold_timeout)} at most, then 503 says why not"
    )
    if record.state is State.READY:
        return ""
    if not record.enabled:
        return (
            f"Requests are refused until an operator enables it: orchestrator enable {record.route}"
        )
    if record.state is State.FAILED:
        after = " after the back-off" if record.retry_at > now else ""
        return f"A request{after} makes one more attempt, which is another job."
    if record.state is State.COLD:
        return f"The first request starts it, and waits {ready}."
    return f"A request waits {ready}."


def model_list(url: str, api_paths: Sequence[str]) -> str:
    """Where the service lists its models, if it offers that."""
    path = "/v1/models"
    return url.rstrip("/") + path if any(_offers(each, path) for each in api_paths) else ""


def snippets(url: str, api_paths: Sequence[str]) -> list[Snippet]:
    """For the command line and for Python. `url` ends in a slash."""
    base = url.rstrip("/")
    for call in OPENAI_CALLS:
        if any(_offers(path, call.path) for path in api_paths):
            return _openai(base, call)
    path = base + quote(api_paths[0].removesuffix("*"), safe="/-._~%")
    return [
        Snippet("curl", _CURL, path),
        Snippet(
            "Python",
            'import requests\n\nanswer = requests.get("',
            f'{path}", timeout=600)\nanswer.raise_for_status()\nprint(answer.text)',
        ),
    ]


def _offers(api_path: str, path: str) -> bool:
    """`/*`, the whole service, says nothing of what is offered."""
    below = api_path.startswith("/v1/") and api_path.endswith("/*")
    return api_path == path or (below and path.startswith(api_path.removesuffix("*")))


def _openai(base: str, call: OpenAICall) -> list[Snippet]:
    return [
        Snippet("curl", _CURL, f"{base}{call.path} \\\n  {call.curl}"),
        Snippet(
            "Python, OpenAI SDK",
            'from openai import OpenAI\n\nclient = OpenAI(\n    base_url="',
            f'{base}/v1", api_key="unused", timeout=600, max_retries=2\n)\n'
            f'answer = client.{call.method}(\n    model="MODEL", {call.arguments}\n)\n'
            f"print(answer.{call.text})",
        ),
    ]
