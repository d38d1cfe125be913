"""Groups of what is linked, and the near neighbours of pictures within one group."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, TypeVar

import numpy as np

Node = TypeVar("Node", bound=Hashable)
_ONES: Final = np.array([number.bit_count() for number in range(256)], dtype=np.uint8)


def join(links: Iterable[Sequence[Node]]) -> list[list[Node]]:
    """The connected groups of a graph; each item of `links` names nodes that belong together."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for nodes in links:
        for node in nodes:
            parent[root(node)] = root(nodes[0])
    groups: dict[Node, list[Node]] = {}
    for node in parent:
        groups.setdefault(root(node), []).append(node)
    return list(groups.values())


class Links:
    """Which pictures of one group are direct near-duplicates of each other.

    Compares each picture that is asked for with all of the group: groups are small.
    """

    def __init__(
        self, pictures: Collection[str], fingerprints: Mapping[str, int], distance: int
    ) -> None:
        self._names = sorted(name for name in pictures if name in fingerprints)
        self._prints = np.array([fingerprints[name] for name in self._names], dtype=np.uint64)
        self._places = {name: place for place, name in enumerate(self._names)}
        self._distance = distance
        self.near = cache(self._near)

    def _near(self, name: str) -> frozenset[str]:
        """Pictures at most `distance` bits away, the picture itself left out."""
        if name not in self._places:
            return frozenset()
        different = self._prints ^ self._prints[self._places[name]]
        bits = _ONES[different.view(np.uint8).reshape(-1, 8)].sum(axis=1)
        close = np.flatnonzero(bits <= self._distance)
        return frozenset(self._names[place] for place in close.tolist()) - {name}
