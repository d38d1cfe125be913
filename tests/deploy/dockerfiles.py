"""The Dockerfiles, read: instructions by stage."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "images"
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.Dockerfile")))


@dataclass(frozen=True)
class Instruction:
    """One instruction, continuation lines joined: ``COPY``, and what follows it."""

    word: str
    text: str


@dataclass
class Stage:
    """What one FROM begins; ``base`` is its image, with arguments as written."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """The texts of all instructions of this word."""
        return [each.text for each in self.instructions if each.word == word]


@dataclass(frozen=True)
class Dockerfile:
    """Arguments with their defaults, as given before the first FROM, and the stages."""

    arguments: dict[str, str]
    stages: list[Stage]

    @property
    def last(self) -> Stage:
        """The stage that becomes the image."""
        return self.stages[-1]


def load(name: str) -> Dockerfile:
    """The Dockerfile of an image."""
    return parse((FOLDER / f"{name}.Dockerfile").read_text())


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile. Raises ValueError where it does not begin with ARG and FROM."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, *named = rest.split()
            stages.append(Stage(base, named[-1] if named else ""))
        elif stages:
            stages[-1].instructions.append(Instruction(word, rest.strip()))
        elif word == "ARG":
            name, _, default = rest.partition("=")
            arguments[name] = default
        else:
            raise ValueError(f"{word} comes before the first FROM")
    return Dockerfile(arguments, stages)


def copied(stage: Stage) -> list[str]:
    """Sources of its COPY instructions out of the build context."""
    sources: list[str] = []
    for text in stage.all("COPY"):
        words = shlex.split(text)
        if not any(word.startswith("--from=") for word in words):
            sources += [word for word in words if not word.startswith("--")][:-1]
    return sources
