"""The options of the commands that are run in a row, taken over from where they are described."""

import argparse
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, cast

_DEFAULT: Final = "%(default)s"


@dataclass(frozen=True)
class Borrowed:
    """A command's options in another parser."""

    actions: tuple[argparse.Action, ...]

    def arguments(self, options: argparse.Namespace) -> list[str]:
        """What the command would be given on its own line; only what was given."""
        return [
            argument
            for action in self.actions
            if hasattr(options, action.dest)
            for argument in _written(action, getattr(options, action.dest))
        ]


class Borrower:
    """Adds the options of commands to a parser; one that two commands have is one for both."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self._known: dict[str, argparse.Action] = {}

    def add_shared(self, name: str, **settings: Any) -> None:
        """Describe an option oneself that commands have too."""
        self._known[name] = self._parser.add_argument(name, default=argparse.SUPPRESS, **settings)

    def take(
        self,
        add_arguments: Callable[[argparse.ArgumentParser], None],
        *,
        without: Collection[str] = (),
    ) -> Borrowed:
        """Add a command's options, but for its positional ones and some that are passed by hand."""
        actions: list[argparse.Action] = []
        taker = _Taker(self._parser, actions, self._known, without)
        add_arguments(cast("argparse.ArgumentParser", taker))
        return Borrowed(tuple(actions))


class _Taker:
    """Stands in for a parser, or a group of one, while a command describes its options."""

    def __init__(
        self,
        place: Any,
        actions: list[argparse.Action],
        known: dict[str, argparse.Action],
        without: Collection[str],
    ) -> None:
        self._place = place
        self._actions = actions
        self._known = known
        self._without = without

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action | None:
        name = names[0]
        if not name.startswith("-") or name in self._without:
            return None
        if name not in self._known:
            default = str(settings.get("default"))
            settings["help"] = (settings.get("help") or "").replace(_DEFAULT, default)
            # The command itself knows its defaults.
            settings["default"] = argparse.SUPPRESS
            self._known[name] = self._place.add_argument(*names, **settings)
        self._actions.append(self._known[name])
        return self._known[name]

    def add_mutually_exclusive_group(self, **settings: Any) -> "_Taker":
        return self._within(self._place.add_mutually_exclusive_group(**settings))

    def add_argument_group(self, *names: str, **settings: Any) -> "_Taker":
        return self._within(self._place.add_argument_group(*names, **settings))

    def _within(self, group: Any) -> "_Taker":
        return _Taker(group, self._actions, self._known, self._without)


def _written(action: argparse.Action, value: Any) -> list[str]:
    flag = action.option_strings[0]
    if isinstance(action, argparse.BooleanOptionalAction):
        return [flag if value else action.option_strings[1]]
    if action.nargs == 0:
        return [flag]
    values = value if isinstance(value, list) else [value]
    # With "=", a value may begin with a dash.
    return [f"{flag}={one}" for one in values]
