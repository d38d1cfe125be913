"""``python -m tests.fuzz fuzz_NAME``: one of the fuzzers beside this file, for as long as is asked.

Atheris follows coverage through Recompose's own code. Pillow is C: of it a fuzzer sees what our
checks before and after it see.
"""

import argparse
import importlib
import resource
import sys
from pathlib import Path
from typing import Final

import atheris

_OURS: Final = ["gateway", "retrieval", "indexer"]
_MEMORY_BYTES: Final = 4 << 30
_ONE_INPUT_WITHIN_S: Final = 25


def main() -> None:
    """Never returns: the fuzzer ends the process.

    The status is 0 when the time is over, and another one at the first exception, crash, hang, or
    memory beyond the limit; the input then lies in the folder of ``--keep``.
    """
    options = _options()
    with atheris.instrument_imports(include=_OURS):
        target = importlib.import_module(f"tests.fuzz.{options.name}")
    Path(options.keep).mkdir(parents=True, exist_ok=True)
    corpus = Path(options.corpus)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.corpus()):
        (corpus / f"{number:03}").write_bytes(data)
    # Not libFuzzer's own limit: its peak begins with what the process had that started this one.
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-max_len={target.LONGEST}",
        "-rss_limit_mb=0",
        f"-timeout={_ONE_INPUT_WITHIN_S}",
        f"-artifact_prefix={options.keep}/{options.name}-",
        "-use_value_profile=1",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, target.TestOneInput)
    atheris.Fuzz()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", help="a module beside this one, such as fuzz_pictures")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="0: another one each time")
    parser.add_argument("--corpus", required=True, help="folder; what reaches new code is added")
    parser.add_argument("--keep", required=True, help="folder of an input that failed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
