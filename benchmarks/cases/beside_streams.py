"""Small requests while many streams are open on the same login.

ssh looks at all channels of a connection at every event. So streams that are open but idle slow
down everything else on their connection, unless they are spread over several.
"""

from __future__ import annotations

from benchmarks.bed import Bed
from benchmarks.cases import transfer, warm
from benchmarks.load.held_streams import held_streams
from benchmarks.load.wrk import wrk
from benchmarks.results import Line, Rounds, ratio_at_least
from benchmarks.scale import Scale


def measure(bed: Bed, scale: Scale) -> list[Line]:
    requests = bed.way("product", *warm.SERVICE)
    streams = bed.way("product", *transfer.SERVICE)

    def alone() -> float:
        return wrk(requests, warm.COMPARED_AT, scale.seconds).per_second

    def beside() -> float:
        with held_streams(streams, scale.streams):
            return alone()

    what = f"requests/s, {warm.COMPARED_AT} connections, beside {scale.streams:,} open streams"
    seen = Rounds(scale.rounds, bed.say).of(what, {"beside": beside, "alone": alone})
    values, base = tuple(seen["beside"]), tuple(seen["alone"])
    return [Line("beside-streams", what, "/s", values, "alone", base, ratio_at_least(0.8))]
