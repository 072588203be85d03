"""Ask a cold service twice on the real cluster, then wait until its GPU is free again.

Two things are arranged. Other users' work fills the cluster at first, so that the job has to queue.
And the job sleeps before its server starts, as long as a small model takes to load.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.film.recording import Recording, Request, Seen
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

ROUTE, SCRIPT = "textgen", "model.sh"
QUESTION = json.dumps(
    {"messages": [{"role": "user", "content": "Who is there?"}], "max_tokens": 12}
)
FILTER = ".choices[0].message.content"
TYPED = (  # as a person types it
    f"curl -s http://gateway:8090/{ROUTE}/v1/chat/completions \\",
    f"    -d '{QUESTION}' \\",
    f"  | jq -r {FILTER}",
)
LOOK = 0.1  # seconds between two looks
COLUMNS = "%6i %32j %10T %7M %14b %R"
_JOB = """\
#!/bin/sh
#SBATCH --gres=gpu:1 --output=%x-%j.out
sleep {load_seconds}
exec /bin/sh "$HOME/textgen.sh" "$1"
"""


@dataclass(frozen=True)
class Pace:
    """Seconds."""

    others: float = 2.0  # how long other users' work keeps every GPU after the request
    loads: float = 2.0
    timeout: float = 4.0
    typing: float = 1.6
    rest: float = 1.2  # for the reader, after something has happened


@dataclass
class Notes:
    """Filled by the one that asks, and by a thread that looks at the queue."""

    requests: list[Request] = field(default_factory=list)
    queue: list[Seen] = field(default_factory=list)
    begun: float = field(default_factory=time.time)

    def now(self) -> float:
        return round(time.time() - self.begun, 2)


def record(stack: Stack, pace: Pace) -> Recording:
    """The service is cold before and after."""
    stack.cluster.write_script(SCRIPT, _JOB.format(load_seconds=pace.loads))
    keys = {"bash_file": SCRIPT, "timeout": pace.timeout, "api_paths": ["/v1/*"]}
    stack.configure(stack.entry(ROUTE, **keys))
    _fill(stack, pace.typing + pace.others)
    notes = Notes()
    with _queue_watched(stack, notes):
        _ask(stack, notes, pace.typing, TYPED)
        time.sleep(pace.rest)
        _ask(stack, notes, pace.typing / 3, ("!!",))  # bash: the last command again
        wait_for("it is cold again", lambda: stack.state(ROUTE) == "cold", pace.timeout + 15)
        wait_for("its job is gone", lambda: ROUTE not in notes.queue[-1].text)
        time.sleep(2 * pace.rest)
    states = _states(stack, notes.begun)
    return Recording(tuple(notes.requests), states, tuple(notes.queue), pace.timeout, notes.now())


def _states(stack: Stack, begun: float) -> tuple[Seen, ...]:
    """By the events, which are exact. A state may have several."""
    events = [event for event in stack.info(ROUTE)["events"] if event["at"] > begun]
    changes = zip([{"state": "cold"}, *events], events, strict=False)
    seen = [
        Seen(round(event["at"] - begun, 2), event["state"])
        for before, event in changes
        if before["state"] != event["state"]
    ]
    return (Seen(0.0, "cold"), *seen)


def _fill(stack: Stack, seconds: float) -> None:
    nodes = len(stack.cluster.spec.nodes)
    options = f"--parsable -J other-users-training -N{nodes} --gres=gpu:2 -o /dev/null"
    job = stack.cluster.run(f"sbatch {options} --wrap 'sleep {seconds}'").strip()
    running = {"id": job, "state": "RUNNING"}.items()
    wait_for("it runs", lambda: any(running <= seen.items() for seen in stack.cluster.jobs()))


@contextmanager
def _queue_watched(stack: Stack, notes: Notes) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK if notes.queue else 0):
            text = stack.cluster.run(f"squeue -o '{COLUMNS}'").rstrip()
            if not notes.queue or notes.queue[-1].text != text:
                notes.queue.append(Seen(notes.now(), text))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ask(stack: Stack, notes: Notes, typing: float, typed: tuple[str, ...]) -> None:
    time.sleep(typing)
    asked, url = notes.now(), f"{stack.url}/{ROUTE}/v1/chat/completions"
    with subprocess.Popen(["curl", "-s", url, "-d", QUESTION], stdout=subprocess.PIPE) as curl:
        argv = ["jq", "-r", FILTER]
        done = subprocess.run(argv, stdin=curl.stdout, text=True, capture_output=True, check=True)
    printed = tuple(done.stdout.splitlines())
    notes.requests.append(Request(typed, asked, printed, notes.now()))
