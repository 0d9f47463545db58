"""``python -m ml`` as a script of somebody else would call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.decode import encode_png

if TYPE_CHECKING:
    from ml.render import RenderedPage

REPOSITORY = Path(__file__).parents[2]
FIELDS = {"file", "status", "reason", "label", "abstained", "probabilities", "warnings"}
TRACED = {"quality", "measurements", "text"}


def _ml(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)


def _rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_predict_goes_through_good_and_bad_files_alike(rendered: RenderedPage, tmp_path: Path) -> None:
    good, blank, cut, text = (tmp_path / name for name in ("good ü.png", "blank.png", "cut.png", "text.jpg"))
    good.write_bytes(encode_png(rendered.image))
    blank.write_bytes(encode_png(np.full((600, 800, 3), 255, np.uint8)))
    cut.write_bytes(encode_png(rendered.image)[:5000])
    text.write_text("not a picture")
    pdf = tmp_path / "two.pdf"
    pages = [Image.fromarray(rendered.image)] * 2
    pages[0].save(pdf, save_all=True, append_images=pages[1:], resolution=200)

    done = _ml("predict", text, good, tmp_path / "missing.png", blank, cut, tmp_path, pdf)
    rows = _rows(done.stdout)
    assert [row["status"] for row in rows] == ["error", "ok", "error", "rejected", "error", "error", "ok", "ok"]
    assert [row["reason"] for row in rows[:4]] == ["unsupported_type", None, "unreadable_file", "not_an_ecg_page"]
    assert all(row.keys() >= FIELDS | TRACED for row in rows)
    assert rows[1]["file"] == str(good)
    assert rows[1]["label"] in rows[1]["probabilities"]
    assert sum(rows[1]["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert rows[1]["quality"]["layout"] == "4x2.5"
    assert any(value["name"] == "heart_rate" for value in rows[1]["measurements"]["values"])
    assert rows[1]["text"][0].startswith("Heart rate")
    assert rows[0]["measurements"] is None
    assert [row["page"] for row in rows[-2:]] == [1, 2]
    assert done.returncode == 1
    assert "7/7" in done.stderr, "progress belongs on standard error"


def test_predict_says_when_the_model_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--bundle", str(tmp_path), "x.png"]) == 2
    assert "cannot be loaded" in capsys.readouterr().err


def test_a_file_name_that_is_no_text_still_gives_json(tmp_path: Path) -> None:
    from ml.commands.predict import predict_file

    strange = Path(f"{tmp_path}/\udcff.png")
    (row,) = predict_file(None, strange)  # type: ignore[arg-type]  # never reached: the file does not exist
    assert json.loads(json.dumps(row))["reason"] == "unreadable_file"


def test_the_shipped_bundle_verifies_and_shows_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify"]) == 0
    assert "intact" in capsys.readouterr().out
    assert main(["bundle", "card"]) == 0
    assert "Khan and" in capsys.readouterr().out


def test_a_damaged_bundle_fails_to_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify", str(tmp_path)]) == 1
    assert "not a readable bundle" in capsys.readouterr().err


def test_architectures_are_listed_with_their_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architectures"]) == 0
    assert "custom_cnn\t423," in capsys.readouterr().out


# Keras' TensorFlow backend hands NumPy arrays over in a way that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_train_makes_a_bundle_that_predict_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cache of inputs lies in the working directory.
    monkeypatch.chdir(tmp_path)
    _small_dataset(tmp_path / "data")
    run, out = tmp_path / "run", tmp_path / "bundle"
    options = ["--run", run, "--out", out, "--epochs", "1", "--batch-size", "4", "--version", "9.9.9"]
    assert main(["train", "custom_cnn", str(tmp_path / "data"), *map(str, options)]) == 0
    assert "custom_cnn 9.9.9" in (out / "CARD.md").read_text()
    page = next((tmp_path / "data").glob("*.png"))
    capsys.readouterr()
    assert main(["predict", "--bundle", str(out), str(page)]) == 0
    (row,) = _rows(capsys.readouterr().out)
    assert row["status"] == "ok"


def _small_dataset(folder: Path) -> None:
    from ml.dataset import CARDIAC_CLASSES
    from ml.render import render_page
    from ml.synthetic import synthetic_signals

    folder.mkdir()
    lines = ["file,label,group,strict"]
    for number in range(40):
        page = render_page(synthetic_signals(seed=number), size=(700, 497), seed=number).image
        (folder / f"{number}.png").write_bytes(encode_png(page))
        lines.append(f"{number}.png,{CARDIAC_CLASSES[number % 4]},g{number},1")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("arguments", [["--help"], ["bundle", "verify"], ["benchmark", "--help"], ["train", "--help"]])
def test_what_needs_no_network_does_not_wait_for_tensorflow(arguments: list[str]) -> None:
    program = (
        "import sys; from ml.__main__ import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr.strip() == "[]"
