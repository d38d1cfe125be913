"""What is looked for in the picture files of a data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from catalog.check.findings import Findings
from catalog.check.reading import DataSet
from catalog.pictures.fingerprints import near_duplicates, read_fingerprints
from catalog.structure.layout import IMAGES
from catalog.structure.splits import DISTANCE, Split

EXTENSIONS: Final = (".png", ".jpg", ".jpeg")
"""In the order in which `sprc` looks for a name."""
_SHOWN: Final = 4
"""Names of a group in its sentence."""


def find_pictures(data: DataSet, findings: Findings, *, annotations_only: bool) -> dict[str, Path]:
    """The file of each listed picture that has one.

    With `annotations_only`, or where a data set has not one picture, absent ones are spoken of
    once and not one by one.
    """
    files: dict[str, list[Path]] = {}
    folder = data.root / IMAGES
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in EXTENSIONS and path.is_file():
            files.setdefault(path.stem, []).append(path)
        elif not path.name.startswith("."):
            findings.add("FILE_UNKNOWN", f"{IMAGES}/{path.name}")
    names = frozenset(data.names)
    for name, paths in files.items():
        if name not in names:
            findings.add("PICTURE_UNUSED", f"{IMAGES}/{paths[0].name}")
        elif len(paths) > 1:
            findings.add("PICTURE_TWICE", " and ".join(path.name for path in paths))
    absent = [name for name in data.names if name not in files]
    if absent and annotations_only:
        findings.add("PICTURES_ABSENT", count=len(absent))
    elif len(absent) == len(names):
        findings.add("PICTURE_MISSING", f"{folder} holds none of them", count=len(absent))
    else:
        for name in absent:
            findings.add("PICTURE_MISSING", f"{IMAGES}/{name} exists neither as .png nor as .jpg")
    return {
        name: min(files[name], key=lambda path: EXTENSIONS.index(path.suffix))
        for name in data.names
        if name in files
    }


def compare_pictures(
    data: DataSet, files: Mapping[str, Path], findings: Findings, report: Path
) -> None:
    """Read every picture; find damaged ones, and near-duplicates by fingerprints.

    Fingerprints are kept in the report's `fingerprints.json`, so that a second check reads only
    what changed, and nothing is written into a data set of others.
    """
    # By their whole paths, since the folder that keeps them is another one.
    paths = {str(path.resolve()): name for name, path in files.items()}
    prints = read_fingerprints(report, paths)
    for path in sorted(paths.keys() - prints.keys()):
        findings.add(
            "PICTURE_UNREADABLE", f"{IMAGES}/{Path(path).name} cannot be read as a picture"
        )
    splits: dict[str, set[Split]] = {}
    for (_, split), names in data.splits.items():
        for name in names:
            splits.setdefault(name, set()).add(split)
    named = {paths[path]: value for path, value in prints.items()}
    for group in near_duplicates(named, DISTANCE):
        # What is leaked by its very name is another finding.
        reached = set.union(*(splits[name] for name in group))
        shown = ", ".join(group[:_SHOWN])
        more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
        if len(reached) > 1:
            where = ", ".join(split for split in Split if split in reached)
            findings.add("NEAR_DUPLICATE_LEAK", f"{shown}{more} lie in {where}")
        else:
            findings.add("NEAR_DUPLICATES", f"{shown}{more} in {min(reached)}")
