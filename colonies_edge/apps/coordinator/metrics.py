"""What a coordinator tells Prometheus: upstream's names where it has any (`protocol-rest.md` 10.3), and ours."""

import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from colonies_edge import __version__
from colonies_edge.apps.coordinator.coordinator import Coordinator
from colonies_edge.apps.prometheus import CONTENT_TYPE, Family, Sample, by_label, exposition, one, upstream
from colonies_edge.crypto.identity import backend_name
from colonies_edge.engine.figures import Figures
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.limits import COLONIES_SHOWN_MAX
from colonies_edge.transports.desk import Page

PATH = "/metrics"
_STATES = ("waiting", "running", "successful", "failed", "cancelled")
_MINE = "colonies_edge"


class Metrics:
    """The page of a scrape; everything is read when it is asked for."""

    def __init__(self, coordinator: Coordinator, data: Path) -> None:
        self._coordinator = coordinator
        self._data = data

    def page(self) -> Page:
        found = self._coordinator.engine.figures(self._coordinator.now_ms() * 1_000_000)
        families = (
            *upstream(encode(found.server)),
            *_of_colonies(found),
            *_of_work(found),
            *self._of_coordinator(found),
        )
        return Page(content_type=CONTENT_TYPE, body=exposition((*families, *self._of_machine())))

    def _of_coordinator(self, found: Figures) -> Iterator[Family]:
        coordinator = self._coordinator
        info = {"version": __version__, "crypto": backend_name(), "serverid": coordinator.server_id}
        yield Family(
            name=f"{_MINE}_info",
            kind="gauge",
            help="Which coordinator this is",
            samples=(Sample(value=1, labels=info),),
        )
        yield one(
            f"{_MINE}_read_only", "1 when it accepts nothing because its data are damaged", bool_(coordinator.read_only)
        )
        yield coordinator.disk.commits.family(
            f"{_MINE}_journal_sync_seconds", "How long commits took until they were on the disk"
        )
        yield one(
            f"{_MINE}_broker_round_trip_seconds",
            "From a publish to the broker's acknowledgement, as last measured; -1 without a connection",
            coordinator.round_trip_s,
        )
        counts = {**coordinator.rim.counts, **coordinator.speaker.counts, **coordinator.desk.counts}
        yield by_label(
            f"{_MINE}_dropped_total",
            "What was refused unread, or could not be said, by reason",
            "reason",
            counts,
            "counter",
        )
        events = found.events
        for name, event, help in (
            ("leases_lost", "leases lost", "Assignments taken back because the executor was silent"),
            ("calls_repeated", "calls repeated", "Calls that came again and got the remembered answer"),
            ("replays_refused", "stale stamps refused", "Requests with a time stamp too far from now"),
        ):
            yield one(f"{_MINE}_{name}_total", help, events.get(event, 0), "counter")
        yield one(f"{_MINE}_answers_remembered", "Answers kept for calls that may come again", found.answers)
        yield one(
            f"{_MINE}_requests_waiting", "Requests that arrived and are not decided yet", coordinator.waiting_count
        )

    def _of_machine(self) -> Iterator[Family]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield one(
            "process_cpu_seconds_total", "Processor time of this process", usage.ru_utime + usage.ru_stime, "counter"
        )
        yield one("process_resident_memory_bytes", "Memory of this process", _resident_bytes())
        yield one("process_open_fds", "Open files and sockets of this process", len(os.listdir("/proc/self/fd")))
        yield one(f"{_MINE}_disk_free_bytes", "Room on the disk of the data folder", shutil.disk_usage(self._data).free)


def _of_colonies(found: Figures) -> Iterator[Family]:
    shown = dict(list(found.colonies.items())[:COLONIES_SHOWN_MAX])
    for kind in ("processes", "workflows"):
        samples = tuple(
            Sample(value=getattr(counts, f"{state}{kind}"), labels={"colony": colony, "state": state})
            for colony, counts in shown.items()
            for state in _STATES
        )
        yield Family(name=f"{_MINE}_{kind}", kind="gauge", help=f"{kind.capitalize()} by state", samples=samples)
    approved = {colony: counts.activeexecutors for colony, counts in shown.items()}
    yield by_label(f"{_MINE}_executors_approved", "Executors that may take work", "colony", approved)
    ready = {colony: found.ready.get(colony, 0) for colony in shown}
    yield by_label(f"{_MINE}_executors_ready", "Executors that are there and take work over MQTT", "colony", ready)


def _of_work(found: Figures) -> Iterator[Family]:
    ages, served = [], []
    for queue in found.queues:
        labels = {"colony": queue.colony, "executortype": queue.executortype}
        ages.append(Sample(value=round(queue.age_s, 3), labels=labels))
        served.append(Sample(value=bool_(queue.served), labels=labels))
    yield Family(
        name=f"{_MINE}_queue_age_seconds",
        kind="gauge",
        help="How long the process that is served next has been waiting",
        samples=tuple(ages),
    )
    yield Family(
        name=f"{_MINE}_queue_served",
        kind="gauge",
        help="1 when an executor of that type waits for work",
        samples=tuple(served),
    )
    gauges: Mapping[str, tuple[str, int]] = {
        "leases": ("Processes that run under a lease", found.leases),
        "long_polls": ("Assigns that wait", found.long_polls),
        "subscriptions": ("Subscriptions", found.subscriptions),
    }
    for name, (help, value) in gauges.items():
        yield one(f"{_MINE}_{name}", help, value)


def bool_(value: object) -> int:
    """1 for what is so."""
    return 1 if value else 0


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
