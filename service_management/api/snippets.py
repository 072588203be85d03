"""How a service is called, as code to copy. Between `before` and `after` comes the address of the
gateway, which only the browser knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote


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


_JSON = "-H 'Content-Type: application/json' -d"
OPENAI_CALLS = (
    OpenAICall(
        "/v1/chat/completions",
        "chat.completions.create",
        'messages=[{"role": "user", "content": "Hello"}]',
        f"""{_JSON} '{{"model": "MODEL", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
    ),
    OpenAICall(
        "/v1/completions",
        "completions.create",
        'prompt="Hello"',
        f"""{_JSON} '{{"model": "MODEL", "prompt": "Hello"}}'""",
    ),
    OpenAICall(
        "/v1/embeddings",
        "embeddings.create",
        'input="Hello"',
        f"""{_JSON} '{{"model": "MODEL", "input": "Hello"}}'""",
    ),
    OpenAICall(
        "/v1/audio/transcriptions",
        "audio.transcriptions.create",
        'file=open("speech.wav", "rb")',
        "-F model=MODEL -F file=@speech.wav",
    ),
)


def snippets(url: str, api_paths: Sequence[str]) -> list[Snippet]:
    """For the command line and for Python. `url` ends in a slash."""
    base = url.rstrip("/")
    for call in OPENAI_CALLS:
        if any(_offers(path, call.path) for path in api_paths):
            return _openai(base, call)
    path = base + quote(api_paths[0].removesuffix("*"), safe="/-._~%")
    return [
        Snippet("curl", "curl --retry 10 ", path),
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
        Snippet("curl", "curl --retry 10 ", f"{base}{call.path} \\\n  {call.curl}"),
        Snippet(
            "Python, OpenAI SDK",
            'from openai import OpenAI\n\nclient = OpenAI(\n    base_url="',
            f'{base}/v1", api_key="unused", timeout=600, max_retries=10\n)\n'
            f'answer = client.{call.method}(\n    model="MODEL", {call.arguments}\n)\n'
            "print(answer)",
        ),
    ]
