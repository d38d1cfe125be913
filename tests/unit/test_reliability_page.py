"""docs/reliability.md and THREATMODEL.md: each line names tests that exist, or what `make load`
measured and held, and each cell of the fault matrix has a line."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NOT_SHOWN = "Not shown yet"
LINK = re.compile(r"\[`(tests/[\w/]+\.py)::(\w+)(?:\[(.+?)\])?`\]\(\.\./(.+?)\)")

MEASURED = re.compile(r"\[`make load`: (.+?)\]\(load/README\.md\)")
"""A line of docs/load/README.md, by what it says is expected."""

FAULTS = {
    "down or refuses",
    "slow",
    "answers garbage",
    "restarts mid-request",
    "full disk or memory",
    "other model version",
}
PARTS = ("Triton", "Qdrant", "Redis", "Image host", "Gateway", "Indexer", "Training")
NO_CELLS = {
    ("Image host", "full disk or memory"),
    ("Image host", "other model version"),
    ("Training", "slow"),
}
"""An image host has no disk and no model of ours, and nobody waits for training."""
INPUTS = {"Images", "Text", "JSON", "Filters", "Ids", "URLs", "Protobuf", "Headers"}


@dataclass(frozen=True)
class Line:
    """A row of a table under the nearest heading."""

    section: str
    cells: tuple[str, ...]

    @property
    def happens(self) -> str:
        """What it is about: the part or kind of input where it is not the heading, and the rest."""
        if self.section == NOT_SHOWN:
            return f"{self.cells[0]}: {self.cells[2]}"
        return f"{self.section}: {self.cells[1 if self.section in PARTS else 0]}"


def lines_of(page: str) -> list[Line]:
    """The rows of all tables, without their heads."""
    section, found, head = "", [], True
    for text in page.splitlines():
        if text.startswith("#"):
            section = text.lstrip("# ")
        elif not text.startswith("|"):
            head = True
        elif head:
            head = False
        elif not re.fullmatch(r"[|-]+", text):
            found.append(Line(section, tuple(cell.strip() for cell in text[1:-1].split("|"))))
    return found


def complaints(line: Line) -> list[str]:
    """What is wrong with a line that is shown."""
    links = LINK.findall(line.cells[-1])
    measured = MEASURED.findall(line.cells[-1])
    if not links and not measured:
        return ["names no test"]
    named = re.findall(r"tests/[^`]+::", line.cells[-1])
    found = [] if len(named) == len(links) else ["has a link that cannot be read"]
    found += [
        f"{expected!r} {held().get(expected, 'is not measured')}"
        for expected in measured
        if held().get(expected) != "held"
    ]
    for path, test, case, to in links:
        if to != path:
            found.append(f"{path} leads to {to}")
        elif not (ROOT / path).is_file():
            found.append(f"{path} is not there")
        elif test not in functions_of(path):
            found.append(f"{path} has no {test}")
        elif case and not any(pattern.fullmatch(case) for pattern in cases_of(path)):
            found.append(f"{path} has no case {case!r}")
    return found


@cache
def held() -> dict[str, str]:
    """What the committed report of `make load` expects -> what it found: held, or else."""
    page = (ROOT / "docs" / "load" / "README.md").read_text()
    expected = [line for line in lines_of(page) if line.section == "What is expected"]
    return {line.cells[0]: line.cells[-1].strip("*") for line in expected}


@cache
def functions_of(path: str) -> set[str]:
    """The names of a file's functions."""
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


@cache
def cases_of(path: str) -> tuple[re.Pattern[str], ...]:
    """What names of cases may look like: the texts of a file, and of the tables that it imports."""
    tree = ast.parse((ROOT / path).read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    tables = [
        ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
        for module in modules
        if module.startswith("tests.support.")
    ]
    return tuple(pattern for one in (tree, *tables) for pattern in _texts(one))


def _texts(tree: ast.Module) -> Iterator[re.Pattern[str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.compile(re.escape(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                for part in node.values
            ]
            if set(parts) != {".+"}:  # what is made of expressions alone would stand for anything
                yield re.compile("".join(parts))


LINES = lines_of(PAGE)
SHOWN = [line for line in LINES if line.section != NOT_SHOWN]
DUE = [line for line in LINES if line.section == NOT_SHOWN]


@pytest.mark.parametrize("line", SHOWN, ids=lambda line: line.happens)
def test_each_line_names_tests_that_exist(line: Line) -> None:
    assert complaints(line) == []


THREATS = [
    line
    for line in lines_of((ROOT / "THREATMODEL.md").read_text().replace("](tests/", "](../tests/"))
    if line.section == "What is defended"
]


@pytest.mark.parametrize("line", THREATS, ids=lambda line: line.cells[0])
def test_each_defence_names_tests_that_exist(line: Line) -> None:
    # What lint shows is named by its target.
    assert complaints(line) == [] or "`make lint-secrets`" in line.cells[-1]


def test_no_line_stands_twice() -> None:
    assert [
        what for what, times in Counter(line.happens for line in LINES).items() if times > 1
    ] == []


def test_every_cell_of_the_matrix_has_a_line() -> None:
    told = {(line.section, line.cells[0]) for line in SHOWN if line.section in PARTS}
    told |= {(line.cells[0], line.cells[1]) for line in DUE if line.cells[0] in PARTS}
    assert told == {(part, fault) for part in PARTS for fault in FAULTS} - NO_CELLS


def test_every_kind_of_bad_input_has_lines() -> None:
    assert {line.section for line in SHOWN} >= INPUTS


def test_what_is_not_shown_names_no_test() -> None:
    assert not [line.happens for line in DUE if "::" in "".join(line.cells)]


def test_a_figure_that_was_missed_or_never_measured_shows_nothing() -> None:
    def told(expected: str) -> list[str]:
        link = f"[`make load`: {expected}](load/README.md)"
        return complaints(Line("Under load", ("something happens", "", link)))

    assert held()
    for expected, word in held().items():
        assert bool(told(expected)) is (word != "held")
    assert told("2 C: goodput is 7 C or more") == ["'2 C: goodput is 7 C or more' is not measured"]


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("", "names no test"),
        ("a test of ours", "names no test"),
        ("tests/unit/test_sealed.py::test_garbage_is_none", "names no test"),
        ("test_gone.py::test_x", "test_gone.py is not there"),
        ("test_sealed.py::test_that_was_renamed", "has no test_that_was_renamed"),
        ("test_upload.py::test_refuses[a picture nobody refuses]", "has no case"),
    ],
)
def test_a_line_that_shows_nothing_is_noticed(cell: str, complaint: str) -> None:
    path = cell.partition("::")[0]
    link = f"[`tests/unit/{cell}`](../tests/unit/{path})" if cell.startswith("test_") else cell
    (found,) = complaints(Line("Text", ("something happens", "422", link)))
    assert complaint in found
