"""Isoline sends to servers of this world only: no private networks, no redirects, no certificate of somebody else."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from diagnosis.webhooks import sending
from tests.webhooks.conftest import Receiver, handler_for


@pytest.mark.parametrize(
    "url",
    [
        "http://engine.example.org/",
        "ftp://engine.example.org/",
        "https://",
        "https://user:password@engine.example.org/",
        "https://engine.example.org/#part",
        "https://engine.example.org:99999/",
        "https://engine.example.org:0/",
        "https://[::1/",
        "https://engine.example.org/a b",
        "engine.example.org",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_refused_unseen(url: str) -> None:
    with pytest.raises(sending.AddressRefused):
        sending.check_address(url)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a01:203", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_allowed(address: str, allowed: bool) -> None:
    assert sending._is_allowed(ipaddress.ip_address(address)) is allowed


def test_private_networks_can_be_allowed_one_by_one(settings: Any) -> None:
    settings.ISOLINE_WEBHOOK_NETWORKS = ["10.20.0.0/16", "fd00::/8"]
    assert sending._is_allowed(ipaddress.ip_address("10.20.3.4"))
    assert sending._is_allowed(ipaddress.ip_address("::ffff:10.20.3.4"))
    assert sending._is_allowed(ipaddress.ip_address("fd00::7"))
    assert not sending._is_allowed(ipaddress.ip_address("10.21.0.1"))


def test_a_private_address_is_not_even_connected_to(receiver: Receiver, settings: Any) -> None:
    settings.ISOLINE_WEBHOOK_NETWORKS = []
    outcome = sending.post(receiver.url, "{}", {})
    assert "private network" in outcome.error
    assert receiver.received == []


def test_a_name_that_leads_to_a_private_address_beside_another_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert "10.0.0.1" in sending.post("https://both.example.org/", "{}", {}).error


def test_what_was_looked_at_is_what_is_connected_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere on the second look (DNS rebinding) gains nothing."""
    real, asked = socket.getaddrinfo, []

    def changing(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "engine.example.org":
            return real(host, *args, **kwargs)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "10.255.255.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    port = receiver.url.split(":")[2].partition("/")[0]
    assert sending.post(f"http://engine.example.org:{port}/x", "{}", {}).succeeded
    assert asked == ["engine.example.org"]
    assert receiver.received[0][0]["Host"] == f"engine.example.org:{port}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers, receiver.location = [(302, "")], receiver.url
    outcome = sending.post(receiver.url, "{}", {})
    assert (outcome.code, outcome.succeeded) == (302, False)
    assert len(receiver.received) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(settings: Any) -> None:
    settings.ISOLINE_WEBHOOK_ALLOW_HTTP = True
    settings.ISOLINE_WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    settings.ISOLINE_WEBHOOK_TIMEOUT_S = 0.3
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        outcome = sending.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", "{}", {})
    assert "Timeout" in outcome.error
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_and_a_name_that_is_none(settings: Any) -> None:
    settings.ISOLINE_WEBHOOK_ALLOW_HTTP = True
    settings.ISOLINE_WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert sending.post(f"http://127.0.0.1:{port}/", "{}", {}).error
    assert sending.post("https://nowhere.invalid/", "{}", {}).error


@pytest.fixture
def tls_receiver(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Behind a certificate for “localhost” that this machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    settings.ISOLINE_WEBHOOK_NETWORKS = ["127.0.0.0/8", "::1/128"]
    there = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(there))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    there.url = f"https://localhost:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield there
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_certificate_has_to_be_that_of_the_name(tls_receiver: Receiver) -> None:
    assert sending.post(tls_receiver.url, "{}", {}).error == ""
    by_number = tls_receiver.url.replace("localhost", "127.0.0.1")
    assert "doesn't match" in sending.post(by_number, "{}", {}).error
    assert len(tls_receiver.received) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate" in sending.post(tls_receiver.url, "{}", {}).error.lower()
    assert tls_receiver.received == []
