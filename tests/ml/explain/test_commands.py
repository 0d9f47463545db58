"""``python -m ml explain`` and ``python -m ml faithfulness`` as a user calls them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.__main__ import main
from ml.bundle import read_manifest
from ml.decode import encode_png
from ml.explain import METHODS
from ml.render import render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path

    from ml.render import RenderedPage


@pytest.fixture(scope="module")
def page_file(rendered: RenderedPage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.png"
    file.write_bytes(encode_png(rendered.image))
    return file


def test_explain_writes_a_layer_and_an_overlay_for_each_method(
    small_bundle: Path, page_file: Path, rendered: RenderedPage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["explain", str(page_file), "--label", "mi", "--bundle", str(small_bundle), "--out", str(tmp_path)]) == 0
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["method"] for row in rows] == list(METHODS)
    for row in rows:
        assert row["label"] == "mi"
        layer, drawn = (cv2.imread(row[picture], cv2.IMREAD_UNCHANGED) for picture in ("layer", "overlay"))
        assert layer is not None
        assert drawn is not None
        assert layer[..., 3].max() > 150
        assert drawn.shape == rendered.image.shape
    assert "local_r2" in next(row for row in rows if row["method"] == "lime")["details"]


def test_explain_refuses_what_it_cannot_do_in_a_sentence(
    small_bundle: Path, page_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.png"
    blank.write_bytes(encode_png(np.full((600, 800, 3), 255, np.uint8)))
    out = tmp_path / "out"
    common = ["--method", "grad_cam", "--out", str(out), "--bundle", str(small_bundle)]
    for arguments, status, sentence in (
        ([str(page_file), *common, "--label", "gout"], 1, "knows no class 'gout'"),
        ([str(blank), *common], 1, "not"),
        ([str(tmp_path / "missing.png"), *common], 1, "cannot be read"),
        ([str(page_file), "--out", str(out), "--bundle", str(tmp_path)], 2, "The model cannot be loaded"),
    ):
        assert main(["explain", *arguments]) == status
        captured = capsys.readouterr()
        assert sentence in captured.err
        assert captured.out == ""


def test_faithfulness_measures_prints_and_seals(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle, out = tmp_path / "data", tmp_path / "bundle", tmp_path / "deep" / "result.json"
    _small_dataset(data)
    shutil.copytree(small_bundle, bundle)
    before = read_manifest(bundle).sha256
    options = ["--pages", "2", "--randomised", "1", "--methods", "grad_cam", "spatial_attention", "--out", str(out)]
    options += ["--sheets", str(tmp_path / "sheets")]
    assert main(["faithfulness", str(bundle), str(data), *options]) == 0
    table = capsys.readouterr().out
    assert "| Grad-CAM | " in table
    assert "| Spatial attention | " in table
    assert read_manifest(bundle).sha256 == before, "nothing is sealed unless asked"
    result = json.loads(out.read_text())
    assert result["pages"] == 4
    sheets = sorted((tmp_path / "sheets").iterdir())
    assert [sheet.stem for sheet in sheets] == sorted(result["pages_per_class"])
    drawn = cv2.imread(str(sheets[0]))
    height, width = drawn.shape[0] // 2, drawn.shape[1] // 3
    page, heated = drawn[30 : height - 5, 5 : width - 5], drawn[30 : height - 5, width + 5 : 2 * width - 5]
    assert np.ptp(page.astype(int), axis=2).max() < 12, "the first column is the grey page"
    assert np.ptp(heated.astype(int), axis=2).max() > 60, "the second has heat on it"
    assert result["methods"]["grad_cam"]["randomisation"]["steps"][0]["down_to"] == "silent"

    assert main(["faithfulness", str(bundle), str(data), "--pages", "1", "--methods", "grad_cam", "--seal"]) == 0
    manifest = read_manifest(bundle)
    manifest.verify()
    assert manifest.sha256 in capsys.readouterr().err
    assert manifest.explanations["grad_cam"]["pages"] == 2
    assert isinstance(manifest.explanations["grad_cam"]["passes_randomisation"], bool)


def test_faithfulness_refuses_what_it_cannot_do_in_a_sentence(
    small_bundle: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, status, sentence in (
        ([small_bundle, tmp_path / "nowhere"], 1, "cannot be read"),
        ([tmp_path, tmp_path], 2, "The model cannot be loaded"),
        ([bundle, tmp_path, "--methods", "spatial_attention"], 1, "spatial_attention: not for custom_cnn"),
        ([small_bundle, tmp_path, "--pages", "0"], 1, "1 or more"),
    ):
        assert main(["faithfulness", *map(str, arguments)]) == status
        assert sentence in capsys.readouterr().err


def _small_dataset(folder: Path) -> None:
    folder.mkdir()
    lines = ["file,label,group,strict"]
    for number in range(30):
        if number < 6:
            page = render_page(synthetic_signals(seed=number), size=(700, 497), seed=number).image
            (folder / f"{number}.png").write_bytes(encode_png(page))
        lines.append(f"{number % 6}.png,{('normal', 'mi')[number % 2]},g{number},1")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
