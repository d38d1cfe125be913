"""What `backup` and `restore` say, and the status that they end with."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.__main__ import main
from retrieval.domain import PictureShelf
from tests.support.backup_shop import Shop
from tests.support.image_places import folder_place
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import server_in_memory
from tests.support.tiny_bundle import write_tiny_bundle

REFUSED = "gateway: refused, and nothing was changed: "


@pytest.fixture(scope="module")
def index() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest.fixture
def shop(index: QdrantProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with ThreadPoolExecutor(4) as threads:
        place = folder_place(tmp_path / "images", threads)
        shop = Shop(
            index.url,
            place,
            write_tiny_bundle(tmp_path / "bundle"),
            {"IMAGE_STORE": str(place.root)},
        )
        asyncio.run(shop.fill(30, 20))
        for name, value in shop.environment.items():
            monkeypatch.setenv(name, value)
        # Logs would go on to a stream that is closed after the test.
        monkeypatch.setattr("gateway.__main__.configure_logging", lambda log_format: None)
        yield shop
        asyncio.run(shop.destroy())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(capsys)


class Run:
    """The commands in this process, which spares their start."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        status = main([*map(str, arguments)])
        out, err = self._capsys.readouterr()
        assert len(err.splitlines()) <= 1
        return status, out, err


def test_what_was_done_is_told(shop: Shop, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "target"
    status, out, err = run("backup", target)
    assert (status, err) == (0, "")
    assert "30 products (autumn-2 10, default 10, spring 10); 20 pictures and 0.0 MB" in out
    status, out, _ = run("backup", target, "--without-vectors")
    assert status == 0
    assert "0 pictures and 0.0 MB were new" in out
    status, out, err = run("restore", target, "--check")
    assert (status, err) == (0, "")
    assert "is whole: 30 products" in out
    assert f"without the vectors of model {shop.bundle.short_digest}." in out
    status, out, err = run("restore", target)
    assert (status, out) == (1, "")
    assert "was made without vectors: --embed computes them with Triton.\n" in err
    oldest = min(path.name for path in (target / "backups").iterdir())
    status, out, err = run("restore", target, "--backup", oldest, "--into-existing")
    assert (status, err) == (0, "")
    assert out == (
        f"backup {oldest}: 30 products are restored, their vectors as they were; the index is "
        "live, with the choice of its last audit.\n"
    )


def test_old_backups_are_removed_where_asked(shop: Shop, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for _ in range(3):
        run("backup", target)
    status, out, err = run("backup", target, "--keep", "2")
    assert (status, err) == (0, "")
    assert out.splitlines()[1] == "2 older backups and 0 pictures were removed."
    kept = sorted(path.name for path in (target / "backups").iterdir())
    assert len(kept) == 2
    (target / "backups" / kept[1] / "manifest.json").write_bytes(b"")
    status, out, err = run("backup", target, "--keep", "2")
    assert status == 3
    assert err == (
        f"gateway: the backup was made, but: backup {kept[1]} is damaged: manifest.json cannot be "
        "read.\n"
    )


def test_an_incomplete_backup_is_told_and_kept(shop: Shop, run: Run, tmp_path: Path) -> None:
    lost = sorted(shop.place.names(PictureShelf.KEPT))[0]
    shop.place.path(PictureShelf.KEPT, lost).unlink()
    assert run("backup", tmp_path / "target")[0] == 3
    status, out, err = run("backup", tmp_path / "target", "--keep", "1")
    assert status == 3
    assert "30 products" in out
    assert "removed" not in out
    assert len([*(tmp_path / "target" / "backups").iterdir()]) == 2
    assert err.startswith("gateway: the backup is not complete: 0 points of the index are no ")
    assert run("restore", tmp_path / "target", "--check")[0] == 0


def test_what_is_refused_is_told_in_one_sentence(shop: Shop, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "target"
    status, out, err = run("restore", target)
    assert (status, out, err) == (1, "", f"{REFUSED}{target} holds no backup.\n")
    run("backup", target)
    status, _, err = run("restore", target)
    assert status == 1
    assert err.startswith(f"{REFUSED}the index holds 30 products: --into-existing ")
    (tokens,) = target.glob("backups/*/tokens-00000.npy")
    tokens.write_bytes(b"")
    for options in ((), ("--check",)):
        status, out, err = run("restore", target, "--into-existing", *options)
        assert (status, out) == (1, "")
        assert err.startswith("gateway: nothing was changed: backup ")
        assert err.endswith(" is damaged: tokens-00000.npy is not as it was written.\n")


def test_a_folder_that_cannot_be_written_is_told(shop: Shop, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    status, out, err = run("backup", tmp_path / "file" / "target")
    assert (status, out) == (1, "")
    assert err == f"gateway: {tmp_path / 'file' / 'target'}: Not a directory.\n"


def test_parts_that_are_down_are_told(
    shop: Shop, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", tmp_path / "target")
    monkeypatch.setenv("QDRANT_URL", "http://127.0.0.1:1")
    for command in ("backup", "restore"):
        status, out, err = run(command, tmp_path / "target")
        assert (status, out) == (1, "")
        assert err == (
            "gateway: qdrant: A part of the service is not reachable; try again shortly.\n"
        )
    monkeypatch.setenv("QDRANT_URL", "nonsense")
    status, _, err = run("backup", tmp_path / "target")
    assert status == 2
    assert err.startswith("gateway: QDRANT_URL is ")


def test_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("backup", "restore"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "exit status: 0 " in capsys.readouterr().out
