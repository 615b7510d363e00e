"""The token with which a device enrols itself: what a colony's owner signed, in one line of text (`PROTOCOL.md` 14)."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from colonies_edge.crypto.identity import BadSignature, Signer, recover
from colonies_edge.protocol.codec import decode, dump_json, encode, parse_json
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.limits import TOKEN_CHARS_MAX
from colonies_edge.protocol.model_base import OMIT

PREFIX = "ce1"
ANY = "*"
NO_TOKEN = "this is no token, or not all of it: copy the whole line"
_PART = re.compile(r"[A-Za-z0-9_-]*")
TOKENID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SIGNATURE_BYTES = 65


def _short(key: str) -> dict[str, object]:
    """One letter: the whole token has to fit a code that a telephone reads from a screen."""
    return {**OMIT, "key": key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the owner allows: devices of this type under names that fit, so many of them, until then; and where their
    coordinator is and how it is recognised."""

    tokenid: str = field(default="", metadata=_short("i"))
    colonyname: str = field(default="", metadata=_short("c"))
    executortype: str = field(default="", metadata=_short("t"))
    names: str = field(default="", metadata=_short("n"))
    uses: int = field(default=0, metadata=_short("u"))
    expires_ms: int = field(default=0, metadata=_short("x"))
    approve: bool = field(default=False, metadata=_short("a"))
    serverid: str = field(default="", metadata=_short("s"))
    mqtt: str = field(default="", metadata=_short("m"))
    topic_root: str = field(default="", metadata=_short("r"))

    def fits(self, name: str) -> bool:
        return fits(name, self.names)


def fits(name: str, pattern: str) -> bool:
    """Whether a name is what the pattern says; one `*` in it stands for anything, also for nothing."""
    before, star, after = pattern.partition(ANY)
    if not star:
        return name == pattern
    return len(name) >= len(before) + len(after) and name.startswith(before) and name.endswith(after)


def seal_token(token: Token, owner: Signer, authority: bytes = b"") -> str:
    """`authority` is the certificate behind the broker's TLS, in DER; beside the JSON, to be encoded once only. Raises
    BadRequest when the token would be longer than anybody reads."""
    signed = f"{PREFIX}.{_text(dump_json(encode(token)).encode())}.{_text(authority)}"
    text = f"{signed}.{_text(bytes.fromhex(owner.sign(signed.encode('ascii'))))}"
    if len(text) > TOKEN_CHARS_MAX:
        raise BadRequest(f"the token would have {len(text)} characters, the limit is {TOKEN_CHARS_MAX}")
    return text


def read_token(text: str) -> Token:
    """What a token says, whoever signed it. Raises BadRequest for what is none."""
    try:
        token = decode(Token, parse_json(_bytes(_parts(text)[1])))
    except (ValueError, BadRequest):
        raise BadRequest(NO_TOKEN) from None
    if not TOKENID.fullmatch(token.tokenid) or token.uses < 1 or token.names.count(ANY) > 1:
        raise BadRequest("the token lacks what every token has: ask for another one")
    if not all(text.isprintable() for text in encode(token).values() if isinstance(text, str)):
        raise BadRequest("the token holds what no name may, a line break perhaps: ask for another one")
    return token


def authority_in(text: str) -> bytes:
    """The certificate in a token, in DER, or empty. Raises BadRequest."""
    try:
        return _bytes(_parts(text)[2])
    except ValueError:
        raise BadRequest(NO_TOKEN) from None


def token_signer(text: str) -> str:
    """The identity that signed it. Raises Forbidden for a signature that nobody can have made."""
    *signed, signature = _parts(text)
    try:
        raw = _bytes(signature)
        if len(raw) != _SIGNATURE_BYTES:
            raise BadSignature("Invalid signature length")
        return recover(".".join(signed).encode("ascii"), raw.hex())
    except (ValueError, BadSignature):
        raise Forbidden("Access denied, nobody signed this token: copy the whole line") from None


def _parts(text: str) -> list[str]:
    parts = text.split(".", 4) if len(text) <= TOKEN_CHARS_MAX else []
    if len(parts) != 4 or parts[0] != PREFIX or not all(_PART.fullmatch(part) for part in parts):
        raise BadRequest(NO_TOKEN)
    return parts


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64") from error
