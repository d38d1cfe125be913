"""``python -m catalog check DATASET``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from catalog.check.figures import figures
from catalog.check.findings import KINDS, Finding, Findings, Level
from catalog.check.page import render_page
from catalog.check.pictures import compare_pictures, find_pictures
from catalog.check.reading import read_data_set
from catalog.check.rules import check_annotations
from catalog.check.triplets import MOST, choose_triplets, draw_triplets
from catalog.interrupt import sigterm_interrupts
from catalog.products import write_text
from catalog.structure.kept import KEPT

REPORT: Final = "check"
"""Folder of the report in a data set of ours, where no other is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _epilog()
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="ours or FashionIQ's own")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="REPORT_DIR",
        help=f"where report.json, report.html and triplets.png go (DATASET/{REPORT} for a data set "
        "of `catalog structure`; else nothing is written)",
    )
    parser.add_argument(
        "--images",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="read the pictures; without, only their files are counted",
    )
    parser.add_argument(
        "--annotations-only",
        action="store_true",
        help="pictures without a file are no defect, as in FashionIQ's published annotations",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json or vocab.txt, to count tokens exactly",
    )
    parser.add_argument(
        "--triplets", type=_triplets, default=12, metavar="N", help="on the sheet (12)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sheet's questions (1)")


def run(options: argparse.Namespace) -> int:
    """Check a data set; 1 for a defect. Raises `CatalogError` where there is no data set."""
    with sigterm_interrupts():
        return _check(options)


def _check(options: argparse.Namespace) -> int:
    findings = Findings()
    data = read_data_set(options.dataset, findings)
    check_annotations(data, findings, options.tokenizer)
    files = find_pictures(data, findings, annotations_only=options.annotations_only)
    sheet, chosen = None, []
    ours = (options.dataset / KEPT).is_file()
    output = options.output or (options.dataset / REPORT if ours else None)
    if options.images and files:
        with TemporaryDirectory() as nowhere:
            compare_pictures(data, files, findings, _folder(output or Path(nowhere)))
        chosen = choose_triplets(data, files, options.triplets, options.seed)
        sheet = draw_triplets(chosen, files) if chosen else None
    elif files:
        findings.add("PICTURES_UNREAD", count=len(files))
    report = {
        "data_set": options.dataset.resolve().name,
        "verdict": _verdict(findings.all()),
        "findings": [asdict(finding) for finding in findings.all()],
        "figures": figures(data),
        "picture_files": len(files),
        "seed": options.seed,
    }
    if output is not None:
        _write(_folder(output), report, sheet, len(chosen))
    for finding in findings.all():
        print(f"{finding.level}: {finding.message}: {finding.count:,} ({finding.kind})")
        if finding.level is Level.DEFECT:
            print("".join(f"    {example}\n" for example in finding.examples[:3]), end="")
    more = f"{output / 'report.html'} says more." if output else "--output writes a page."
    print(f"{report['verdict']} {more}")
    return 1 if findings.defective else 0


def _write(folder: Path, report: dict[str, Any], sheet: bytes | None, shown: int) -> None:
    write_text(folder / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    write_text(folder / "report.html", render_page(report, sheet, shown))
    if sheet is None:
        (folder / "triplets.png").unlink(missing_ok=True)
    else:
        (folder / "triplets.png").write_bytes(sheet)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _verdict(findings: tuple[Finding, ...]) -> str:
    kinds = {level: sum(f.level is level for f in findings) for level in Level}
    if not kinds[Level.DEFECT] and not kinds[Level.WARNING]:
        return "No defect and no warning."
    return (
        f"{kinds[Level.DEFECT] or 'No'} {_kinds('defect', kinds[Level.DEFECT])} and "
        f"{kinds[Level.WARNING] or 'no'} {_kinds('warning', kinds[Level.WARNING])}."
    )


def _kinds(word: str, number: int) -> str:
    if number == 0:
        return word
    return f"kind of {word}" if number == 1 else f"kinds of {word}"


def _epilog() -> str:
    lines = ["what is found, and whether it sets the exit code (a defect does):"]
    lines += [f"  {level:8} {kind:20} {message}" for kind, (level, message) in KINDS.items()]
    return "\n".join(lines)


def _triplets(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"0 to {MOST}")
    return number
