"""Generates text with a Hugging Face model.

GET  /health    200 when the model is loaded
POST /generate  {"prompt": "...", "max_new_tokens": 50} → {"text": "..."}
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import pipeline

MOST_TOKENS = 1024


class Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], generate: Callable[..., Any]) -> None:
        super().__init__(address, Handler)
        self.generate = generate
        self.one_at_a_time = threading.Lock()  # pipelines are not made for several threads

    def text(self, prompt: str, tokens: int) -> str:
        with self.one_at_a_time:
            texts = self.generate(prompt, max_new_tokens=max(1, min(tokens, MOST_TOKENS)))
        return str(texts[0]["generated_text"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the gateway uses a connection for several requests
    server: Server

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        else:
            self.answer(404, {"error": f"no {self.path} here"})

    def do_POST(self) -> None:
        # Read in any case: what is left of a body would be taken for the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/generate":
            self.answer(404, {"error": f"no {self.path} here"})
            return
        try:
            wish = json.loads(body)
            prompt, tokens = str(wish["prompt"]), int(wish.get("max_new_tokens", 50))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.answer(400, {"error": 'send {"prompt": "...", "max_new_tokens": 50}'})
            return
        self.answer(200, {"text": self.server.text(prompt, tokens)})

    def answer(self, status: int, content: dict[str, str]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()

    # Load first, listen afterwards: a request never meets a server without its model.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generate = pipeline("text-generation", model=options.model, device=device)
    print(f"{options.model} on {device}, port {options.port}", flush=True)
    Server((options.host, options.port), generate).serve_forever()


if __name__ == "__main__":
    main()
