"""The queue of the embedded default: kombu's file-system transport, made safe for a reader that polls often.

The original writes a message into its final file, so that a reader can catch it empty, and moves a message it takes
through the system's temporary folder. Here a message appears and disappears by one rename.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual


class Channel(filesystem.Channel):
    """One file per message, named by time and queue, first in first out."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        unfinished = folder / f".{uuid.uuid4()}.unfinished"
        try:
            unfinished.write_text(json.dumps(payload), encoding="utf-8")
            unfinished.rename(folder / f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"Cannot add a message to {folder}") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        # The names as plain strings: this runs twenty times a second.
        for name in sorted(os.listdir(self.data_folder_in)):  # noqa: PTH208
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            waiting = Path(self.data_folder_in) / name
            taken = waiting.with_name(f".{name}.taken")
            try:
                waiting.rename(taken)
            except FileNotFoundError:
                continue  # another worker was quicker
            payload: dict[str, Any] = json.loads(taken.read_text(encoding="utf-8"))
            taken.unlink()
            return payload
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
    # Every Transport in a process shares one state; kombu's own would be shared with kombu's transport.
    global_state = virtual.BrokerState()


TRANSPORT_ALIASES["embedded"] = f"{__name__}:Transport"
