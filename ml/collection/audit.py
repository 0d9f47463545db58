"""All figures of a collection as one JSON-ready dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.collection.duplicates import Duplicates, chains, find_duplicates, joined
from ml.collection.leakage import SEEDS, cell_rule, cramers_v, random_split_leak
from ml.collection.reading import CollectionUnusable, Listed, Seen, Unread, list_folder, list_manifest, look_at_all
from ml.collection.traces import ALIKE, COPY

_STATISTICS: Final[dict[str, Callable[[Seen], float]]] = {
    "width": lambda page: page.width,
    "height": lambda page: page.height,
    "kilobytes": lambda page: page.size / 1024,
    "brightness": lambda page: page.brightness,
    "contrast": lambda page: page.contrast,
    "ink_percent": lambda page: 100 * page.ink,
}


def look(folder: Path, manifest: Path | None) -> tuple[list[Seen], list[Unread]]:
    """Open the pages that the manifest names, or without one all pictures below the folder.

    Args:
        folder: the collection.
        manifest: a CSV file with ``file`` and ``label``; None for the folder's own, where it has one.

    Raises:
        CollectionUnusable: nothing could be found or opened.
    """
    if manifest is None and (folder / "manifest.csv").is_file():
        manifest = folder / "manifest.csv"
    if not folder.is_dir():
        raise CollectionUnusable(f"{folder} is not a folder.")
    listed = list_manifest(manifest) if manifest else list_folder(folder)
    seen, unread = look_at_all(folder, listed)
    if not seen:
        raise CollectionUnusable(
            f"None of the {len(listed)} files can be opened. The first: {unread[0].file}: {unread[0].reason}"
        )
    return seen, unread


def audit(pages: Sequence[Seen], unread: Sequence[Unread], *, seeds: int = SEEDS) -> dict[str, Any]:
    """Count, compare and measure; see docs/lab.md for what each figure means."""
    duplicates = find_duplicates(pages)
    labels = [page.listed.label or "(none)" for page in pages]
    layouts = [_of(page, "layout") or page.layout or "(unknown)" for page in pages]
    filters = [_of(page, "filter_hz") or "(unknown)" for page in pages]
    return {
        "files": len(pages) + len(unread),
        "pages": len(pages),
        "published_files": sum(len(page.listed.names) for page in pages),
        "unread": [{"file": one.file, "reason": one.reason} for one in unread],
        "classes": _counts(labels),
        "layout_from": _layout_sources(pages),
        "duplicates": _duplicates(pages, duplicates),
        "class_by_layout": _table(labels, layouts),
        "class_by_filter": _table(labels, filters),
        "class_by_strict": _table(labels, [_of(page, "strict") or "(unknown)" for page in pages]),
        "sizes": _counts([f"{page.width} × {page.height}" for page in pages]),
        "statistics": {
            name: {
                label: _quartiles([figure(p) for p, own in zip(pages, labels, strict=True) if own == label])
                for label in sorted(set(labels))
            }
            for name, figure in _STATISTICS.items()
        },
        "print_style": _print_style(pages, labels, layouts, filters, duplicates),
        "leak": _leak(pages, duplicates, seeds),
    }


def _of(page: Seen, column: str) -> str:
    return page.listed.columns.get(column, "")


def _counts(values: Sequence[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _table(rows: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, int]]:
    pairs = Counter(zip(rows, columns, strict=True))
    names = sorted(set(columns))
    return {row: {column: pairs[row, column] for column in names} for row in sorted(set(rows))}


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    low, lower, middle, upper, high = (round(float(value), 2) for value in np.percentile(values, [0, 25, 50, 75, 100]))
    return {"min": low, "q1": lower, "median": middle, "q3": upper, "max": high}


def _layout_sources(pages: Sequence[Seen]) -> dict[str, int]:
    """How far the layouts in the manifest and those seen on the pages agree."""
    stated = [(page, _of(page, "layout")) for page in pages]
    return {
        "manifest": sum(bool(said) for _, said in stated),
        "seen_on_page_only": sum(not said and bool(page.layout) for page, said in stated),
        "agree": sum(bool(said) and said == page.layout for page, said in stated),
        "disagree": sum(bool(said and page.layout) and said != page.layout for page, said in stated),
        "not_seen_on_page": sum(bool(said) and not page.layout for page, said in stated),
    }


def _duplicates(pages: Sequence[Seen], found: Duplicates) -> dict[str, Any]:
    def names(members: Sequence[int]) -> list[str]:
        return [pages[at].listed.file for at in members]

    def pairs(some: Sequence[tuple[int, int, float]]) -> list[dict[str, Any]]:
        return [
            {
                "files": names((first, second)),
                "likeness": round(likeness, 3),
                "same_group": _same_group(pages[first].listed, pages[second].listed),
            }
            for first, second, likeness in sorted(some, key=lambda pair: -pair[2])
        ]

    return {
        "distinct_pictures": int(found.pictures.max()) + 1,
        "distinct_recordings": int(found.copies.max()) + 1,
        "superfluous_files_by_bytes": sum(len(members) - 1 for members in found.same_bytes),
        "superfluous_files_by_pixels": sum(len(members) - 1 for members in found.same_pixels),
        "same_bytes": [names(members) for members in found.same_bytes],
        "same_pixels": [names(members) for members in found.same_pixels],
        "near": pairs(found.near),
        "near_from": COPY,
        "similar": pairs(found.similar),
        "similar_from": ALIKE,
        "conflicts": [
            [{"file": pages[at].listed.file, "label": pages[at].listed.label} for at in members]
            for members in found.conflicts
        ],
    }


def _same_group(one: Listed, other: Listed) -> bool | None:
    groups = one.columns.get("group", ""), other.columns.get("group", "")
    return groups[0] == groups[1] if all(groups) else None


def _groups(pages: Sequence[Seen], found: Duplicates) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Recording sessions: the manifest's groups, and copies of one recording always together."""
    members: dict[Any, list[int]] = {}
    for index, page in enumerate(pages):
        members.setdefault(("copy", found.copies[index]), []).append(index)
        if group := _of(page, "group"):
            members.setdefault(("group", group), []).append(index)
    return joined(len(pages), chains(members.values()))


