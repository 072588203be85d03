"""A small text generator with an OpenAI-style API: chat completions, whole or streamed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from .httpd import BadRequest, Exchange, routed, serve
from .ngram import Model

NAME = "ngram-doorkeeper"
TOKEN_DELAY = 0.01  # seconds; a stream should be seen to stream
MOST_TOKENS = 4096


class Wish:
    """A checked request body."""

    def __init__(self, payload: Any) -> None:
        if not isinstance(payload, dict):
            raise BadRequest("the body must be a JSON object")
        self.prompt = _prompt(payload.get("messages"))
        self.stream = bool(payload.get("stream", False))
        asked = payload.get("max_completion_tokens", payload.get("max_tokens"))
        self.count = 64 if asked is None else _integer("max_tokens", asked)
        if not 1 <= self.count <= MOST_TOKENS:
            raise BadRequest(f"max_tokens must be from 1 to {MOST_TOKENS}")
        seed = payload.get("seed")
        self.seed = None if seed is None else _integer("seed", seed)
        self.model = str(payload.get("model", NAME))


def _prompt(messages: Any) -> str:
    try:
        return str(messages[-1]["content"])
    except (TypeError, LookupError):
        raise BadRequest(
            'messages must be a list like [{"role": "user", "content": "…"}]'
        ) from None


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequest(f"{name} must be an integer")
    return value


class Service:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.since = int(time.time())

    async def health(self, exchange: Exchange) -> None:
        await exchange.send({"ready": True})

    async def models(self, exchange: Exchange) -> None:
        entry = {"id": NAME, "object": "model", "created": self.since, "owned_by": "demo"}
        await exchange.send({"object": "list", "data": [entry]})

    async def complete(self, exchange: Exchange) -> None:
        if exchange.method != "POST":
            await exchange.send({"error": {"message": "use POST"}}, 405, headers={"Allow": "POST"})
            return
        try:
            wish = Wish(await exchange.json())
        except BadRequest as error:
            problem = {"message": str(error), "type": "invalid_request_error"}
            await exchange.send({"error": problem}, 400)
            return
        await (self._stream(exchange, wish) if wish.stream else self._whole(exchange, wish))

    async def _whole(self, exchange: Exchange, wish: Wish) -> None:
        words = list(self.model.generate(wish.prompt, wish.count, wish.seed))
        await asyncio.sleep(TOKEN_DELAY * len(words))
        asked = len(wish.prompt.split())
        message = {"role": "assistant", "content": " ".join(words)}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        usage = {
            "prompt_tokens": asked,
            "completion_tokens": len(words),
            "total_tokens": asked + len(words),
        }
        head = _head(wish, "chat.completion")
        await exchange.send({**head, "choices": [choice], "usage": usage})

    async def _stream(self, exchange: Exchange, wish: Wish) -> None:
        head = _head(wish, "chat.completion.chunk")
        await exchange.start("text/event-stream", {"Cache-Control": "no-cache"})
        await exchange.write(_event(head, {"role": "assistant", "content": ""}))
        gap = ""
        for word in self.model.generate(wish.prompt, wish.count, wish.seed):
            await asyncio.sleep(TOKEN_DELAY)
            await exchange.write(_event(head, {"content": gap + word}))
            gap = " "
        await exchange.write(_event(head, {}, "length"))
        await exchange.write(b"data: [DONE]\n\n")
        await exchange.finish()


def _head(wish: Wish, kind: str) -> dict[str, Any]:
    identity = f"chatcmpl-{uuid.uuid4().hex[:24]}"
    return {"id": identity, "object": kind, "created": int(time.time()), "model": wish.model}


def _event(head: dict[str, Any], delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode()


def main() -> None:
    service = Service(Model(Path(__file__).with_name("textgen.txt").read_text()))
    routes = {
        "/health": service.health,
        "/v1/models": service.models,
        "/v1/chat/completions": service.complete,
    }
    print(f"textgen: listening on port {sys.argv[1]}", flush=True)
    asyncio.run(serve(int(sys.argv[1]), routed(routes)))


if __name__ == "__main__":
    main()
