"""Who may connect to the embedded broker: who signs a fresh password, or holds a certificate (`PROTOCOL.md` 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.credentials import Password, open_password, seal_password, token_in
from colonies_edge.protocol.errors import ColoniesError
from colonies_edge.protocol.limits import FRESHNESS_S, REMEMBER_S
from colonies_edge.transports.system import new_msgid

# One connect per second over the whole time a password is remembered: an honest client's backoff is slower, and one
# identity cannot push the passwords of another out of the memory.
USED_PER_IDENTITY_MAX = REMEMBER_S


class Access(Enum):
    """What a connection may do."""

    FULL = "full"  # its own subtree
    ENROLLING = "enrolling"  # send requests from its own subtree, and read it
    STATUS_ONLY = "status_only"  # read the coordinator's status, to learn the time
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client showed when it connected."""

    username: str
    password: str
    client_id: str
    address: str
    certified: str = ""  # the common name of a client certificate that was checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a client got. `identity` is what confines it; `reason` is for the log, never for the client."""

    access: Access
    identity: str = ""
    stranger: bool = False  # the identity is its own word: the coordinator does not know it
    reason: str = ""


def password_of(signer: Signer, client_id: str, serverid: str, now_ms: int, token: str = "") -> str:
    """A fresh password for one connect; with a token for somebody whom the coordinator does not know yet."""
    password = Password(ts=now_ms, msgid=new_msgid(), clientid=client_id, serverid=serverid, token=token)
    return seal_password(password, signer)


def nobody_enrols(_token: str) -> bool:
    return False


class PasswordChecker:
    """Admits the identities that `knows` knows, and to enrol those whose token `enrols` takes. Other strangers are
    refused before any curve arithmetic."""

    def __init__(
        self,
        *,
        serverid: str,
        knows: Callable[[str], bool],
        now_ms: Callable[[], int],
        enrols: Callable[[str], bool] = nobody_enrols,
    ) -> None:
        self._serverid = serverid
        self._knows = knows
        self._enrols = enrols
        self._now_ms = now_ms
        self._used: dict[str, dict[str, int]] = {}  # identity -> msgid -> when it was used

    def admit(self, credentials: Credentials) -> Admission:
        identity = credentials.username or credentials.certified
        if credentials.certified not in ("", identity):
            return _refused("the client certificate is another identity's")
        known = self._knows(identity)
        if not known and not self._may_enrol(credentials.password):
            return _refused("an identity the coordinator does not know")
        if credentials.certified and known:
            # The handshake has just proved who it is, better than a password: nothing in it can be replayed, and it
            # needs no clock. What is withdrawn is the identity, and the lines above look at that.
            return Admission(access=Access.FULL, identity=identity)
        try:
            password = open_password(credentials.password, identity)
        except ColoniesError as error:
            return _refused(error.message)
        if password.clientid != credentials.client_id:
            return _refused("the password was made for another client id")
        if password.serverid not in ("", self._serverid):
            return _refused("the password was made for another coordinator")
        now_ms = self._now_ms()
        if abs(now_ms - password.ts) > FRESHNESS_S * 1000:
            # A device without a clock: it may look at the coordinator's time, and come again.
            return Admission(
                access=Access.STATUS_ONLY, identity=identity, stranger=not known, reason="a stale password"
            )
        if not self._use(identity, password.msgid, now_ms):
            return _refused("the password was used before, or too many were")
        access = Access.FULL if known else Access.ENROLLING
        return Admission(access=access, identity=identity, stranger=not known)

    def _may_enrol(self, password: str) -> bool:
        token = token_in(password)
        return bool(token) and self._enrols(token)

    def _use(self, identity: str, msgid: str, now_ms: int) -> bool:
        used = self._used.setdefault(identity, {})
        # A password that is refused as stale needs no memory: twice the window covers clocks that are off either way.
        while used and next(iter(used.values())) < now_ms - REMEMBER_S * 1000:
            del used[next(iter(used))]
        if msgid in used or len(used) >= USED_PER_IDENTITY_MAX:
            return False
        used[msgid] = now_ms
        return True

    def forget_idle(self) -> None:
        """Drop what no longer protects anything; to be called now and then."""
        horizon = self._now_ms() - REMEMBER_S * 1000
        for identity, used in list(self._used.items()):
            if not used or next(reversed(used.values())) < horizon:
                del self._used[identity]


def _refused(reason: str) -> Admission:
    return Admission(access=Access.REFUSED, reason=reason)
