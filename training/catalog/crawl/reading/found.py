"""What one source on a page says of its product; several sources are laid over each other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

_SINGLE: Final = ("id", "title", "brand", "color", "price", "currency", "available")


@dataclass(frozen=True)
class PictureLink:
    """A picture's address and role."""

    url: str
    snapshot: bool = False


@dataclass(frozen=True)
class Found:
    """A product as a page shows it; its pictures are addresses still."""

    id: str = ""
    title: str = ""
    brand: str = ""
    categories: tuple[str, ...] = ()
    """As the shop names them, the narrowest first."""
    color: str = ""
    colors: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    price: float | None = None
    currency: str = ""
    available: bool | None = None
    """None: the source does not say."""
    pictures: tuple[PictureLink, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    def over(self, other: "Found") -> "Found":
        """What this source leaves open, the other one fills in.

        Price and currency come from one source, as a mixture could be wrong.
        """
        mine = {each.name: getattr(self, each.name) for each in fields(self)}
        theirs = {each.name: getattr(other, each.name) for each in fields(other)}
        merged = {
            name: theirs[name] if value in ("", None, ()) else value for name, value in mine.items()
        }
        if self.price is not None and not self.currency:
            merged["currency"] = other.currency if other.price == self.price else ""
        merged["attributes"] = {**other.attributes, **self.attributes}
        return Found(**merged)

    def to_row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Found":
        """What `to_row` gave."""
        lists: dict[str, Any] = {
            name: tuple(row[name]) for name in ("categories", "colors", "sizes")
        }
        pictures = tuple(PictureLink(**each) for each in row["pictures"])
        single: dict[str, Any] = {name: row[name] for name in (*_SINGLE, "url", "attributes")}
        return cls(**single, **lists, pictures=pictures)
