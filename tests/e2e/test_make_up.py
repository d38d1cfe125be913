"""`make up` and `make down` as a person uses them, with a feed of forty products."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo_catalog.write import write_catalog
from deploy.local.ports import free_ports

_ROOT = Path(__file__).parents[2]
_COUNT = 40


class Home:
    """A DATA_DIR with ports and a feed, on which stacks are started one after the other."""

    def __init__(self, folder: Path) -> None:
        feed = write_catalog(folder / "feed", _COUNT, workers=1, progress=False)
        http_port, grpc_port = free_ports(2)
        self.data_dir = folder / "data"
        self.environment = {
            # `make test` may be what runs this: its make must not speak to ours.
            **{name: value for name, value in os.environ.items() if "MAKE" not in name},
            "HTTP_PORT": str(http_port),
            "GRPC_PORT": str(grpc_port),
            "DATA_DIR": str(self.data_dir),
            "CATALOG": str(feed / "products.jsonl"),
        }
        self._log = folder / "log"

    @property
    def log(self) -> str:
        """What the last stack has said."""
        return self._log.read_text(errors="replace")

    @contextmanager
    def up(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Start ``make up`` like a shell does, in a process group of its own."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                ["make", "up"],
                cwd=_ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            self.make("down")
            process.wait(30)

    def make(self, target: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run another target with the same settings, or with some changed."""
        return subprocess.run(
            ["make", target],
            cwd=_ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def wait_for(self, text: str, timeout_s: float = 180) -> None:
        """Wait until the log holds ``text``."""
        wait_until(lambda: text in self.log, timeout_s, lambda: self.log)

    def processes(self) -> dict[int, str]:
        """Process ids and names of everything that runs with this DATA_DIR."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._owns(folder):
                        found[int(folder.name)] = (folder / "comm").read_text().strip()
                except OSError:
                    continue
        return found

    def _owns(self, process: Path) -> bool:
        # Redis writes its title over its environment; what it holds open still tells.
        members = str(self.data_dir / "run" / "members")
        environment = (process / "environ").read_bytes().split(b"\0")
        return f"DATA_DIR={self.data_dir}".encode() in environment or any(
            os.readlink(link) == members for link in (process / "fd").iterdir()
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for the whole story: later chapters find what earlier ones left."""
    return Home(tmp_path_factory.mktemp("home"))


def test_a_first_start_imports_and_prints_a_search_that_works(home: Home) -> None:
    with home.up() as process:
        home.wait_for("Ctrl-C, or `make down`")
        assert f"imported {_COUNT}, unchanged 0, failed 0, of {_COUNT} rows" in home.log
        curl = re.search(r"^ *(curl .*)$", home.log, re.MULTILINE)
        assert curl is not None
        answer = subprocess.run(
            ["bash", "-c", curl[1]], capture_output=True, text=True, timeout=30, check=True
        )
        assert len(json.loads(answer.stdout)["hits"]) == 3

        http_port, grpc_port = map(str, free_ports(2))
        same_folder = home.make("up", HTTP_PORT=http_port, GRPC_PORT=grpc_port)
        assert same_folder.returncode != 0
        assert "is in use by another stack" in same_folder.stderr
        busy_port = home.make("up", DATA_DIR=str(home.data_dir / "other"))
        assert busy_port.returncode != 0
        assert f"HTTP_PORT {home.environment['HTTP_PORT']} is in use" in busy_port.stderr

        began = time.monotonic()
        down = home.make("down")
        assert "has ended" in down.stdout
        assert time.monotonic() - began < 20
        # The starter itself lets go of its folder a moment before it is gone.
        assert process.wait(5) == 0
        assert home.processes() == {}


def test_a_second_start_imports_nothing_and_a_part_that_dies_ends_it(home: Home) -> None:
    with home.up() as process:
        home.wait_for("Ctrl-C, or `make down`")
        assert f"imported 0, unchanged {_COUNT}, failed 0, of {_COUNT} rows" in home.log
        [redis] = [pid for pid, name in home.processes().items() if name == "redis-server"]
        os.kill(redis, signal.SIGKILL)
        assert process.wait(30) != 0
        assert "redis has ended with SIGKILL. Ending all parts." in home.log
        assert home.processes() == {}


def test_a_lost_index_is_imported_again_and_a_killed_supervisor_leaves_nothing(
    home: Home,
) -> None:
    shutil.rmtree(home.data_dir / "qdrant")
    with home.up():
        home.wait_for("Ctrl-C, or `make down`")
        assert f"imported {_COUNT}, unchanged 0, failed 0, of {_COUNT} rows" in home.log
        owner = int((home.data_dir / "run" / "lock").read_text())
        os.kill(owner, signal.SIGKILL)
        wait_until(lambda: not home.processes(), 30, lambda: str(home.processes()))


def test_ctrl_c_ends_a_start_half_way(home: Home) -> None:
    with home.up() as process:
        home.wait_for("publishing the model")
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
        assert "SIGINT: ending all parts" in home.log
        assert "all parts have ended" in home.log
        assert home.processes() == {}


def wait_until(condition: Callable[[], bool], timeout_s: float, why: Callable[[], str]) -> None:
    """Wait for ``condition``; fail with the end of ``why()`` when it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, why()[-3000:]
        time.sleep(0.1)
