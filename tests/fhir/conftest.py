"""Readings and reports as in the tests of documents, and a FHIR server that listens on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from accounts.models import Site
from diagnosis.fhir.models import FhirServer
from tests.documents.conftest import (  # noqa: F401
    browser,
    claim,
    done,
    model,
    nobody,
    read,
    rejected,
    sign,
    signed_in,
    take_in,
)


@dataclass
class Listener:
    """What the server answers, one after the other (the last one from then on), and what it was sent."""

    url: str
    answers: list[int]
    location: str = ""
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests.append((dict(self.headers), json.loads(body)))
            status = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            issue = {"severity": "error", "code": "processing", "diagnostics": f"I say {status}"}
            said = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
            self.send_response(status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Listener(f"http://127.0.0.1:{server.server_port}/fhir", [200])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(site: Site, listener: Listener, settings: Any) -> FhirServer:
    """The site's, on this machine and therefore without TLS."""
    settings.ISOLINE_FHIR_ALLOW_HTTP = True
    row = FhirServer(site=site, base_url=listener.url)
    row.token = "a secret token"
    row.save()
    return row
