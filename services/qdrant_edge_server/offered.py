"""What a request may contain: fields outside the list are refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from qdrant_edge_server.errors import NotOffered


def set_fields(message: Message, names: Iterable[str]) -> dict[str, Any]:
    """The fields among `names` that `message` sets, with their values."""
    return {field.name: value for field, value in message.ListFields() if field.name in names}


def only(message: Message, *offered: str) -> None:
    """Refuse `message` if it sets a field that is not named in `offered`.

    Raises:
        NotOffered: with the names of the message and of the field.
    """
    for field, _ in message.ListFields():
        if field.name not in offered:
            raise NotOffered(
                f"{message.DESCRIPTOR.name}.{field.name} is not offered by this server."
            )
