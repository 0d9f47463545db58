"""A faithfulness measurement as Markdown."""

from __future__ import annotations

from typing import Any

from ml.explain import METHODS


def table(result: dict[str, Any]) -> str:
    """The result as Markdown: one table of methods, one of their agreement."""
    header = (
        "| method | s/page | deletion AUC (random) | difference [95 %] | insertion AUC (random) | difference [95 %] "
        "| randomised ρ (threshold) | passes | on trace | empty grid | border |"
    )
    lines = [
        f"{result['pages']} pages of {result['groups']} groups; randomisation on {result['randomised_pages']} of them.",
        "",
        header,
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in result["methods"].items():
        check, placement = figures["randomisation"], figures["placement"]
        cells = [METHODS[name].title, figures["seconds_per_page"]]
        for kind in ("deletion", "insertion"):
            area = figures[kind]
            cells.append(f"{area['auc']:.3f} ({area['random_auc']:.3f})")
            cells.append(f"{area['difference']:+.3f} [{area['low']:+.3f}, {area['high']:+.3f}]")
        cells.append(f"{check['spearman']:.2f} ({check['threshold']:.2f})")
        cells.append("yes" if check["passes"] else "**no**")
        cells += [_times(placement[area]) for area in ("trace", "empty_grid", "border")]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    agreement = result["agreement"]
    titles = [METHODS[name].title for name in agreement["methods"]]
    lines += ["", f"| agreement (ρ) | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for title, row in zip(titles, agreement["spearman"], strict=True):
        lines.append(f"| {title} | {' | '.join(f'{value:.2f}' for value in row)} |")
    return "\n".join(lines)


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"
