"""A whole Isoline for a test to use and to hurt: web, worker and beat as processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Row:
    """A diagnosis as the database has it."""

    state: str
    attempts: int
    reason: str
    error: str
    heatmaps: int
    sent_count: int


@dataclass
class Installation:
    """One installation in a folder, with a database and a broker of its own.

    Attributes:
        folder: everything it writes.
        database_url, broker_url: empty for the embedded ones.
        settings: more environment variables.
    """

    folder: Path
    database_url: str = ""
    broker_url: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.faults = self.folder / "faults"
        self.faults.mkdir(parents=True)
        self._token = ""

    # --- Its processes ----------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        chosen = {
            "DJANGO_SETTINGS_MODULE": "ecgsite.settings.test",
            "ISOLINE_DATA_DIR": str(self.folder),
            "FAULTS_DIR": str(self.faults),
            # Short, so that a test need not wait, but long enough to load a model on a slow and busy machine; the order
            # soft < hard < lease is production's.
            "ISOLINE_SOFT_LIMIT_S": "15",
            "ISOLINE_HARD_LIMIT_S": "17",
            "ISOLINE_LEASE_S": "18",
            # Explaining steps back behind everything else that runs on the machine.
            "ISOLINE_EXPLAIN_SOFT_LIMIT_S": "150",
            "ISOLINE_EXPLAIN_HARD_LIMIT_S": "160",
            "ISOLINE_EXPLAIN_LEASE_S": "161",
            "ISOLINE_SWEEP_SECONDS": "1",
            "ISOLINE_RETRY_S": "1",
            "ISOLINE_RESEND_S": "5",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONUNBUFFERED": "1",
            "LOG_FORMAT": "text",
        }
        if self.database_url:
            chosen["DATABASE_URL"] = self.database_url
        if self.broker_url:
            chosen["BROKER_URL"] = self.broker_url
        return {**os.environ, **chosen, **self.settings}

    def set_up(self) -> None:
        """Tables, a model, and a clinician with a token."""
        self.manage("migrate", "--verbosity=0")
        self.manage("register_model", "--activate")
        self.run(
            "from accounts.models import Site, User\n"
            "from accounts.tokens import open_token\n"
            f"user = User.objects.create_user('carla', password={PASSWORD!r})\n"
            "user.sites.add(Site.objects.create(name='North Hospital'))\n"
            f"open({str(self.folder / 'token')!r}, 'w').write(open_token(user)[0])\n"
        )
        self._token = (self.folder / "token").read_text()

    def manage(self, *arguments: str) -> str:
        return self._python("manage.py", *arguments)

    def run(self, code: str) -> str:
        """Run a few lines with Django set up."""
        return self._python("-c", f"import django\ndjango.setup()\n{code}")

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()

    def start_web(self) -> None:
        command = ["gunicorn", "ecgsite.wsgi", f"--bind=127.0.0.1:{self.port}", "--threads=4", "--no-control-socket"]
        self._start("web", *command)
        wait_for(self._web_answers, within_s=120)

    def start_worker(self, name: str = "worker", *, queues: str = "diagnose,housekeeping", children: int = 1) -> None:
        """Start a worker whose children can be told to stumble; see ``stumbling_worker``."""
        log_from = self._log_size(name)
        command = ["celery", "-A", "stumbling_worker", "worker", f"-n{name}@%h", f"-c{children}"]
        self._start(name, *command, f"-Q{queues}", "--without-gossip", "--without-mingle", "--without-heartbeat")

        def is_warm() -> bool:
            assert self.processes[name].poll() is None, self.log(name)[-4000:]
            return self.log(name, since=log_from).count("Model loaded") >= children

        wait_for(is_warm, within_s=120)

    def start_explainer(self) -> None:
        """Start a worker for explanations as ``make run`` does: without a child until there is something to do."""
        command = ["celery", "-A", "ecgsite", "worker", "-nexplainer@%h", "--autoscale=1,0", "-Qexplain"]
        log_from = self._log_size("explainer")
        self._start("explainer", *command, "--without-gossip", "--without-mingle", "--without-heartbeat")
        wait_for(lambda: "ready." in self.log("explainer", since=log_from), within_s=120)

    def child_of(self, name: str) -> int:
        """The process in which a worker's tasks run."""
        children = Path(f"/proc/{self.processes[name].pid}/task/{self.processes[name].pid}/children")
        # While a pool changes its size, one that is about to leave stands beside the one that works.
        (child,) = wait_for(lambda: len(found := children.read_text().split()) == 1 and found, within_s=60)
        return int(child)

    def start_beat(self) -> None:
        self._start("beat", "celery", "-A", "ecgsite", "beat", "--pidfile=")

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            # A group of its own, so that killing it takes the children with it and nobody else.
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a process and all its children at once."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait(timeout=30)

    def tear_down(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def log(self, name: str, *, since: int = 0) -> str:
        path = self.folder / f"{name}.log"
        return path.read_bytes()[since:].decode(errors="replace") if path.exists() else ""

    def _log_size(self, name: str) -> int:
        path = self.folder / f"{name}.log"
        return path.stat().st_size if path.exists() else 0

    # --- Its users --------------------------------------------------------------------------------

    def upload(self, data: bytes, *, note: str = "") -> str:
        """Send a page as the clinician and return the key of its diagnosis."""
        boundary = uuid.uuid4().hex
        parts = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\n{note}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="page.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        body = parts + data + f"\r\n--{boundary}--\r\n".encode()
        answer = self._call("/api/v1/uploads/", body, f"multipart/form-data; boundary={boundary}")
        (diagnosis,) = answer["diagnoses"]
        return str(diagnosis["id"])

    def ask_for_explanation(self, diagnosis: str, method: str) -> dict[str, Any]:
        body = json.dumps({"method": method}).encode()
        return self._call(f"/api/v1/diagnoses/{diagnosis}/explanations/", body)

    def explanation(self, key: str) -> dict[str, Any]:
        return self._call(f"/api/v1/explanations/{key}/")

    def diagnosis(self, key: str) -> dict[str, Any]:
        return self._call(f"/api/v1/diagnoses/{key}/")

    def wait_until(self, key: str, *states: str, within_s: float = 120) -> dict[str, Any]:
        """Ask the API until the diagnosis is in one of the states and, if it is done, its measurements are there."""

        def look() -> dict[str, Any] | None:
            found = self.diagnosis(key)
            complete = found["status"] != "done" or found["quality"] is not None
            return found if found["status"] in states and complete else None

        try:
            return wait_for(look, within_s=within_s)
        except TimeoutError:
            raise AssertionError(f"{key} is {self.row(key)}\n{self.log('worker')[-4000:]}") from None

    def _call(self, path: str, body: bytes | None = None, content_type: str = "application/json") -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            headers={"Authorization": f"Token {self._token}", "Content-Type": content_type},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code} {error.read().decode()}\n{self.log('web')[-3000:]}") from None

    def _web_answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/schema/", timeout=5).close()
        except OSError:
            return False
        return True

    # --- Its inside -------------------------------------------------------------------------------

    def send_task(self, key: str, *, task_id: str = "") -> None:
        """Put a message for a diagnosis into the queue, whatever is there already."""
        task = f", task_id={task_id!r}" if task_id else ""
        self.run(f"from diagnosis.tasks import diagnose\ndiagnose.apply_async(({key!r},){task})")

    def wait_until_held(self, key: str, *, within_s: float = 120) -> tuple[int, str]:
        """Wait until a worker child holds the page; its process and the task that brought it."""
        held = self.faults / f"held-{key}"
        pid, _, task_id = wait_for(lambda: held.exists() and held.read_text(), within_s=within_s).partition(" ")
        return int(pid), task_id

    def release(self, key: str) -> None:
        """Let a held page go on."""
        (self.faults / f"release-{key}").touch()

    def row(self, key: str) -> Row:
        columns = "state, attempts, reason, error, sent_count"
        heatmaps = "(SELECT count(*) FROM diagnosis_heatmap WHERE diagnosis_id = diagnosis_diagnosis.id)"
        query = f"SELECT {columns}, {heatmaps} FROM diagnosis_diagnosis WHERE id = "
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                found = connection.execute(query + "%s", [key]).fetchone()
        else:
            with contextlib.closing(sqlite3.connect(self.folder / "isoline.sqlite3")) as connection:
                found = connection.execute(query + "?", [uuid.UUID(key).hex]).fetchone()
        assert found is not None
        state, attempts, reason, error, sent_count, count = found
        return Row(state, attempts, reason, error, count, sent_count)

    def stored_files(self, key: str) -> list[str]:
        """The files drawn for a diagnosis, referred to or not."""
        return sorted(path.name for path in self.folder.glob(f"media/heatmaps/*/{key}/*"))


def wait_for(look: Callable[[], Found], *, within_s: float) -> Found:
    """The first true answer.

    Raises:
        TimeoutError: there was none in time.
    """
    deadline = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrivateRedis:
    """A Redis of one's own, to be stopped without harm to others. Forgets everything when it stops."""

    def __init__(self, program: str, folder: Path) -> None:
        self._command = [program, "--save", "", "--appendonly", "no", "--dir", str(folder)]
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([*self._command, "--port", str(self.port)], stdout=subprocess.DEVNULL)
        wait_for(self._answers, within_s=60)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def private_database(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL database of one's own beside the given one."""
    name = f"isoline_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
