"""What the test shop sells: invented garments, each in one of the ways that shops publish them."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

Style = Literal["json-ld", "group", "microdata", "opengraph", "selectors"]


@dataclass(frozen=True)
class Garment:
    """A product as the shop knows it."""

    number: str
    category: str
    title: str
    brand: str = "Nordlicht"
    style: Style = "json-ld"
    sku: str = ""
    colors: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    price: float = 50.0
    currency: str = "EUR"
    available: bool = True
    images: tuple[str, ...] = ()
    """Addresses below the shop."""
    snapshots: tuple[str, ...] = ()
    worn_by: Literal["caption", "address", "selector"] = "address"
    """What tells a snapshot."""
    encoding: str = "utf-8"
    charset_in: Literal["header", "meta"] = "header"
    attributes: dict[str, str] = field(default_factory=dict)
    extra_images: tuple[str, ...] = ()
    """On the page, and not expected in the catalog."""


def _pictures(number: str, count: int, worn: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    images = tuple(f"/pictures/{number}-{place}.jpg" for place in range(count))
    return images, tuple(f"/pictures/snap/{number}-{place}.jpg" for place in range(worn))


def _garment(
    number: int, category: str, title: str, count: int = 1, worn: int = 0, **more: object
) -> Garment:
    images, snapshots = _pictures(str(number), count, worn)
    fields = {"sku": f"SKU-{number}", "images": images, "snapshots": snapshots, **more}
    return replace(Garment(str(number), category, title), **fields)  # type: ignore[arg-type]


STOCK: Final = (
    _garment(
        1,
        "coat",
        "Wool coat",
        2,
        1,
        colors=("camel",),
        sizes=("S", "M", "L"),
        attributes={"sleeve": "long", "fit": "loose"},
    ),
    _garment(2, "coat", "Short trench", 1, price=120.5, currency="USD"),
    _garment(
        3,
        "coat",
        "울 더블 코트",
        1,
        1,
        brand="한결",
        price=129000.0,
        currency="KRW",
        colors=("검정", "아이보리"),
        worn_by="caption",
    ),
    _garment(
        4,
        "coat",
        "Rain cape",
        1,
        available=False,
        style="group",
        colors=("yellow", "navy"),
        sizes=("M", "L"),
    ),
    _garment(
        5,
        "coat",
        "더플 코트",
        1,
        style="microdata",
        brand="한결",
        price=89000.0,
        currency="KRW",
        encoding="euc-kr",
    ),
    _garment(
        6, "coat", "Quilted coat", 1, style="microdata", sizes=("36", "38"), colors=("olive",)
    ),
    _garment(7, "coat", "Loden coat", 1),
    _garment(8, "coat", "Pea coat", 1, extra_images=("/pictures/8-broken.jpg",)),
    _garment(
        10,
        "hoodie",
        "Zip hoodie",
        2,
        1,
        style="group",
        colors=("grey", "black"),
        sizes=("S", "M"),
        worn_by="selector",
    ),
    _garment(11, "hoodie", "Boxy hoodie", 1),
    _garment(
        12,
        "hoodie",
        "기모 후드 티셔츠",
        1,
        1,
        style="opengraph",
        sku="",
        brand="한결",
        price=39000.0,
        currency="KRW",
        encoding="euc-kr",
        charset_in="meta",
    ),
    _garment(
        13,
        "hoodie",
        "Cropped hoodie",
        1,
        style="opengraph",
        colors=("pink", "white"),
        available=False,
        extra_images=("/pictures/huge.jpg", "/pictures/bomb.png"),
    ),
    _garment(14, "hoodie", "Fleece hoodie", 1, style="microdata", available=False),
    _garment(20, "jeans", "Straight jeans", 1, 1, style="opengraph", colors=("indigo",)),
    _garment(
        21,
        "jeans",
        "와이드 청바지",
        1,
        style="selectors",
        sku="",
        brand="한결",
        price=59000.0,
        currency="KRW",
        sizes=("28", "30"),
        worn_by="selector",
    ),
    _garment(22, "jeans", "Bootcut jeans", 1, style="group", sizes=("28", "30", "32")),
    _garment(
        23,
        "jeans",
        "Slim jeans",
        1,
        extra_images=(
            "/pictures/23-again.jpg",
            "/pictures/23-smaller.jpg",
            "http://pictures.example/far.jpg",
        ),
    ),
    _garment(30, "jeans", "Only in a sitemap", 1),
    _garment(31, "jeans", "Only in a packed sitemap", 1, style="microdata"),
)
"""Those that a crawl finds."""

PLACEHOLDER: Final = "/pictures/coming-soon.jpg"
SHOWN_WITH_PLACEHOLDER: Final = frozenset({"2", "7", "11", "20", "22", "30"})


def page_images(garment: Garment) -> tuple[str, ...]:
    """Product pictures as the page lists them."""
    soon = (PLACEHOLDER,) if garment.number in SHOWN_WITH_PLACEHOLDER else ()
    return (*garment.images, *garment.extra_images, *soon)


def changed(garment: Garment) -> Garment | None:
    """The same a day later; None: the shop has removed it."""
    if garment.number == "2":
        return replace(garment, price=99.0, title="Short trench coat", available=False)
    return None if garment.number in ("11", "31") else garment


ARRIVAL: Final = _garment(40, "coat", "New coat", 1, style="opengraph")
"""A product that the shop has a day later."""
