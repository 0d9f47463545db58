"""The model card of a bundle whose answers come from signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml.card import class_table, confusion_table, headline_table
from ml.trace_network.answers import SET_COVERAGE, AnswerRules
from ml.trace_network.nearness import Nearness


def write_card(
    *,
    name: str,
    version: str,
    classes: Sequence[str],
    parameters: int,
    members: int,
    rules: AnswerRules,
    nearness: Nearness,
    figures: dict[str, Any],
    command: str,
    picture_card: str,
) -> str:
    """The card as Markdown; every figure in it is taken from ``figures``. The other network's card follows whole."""
    strict = figures["strict"]
    calibration = rules.calibration
    parts = [
        f"# {name} {version}",
        "Research software, not a medical device. Not for use in the care of patients.",
        f"Two networks that sort 12-lead ECG pages into {', '.join(f'`{label}`' for label in classes)}. The **trace "
        f"network** ({members} members, {parameters:,} parameters together) never sees the page: it reads the typical "
        "beat of each lead, a rhythm strip, and measurements. It answers wherever the traces can be read. The "
        "**picture network**, whose own card follows below, gives a second opinion there, and answers alone, with a "
        "warning, where they cannot.",
        "## The trace network on held-out pages",
        f"{strict['pages']} answers to pages of {strict['groups']} recording groups in the one print style in which "
        "all classes occur, each by a network, a temperature and a threshold that had seen no page of its group: five "
        "folds, repeated with another division. 95 % intervals: bootstrap over groups, 2,000 folds. The bundle holds "
        "the networks of the first division together, which has not been and cannot be judged on these pages.",
        headline_table({"strict": strict, "all": figures["all"]}),
        "### By class (strict pages)",
        class_table(strict),
        "### Confusion (strict pages; rows: true, columns: answered)",
        confusion_table(strict, classes),
        "### Sets of possible classes",
        _sets(strict["sets"]),
        "### What it goes by",
        _controls(figures["controls"]),
        "## When it is not sure",
        f"Logits are divided by {calibration.temperature:.3f}. Below a highest probability of "
        f"{calibration.threshold:.2f} the answer is “not sure”. A page farther than {nearness.farthest:.2f} times the "
        "usual distance from the training pages (one in a hundred held-out pages is) carries a warning and needs a "
        f"probability of {(1 + calibration.threshold) / 2:.2f}.",
        "## What it is bad at",
        _weaknesses(figures, classes),
        "## How it was made",
        f"```\n{command}\n```",
        "Trained first on 2,101 recordings of PTB-XL (Wagner et al. 2020, PhysioNet, CC BY 4.0), then on the pages "
        "named below.",
        picture_card.replace("\n#", "\n##").replace("# ", "## The picture network: ", 1).rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def _sets(sets: dict[str, Any]) -> str:
    by_class = ", ".join(f"{label} {share:.2f}" for label, share in sets["coverage_by_class"].items())
    return (
        f"Meant to hold the right class of {SET_COVERAGE:.0%} of the pages of every class. They hold it on "
        f"{sets['coverage']:.1%} ({by_class}), with {sets['mean_size']:.2f} classes on average; "
        f"{sets['of_one_class']:.0%} hold one class only."
    )


def _controls(controls: dict[str, float]) -> str:
    lines = ["| macro AUROC on strict pages from … alone | |", "|---|---|"]
    table = "\n".join([*lines, *(f"| {name} | {value:.3f} |" for name, value in controls.items())])
    return (
        f"{table}\n\nWhat is known of a view says where something was read, not what. It tells a little because a beat "
        "ends where the next one begins, which is the heart rate, and because a wave that is absent is not measured."
    )


def _weaknesses(figures: dict[str, Any], classes: Sequence[str]) -> str:
    rows, confusion = figures["strict"]["per_class"], figures["strict"]["confusion"]
    known = [label for label in classes if rows[label]["f1"] is not None]
    weakest = min(known, key=lambda label: rows[label]["f1"])
    pairs = [(confusion[a][b], a, b) for a in range(len(classes)) for b in range(len(classes)) if a != b]
    count, true, said = max(pairs)
    return "\n".join(
        [
            f"- Weakest class: `{weakest}` (F1 {rows[weakest]['f1']:.3f}, sensitivity "
            f"{rows[weakest]['sensitivity']:.3f}). Do not rely on it to find or exclude that condition.",
            f"- Commonest error: `{classes[true]}` called `{classes[said]}` ({count} answers). In the training data "
            "these two overlap: pages labelled normal have heart rates up to 115/min.",
            "- All training pages come from one make of machine in one hospital. What it says of other machines' pages "
            "has not been judged, for want of labels.",
            "- It knows nothing of what is printed: no age, no sex, no history.",
        ]
    )
