"""``python deploy/sbom.py FOLDER [--part NAME]``: what each part is made of, as CycloneDX 1.6.

A file for each part, ``FOLDER/NAME.cdx.json``, read with licences from the environment that was
installed, so that what is told is what runs: versions that differ from the pins are an error. An
image that holds a part of an environment has the pins of its own file, which is complete. The same
environments make the same bytes. Run by the Python of .venv-checks (`make sbom`).
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).resolve().parents[1]
_STOREFRONT: Final = ROOT / "services" / "storefront"
_PIN: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")
# Our own packages, which are installed beside what they need.
_NOT_BROUGHT: Final = {"recompose"}
Bom = dict[str, Any]


class SbomError(Exception):
    """Something is not installed, or not as it is pinned; the text is one sentence."""


@dataclass(frozen=True)
class Part:
    """Something that ships, or that builds and checks what does.

    Attributes:
        environment: folder of a virtual environment; empty where it is nowhere installed, as what
            needs a GPU: then there are names and versions alone.
        pins: requirement files that must be in it.
        whole: whether all of the environment belongs to it, else the pins alone.
    """

    name: str
    environment: str
    pins: tuple[str, ...]
    whole: bool = True


STOREFRONT: Final = "storefront"
_SERVING: Final = "requirements/serving.txt"
PARTS: Final = (
    Part("gateway", ".venv", (_SERVING,), whole=False),
    Part("indexer", ".venv", ("requirements/indexer.txt",), whole=False),
    Part("triton-cpu", ".venv-triton", ("requirements/triton.txt",)),
    Part("triton-gpu", "", ("requirements/triton-gpu.txt",)),
    Part("training", "training/.venv", ("training/requirements.txt",)),
    Part("local-and-tests", ".venv", (_SERVING, "requirements/local.txt", "requirements/dev.txt")),
    Part("deployment-checks", ".venv-deploy", ("requirements/deploy.txt",)),
    Part("checks", ".venv-checks", ("requirements/checks.txt",)),
)


def pinned(lines: Iterable[str]) -> dict[str, str]:
    """Versions by normalised name (PEP 503) in a requirement file."""
    found = (_PIN.match(line.strip()) for line in lines)
    return {_normal(pin[1]): pin[2] for pin in found if pin}


def bom_of(part: Part) -> Bom:
    """The components of one part. Raises `SbomError`."""
    pins: dict[str, str] = {}
    for file in part.pins:
        pins |= pinned((ROOT / file).read_text().splitlines())
    if part.environment:
        bom = _told_by(["environment", "--short-PURLs", str(ROOT / part.environment)])
    else:
        bom = _told_by(["requirements", str(ROOT / part.pins[0])])
    bom["components"] = [one for one in bom["components"] if one["name"] not in _NOT_BROUGHT]
    there = {_normal(one["name"]): one for one in bom["components"]}
    for name, version in pins.items():
        found = there.get(name, {}).get("version", "not")
        # A pin without a local version, as torch's, takes any build of it (PEP 440).
        if version not in (found, found.partition("+")[0]):
            raise SbomError(
                f"{part.name}: {name} is pinned at {version} and {found} installed in "
                f"{part.environment}: set it up again"
            )
    roots = [there[name]["bom-ref"] for name in pins]
    if not part.whole:
        bom["components"] = [there[name] for name in pins]
    return finished(bom, f"recompose-{part.name}", roots)


def storefront_bom() -> Bom:
    """What the page is built with; ``optional`` is what does not end up in it.

    Raises `SbomError`.
    """
    bom = _run(["npm", "sbom", "--package-lock-only", "--sbom-format", "cyclonedx"], _STOREFRONT)
    own = bom["metadata"]["component"]["bom-ref"]
    roots = next(one["dependsOn"] for one in bom["dependencies"] if one["ref"] == own)
    return finished(bom, "recompose-storefront", roots)


def finished(bom: Bom, name: str, roots: Sequence[str]) -> Bom:
    """Without moments, chance and addresses, in one order, under a name.

    Args:
        roots: references of what it asks for by itself.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = {
        "type": "application",
        "bom-ref": name,
        "name": name,
        "version": project["version"],
        "licenses": [{"license": {"id": project["license"]["text"]}}],
    }
    there = {one["bom-ref"] for one in bom["components"]}
    needs = {
        one["ref"]: sorted(there & {*one.get("dependsOn", ())})
        for one in bom["dependencies"]
        if one["ref"] in there
    } | {name: sorted(roots)}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": [
            _plain(one) for one in sorted(bom["components"], key=lambda one: str(one["bom-ref"]))
        ],
        "dependencies": [
            {"ref": ref, **({"dependsOn": on} if on else {})} for ref, on in sorted(needs.items())
        ],
    }


def licences(bom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each component's name and licence; an empty one where it does not say."""
    for one in bom["components"]:
        told = {
            found.get("expression") or found["license"].get("id") or found["license"]["name"]
            for found in one.get("licenses", ())
        }
        # A classifier of PyPI's says it in its last part, a whole text in its first line.
        names = {name.rpartition(" :: ")[2].strip().partition("\n")[0][:60] for name in told}
        yield one["name"], " and ".join(sorted(names))


def write(folder: Path, names: Sequence[str], *, validate: bool) -> None:
    """Write those of the names, and print a line for each. Raises `SbomError`, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    boms = {part.name: bom_of(part) for part in PARTS if part.name in names}
    if STOREFRONT in names:
        boms[STOREFRONT] = storefront_bom()
    all_of_them: Counter[str] = Counter()
    for name, bom in boms.items():
        text = json.dumps(bom, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if validate and (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)):
            raise SbomError(f"{name} is no CycloneDX: {wrong}")
        (folder / f"{name}.cdx.json").write_text(text)
        told = dict(licences(bom))
        silent = sorted(one for one, licence in told.items() if not licence)
        all_of_them.update(filter(None, told.values()))
        count = len({*told.values()} - {""})
        more = f"; {len(silent)} without one: {', '.join(silent[:6])}" if silent else ""
        print(f"{name:18} {len(told):4} components, {count:2} licences{more}")
    most = ", ".join(f"{licence} {times}" for licence, times in all_of_them.most_common(6))
    print(f"in {folder}; most often: {most}")


def _plain(component: Bom) -> Bom:
    return {key: value for key, value in component.items() if key != "externalReferences" and value}


def _told_by(arguments: Sequence[str]) -> Bom:
    options = ["--no-validate", "--output-reproducible", "--spec-version=1.6", "--output-file=-"]
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), arguments[0], *options]
    return _run([*command, *arguments[1:]], ROOT)


def _run(command: Sequence[str], folder: Path) -> Bom:
    done = subprocess.run(  # noqa: S603 - pinned tools, and arguments from here
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise SbomError(f"{Path(command[0]).name} {command[-1]}: {said}")
    found: Bom = json.loads(done.stdout)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    names = [*(part.name for part in PARTS), STOREFRONT]
    parser.add_argument(
        "--part", action="append", choices=names, help="this one; repeatable, all where left out"
    )
    parser.add_argument(
        "--no-validate", action="store_true", help="do not hold them against CycloneDX's schema"
    )
    options = parser.parse_args(arguments)
    try:
        write(options.folder, options.part or names, validate=not options.no_validate)
    except (SbomError, OSError) as error:
        print(f"sbom: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
