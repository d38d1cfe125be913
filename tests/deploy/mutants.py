"""Damage to rendered objects, one place at a time: what a rule must notice."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from tests.deploy.chart import Object, containers_of, template_of, title

Mutants = Callable[[Sequence[Object]], Iterator[tuple[str, list[Object]]]]
_ABSENT: Final = object()


def without(path: str, *, within: str = "", where: Callable[[Any], bool] | None = None) -> Mutants:
    """Remove ``path`` at one place after the other.

    Args:
        path: begins with ``pod``, ``container`` or a kind; then keys, with dots between them.
        within: only objects whose name holds this.
        where: only pods, containers or objects of which this is true.
    """
    return _each(path, _ABSENT, within, where)


def changed(
    path: str, value: Any, *, within: str = "", where: Callable[[Any], bool] | None = None
) -> Mutants:
    """Set ``path``, which is there, to ``value`` at one place after the other."""
    return _each(path, value, within, where)


def added(path: str, value: Any) -> Mutants:
    """Set ``path``, whose last key is not there, at one place after the other."""
    return _each(path, value, "", None, new=True)


def no_object(kind: str, *, within: str = "") -> Mutants:
    """Leave out one object of ``kind`` after the other."""

    def mutants(objects: Sequence[Object]) -> Iterator[tuple[str, list[Object]]]:
        for number, found in enumerate(objects):
            if found["kind"] == kind and within in found["metadata"]["name"]:
                yield f"no {title(found)}", [*objects[:number], *objects[number + 1 :]]

    return mutants


def no_argument(text: str, *, within: str = "", key: str = "args") -> Mutants:
    """Leave out one argument with ``text`` of one container after the other."""

    def mutants(objects: Sequence[Object]) -> Iterator[tuple[str, list[Object]]]:
        for number, found in enumerate(objects):
            if within not in found["metadata"]["name"]:
                continue
            for place in range(len(_places(found, "container"))):
                arguments = _places(found, "container")[place].get(key, ())
                for position, argument in enumerate(arguments):
                    if text in argument:
                        damaged = copy.deepcopy(found)
                        del _places(damaged, "container")[place][key][position]
                        what = f"{title(found)} without {argument}"
                        yield what, [*objects[:number], damaged, *objects[number + 1 :]]

    return mutants


def _each(
    path: str,
    value: Any,
    within: str,
    where: Callable[[Any], bool] | None,
    *,
    new: bool = False,
) -> Mutants:
    kind, *keys = path.split(".")

    def mutants(objects: Sequence[Object]) -> Iterator[tuple[str, list[Object]]]:
        for number, found in enumerate(objects):
            if within not in found["metadata"]["name"]:
                continue
            for place in range(len(_places(found, kind))):
                damaged = copy.deepcopy(found)
                target = _places(damaged, kind)[place]
                if where is not None and not where(target):
                    continue
                if _set(target, keys, value, new):
                    yield (
                        f"{title(found)} with another {path}",
                        [
                            *objects[:number],
                            damaged,
                            *objects[number + 1 :],
                        ],
                    )

    return mutants


def _places(found: Object, kind: str) -> list[Any]:
    if kind not in ("pod", "container"):
        return [found] if found["kind"] == kind else []
    template = template_of(found)
    if template is None:
        return []
    return [template["spec"]] if kind == "pod" else containers_of(template["spec"])


def _set(target: Any, keys: Sequence[str], value: Any, new: bool) -> bool:
    for key in keys[:-1]:
        if key not in target:
            return False
        target = target[key]
    if (keys[-1] in target) is new:
        return False
    if value is _ABSENT:
        del target[keys[-1]]
    else:
        target[keys[-1]] = value
    return True
