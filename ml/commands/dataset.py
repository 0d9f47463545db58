"""``python -m ml dataset``: look a collection over, prepare it for training, or fetch it."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _configure_audit(actions.add_parser("audit", help="find duplicates, conflicts and what leaks; write a report"))
    _configure_prepare(actions.add_parser("prepare", help="from the published archive to pages and a manifest"))
    _configure_download(actions.add_parser("download", help="fetch the published archive, checksum verified"))


def _configure_audit(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Look over a folder of ECG pages: exact and near duplicates, label conflicts, what the print style gives away, "
        "what a random split would leak, image statistics. Writes report.html and audit.json. The report shows "
        "thumbnails of pages: treat it like the pages."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of pictures")
    parser.add_argument(
        "--manifest", type=Path, metavar="CSV", help="columns file and label, more if known (default: DIR/manifest.csv)"
    )
    parser.add_argument("--out", type=Path, default=Path("audit"), metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=50, help="random splits to average over (default: %(default)s)")


def _configure_prepare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a folder that can be trained on: distinct pages and manifest.csv with class, group, layout and a grouped "
        "split. Classes come from the words in folder names. Groups are built from the traces alone (near copies, and "
        "pages that may be one heart recorded twice), and from --known where given. Patient IDs printed on pages are "
        "not read: without --known the pages of one patient lie in several groups. A stopped run goes on where it was."
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder or ZIP file")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write")
    parser.add_argument("--scale", type=float, default=1.0, help="shrink pages, as 0.45 (default: keep their bytes)")
    parser.add_argument("--link", action="store_true", help="hard links instead of copies")
    parser.add_argument(
        "--known", type=Path, metavar="CSV", help="manifest with source_md5, from which groups and columns are taken"
    )
    parser.add_argument(
        "--strict-by-layout",
        action="store_true",
        help="call all 4x2.5 pages strict; their filter is not read (of the published ones, all but one fit)",
    )
    parser.add_argument("--seed", type=int, default=20, help="of the split (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="write into a folder that holds something else")


def _configure_download(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fetch an archive; a broken download goes on where it stopped. Address and SHA-256 come from the publisher's "
        "page, or from somebody who has verified the file: none is built in."
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to put it into")
    parser.add_argument("--url", help="address of the archive")
    parser.add_argument("--sha256", help="its checksum, 64 hexadecimal digits")
    parser.add_argument("--checksums", type=Path, metavar="FILE", help="list as of sha256sum, instead of --sha256")


def run(args: argparse.Namespace) -> int:
    from ml.collection.reading import CollectionUnusable

    try:
        return {"audit": _audit, "prepare": _prepare, "download": _download}[args.action](args)
    except CollectionUnusable as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or 'The disk'}: {error.strerror or error}", file=sys.stderr)
        return 2


def _audit(args: argparse.Namespace) -> int:
    from ml.collection.audit import audit, look
    from ml.collection.report import write_report

    args.out.mkdir(parents=True, exist_ok=True)
    pages, unread = look(args.folder, args.manifest)
    figures = audit(pages, unread, seeds=max(args.seeds, 1))
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    (args.out / "audit.json").write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    write_report(args.out / "report.html", args.folder.resolve().name, figures, pages, args.folder)
    for line in _summary(figures):
        print(line)
    print(f"report: {args.out / 'report.html'}")
    return 0


def _prepare(args: argparse.Namespace) -> int:
    from ml.collection.prepare import Choices, prepare

    if not 0.05 <= args.scale <= 1 or (args.link and args.scale != 1):
        print("--scale takes a number from 0.05 to 1, and --link none but 1.", file=sys.stderr)
        return 2
    choices = Choices(args.scale, args.link, args.known, args.strict_by_layout, args.seed)
    done = prepare(args.source, args.out, choices, force=args.force)
    groups = len({row["group"] for row in done.rows})
    print(
        f"{done.files} files, {len(done.rows)} distinct pages, {done.merged} copies merged, {done.written} written now"
    )
    joined = f"{done.near} pairs of near copies and {done.similar} that may be one heart"
    print(f"{groups} groups: joined by {joined}{', and by the known manifest' if args.known else ''}")
    if not args.known:
        print(
            "Patient IDs printed on pages are not read, so pages of one patient lie in several groups, and the split "
            "leaks them: on the published set every third page. Take groups from a manifest that has them: --known."
        )
    for column in ("label", "layout", "strict", "split"):
        counts = Counter(row[column] or "unknown" for row in done.rows)
        print(f"{column}: {', '.join(f'{name} {count}' for name, count in counts.most_common())}")
    if not any(row["split"] for row in done.rows):
        print("There are too few groups for a split; the column is empty.")
    for names in done.conflicts:
        print(f"left out, one picture in several classes: {', '.join(names)}")
    for pair in done.near_conflicts:
        print(f"near copies in different classes, kept in one group: {', '.join(pair)}")
    for one in done.unread:
        print(f"left out, not readable: {one.file}: {one.reason}")
    if done.unlabelled:
        print(f"left out, no class in the folder's name: {len(done.unlabelled)}, the first {done.unlabelled[0]}")
    return 0


def _download(args: argparse.Namespace) -> int:
    from ml.collection.download import LANDING_PAGE, DownloadFailed, download, name_of, read_checksums

    if not args.url or not (args.sha256 or args.checksums):
        print(
            "No address with a verified checksum is built in. Open\n"
            f"  {LANDING_PAGE}\n"
            "choose the version (2 is CC BY 4.0), and copy the address behind “Download All” or behind a file. Then\n"
            "  python -m ml dataset download OUT --url ADDRESS --sha256 CHECKSUM\n"
            "Where the publisher shows no checksum, take what sha256sum says of a copy that you trust.",
            file=sys.stderr,
        )
        return 2
    name = name_of(args.url)
    try:
        sha256 = args.sha256 or read_checksums(args.checksums).get(name)
        if sha256 is None:
            print(f"{args.checksums} has no checksum for {name}.", file=sys.stderr)
            return 2
        fetched = download(args.url, sha256, args.out / name)
    except DownloadFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(f"{args.out / name}: {'fetched' if fetched else 'there already'}, checksum verified")
    return 0


def _summary(figures: dict[str, Any]) -> list[str]:
    found = figures["duplicates"]
    classes = ", ".join(f"{name} {count}" for name, count in figures["classes"].items())
    near, similar, conflicts = (len(found[kind]) for kind in ("near", "similar", "conflicts"))
    lines = [
        f"{figures['pages']} pages ({classes}), {figures['published_files']} files as published",
    ]
    lines.append(
        f"distinct pictures {found['distinct_pictures']}, near-duplicate pairs {near}, perhaps one heart {similar}, "
        f"label conflicts {conflicts}, not readable {len(figures['unread'])}"
    )
    for name, part in figures["print_style"].items():
        rule = part["layout_and_filter_alone"]
        alone = f", layout and filter alone {rule['accuracy']:.2f} right" if rule else ""
        lines.append(f"{name}: Cramér's V of class and layout {part['cramers_v_class_layout']:.2f}{alone}")
    for name, part in figures["leak"].items():
        if isinstance(part, dict):
            kinds = (
                f"{kind} {100 * s['mean']:.1f} ± {100 * s['sd']:.1f} %" for kind, s in part["share_of_test"].items()
            )
            lines.append(f"random 80/20 split of {name} ({part['files']}), in training too: {'; '.join(kinds)}")
    return [*lines, *(f"not readable: {one['file']}: {one['reason']}" for one in figures["unread"][:5])]
