"""An export answers as TensorFlow does, or it is not kept."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.__main__ import main
from ml.bundle import CARD, MANIFEST, MODEL, read_manifest
from ml.compiled_pass import Answer, load_model, tensorflow_pass
from ml.export import exporting
from ml.export.card import with_exports
from ml.export.formats import FORMATS, Format
from ml.export.parity import answers, compare
from ml.export.reference import REFERENCE, read_reference
from ml.export.runtimes import open_export

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle import BundleManifest
    from ml.export.exporting import Pages


def test_every_format_gives_tensorflows_probabilities_and_heatmap(manifest: BundleManifest, pages: Pages) -> None:
    right = answers(tensorflow_pass(load_model(manifest), manifest), pages.inputs)
    # Answers that are all the same would prove little.
    assert np.ptp([answer.probabilities for answer in right], axis=0).max() > 0.01
    assert all(answer.attribution.max() == pytest.approx(1.0) for answer in right)
    assert set(manifest.exports) == set(FORMATS)
    for name, record in manifest.exports.items():
        form = FORMATS[name]
        parity = compare(right, answers(open_export(manifest.folder / form.file, form.runtime), pages.inputs), form)
        assert parity.passed, f"{name}: {parity}"
        assert record["parity"]["differing_winners"] == 0
        assert record["parity"]["probability_difference"] == pytest.approx(parity.probability_difference, abs=1e-5)


def test_smaller_weights_make_smaller_files(manifest: BundleManifest) -> None:
    size = {name: (manifest.folder / record["file"]).stat().st_size for name, record in manifest.exports.items()}
    assert size == {name: record["bytes"] for name, record in manifest.exports.items()}
    assert size["litert-dynamic"] < size["litert"]


def test_the_exports_are_sealed_and_the_original_is_untouched(small: BundleManifest, manifest: BundleManifest) -> None:
    manifest.verify()
    files = {CARD, MANIFEST, MODEL, REFERENCE, *(form.file for form in FORMATS.values())}
    assert {file.name for file in manifest.folder.iterdir()} == files
    assert {file.name for file in manifest.folder.parent.iterdir()} == {manifest.folder.name}
    assert manifest.sha256 != small.sha256
    assert read_manifest(small.folder).sha256 == small.sha256
    small.verify()


def test_the_card_says_size_parity_and_latency(manifest: BundleManifest) -> None:
    section = manifest.card.partition("## Exports")[2]
    assert manifest.card.startswith("# Small\n\n## Calibration\n\nText.\n\n## Exports\n")
    for name, record in manifest.exports.items():
        rows = [line for line in section.splitlines() if line.startswith(f"| {FORMATS[name].title} |")]
        assert f"{record['bytes']:,}" in rows[0]
        assert "4 drawn pages" in rows[0]
        assert f"| {record['latency_ms']['one_thread']:.1f} |" in rows[1]
        assert record["latency_ms"]["all_threads"] > 0.0
        assert record["tensorflow_latency_ms"]["one_thread"] > 0.0
        assert record["machine"]["cpu"]


def test_the_cards_section_is_replaced_not_repeated(manifest: BundleManifest) -> None:
    spec = manifest.preprocessing
    assert with_exports(manifest.card, manifest.exports, spec) == manifest.card
    followed = f"{manifest.card}\n## Last\n\nWords.\n"
    assert with_exports(followed, {}, spec) == "# Small\n\n## Calibration\n\nText.\n\n## Last\n\nWords.\n"


def test_the_reference_answers_are_tensorflows(manifest: BundleManifest) -> None:
    inputs, kept = read_reference(manifest.folder / REFERENCE)
    now = answers(tensorflow_pass(load_model(manifest), manifest), inputs)
    for before, after in zip(kept, now, strict=True):
        assert before.probabilities == pytest.approx(after.probabilities, abs=1e-6)
        assert before.attribution == pytest.approx(after.attribution, abs=1e-4)


@pytest.fixture
def other_weights(wrong: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter writes a sound graph of another network."""

    def other_network(_: Any, form: Format) -> bytes:
        return wrong[form.name]

    monkeypatch.setattr(exporting, "convert", other_network)


