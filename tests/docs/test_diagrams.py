"""The sequence diagrams and the film match the recorded runs."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.film import animation, recording
from tests.film.__main__ import FILM, RECORDING
from tests.trace.__main__ import DIAGRAMS, NAMES
from tests.trace.draw import svg
from tests.trace.steps import CLIENT, NGINX, load


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_is_the_drawing_of_its_trace(name: str) -> None:
    drawn = (DIAGRAMS / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == svg(load(DIAGRAMS / f"{name}.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_begins_with_the_request_and_its_times_only_grow(name: str) -> None:
    steps = load(DIAGRAMS / f"{name}.json").steps
    assert (steps[0].at, steps[0].source, steps[0].target) == (0, CLIENT, NGINX)
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_the_film_is_the_drawing_of_its_recording() -> None:
    assert FILM.read_text(encoding="utf-8") == animation.svg(recording.load(RECORDING))


@pytest.mark.parametrize("file", sorted(DIAGRAMS.glob("*.svg")), ids=lambda f: f.name)
def test_a_drawing_is_well_formed_and_has_colours_for_the_dark(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    ET.fromstring(text)
    assert "prefers-color-scheme: dark" in text
