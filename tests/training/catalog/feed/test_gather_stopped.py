"""Runs that end early: killed, interrupted, or for want of room. Nothing done is lost."""

import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from tests.training.catalog.feed.shop import Shop

MANY = 80
NOTED = 5


def fill(shop: Shop, count: int, size: tuple[int, int] = (400, 500)) -> None:
    for number in range(count):
        if not (shop.images / f"{number:03}.jpg").exists():
            shop.picture(f"{number:03}.jpg", number, size)
    shop.write("id,label", *(f"{number:03},coat" for number in range(count)))


def stop(shop: Shop, number: int) -> tuple[int, str]:
    """Begin a run, and signal it once it has noted some pictures; status and standard error."""
    process = shop.start()
    deadline = time.monotonic() + 60
    while shop.journal() < NOTED and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    return process.returncode, error


def known(report: str) -> int:
    return int(report.rpartition("files read, ")[2].split()[0])


def test_after_a_kill_the_same_command_goes_on(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop, MANY)
    status, _ = stop(shop, signal.SIGKILL)
    noted = shop.journal()
    assert status == -signal.SIGKILL
    assert NOTED <= noted < MANY
    (shop.output / "images" / "00").mkdir(exist_ok=True)
    (shop.output / "images" / "00" / ".x.jpg.1.partial").write_bytes(b"half")
    shop.gather()
    assert known(capsys.readouterr().out) == noted
    assert len(shop.products()) == MANY
    assert shop.files() == sorted(product.images[0] for product in shop.products())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_done(
    shop: Shop, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop, MANY)
    _, error = stop(shop, number)
    so_far = len(shop.products())
    assert 0 < so_far < MANY
    assert f"{so_far} of {MANY} rows are products in {shop.output}; the same command" in error
    noted = shop.journal()
    shop.gather()
    assert known(capsys.readouterr().out) == noted
    assert len(shop.products()) == MANY


def test_an_interrupt_forgets_nothing_of_the_run_before(shop: Shop) -> None:
    fill(shop, MANY)
    shop.gather()
    whole = shop.products()
    lines = shop.feed.read_text().replace("coat", "hoodie").splitlines()
    shop.write(*lines, "new,coat")
    shop.picture("new.jpg", 999)
    (shop.output / "feed" / "pictures.jsonl").unlink()
    stop(shop, signal.SIGTERM)
    categories = [product.category for product in shop.products()]
    assert [product.id for product in shop.products()] == [product.id for product in whole]
    assert categories == sorted(categories, reverse=True)
    assert {"coat", "hoodie"} == set(categories)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; a limit on files is tried instead")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(shop: Shop, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop(shop.feed, shop.images, small_disk / "out")
    fill(shop, 10)
    shop.gather()
    ten = shop.products()
    fill(shop, 60)
    with pytest.raises(CatalogError) as caught:
        shop.gather()
    assert str(caught.value).endswith(
        ": No space left on device; what was done is kept, and the same command goes on"
    )
    assert all(product in shop.products() for product in ten)
    noted = shop.journal()
    assert 10 < noted < 60
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    capsys.readouterr()
    shop.gather()
    assert known(capsys.readouterr().out) == noted
    assert len(shop.products()) == 60
    assert len(shop.files()) == 60


def test_a_file_that_may_grow_no_further(shop: Shop) -> None:
    """The journal of files comes to its limit, as on a full disk."""
    fill(shop, 100, (120, 160))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))

    process = shop.start(preexec_fn=limit)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error.splitlines()[-1].endswith(
        "File too large; what was done is kept, and the same command goes on"
    )
    so_far = len(shop.products())
    assert 0 < so_far < 100
    shop.gather()
    assert len(shop.products()) == 100
