"""A stand-in for Hugging Face's transformers: the one function that the example's server calls."""

from __future__ import annotations

from collections.abc import Callable


def pipeline(task: str, *, model: str, device: str) -> Callable[..., list[dict[str, str]]]:
    if task != "text-generation" or device not in {"cpu", "cuda"}:
        raise ValueError(f"not in this stand-in: {task} on {device}")

    def generate(prompt: str, *, max_new_tokens: int) -> list[dict[str, str]]:
        return [{"generated_text": f"{prompt} … {max_new_tokens} tokens of {model}"}]

    return generate
