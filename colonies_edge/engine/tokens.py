"""Does a token still count? Asked at the doors, where strangers must cost nothing, and by access control."""

from colonies_edge.engine.step import Step
from colonies_edge.engine.tables import Tables
from colonies_edge.protocol.enrolment import Token, read_token, token_signer
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden
from colonies_edge.protocol.limits import FRESHNESS_S, TOKEN_S_MAX, TOKEN_USES_MAX
from colonies_edge.protocol.messages import Enrol
from colonies_edge.protocol.model import ExecutorState

SECOND = 1_000_000_000  # not live's: live needs access control, which needs this module


def require_bearer(step: Step, message: Enrol) -> None:
    """Raises Forbidden unless the colony's owner signed this token for it, and it still counts for this caller."""
    if not step.caller:
        raise Forbidden("Access denied, enrolling needs a key of one's own")
    executor = step.tables.executors.get(step.caller)
    if executor is not None and executor.state == ExecutorState.UNREGISTERED:
        raise Forbidden("Access denied, this executor was removed: only the colony's owner can approve it again")
    token = read(message.token)
    if token.colonyname != step.colony:
        raise Forbidden(f"Access denied, the token is for Colony with name <{token.colonyname}>, not <{step.colony}>")
    if is_enrolled(step.tables, step.caller, message.executorname, token):
        _require_signed(step.tables, message.token, token)
        return
    require_valid(step.tables, message.token, token, step.now)


def require_valid(tables: Tables, text: str, token: Token, now: int) -> None:
    """Raises Forbidden. What costs arithmetic comes last: strangers get no further than their own words do."""
    require_plausible(tables, token, now)
    _require_signed(tables, text, token)


def require_plausible(tables: Tables, token: Token, now: int) -> None:
    """What can be said of a token before anybody has looked who signed it. Raises Forbidden."""
    if token.colonyname not in tables.colonies:
        raise Forbidden(f"Access denied, the token is for Colony with name <{token.colonyname}>, which is not here")
    if token.serverid != tables.identity:
        raise Forbidden(f"Access denied, the token is for the coordinator {token.serverid}, not {tables.identity}")
    expires = token.expires_ms * 1_000_000
    if expires <= now:
        raise Forbidden("Access denied, the token has expired: ask the colony's owner for another one")
    if expires > now + (TOKEN_S_MAX + FRESHNESS_S) * SECOND or token.uses > TOKEN_USES_MAX:
        raise Forbidden(
            f"Access denied, a token is valid for {TOKEN_S_MAX // 86_400} days and {TOKEN_USES_MAX} devices at most"
        )
    row = tables.enrolments.get(enrolment_key(token.colonyname, token.tokenid))
    if row is not None and row.revoked:
        raise Forbidden("Access denied, the token was revoked: ask the colony's owner for another one")
    if row is not None and len(row.executornames) >= token.uses:
        raise Forbidden(f"Access denied, the token was used {token.uses} times, and is good for no more")


def _require_signed(tables: Tables, text: str, token: Token) -> None:
    if token_signer(text) != tables.colonies[token.colonyname].colonyid:
        raise Forbidden(f"Access denied, the token is not signed by the owner of Colony with name <{token.colonyname}>")


def refusal(tables: Tables, text: str, now: int, *, signed: bool) -> str:
    """For the doors before the engine: why a stranger with this token would not be let in, "" when he would. Without
    `signed` nothing is computed."""
    try:
        token = read(text)
        require_plausible(tables, token, now)
        if signed:
            _require_signed(tables, text, token)
    except ColoniesError as error:
        return error.message
    return ""


def is_enrolled(tables: Tables, identity: str, name: str, token: Token) -> bool:
    """It enrolled before, and did not hear the answer or forgot it: saying it again changes nothing."""
    row = tables.executors.get(identity)
    if row is None or row.state == ExecutorState.UNREGISTERED:
        return False
    return (row.colonyname, row.executorname, row.executortype) == (token.colonyname, name, token.executortype)


def enrolment_key(colony: str, tokenid: str) -> str:
    """Of the table `enrolments`; a colony's name has no slash."""
    return f"{colony}/{tokenid}"


def read(text: str) -> Token:
    """Raises Forbidden for what is no token."""
    try:
        return read_token(text)
    except BadRequest as error:
        raise Forbidden(f"Access denied, {error.message}") from None
