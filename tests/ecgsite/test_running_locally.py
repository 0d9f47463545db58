"""``make run``: everything starts together, says where to go, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecgsite.ports import port_problem
from ecgsite.supervisor import ChildDied, Supervisor

REPOSITORY = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def signals_restored() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_a_free_port_is_no_problem_and_others_get_one_sentence(free_port: int, taken_port: int):
    assert port_problem(str(free_port)) is None
    assert "taken by another program" in port_problem(str(taken_port))
    assert "make run PORT=" in port_problem(str(taken_port))
    for nonsense in ("", "http", "0", "70000", "-1"):
        assert "must be a number" in port_problem(nonsense)


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", deaf])
print(child.pid, flush=True)
time.sleep(99)
"""


def test_programs_that_ignore_the_request_to_end_are_gone_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals_restored: None
):
    monkeypatch.setattr("ecgsite.supervisor.PATIENCE_S", 0.2)
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("stubborn", [sys.executable, "-c", STUBBORN], os.environ)
        log = tmp_path / "stubborn.log"
        assert wait_for(lambda: log.read_text().strip() != "")
        grandchild = int(log.read_text())
        assert is_alive(grandchild)

    assert wait_for(lambda: not is_alive(grandchild))


def test_a_program_that_dies_is_reported_with_its_last_words(tmp_path: Path, signals_restored: None):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("web", [sys.executable, "-c", "import sys; print('no such table'); sys.exit(3)"], os.environ)
        with pytest.raises(ChildDied, match=r"(?s)The web process ended with status 3.*no such table"):
            supervisor.watch()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program that its parent was killed")
def test_programs_end_even_when_the_supervisor_is_killed(tmp_path: Path):
    code = f"""
import os, sys
from pathlib import Path
from ecgsite.supervisor import Supervisor
with Supervisor(Path({str(tmp_path)!r})) as supervisor:
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(99)"
    supervisor.start("child", [sys.executable, "-c", child], os.environ)
    supervisor.watch()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY)
    log = tmp_path / "child.log"
    assert wait_for(lambda: log.exists() and log.read_text().strip() != "")
    child = int(log.read_text())

    parent.kill()
    parent.wait()

    assert wait_for(lambda: not is_alive(child))


@pytest.fixture
def run_local(tmp_path: Path):
    started: list[subprocess.Popen[str]] = []

    def start(port: int, **variables: str) -> subprocess.Popen[str]:
        keep = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_local", "--port", str(port)],
            cwd=REPOSITORY,
            env={
                **keep,
                "DJANGO_SETTINGS_MODULE": "ecgsite.settings.local",
                "ISOLINE_DATA_DIR": str(tmp_path / "var"),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def test_a_taken_port_is_said_before_anything_starts(run_local, taken_port: int, tmp_path: Path):
    process = run_local(taken_port)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output.count("\n") == 1
    assert "taken by another program" in output
    assert not (tmp_path / "var" / "isoline.sqlite3").exists()


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [found for child in children for found in _descendants(int(child))]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find what is left behind")
def test_one_command_starts_everything_and_ctrl_c_stops_it_without_a_trace(run_local, free_port: int, tmp_path: Path):
    process = run_local(free_port)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "ready" in line or "Error" in line:
            break
    assert f"Isoline is ready: http://localhost:{free_port}" in lines[-1], "".join(lines)
    assert "clinician" in lines[-1]
    assert "isoline-demo" in lines[-1]
    assert len(lines) < 10
    assert not any("Warning" in line or "tensorflow" in line.lower() for line in lines)
    with urllib.request.urlopen(f"http://localhost:{free_port}/accounts/login/") as page:
        assert b"Log in" in page.read()
    running = _descendants(process.pid)
    assert len(running) >= 5  # web and its worker, worker and its child, beat

    second = run_local(free_port + 1)
    refusal, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert "already runs" in refusal

    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert output.endswith("Stopped.\n")
    assert "Traceback" not in output
    assert not [pid for pid in running if is_alive(pid)]
    assert port_problem(str(free_port)) is None
