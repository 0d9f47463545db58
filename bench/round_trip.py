"""From ``POST`` to ``DONE`` through the API, as a client sees it."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from bench.pages import jpeg_page

if TYPE_CHECKING:
    from bench.installation import Installation

POLL_S = 0.02
PATIENCE_S = 60
ENDED = ("done", "rejected", "failed")
# Allocators settle over the first pages; growth is counted from here.
SETTLED_AFTER = 50


class Client:
    """The few API calls the bench makes."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = url
        self._headers: dict[str, str] = {}
        credentials = json.dumps({"username": username, "password": password}).encode()
        answer = self._send("/api/v1/token/", credentials, "application/json")
        self._headers = {"Authorization": f"Token {answer['token']}"}

    def upload(self, name: str, data: bytes) -> str:
        """Send a file; returns the id of its diagnosis."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        answer = self._send("/api/v1/uploads/", body, f"multipart/form-data; boundary={boundary}")
        return str(answer["diagnoses"][0]["id"])

    def status(self, diagnosis: str) -> str:
        return str(self._send(f"/api/v1/diagnoses/{diagnosis}/")["status"]).lower()

    def _send(self, path: str, body: bytes | None = None, content_type: str = "application/json") -> dict[str, Any]:
        request = Request(self._url + path, data=body, headers=self._headers | {"Content-Type": content_type})
        with urlopen(request, timeout=30) as answer:
            content: dict[str, Any] = json.load(answer)
        return content


def measure(installation: Installation, pages: int) -> tuple[list[float], float | None]:
    """Send ``pages`` distinct pages one after another.

    Returns:
        Seconds from POST to DONE of each page, and the worker's growth in memory since it settled (0.05 = 5 %), or
        None where too few pages were sent to say.
    """
    client = Client(installation.url, "clinician", "isoline-demo")
    _round_trip(client, "warm-up.jpg", jpeg_page(999_983))
    seconds: list[float] = []
    settled_mb: float | None = None
    for seed in range(pages):
        seconds.append(_round_trip(client, f"page-{seed}.jpg", jpeg_page(1000 + seed)))
        if seed + 1 == SETTLED_AFTER:
            settled_mb = installation.worker_rss_mb()
        if (seed + 1) % 50 == 0:
            print(f"{seed + 1} pages, worker {installation.worker_rss_mb():.0f} MB", file=sys.stderr)
    if settled_mb is None or pages < 2 * SETTLED_AFTER:
        return seconds, None
    return seconds, installation.worker_rss_mb() / settled_mb - 1


def _round_trip(client: Client, name: str, data: bytes) -> float:
    start = time.perf_counter()
    diagnosis = client.upload(name, data)
    while (status := client.status(diagnosis)) not in ENDED:
        if time.perf_counter() - start > PATIENCE_S:
            raise RuntimeError(f"{name} is still {status} after {PATIENCE_S} s")
        time.sleep(POLL_S)
    if status != "done":
        raise RuntimeError(f"{name} ended {status}")
    return time.perf_counter() - start