@pytest.mark.usefixtures("other_weights")
def test_a_graph_with_other_weights_is_refused_and_nothing_is_kept(
    small: BundleManifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(small.folder, tmp_path / "bundle")
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    assert main(["export", str(copy), "--pages", "4"]) == 1
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["bundle"]
    told = capsys.readouterr().err
    assert "ONNX was refused. parity failed" in told
    assert "LiteRT was refused. parity failed" in told


@pytest.mark.usefixtures("other_weights")
def test_an_earlier_export_that_no_longer_passes_is_taken_out(manifest: BundleManifest) -> None:
    assert main(["export", str(manifest.folder), "--formats", "litert", "--pages", "4"]) == 1
    after = read_manifest(manifest.folder)
    after.verify()
    assert set(after.exports) == set(FORMATS) - {"litert"}
    assert not (manifest.folder / FORMATS["litert"].file).exists()
    assert "`model.tflite`" not in after.card
    assert "`model.onnx`" in after.card


def test_without_its_converter_a_format_is_refused_and_an_earlier_export_stays(
    manifest: BundleManifest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tf2onnx"]:
        monkeypatch.delitem(sys.modules, name)
    # What the import system itself does for a module that is not there.
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert main(["export", str(manifest.folder), "--formats", "onnx", "--pages", "1"]) == 1
    assert "needs requirements-lab.txt" in capsys.readouterr().err
    assert read_manifest(manifest.folder).sha256 == manifest.sha256


def _answer(*probabilities: float, heat: float = 0.5) -> Answer:
    return Answer(np.array(probabilities, np.float32), np.full((2, 2), heat, np.float32))


@pytest.mark.parametrize(
    ("candidate", "passes"),
    [
        (_answer(0.50004, 0.49996), True),
        (_answer(0.5003, 0.4997), False),
        (_answer(0.49999, 0.50001), False),
        (_answer(float("nan"), 0.49999), False),
        (_answer(0.50001, 0.49999, heat=0.52), False),
        (_answer(0.50001, 0.49999, heat=float("nan")), False),
    ],
    ids=["close", "too far", "another winner", "no number", "another heatmap", "no heatmap"],
)
def test_what_parity_means(candidate: Answer, passes: bool) -> None:
    same = _answer(0.50001, 0.49999)
    assert compare([same, same], [same, candidate], FORMATS["onnx"]).passed is passes


def test_with_coarse_weights_a_few_pages_may_have_another_heatmap_but_none_another_winner() -> None:
    same, off = _answer(0.5001, 0.4999), _answer(0.5001, 0.4999, heat=0.9)
    right = [same] * 200
    for name, bad, passes in (
        ("litert-float16", [off] * 2, True),
        ("litert-float16", [off] * 3, False),
        ("litert-float16", [_answer(0.4999, 0.5001)], False),
        ("litert-float16", [_answer(0.5001, 0.4999, heat=float("nan"))], False),
        ("litert", [off], False),
    ):
        parity = compare(right, bad + right[len(bad) :], FORMATS[name])
        assert parity.passed is passes, f"{name}: {parity}"


def test_no_pages_prove_nothing() -> None:
    assert not compare([], [], FORMATS["onnx"]).passed


def test_answers_of_another_shape_are_not_compared() -> None:
    # One that NumPy would stretch to fit.
    with pytest.raises(ValueError, match="answers of other shapes"):
        compare([_answer(0.5, 0.5)], [_answer(0.5)], FORMATS["onnx"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--pages", "0"], "must be 1 or more"),
        (["--rounds", "0"], "must be 1 or more"),
        (["--data", "no-such-folder"], "Nothing was exported: "),
        (["--out", "."], ". exists already"),
    ],
)
def test_a_wrong_command_says_so(
    small: BundleManifest, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(small.folder), *arguments]) == 1
    assert told in capsys.readouterr().err


def test_a_damaged_bundle_is_not_exported(small: BundleManifest, tmp_path: Path) -> None:
    copy = shutil.copytree(small.folder, tmp_path / "bundle")
    (copy / MODEL).write_bytes(b"another network")
    assert main(["export", str(copy), "--pages", "1"]) == 2
