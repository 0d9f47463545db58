"""A killed machine's trial is tried again; addresses that lead nowhere are said in a sentence."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from ml.automl import storage
from ml.automl.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

# Begins a trial, says so, and is killed in the middle of it.
MACHINE = """
import sys, time, optuna
from ml.automl import storage
storage.HEARTBEAT_SECONDS, storage.GRACE_SECONDS = 1, 2
study = optuna.load_study(study_name="s", storage=storage.open_storage(sys.argv[1]))

def objective(trial):
    trial.suggest_float("rate", 0.0, 1.0)
    print("begun", flush=True)
    time.sleep(600)

study.optimize(objective, n_trials=1)
"""


def test_what_a_killed_machine_was_trying_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(storage, "GRACE_SECONDS", 2)
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(study_name="s", storage=open_storage(url))
    with subprocess.Popen([sys.executable, "-c", MACHINE, url], stdout=subprocess.PIPE, text=True) as machine:
        assert machine.stdout is not None
        assert machine.stdout.readline() == "begun\n"
        # Its first sign of life is written beside the trial, by a thread of its own.
        time.sleep(1)
        machine.kill()
    assert study.trials[0].state == TrialState.RUNNING
    time.sleep(3.5)
    study.optimize(lambda trial: trial.suggest_float("rate", 0.0, 1.0), n_trials=1)
    killed, again = study.trials
    assert (killed.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert again.params == killed.params


def test_two_machines_share_a_journal_on_a_disk(tmp_path: Path) -> None:
    url = f"journal://{tmp_path}/shared/study.log"
    first = optuna.create_study(study_name="s", storage=open_storage(url))
    second = optuna.load_study(study_name="s", storage=open_storage(url))
    first.enqueue_trial({"rate": 0.25})
    second.optimize(lambda trial: trial.suggest_float("rate", 0.0, 1.0), n_trials=1)
    assert [trial.value for trial in first.trials] == [0.25]


def test_an_address_that_leads_nowhere_is_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="cannot be opened"):
        open_storage("no address")
