"""The crawl as a process of its own, with a profile for the test shop."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.training.catalog.shop.server import Shop

ROOT = Path(__file__).parents[4]
CONTACT = "crawler@shop-owner.example"
_PROFILE = """\
name = "test-shop"
hosts = ["{host}", "localhost:{inside}"]
currency = "KRW"
[[start]]
url = "{shop}/category/coat"
category = "coat"
[[start]]
url = "{shop}/category/hoodie"
category = "hoodie"
[[start]]
url = "{shop}/category/jeans"
category = "jeans"
[categories]
coat = ["Coats"]
hoodie = ["Hoodies"]
jeans = ["Jeans", "Jeanss"]
[links]
product = ['/goods/[^/#]+$']
pagination = ['/category/[a-z]+[?]page=\\d+$']
[selectors]
title = "h1"
brand = ".brand::text"
price = ".price"
sizes = "//select[@class='sizes']/option/text()"
images = ".gallery img::attr(src)"
snapshots = "img.styling::attr(src)"
[snapshots]
addresses = ["/snap/"]
[pace]
delay_s = 0.01
concurrency = {concurrency}
timeout_s = 20
retries = 2
[limits]
picture_bytes = 2000000
"""


def write_profile(folder: Path, shop: Shop, concurrency: int = 1) -> Path:
    """The test shop's profile in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    host = shop.site.address.rpartition("/")[2]
    path = folder / "shop.toml"
    inside = shop.site.inside.rpartition(":")[2]
    path.write_text(
        _PROFILE.format(host=host, shop=shop.site.address, inside=inside, concurrency=concurrency),
        encoding="utf-8",
    )
    return path


def arguments(shop: Shop, profile: Path, output: Path) -> list[str]:
    """The command's arguments for a shop on loopback."""
    port = shop.site.address.rpartition(":")[2]
    return [
        *("--shop", str(profile), "--contact", CONTACT),
        *("--output", str(output), "--allow-private", f"127.0.0.1:{port}"),
    ]


def start(*options: str, program: str = "") -> subprocess.Popen[str]:
    """``python -m catalog crawl``, begun; or a program that runs it."""
    path = os.pathsep.join(str(ROOT / each) for each in ("training", "services"))
    environment = os.environ | {"PYTHONPATH": path}
    how = ["-c", program] if program else ["-m", "catalog", "crawl"]
    command = [sys.executable, *how, *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def crawl(
    *options: str, program: str = "", limit_s: float = 150
) -> subprocess.CompletedProcess[str]:
    """The whole command."""
    process = start(*options, program=program)
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
