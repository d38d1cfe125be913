"""The storefront's types are those that the gateway's OpenAPI document generates."""

import os
import subprocess
from pathlib import Path

from tests.support.shop import built_files

ROOT = Path(__file__).parents[3]
TYPES = built_files().parent / "src" / "api" / "schema.d.ts"


def test_the_types_are_what_the_document_generates(tmp_path: Path) -> None:
    generated = tmp_path / "schema.d.ts"
    done = subprocess.run(
        ["make", "types", f"TYPES={generated}"],
        cwd=ROOT,
        # `make test` may be what runs this: its make must not speak to this one.
        env={name: value for name, value in os.environ.items() if "MAKE" not in name},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert generated.read_text() == TYPES.read_text(), "run `make types`"