def _print_style(
    pages: Sequence[Seen], labels: list[str], layouts: list[str], filters: list[str], found: Duplicates
) -> dict[str, Any]:
    groups = _groups(pages, found)
    cells = list(zip(layouts, filters, strict=True))
    result: dict[str, Any] = {}
    for name, left_out in (("all", set()), ("without covid19", {"covid19"})):
        at = [index for index, label in enumerate(labels) if label not in left_out]
        if name != "all" and len(at) in (0, len(labels)):
            continue
        some = [labels[index] for index in at]
        result[name] = {
            "pages": len(at),
            "cramers_v_class_layout": round(cramers_v(some, [layouts[index] for index in at]), 3),
            "cramers_v_class_filter": round(cramers_v(some, [filters[index] for index in at]), 3),
            "layout_and_filter_alone": cell_rule([cells[index] for index in at], some, groups[at]),
        }
    return result


def _leak(pages: Sequence[Seen], found: Duplicates, seeds: int) -> dict[str, Any]:
    """Splits of the files as published: a page counts once for each of its names."""
    kinds = {"same picture": found.pictures, "same picture or near copy": found.copies}
    if any(_of(page, "group") for page in pages):
        kinds["same picture, near copy or same group"] = _groups(pages, found)
    copies = np.array([len(page.listed.names) for page in pages])
    result: dict[str, Any] = {"seeds": seeds}
    named = np.array([bool(_of(page, "v2_names")) for page in pages])
    for name, at in (("all files", np.ones(len(pages), bool)), ("version 2 alone", named)):
        if not at.any() or (name != "all files" and at.all()):
            continue
        shares = random_split_leak([numbers[at] for numbers in kinds.values()], copies[at], seeds=seeds)
        result[name] = {"files": int(copies[at].sum()), "share_of_test": dict(zip(kinds, shares, strict=True))}
        if name != "all files":
            result[name]["per_class"] = _leak_per_class(pages, found, at, copies, seeds)
    return result


def _leak_per_class(
    pages: Sequence[Seen], found: Duplicates, at: np.ndarray[Any, np.dtype[np.bool_]], copies: Any, seeds: int
) -> dict[str, float]:
    """Share of each class's test files with a copy in training; one class cannot leak into another's share."""
    labels = np.array([page.listed.label for page in pages])
    return {
        str(label): random_split_leak(
            [found.copies[at & (labels == label)]], copies[at & (labels == label)], seeds=seeds
        )[0]["mean"]
        for label in np.unique(labels[at])
    }
