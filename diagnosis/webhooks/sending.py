"""One HTTP request to somebody else's server, with what it may and may not reach.

Where it goes is decided here and not by the resolver of an HTTP library: the addresses are looked up once, looked at,
and the connection goes to the very address that was looked at. No redirect is followed.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _

MAX_ANSWER: Final = 500
_CHUNK: Final = 512
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(ValueError):
    """Isoline sends nothing there; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """What came of one request.

    Attributes:
        code: the HTTP status; None where none came.
        answer: the first 500 characters of the answer.
        error: why it failed; empty where it succeeded.
    """

    code: int | None
    answer: str
    error: str
    duration_ms: int

    @property
    def succeeded(self) -> bool:
        return not self.error


def check_address(url: str) -> SplitResult:
    """What can be said of an address without looking it up.

    Raises:
        AddressRefused: with the reason.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused(_("This is not a valid address.")) from None
    schemes = ("https", "http") if settings.ISOLINE_WEBHOOK_ALLOW_HTTP else ("https",)
    if parts.scheme not in schemes:
        raise AddressRefused(_("The address has to begin with https://."))
    if not parts.hostname or port == 0:
        raise AddressRefused(_("The address names no server."))
    if parts.username or parts.password:
        raise AddressRefused(_("The address must not hold a user name or password; the signature proves who sends."))
    if parts.fragment or any(character.isspace() or ord(character) < 32 for character in url):
        raise AddressRefused(_("This is not a valid address."))
    return parts


def post(url: str, body: str, headers: dict[str, str]) -> Outcome:
    """Send; never raises for what the other side or the network does."""
    began = time.monotonic()
    code: int | None = None
    answer = error = ""
    try:
        parts = check_address(url)
        address = _allowed_address(str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80))
        code, answer = _request(parts, address, body, headers, began + settings.ISOLINE_WEBHOOK_TIMEOUT_S)
        if not HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
            error = _("It answered %(code)d instead of 2xx.") % {"code": code}
    except AddressRefused as refused:
        error = str(refused)
    except (urllib3.exceptions.HTTPError, OSError, UnicodeError, ValueError) as failed:
        error = f"{type(failed).__name__}: {failed}"
    return Outcome(code, answer.replace("\x00", "")[:MAX_ANSWER], error[:300], int((time.monotonic() - began) * 1000))


def _allowed_address(host: str, port: int) -> str:
    found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for text in found:
        # One that is not allowed is enough: a name that leads both ways is not to be trusted.
        if not _is_allowed(ipaddress.ip_address(text)):
            raise AddressRefused(
                _("%(host)s leads to %(address)s in a private network, which is not in ISOLINE_WEBHOOK_NETWORKS.")
                % {"host": host, "address": text}
            )
    # IPv4 first: where both are there, it is the one that is more often reachable.
    return min(found, key=lambda text: (":" in text, text))


def _is_allowed(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.sixtofour is not None or address.teredo is not None or address in _NAT64:
            # An IPv4 address in disguise.
            return False
    networks = [ipaddress.ip_network(network) for network in settings.ISOLINE_WEBHOOK_NETWORKS]
    if any(address in network for network in networks if network.version == address.version):
        return True
    return address.is_global and not address.is_multicast


def _request(parts: SplitResult, address: str, body: str, headers: dict[str, str], until: float) -> tuple[int, str]:
    seconds = float(settings.ISOLINE_WEBHOOK_TIMEOUT_S)
    options: dict[str, Any] = {"port": parts.port, "timeout": urllib3.Timeout(connect=seconds, read=seconds)}
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        # The certificate has to be that of the name, though the connection goes to the address that was looked at.
        host = str(parts.hostname)
        pool = urllib3.HTTPSConnectionPool(
            address, ssl_context=ssl.create_default_context(), server_hostname=host, assert_hostname=host, **options
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, **options)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with pool:
        response = pool.urlopen(
            "POST",
            path,
            body=body.encode(),
            headers={**headers, "Host": parts.netloc},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            received = b""
            # However slowly the rest may come, nobody waits for it longer than this.
            while len(received) < MAX_ANSWER * 4 and time.monotonic() < until:
                chunk = response.read(_CHUNK)
                if not chunk:
                    break
                received += chunk
        finally:
            response.close()
    return response.status, received.decode("utf-8", "replace")
