"""The password with which an identity connects to the embedded broker (`PROTOCOL.md` 5): signed, fresh, used once."""

import base64
import binascii
from dataclasses import dataclass, field

from colonies_edge.crypto.identity import BadSignature, Signer, recover
from colonies_edge.protocol.codec import decode, dump_json, encode, parse_json
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.messages_base import is_msgid
from colonies_edge.protocol.model_base import OMIT

PASSWORD_CHARS_MAX = 8_192  # an honest one has about 500, and with a token 2,000; looked at before anybody is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """What is signed. It has no `msgtype`, so that it can never serve as a request, nor a request as a password."""

    ts: int = 0
    msgid: str = ""
    clientid: str = ""
    serverid: str = ""
    token: str = field(default="", metadata=OMIT)  # of somebody who enrols


def seal_password(password: Password, signer: Signer) -> str:
    body = base64.b64encode(dump_json(encode(password)).encode("utf-8", "replace")).decode("ascii")
    return f"{body}.{signer.sign(body.encode('ascii'))}"


def open_password(text: str, identity: str) -> Password:
    """What `identity` signed. Raises BadRequest for what is no password, Forbidden when somebody else signed it.
    Whether it is fresh, new, and meant for this connection and this coordinator is for the caller to decide."""
    password, body, signature = _read(text)
    try:
        signer = recover(body.encode("ascii"), signature)
    except BadSignature as error:
        raise Forbidden(str(error)) from None
    if signer != identity:
        raise Forbidden("The password is signed by another identity")
    return password


def token_in(text: str) -> str:
    """The token in a password, whoever signed either; "" when there is none."""
    try:
        return _read(text)[0].token
    except BadRequest:
        return ""


def _read(text: str) -> tuple[Password, str, str]:
    """What it says, what was signed, and the signature, which nobody has looked at yet. Raises BadRequest."""
    body, dot, signature = text[: PASSWORD_CHARS_MAX + 1].partition(".")
    if not dot or len(text) > PASSWORD_CHARS_MAX:
        raise BadRequest("the password is not a signed one")
    try:
        value = parse_json(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest("the password is not base64") from None
    if isinstance(value, dict) and any(key.lower() == "msgtype" for key in value):
        raise BadRequest("the password is a message")
    password = decode(Password, value)
    if not is_msgid(password.msgid) or not password.clientid:
        raise BadRequest("the password lacks its msgid or client id")
    return password, body, signature
