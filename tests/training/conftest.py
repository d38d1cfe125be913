"""Put the training package and the serving packages it shares on the import path."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in (ROOT / "services", ROOT / "training"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402 - after the import path is set

# These models are tiny: a second thread only waits, and badly so on a busy machine.
torch.set_num_threads(1)
