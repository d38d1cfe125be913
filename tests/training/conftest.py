"""Put the training package and the serving packages it shares on the import path."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in (ROOT / "services", ROOT / "training"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
