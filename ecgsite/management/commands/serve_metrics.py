"""The metrics of a machine that runs workers but no web process."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector


class Command(BaseCommand):
    help = "Serve what the workers of this machine count, for Prometheus. Bind it to an address that only it reaches."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=9090)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, port: int, host: str, **options: Any) -> None:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
        start_http_server(port, host, counted)
        self.stdout.write(f"http://{host}:{port}/metrics")
        self.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
