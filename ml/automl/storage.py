"""Where studies live: a database, or a journal on a disk that several machines see."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

HEARTBEAT_SECONDS: Final = 60
# A trial whose machine has not been heard of for so long is taken for dead and its settings are tried again.
GRACE_SECONDS: Final = 300
RETRIES: Final = 3


def open_storage(url: str) -> BaseStorage:
    """Open a storage, made if it is new.

    Args:
        url: as SQLAlchemy writes them, ``sqlite:///runs/automl.db`` or ``postgresql+psycopg://user@host/name``, or
            ``journal:///shared/automl.log`` for a file on a network disk. SQLite is for one machine only.

    Raises:
        ValueError: the address cannot be opened.
    """
    if url.startswith("journal://"):
        file = Path(url.removeprefix("journal://"))
        file.parent.mkdir(parents=True, exist_ok=True)
        # Opening a file that must not exist yet works as a lock on every network disk; symbolic links do not.
        return JournalStorage(JournalFileBackend(str(file), lock_obj=JournalFileOpenLock(str(file))))
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).absolute().parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            # Optuna calls its heartbeat experimental; without it a killed trial would be waited for until for ever.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
            )
    # SQLAlchemy, its drivers and Optuna each have errors of their own for an address that leads nowhere.
    except Exception as error:
        raise ValueError(f"the storage {url} cannot be opened: {error}") from error
