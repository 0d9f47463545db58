"""Several devices share a training; two virtual ones of a CPU stand in for two GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml.devices import count_devices

REPOSITORY = Path(__file__).parents[2]

# Sixteen and eight pages, or one more of each, on one device and on two.
SCRIPT = """
import json, sys
from pathlib import Path
import keras, numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from ml.dataset import LabelledPage, Split
from ml.devices import count_devices
from ml.recipes import Recipe
import ml.training
from ml.training import read_log, train
import tiny_network

# The pages as they are: how often Keras looks at the first batch before it begins depends on the devices.
ml.training.page_augmentation = lambda seed: lambda image: {"image": image}

tiny_network.register()
folder, result = Path(sys.argv[1]), {}
inputs = np.random.default_rng(1).integers(0, 256, (26, *tiny_network.SIZE), np.uint8)
inputs[::2, :20] = 250
labels = ("normal", "mi")
pages = [LabelledPage(f"{n}.png", labels[n % 2], f"g{n}", strict=True) for n in range(26)]
for name, number, first in (("one", 1, 16), ("two", count_devices("all"), 16), ("uneven", 2, 17)):
    copies = []
    split = Split(np.arange(first), np.arange(first, 25 if first == 16 else 26), np.arange(0))
    train(
        Recipe("tiny", epochs=2, batch_size=8), inputs, pages, labels, split, folder / name, devices=number,
        after_epoch=lambda epoch, model: copies.append(len(getattr(model.weights[0].value, "values", [0]))),
    )
    result[name] = {"copies": copies, "log": read_log(folder / name / "log.csv")}
print(json.dumps(result))
"""


def test_two_devices_learn_what_one_would_have_learnt(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=REPOSITORY,
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": f"{REPOSITORY}:{Path(__file__).parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["one"]["copies"] == [1, 1]
    assert found["two"]["copies"] == [2, 2]
    assert found["uneven"]["copies"] == [2, 2]
    for alone, shared in zip(found["one"]["log"], found["two"]["log"], strict=True):
        assert shared["loss"] == pytest.approx(alone["loss"], rel=3e-3)
    assert len(found["uneven"]["log"]) == 2


def test_what_cannot_be_spread_is_said_in_a_sentence() -> None:
    assert count_devices("1") == 1
    with pytest.raises(ValueError, match="sees"):
        count_devices("99")
    with pytest.raises(ValueError, match="“all”"):
        count_devices("many")
