"""Stand-ins for the programs that examples/ runs: python programs.py PROGRAM ARGUMENT...

None of them loads a model. Each accepts the options that are listed in options/, which are those
of the real program's documentation, with a value where the real one takes one. It refuses all
others, so that a wrong option in an example fails a test. The servers answer the health path and
one path of the API, with the model that they were given.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).parent

Answers = Mapping[tuple[str, str], Any]  # (method, path) → what is answered as JSON


def vllm(arguments: list[str]) -> None:
    """Like the real one's, its name for the model is --served-model-name."""
    if arguments[:1] != ["serve"] or len(arguments) < 2 or arguments[1].startswith("-"):
        refuse("vllm", "usage: vllm serve MODEL [options]")
    given = options("vllm", arguments[2:])
    shown = given.get("--served-model-name", arguments[1])
    models = {"object": "list", "data": [{"id": shown, "object": "model"}]}
    answers = {("GET", "/health"): "", ("GET", "/v1/models"): models}
    serve(given.get("--host", "127.0.0.1"), given.get("--port", "8000"), answers)


def llama_server(arguments: list[str]) -> None:
    given = options("llama-server", arguments)
    model = given.get("--model", given.get("-m", ""))
    if not Path(model).is_file():
        refuse("llama-server", f"failed to open GGUF file '{model}'")
    models = {"object": "list", "data": [{"id": given.get("--alias", model), "object": "model"}]}
    answers = {("GET", "/health"): {"status": "ok"}, ("GET", "/v1/models"): models}
    serve(given.get("--host", "127.0.0.1"), given.get("--port", "8080"), answers)


def text_generation_launcher(arguments: list[str]) -> None:
    """Like the real one, it takes the variable HOSTNAME as the address to listen on."""
    given = options("text-generation-launcher", arguments)
    host = given.get("--hostname", os.environ.get("HOSTNAME", "0.0.0.0"))
    text = {"generated_text": f"{given['--model-id']} says hello"}
    answers = {("GET", "/health"): "", ("POST", "/generate"): text}
    serve(host, given.get("--port", os.environ.get("PORT", "3000")), answers)


def ollama(arguments: list[str]) -> None:
    if arguments != ["serve"]:
        refuse("ollama", f"it can only serve, not {' '.join(arguments)}")
    unknown = {name for name in os.environ if name.startswith("OLLAMA_")} - set(listed("ollama"))
    if unknown:
        refuse("ollama", f"no such variable: {', '.join(sorted(unknown))}")
    models = Path(os.environ.get("OLLAMA_MODELS", Path.home() / ".ollama/models"))
    names = [{"name": path.name} for path in sorted(models.iterdir())]
    host, _, port = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434").rpartition(":")
    answers = {("GET", "/api/version"): {"version": "0"}, ("GET", "/api/tags"): {"models": names}}
    serve(host, port, answers)


def apptainer(arguments: list[str]) -> None:
    """Runs the command outside of any container, with what an image would have on its PATH."""
    if arguments[:1] != ["exec"]:
        refuse("apptainer", "it can only exec")
    valued = {name.rstrip("=") for name in listed("apptainer") if name.endswith("=")}
    image = 1
    while arguments[image].startswith("-"):
        image += 2 if arguments[image] in valued else 1
    options("apptainer", arguments[1:image])
    if not Path(arguments[image]).is_file():
        refuse("apptainer", f"could not open image {arguments[image]}: no such file or directory")
    os.environ["PATH"] = f"{HERE / 'image'}:{os.environ['PATH']}"
    os.execvp(arguments[image + 1], arguments[image + 1 :])


def options(program: str, arguments: Sequence[str]) -> dict[str, str]:
    """What was given; no abbreviations."""
    known = set(listed(program))
    given: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if f"{name}=" in known:
            given[name] = value if equals else next(words, "")
            if not given[name] or given[name].startswith("--"):
                refuse(program, f"{name} needs a value")
        elif word in known:
            given[word] = ""
        else:
            refuse(program, f"unknown option or word: {word}")
    return given


def listed(program: str) -> Iterator[str]:
    """`--option=` where it takes a value."""
    for line in (HERE / "options" / f"{program}.txt").read_text().splitlines():
        if not line.startswith("#"):
            yield from line.split()


def refuse(program: str, text: str) -> NoReturn:
    sys.exit(f"{program} (stand-in): {text}")


def serve(host: str, port: str, answers: Answers) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = answers.get((self.command, self.path))
            data = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "vllm": vllm,
    "llama-server": llama_server,
    "text-generation-launcher": text_generation_launcher,
    "ollama": ollama,
    "apptainer": apptainer,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](sys.argv[2:])
