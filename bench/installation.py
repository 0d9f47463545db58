"""The embedded default as real processes, started and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30
# The bench asks faster than any person; what it measures is not the throttle.
UNTHROTTLED = dict.fromkeys(("API_RATE_USER", "API_RATE_UPLOAD", "API_RATE_TOKEN"), "1000000/min")


@dataclass(frozen=True)
class Installation:
    """A running Isoline."""

    url: str
    pid: int

    def web_rss_mb(self) -> float:
        """Resident memory of the largest web process, in MB (10⁶ bytes)."""
        return self._largest_rss_mb("gunicorn")

    def worker_rss_mb(self) -> float:
        """Resident memory of the largest worker process, in MB (10⁶ bytes): the child that holds the model."""
        return self._largest_rss_mb("worker")

    def _largest_rss_mb(self, word: str) -> float:
        table = _processes()
        family = {self.pid}
        while more := {pid for pid, process in table.items() if process.parent in family} - family:
            family |= more
        sizes = [table[pid].rss_kib for pid in family if pid in table and word in table[pid].arguments.split()]
        sizes = sizes or [table[pid].rss_kib for pid in family if pid in table and word in table[pid].arguments]
        if not sizes:
            raise RuntimeError(f"no process of the installation mentions {word}")
        return max(sizes) * 1024 / 1e6


@dataclass(frozen=True)
class _Process:
    parent: int
    rss_kib: int
    arguments: str


@contextmanager
def running_installation(data_dir: Path) -> Iterator[Installation]:
    """Start web, worker and beat as ``make run`` does, with everything they write in ``data_dir``."""
    port = _free_port()
    environment = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BROKER_URL")}
    environment |= UNTHROTTLED | {
        "PORT": str(port),
        "ISOLINE_DATA_DIR": str(data_dir),
        "DJANGO_SETTINGS_MODULE": "ecgsite.settings.local",
        "LOG_LEVEL": "WARNING",
    }
    log = data_dir / "bench.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_local"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_up(process, f"http://127.0.0.1:{port}", data_dir, log)
            yield Installation(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, data_dir: Path, log: Path) -> None:
    """Web answers and the worker has its model."""
    deadline = time.monotonic() + START_TIMEOUT_S
    ready = data_dir / "run" / "worker-ready"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Isoline ended while starting:\n{log.read_text(errors='replace')[-3000:]}")
        try:
            with urlopen(f"{url}/healthz", timeout=2) as answer:
                if answer.status == 200 and ready.exists():
                    return
        except (URLError, OSError):
            pass
        time.sleep(0.2)
    raise RuntimeError(f"Isoline did not start in {START_TIMEOUT_S} s:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _processes() -> dict[int, _Process]:
    if Path("/proc/self/stat").exists():
        return _processes_of_linux()
    lines = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    table = {}
    for line in lines:
        pid, parent, rss_kib, arguments = line.split(maxsplit=3)
        table[int(pid)] = _Process(int(parent), int(rss_kib), arguments)
    return table


def _processes_of_linux() -> dict[int, _Process]:
    """Without ``ps``, which small container images leave out."""
    table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            arguments = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended meanwhile
        rss_kib = int(status.get("VmRSS", "0 kB").split()[0])
        table[int(folder.name)] = _Process(int(status["PPid"]), rss_kib, arguments)
    return table
