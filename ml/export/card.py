"""The section of the model card that says what a model was exported to and what each export is worth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ml.export.formats import FORMATS

if TYPE_CHECKING:
    from ml.preprocessing import PreprocessingSpec

_SECTION = re.compile(r"^## Exports\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def with_exports(card: str, exports: dict[str, Any], spec: PreprocessingSpec) -> str:
    """A card (Markdown) with its section "Exports" written anew; without exports it has none.

    Args:
        card: the model card.
        exports: the manifest's records.
        spec: what a page looks like that an export reads.
    """
    others = _SECTION.sub("", card).rstrip("\n") + "\n"
    if not exports:
        return others
    return f"{others}\n{_section(exports, spec)}"


def _section(exports: dict[str, Any], spec: PreprocessingSpec) -> str:
    what = (
        "The same network for other runtimes, temperature and Grad-CAM inside. Input `page`: (1, "
        f"{spec.height}, {spec.width}, 1) float32 in 0…255, preprocessed as above. Outputs: `probabilities` in the "
        "order of the classes, and `attribution` in 0…1. Each was compared with TensorFlow page by page; one with "
        "another winner on any page is not kept. The network only: finding the grid, preprocessing and the refusal "
        "of pages that are no ECG are Isoline's."
    )
    lines = [
        "## Exports",
        "",
        what,
        "",
        "| | file | bytes | compared on | other winners | probability differs by | Grad-CAM by | maps too far off |",
        "|---|---|---|---|---|---|---|---|",
    ]
    known = {name: exports[name] for name in FORMATS if name in exports}
    for name, record in known.items():
        parity = record["parity"]
        lines.append(
            f"| {FORMATS[name].title} | `{record['file']}` | {record['bytes']:,} | {record['compared_on']} | "
            f"{parity['differing_winners']} | {parity['probability_difference']:.1e} | "
            f"{parity['attribution_difference']:.1e} | {parity['pages_beyond']} |"
        )
    lines += [
        "",
        "Milliseconds for one page, network and Grad-CAM, warm, median; TensorFlow's compiled pass took turns with it.",
        "",
        "| | one thread | TensorFlow, one thread | all threads | TensorFlow, all threads | measured on |",
        "|---|---|---|---|---|---|",
    ]
    for name, record in known.items():
        own, reference, machine = record["latency_ms"], record["tensorflow_latency_ms"], record["machine"]
        lines.append(
            f"| {FORMATS[name].title} | {own['one_thread']:.1f} | {reference['one_thread']:.1f} | "
            f"{own['all_threads']:.1f} | {reference['all_threads']:.1f} | {machine['cpu']}, "
            f"{machine['processors']} threads |"
        )
    return "\n".join(lines) + "\n"
