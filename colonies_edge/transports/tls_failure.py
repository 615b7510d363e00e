"""Why TLS with a broker did not come about, in words that say what to do."""

from __future__ import annotations

import os
import ssl

# X509_V_ERR_… of OpenSSL, which the ssl module hands through without names.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
_WRONG_NAME = (62, 64)
_ALERTS_OF_CLIENT_CERTIFICATES = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "HANDSHAKE_FAILURE",
)


def words_for(error: OSError, host: str) -> str:
    """One sentence; what is not about certificates keeps its own."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unbelieved(error, host)
    if not isinstance(error, ssl.SSLError):
        # asyncio puts what it called in place of the system's words; names that nobody resolves have numbers below 0.
        return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return "what answers there does not speak TLS: use mqtt:// instead of mqtts://, or the broker's TLS port"
    if any(alert in reason for alert in _ALERTS_OF_CLIENT_CERTIFICATES):
        return (
            f"the broker does not accept this client's certificate, or wants one ({reason.lower().replace('_', ' ')}):"
            " set COLONIES_MQTT_CERT and COLONIES_MQTT_KEY to one that its authority signed"
        )
    return f"TLS failed: {reason.lower().replace('_', ' ') or error}"


def _unbelieved(error: ssl.SSLCertVerificationError, host: str) -> str:
    code = error.verify_code
    if code in _WRONG_NAME:
        return (
            f"the broker's certificate is not for {host}: use a name that it is for, or have {host} added"
            f" (`colonies-edge tls init --host {host}` at the coordinator)"
        )
    if code == _EXPIRED:
        return (
            "the broker's certificate has expired: have it renewed (`colonies-edge tls renew` at the coordinator),"
            " and see that this machine's clock is right"
        )
    if code == _NOT_YET_VALID:
        return "the broker's certificate is not valid yet: set this machine's clock"
    if code in _UNKNOWN_AUTHORITY:
        return (
            "the broker's certificate is signed by an authority that is not known here:"
            " name its certificate with --cafile or COLONIES_MQTT_CA"
        )
    return f"the broker's certificate is not believed: {error.verify_message}"
