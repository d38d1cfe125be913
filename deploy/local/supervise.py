"""The life of a stack: begin, stay, end."""

from collections.abc import Callable

from deploy.local.stack import EndAsked, Stack, StackError


def supervise(
    stack: Stack, begin: Callable[[], None], *, front_end_s: float, rest_end_s: float
) -> int:
    """Run ``begin``, then keep ``stack`` going until a signal comes or a part ends.

    Args:
        stack: with nothing started yet.
        begin: starts the parts; may wait for them, and run steps.
        front_end_s: how long front parts may take to end.
        rest_end_s: how long the others may take after that.

    Returns:
        0 after an end that was asked for, 1 after any other; nothing of the stack is left.
    """
    stack.listen()
    try:
        begin()
        stack.stay()
    except EndAsked as asked:
        stack.say(f"{asked}: ending all parts")
        return 0
    except StackError as error:
        stack.say(f"{error} Ending all parts.")
        return 1
    finally:
        stack.end(front_end_s, rest_end_s)
        stack.say("all parts have ended")
