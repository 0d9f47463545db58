"""Web, workers and beat on one machine, started and stopped together: what ``make run`` runs."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ecgsite.ports import port_problem
from ecgsite.supervisor import ChildDied, Supervisor

READY_WITHIN_S = 240


class Command(BaseCommand):
    help = "Migrate, create the demo accounts, and run web, worker and beat until Ctrl-C (local settings only)."
    # `migrate` below runs the checks.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default=os.environ.get("PORT", "8000"))
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))

    def handle(self, *args: Any, port: str, host: str, **options: Any) -> None:
        if not settings.ISOLINE_DEMO_ACCOUNTS_ALLOWED:
            raise CommandError("run_local is for one's own machine; see docs/operations.md for a hospital's.")
        if problem := port_problem(port, host):
            raise CommandError(problem)
        lock = _only_one(settings.DATA_DIR / "run" / "lock")
        self._prepare()
        settings.WORKER_READY_FILE.unlink(missing_ok=True)
        try:
            with Supervisor(settings.DATA_DIR / "log") as supervisor:
                self._start(supervisor, host, port)
                if self._wait_until_ready(supervisor, port):
                    self._say(
                        f"Isoline is ready: http://localhost:{port} - log in as clinician or admin, "
                        "password isoline-demo. Ctrl-C stops it."
                    )
                    supervisor.watch()
                self._say("Stopping ...")
            self._say("Stopped.")
        except ChildDied as death:
            raise CommandError(str(death)) from None
        finally:
            lock.close()

    def _prepare(self) -> None:
        # What these say on the way is for a server's log.
        logging.disable(logging.INFO)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("create_demo", stdout=self.stdout)
        call_command("register_model", stdout=self.stdout)

    def _start(self, supervisor: Supervisor, host: str, port: str) -> None:
        self._say(f"Starting web, workers and beat; their logs are in {_short(settings.DATA_DIR / 'log')} ...")
        environment = {
            "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
            **os.environ,
            "PYTHONUNBUFFERED": "1",
        }
        python = [sys.executable, "-m"]
        web = ["gunicorn", "ecgsite.wsgi", f"--bind={host}:{port}", "--workers=1", "--worker-class=gthread"]
        web += ["--threads=4", "--timeout=120", "--graceful-timeout=5", "--no-control-socket"]
        worker = ["celery", "-A", "ecgsite", "worker", "--pool=prefork"]
        worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        supervisor.start("worker", [*python, *worker, "--concurrency=1", "--queues=diagnose,housekeeping"], environment)
        # A process of its own, so that no page waits for an explanation. It has no child, and thus no model in
        # memory, while nobody asks.
        explainer = ["--autoscale=1,0", "--queues=explain", "--hostname=explainer@%h"]
        supervisor.start("explainer", [*python, *worker, *explainer], environment)
        supervisor.start("web", python + web, environment)
        supervisor.start("beat", [*python, "celery", "-A", "ecgsite", "beat", "--pidfile="], environment)

    def _wait_until_ready(self, supervisor: Supervisor, port: str) -> bool:
        """Wait for the web process to answer and for a message to reach a worker child that has loaded its model."""
        from ecgsite.celery import mark_ready

        mark_ready.delay()
        web_is_up = False
        deadline = time.monotonic() + READY_WITHIN_S
        while not supervisor.stopping.wait(0.1):
            supervisor.check()
            web_is_up = web_is_up or _answers(f"http://127.0.0.1:{port}/healthz")
            if web_is_up and settings.WORKER_READY_FILE.exists():
                return True
            if time.monotonic() > deadline:
                raise ChildDied(
                    f"Not ready after {READY_WITHIN_S} s; read {settings.DATA_DIR / 'log'} for what web and worker say."
                )
        return False

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _only_one(path: Path) -> IO[str]:
    """Hold the data folder: a second beat on it would sweep twice, a second worker make both slow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(
            f"Isoline already runs on {path.parents[1]}. Stop it first, or give this one its own folder: "
            "ISOLINE_DATA_DIR=/some/where make run"
        ) from None
    return lock


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  (our own address)
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
