"""Devices that enrol themselves with a token of the colony's owner (`PROTOCOL.md` 14): once, and as what."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine.executors import place, require_free, require_sound
from colonies_edge.engine.live import SECOND
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.tokens import enrolment_key, is_enrolled, read
from colonies_edge.engine.views import executor as shown
from colonies_edge.protocol.enrolment import Token
from colonies_edge.protocol.errors import BadRequest, Forbidden, TooManyRequests
from colonies_edge.protocol.limits import ENROLMENTS_PER_COLONY_MAX, FRESHNESS_S, TOKEN_S_MAX
from colonies_edge.protocol.messages import Enrol, GetEnrolments, RevokeEnrolment
from colonies_edge.protocol.model import Enrolment, Executor, ExecutorState


def enrol(step: Step, message: Enrol) -> Executor:
    """A new executor under its own key. It waits for approval, unless the token approves it."""
    token = read(message.token)
    if is_enrolled(step.tables, step.caller, message.executorname, token):
        return shown(step, step.tables.executors[step.caller], step.live.offers.present())
    if not token.fits(message.executorname):
        raise Forbidden(
            f"Access denied, the token is for names like <{token.names}>, which <{message.executorname}> is not"
        )
    executor = Executor(
        executorid=step.caller,
        executortype=token.executortype,
        executorname=message.executorname,
        colonyname=step.colony,
        locationname=message.locationname,
        capabilities=message.capabilities,
    )
    require_sound(executor, "Failed to enrol")
    former = _former(step, executor)
    row = _row_of(step, token)
    state = ExecutorState.APPROVED if token.approve else ExecutorState.PENDING
    executor = place(step, executor, former, state)
    names = (*row.executornames, executor.executorname)
    step.draft.put("enrolments", enrolment_key(step.colony, token.tokenid), replace(row, executornames=names))
    return executor


def _former(step: Step, executor: Executor) -> Executor | None:
    """Who had the name and is gone; nobody else loses it."""
    require_free(step, executor.executorid)
    former = step.tables.executor_named(step.colony, executor.executorname)
    if former is None:
        return None
    if former.state != ExecutorState.UNREGISTERED or former.executorid in step.tables.away:
        taken = f"Executor with name <{executor.executorname}> in Colony <{step.colony}> already exists"
        raise BadRequest(f"{taken}: choose another name")
    return former


def _row_of(step: Step, token: Token) -> Enrolment:
    """What is known of the token so far. Tokens that are over are forgotten here: nobody can use them any more."""
    known = step.tables.enrolments.get(enrolment_key(step.colony, token.tokenid))
    if known is not None:
        return known
    _make_room(step, used=True)
    return Enrolment(
        tokenid=token.tokenid,
        colonyname=step.colony,
        executortype=token.executortype,
        names=token.names,
        uses=token.uses,
        expires=token.expires_ms * 1_000_000,
        approve=token.approve,
    )


def _make_room(step: Step, *, used: bool) -> None:
    """For one more that was used, or for one that was revoked before anybody used it: of those there may be as many
    again, so that whoever uses tokens up cannot keep the owner from revoking one."""
    count = 0
    for key, row in tuple(step.tables.enrolments.items()):
        if row.expires <= step.now:
            step.draft.drop("enrolments", key)
        else:
            count += row.colonyname == step.colony and (row.uses > 0) is used
    if count >= ENROLMENTS_PER_COLONY_MAX:
        raise TooManyRequests(
            f"Colony <{step.colony}> has {ENROLMENTS_PER_COLONY_MAX} tokens in use: wait for their end"
        )


def end_all(step: Step, colony: str) -> None:
    """The colony is removed. One of that name and owner may come again, to whom the same tokens would be valid: those
    that were used or revoked are not, and nothing else is kept of them."""
    for key, row in tuple(step.tables.enrolments.items()):
        if row.colonyname == colony:
            over = Enrolment(tokenid=row.tokenid, colonyname=colony, expires=row.expires, revoked=True)
            step.draft.put("enrolments", key, over)


def _rows(step: Step) -> dict[str, Enrolment]:
    return {key: row for key, row in step.tables.enrolments.items() if row.colonyname == step.colony}


def get_enrolments(step: Step, message: GetEnrolments) -> list[Enrolment]:
    """Those that still matter."""
    return [row for row in _rows(step).values() if row.expires > step.now]


def revoke_enrolment(step: Step, message: RevokeEnrolment) -> dict[str, Any]:
    """Known or not: one that nobody has used yet is remembered as long as any token may be valid."""
    if not message.tokenid or len(message.tokenid) > 64:
        raise BadRequest("Failed to revoke enrolment, tokenid is what `enrol token` printed, or the second part of it")
    key = enrolment_key(step.colony, message.tokenid)
    known = step.tables.enrolments.get(key)
    if known is None:
        _make_room(step, used=False)
        expires = step.now + (TOKEN_S_MAX + FRESHNESS_S) * SECOND
        known = Enrolment(tokenid=message.tokenid, colonyname=step.colony, expires=expires)
    step.draft.put("enrolments", key, replace(known, revoked=True))
    return {}


HANDLERS: Mapping[str, Handler] = {
    "enrolmsg": enrol,
    "getenrolmentsmsg": get_enrolments,
    "revokeenrolmentmsg": revoke_enrolment,
}
