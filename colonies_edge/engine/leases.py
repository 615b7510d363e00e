"""Leases of pushed work: how long an executor may be silent before its work is given to another (`PROTOCOL.md` 4)."""

from dataclasses import dataclass

from colonies_edge.engine.timers import Timer, Timers


@dataclass(slots=True, kw_only=True)
class Lease:
    """One running process at one executor. `until` is steady ns; `confirmed`: the executor showed that it has it."""

    conn: str
    until: int
    confirmed: bool = False


class Leases:
    """All leases, by process id. They live in memory only: after a restart everybody gets a whole lease again."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._leases: dict[str, Lease] = {}

    def start(self, processid: str, conn: str, until: int) -> None:
        """Begin a lease, or begin it anew."""
        self._leases[processid] = Lease(conn=conn, until=until)
        self._timers.set(until, Timer.LEASE, processid)

    def get(self, processid: str) -> Lease | None:
        """The lease of a process, if it has one."""
        return self._leases.get(processid)

    @property
    def count(self) -> int:
        """How many run."""
        return len(self._leases)

    def end(self, processid: str) -> None:
        """The process does not run any more."""
        self._leases.pop(processid, None)

    def confirm(self, processid: str, conn: str, until: int) -> None:
        """The executor has it: extend. The timer is moved when it goes off, not at every heartbeat."""
        lease = self._leases[processid]
        lease.until = until
        lease.conn = conn
        lease.confirmed = True

    def shorten(self, processid: str, conn: str, until: int) -> None:
        """The connection `conn` broke: a lease that is bound to it ends earlier; one of another connection stays."""
        lease = self._leases.get(processid)
        if lease is not None and lease.conn == conn and until < lease.until:
            lease.until = until
            self._timers.set(until, Timer.LEASE, processid)

    def over(self, processid: str, steady: int) -> bool:
        """Did the lease end? If it was extended meanwhile, the timer is set again."""
        lease = self._leases.get(processid)
        if lease is None:
            return False
        if lease.until > steady:
            self._timers.set(lease.until, Timer.LEASE, processid)
            return False
        return True
