"""``python -m deploy.local up | down``, from the root of the repository."""

import argparse
import os
import sys

from deploy.local.claim import ClaimError, end_other
from deploy.local.settings import SettingsError, data_dir


def main(arguments: list[str] | None = None) -> int:
    """0 after an end that was asked for, 1 when something did not work."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down"], help="start the stack, or end it")
    command = parser.parse_args(arguments).command
    try:
        if command == "down":
            print(end_other(data_dir(os.environ)))
            return 0
        # `down` needs nothing but Python; `up` needs .venv.
        from deploy.local.up import up

        return up(os.environ)
    except (SettingsError, ClaimError) as error:
        print(f"recompose: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
