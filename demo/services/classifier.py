"""A classifier that learns scikit-learn's handwritten digits when it starts."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from .httpd import BadRequest, Exchange, routed, serve

PIXELS, BRIGHTEST = 64, 16
Rows = list[list[float]]


class Model:
    """Logistic regression on 8x8 images; what it is tested and shown on, it has not seen."""

    def __init__(self) -> None:
        began = time.monotonic()
        digits = load_digits()
        split = train_test_split(digits.data, digits.target, test_size=0.25, random_state=0)
        seen, self.images, known, self.labels = split
        self._learner = LogisticRegression(C=5, max_iter=300).fit(seen / BRIGHTEST, known)
        self.trained_on = len(seen)
        self.accuracy = float(self._learner.score(self.images / BRIGHTEST, self.labels))
        self.seconds = time.monotonic() - began

    def predict(self, rows: Rows) -> list[dict[str, Any]]:
        table = self._learner.predict_proba(np.array(rows) / BRIGHTEST)
        return [
            {"digit": int(row.argmax()), "probabilities": [round(float(p), 6) for p in row]}
            for row in table
        ]


def checked(row: Any) -> list[float]:
    if not isinstance(row, list) or len(row) != PIXELS:
        raise BadRequest(f"an image is a list of {PIXELS} numbers (8x8, each 0 to 16)")
    if not all(isinstance(x, int | float) and 0 <= x <= 16 for x in row):
        raise BadRequest("every pixel is a number from 0 to 16")
    return [float(x) for x in row]


class Service:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.page = Path(__file__).with_name("classifier.html").read_text()

    async def health(self, exchange: Exchange) -> None:
        await exchange.send({"ready": True})  # it binds only after training

    async def predict(self, exchange: Exchange) -> None:
        if exchange.method != "POST":
            await exchange.send({"error": "use POST"}, 405, headers={"Allow": "POST"})
            return
        payload = await exchange.json()
        if not isinstance(payload, dict) or not payload.keys() & {"image", "images"}:
            raise BadRequest('send {"image": [64 numbers]} or {"images": [[64 numbers], ...]}')
        if "image" in payload:
            await exchange.send(self.model.predict([checked(payload["image"])])[0])
            return
        images = payload["images"]
        if not isinstance(images, list) or not images:
            raise BadRequest("images is a list of images, at least one")
        await exchange.send({"predictions": self.model.predict([checked(row) for row in images])})

    async def about(self, exchange: Exchange) -> None:
        facts = {
            "model": "logistic regression, scikit-learn's digits",
            "input": "64 numbers from 0 to 16: the rows of an 8x8 image",
            "classes": list(range(10)),
            "trained_on": self.model.trained_on,
            "accuracy": round(self.model.accuracy, 4),
            "training_seconds": round(self.model.seconds, 3),
        }
        await exchange.send(facts)

    async def example(self, exchange: Exchange) -> None:
        """A payload for /predict and its true label; `?n=` chooses which."""
        count = len(self.model.images)
        index = int(exchange.number("n", random.randrange(count))) % count
        image = [int(x) for x in self.model.images[index]]
        label = int(self.model.labels[index])
        await exchange.send({"payload": {"image": image}, "label": label})

    async def form(self, exchange: Exchange) -> None:
        await exchange.send(self.page, kind="text/html; charset=utf-8")


def main() -> None:
    service = Service(Model())
    routes = {
        "/": service.form,
        "/health": service.health,
        "/predict": service.predict,
        "/about": service.about,
        "/example": service.example,
    }
    print(f"classifier: accuracy {service.model.accuracy:.3f}, port {sys.argv[1]}", flush=True)
    asyncio.run(serve(int(sys.argv[1]), routed(routes)))


if __name__ == "__main__":
    main()
