"""``python stand_in.py DATA_DIR PARTS``: a stack of stand-ins, run by the real supervisor.

PARTS is JSON: a list of {"name": ..., "command": [...], "is_step": ..., "front": ...}.
"""

import json
import os
import sys
from pathlib import Path

from deploy.local.claim import ClaimError, claim, members_lock
from deploy.local.stack import Stack
from deploy.local.supervise import supervise


def main() -> int:
    """Start the parts in order, each after the steps before it, and stay."""
    data_dir, parts = Path(sys.argv[1]), json.loads(sys.argv[2])
    with claim(data_dir):
        stack = Stack(members_lock(data_dir), [part["name"] for part in parts])

        def begin() -> None:
            for part in parts:
                name, command = part.pop("name"), part.pop("command")
                stack.start(name, command, os.environ, **part)
                if part.get("is_step"):
                    stack.finish(name, timeout_s=10)
            stack.say("ready")

        return supervise(stack, begin, front_end_s=2, rest_end_s=2)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClaimError as error:
        sys.exit(str(error))
