"""A bundle of a published size with random weights, at float16; runs in training's environment.

    python -m tests.benchmarks.cache_parts.export_full_size pretrain_vitL|pretrain FOLDER

What it prints last is JSON: the bundle's folder and how long it took. Random weights cost what
trained ones do. ViT-g takes some 4 minutes, 10 GiB of memory and 4.2 GB of disk while it is made.
"""

import json
import sys
import time
from pathlib import Path
from typing import Final, cast

from sprc import export
from sprc.checkpoint import save_checkpoint
from sprc.initial import initialise
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.published import ModelType, published_config

_VOCABULARY: Final = Path(__file__).parents[2] / "parity" / "vocab.txt"


def main() -> int:
    """The exporter's exit status."""
    kind, folder = cast(ModelType, sys.argv[1]), Path(sys.argv[2])
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle = folder / "sprc.pt", folder / "bundle"
    model = Blip2QformerCirAlignPrompt(published_config(kind))
    initialise(model, 1)
    save_checkpoint(model, checkpoint, epoch=0, half=True)
    del model
    paths = ["--model-path", str(checkpoint), "--output", str(bundle)]
    status = export.main([*paths, "--tokenizer", str(_VOCABULARY), "--precision", "float16"])
    checkpoint.unlink()
    print(json.dumps({"bundle": str(bundle), "seconds": time.monotonic() - began}))
    return status


if __name__ == "__main__":
    sys.exit(main())
