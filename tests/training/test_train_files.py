"""What a run keeps is on the disk before it has its name: a power cut leaves no empty file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.small_run import small_data, train


class Disk:
    """Notes what is synced and renamed, and does it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, Any]] = []
        """("synced", inode) or ("named", (inode, path))."""
        fsync = os.fsync

        def noting_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self.events.append(("synced", os.fstat(descriptor).st_ino))

        monkeypatch.setattr(os, "fsync", noting_fsync)
        for name in ("rename", "replace"):
            monkeypatch.setattr(os, name, self._noting(getattr(os, name)))

    def _noting(self, rename: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def noting_rename(source: Path, target: Path) -> None:
            self.events.append(("named", (os.stat(source).st_ino, Path(target))))
            rename(source, target)

        return noting_rename


def test_files_are_synced_before_they_are_named_and_their_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, output = small_data(tmp_path / "data"), tmp_path / "run"
    disk = Disk(monkeypatch)
    assert train(data, output, "--num-epochs", "1") == 0
    folder = ("synced", output.stat().st_ino)
    named = set()
    for index, (event, value) in enumerate(disk.events):
        if event != "named" or value[1].parent != output:
            continue
        inode, path = value
        assert ("synced", inode) in disk.events[:index], path.name
        assert folder in disk.events[index:], path.name
        named.add(path.name)
    state = "state-0001-000000.pt"
    kept = {"best.pt", "last.pt", state}
    assert named >= kept | {f"{name}.sha256" for name in kept} | {"config.json", "tokenizer.json"}
