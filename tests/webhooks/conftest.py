"""A real server at the other end, and webhooks that lead to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site, User
from diagnosis.webhooks import deliveries, hooks
from diagnosis.webhooks.models import Delivery, Event, Webhook
from tests.diagnosis.conftest import claim, model, queued, reading, upload  # noqa: F401


@dataclass
class Receiver:
    """What somebody else's server got, and what it answers: ``answers`` in turn, then the last one again."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=lambda: [(204, "")])
    location: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def next_answer(self) -> tuple[int, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((dict(self.headers), body))
            code, text = receiver.next_answer()
            self.send_response(code)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            """Quietly."""

    return Handler


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.ISOLINE_WEBHOOK_ALLOW_HTTP = True
    settings.ISOLINE_WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    settings.ISOLINE_PUBLIC_URL = "https://ecg.hospital.invalid/"
    there = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(there))
    there.url = f"http://127.0.0.1:{server.server_address[1]}/isoline?from=north"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield there
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook(receiver: Receiver, site: Site, administrator: User) -> Webhook:
    """Hears of everything at the site; its secret is in ``hook.secret``."""
    made, secret = hooks.make(
        site=site, name="Engine", url=receiver.url, events=list(Event.values), made_by=administrator
    )
    made.secret = secret
    return made


@pytest.fixture
def wait() -> Callable[[timedelta], None]:
    """Let time pass for every message and webhook."""

    def pass_by(span: timedelta) -> None:
        for row in Delivery.objects.all():
            row.due_at -= span
            row.created_at -= span
            row.finished_at = row.finished_at and row.finished_at - span
            row.sent_to_queue_at = row.sent_to_queue_at and row.sent_to_queue_at - span
            row.leased_until = row.leased_until and row.leased_until - span
            row.save()
        for hook in Webhook.objects.all():
            hook.failing_since = hook.failing_since and hook.failing_since - span
            hook.asleep_until = hook.asleep_until and hook.asleep_until - span
            hook.save()

    return pass_by


@pytest.fixture
def deliver_due() -> Callable[[], int]:
    """What a worker does with the messages that the sweep sends it."""

    def work() -> int:
        due = Delivery.objects.filter(state=Delivery.State.PENDING, due_at__lte=timezone.now()).order_by("due_at")
        return sum(deliveries.deliver(pk) is not None for pk in due.values_list("pk", flat=True))

    return work
