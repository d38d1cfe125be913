"""The commands of training/README.md: modules that are there, with flags that they take."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "training" / "README.md").read_text()
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)\)")


def commands() -> list[tuple[str, list[str]]]:
    """Module and arguments of every command of ours, torchrun's included."""
    lines = "".join(SHELL.findall(README)).replace("\\\n", " ").split("\n")
    words = [shlex.split(line, comments=True) for line in lines]
    ours = [line[line.index("-m") + 1 :] for line in words if "-m" in line]
    return [(line[0], line[1:]) for line in ours if line[0].startswith("sprc.")]


def test_every_command_of_sprc_is_shown() -> None:
    shown = {module for module, _ in commands()}
    known = ("train", "evaluate", "submit", "rerank", "export", "query")
    assert shown >= {f"sprc.{command}" for command in known}


@pytest.mark.parametrize("module", sorted({module for module, _ in commands()}))
def test_flags_are_the_commands_own(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(module).main(["--help"])
    assert ended.value.code == 0
    known = capsys.readouterr().out
    used = {word for name, words in commands() if name == module for word in words}
    flags = {word for word in used if word.startswith("--")}
    assert flags
    for flag in flags:
        assert re.search(rf"{flag}\b", known), f"{module} has no {flag}"


def test_links_lead_somewhere() -> None:
    for target in LINK.findall(README):
        assert (ROOT / "training" / target).exists(), target
