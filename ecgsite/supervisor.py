"""Starts several programs, watches over them and never leaves one behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

# How long a program may take to finish what it is doing. A page that is cut off is read again at the next start.
PATIENCE_S: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1


class ChildDied(Exception):
    """A program ended by itself; the message has the end of its log."""


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Supervisor:
    """A context: programs started in it are gone when it ends, however it ends.

    Every program gets a process group of its own. Ctrl-C thus reaches only us, and we end the programs in order;
    what does not go when asked is killed with its whole group. On Linux the kernel ends them if we are killed.
    """

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._children: list[Child] = []
        self.stopping = threading.Event()

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program; what it prints goes to ``<name>.log``, the log of the last run to ``<name>.log.1``."""
        self._log_folder.mkdir(parents=True, exist_ok=True)
        log = self._log_folder / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  (no threads yet)
            )
        self._children.append(Child(name, process, log))

    def check(self) -> None:
        """Raise ``ChildDied`` if a program has ended by itself."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
                raise ChildDied(f"The {child.name} process {how}. The end of {child.log}:\n\n{_last_lines(child.log)}")

    def watch(self) -> None:
        """Return when asked to stop.

        Raises:
            ChildDied: a program ended by itself.
        """
        while not self.stopping.wait(0.5):
            self.check()

    def stop(self) -> None:
        """Ask every program to end, wait, and kill the groups of those that did not."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        for child in self._children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            # Also where the program is gone: what it started may still be there.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self._children.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping.is_set():
            # Asked twice: no more patience.
            for child in self._children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGKILL)
        self.stopping.set()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_lines(log: Path, count: int = 25) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
