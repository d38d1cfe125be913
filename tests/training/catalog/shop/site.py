"""The test shop's addresses and what each answers."""

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from tests.training.catalog.shop.drawn import bomb, picture, smaller
from tests.training.catalog.shop.markup import list_page, product_page, sitemap
from tests.training.catalog.shop.stock import ARRIVAL, STOCK, Garment, changed

PER_PAGE: Final = 3
CATEGORIES: Final = ("coat", "hoodie", "jeans")
ONLY_IN_SITEMAPS: Final = ("30", "31")
RETRY_AFTER_S: Final = 1
HUGE_BYTES: Final = 3_000_000
"""More than the tests' profile allows."""
ROBOTS: Final = """\
User-agent: *
Disallow: /private/
Disallow: /pictures/23-smaller.jpg
Crawl-delay: {delay}

Sitemap: {shop}/sitemap.xml
"""


@dataclass
class Answer:
    """What the shop says."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    stated_bytes: int | None = None
    """Content-Length, where it differs from the body's."""


class Site:
    """A shop that may change. `inside` is an address that no crawl may reach."""

    def __init__(self, inside: str) -> None:
        self.address = ""
        self.inside = inside
        self.garments = {garment.number: garment for garment in STOCK}
        self.robots_status = 200
        self.retry_after_s = RETRY_AFTER_S
        self.busy_times = 1
        self.crawl_delay_s = 0.0
        self._asked: Counter[str] = Counter()

    def a_day_later(self) -> None:
        """Something changed, something went, something came."""
        later = (changed(garment) for garment in STOCK)
        self.garments = {each.number: each for each in later if each is not None}
        self.garments[ARRIVAL.number] = ARRIVAL

    def answer(self, target: str) -> Answer:
        """The answer for a path with its query."""
        path, _, query = target.partition("?")
        self._asked[target] += 1
        if path in (fixed := self._fixed()):
            return fixed[path]()
        if path.startswith("/category/"):
            return self._category(
                path.rsplit("/", 1)[-1], int(parse_qs(query).get("page", ["1"])[0])
            )
        if path.startswith("/goods/"):
            return self._goods(path.removeprefix("/goods/"), query)
        if path.startswith("/pictures/"):
            return self._picture(path)
        return Answer(404)

    def _fixed(self) -> dict[str, Callable[[], Answer]]:
        shop = self.address
        return {
            "/robots.txt": lambda: Answer(
                self.robots_status,
                ROBOTS.format(shop=shop, delay=self.crawl_delay_s).encode(),
                "text/plain",
            ),
            "/sitemap.xml": lambda: _xml(
                sitemap([f"{shop}/sitemap-1.xml", f"{shop}/sitemap-2.xml.gz"], index=True)
            ),
            "/sitemap-1.xml": lambda: _xml(
                sitemap([f"{shop}/goods/30", f"{shop}/goods/1", f"{shop}/private/goods/91"])
            ),
            "/sitemap-2.xml.gz": lambda: Answer(
                body=gzip.compress(sitemap([f"{shop}/goods/31"]).encode(), mtime=0),
                kind="application/gzip",
            ),
        }

    def _category(self, name: str, page: int) -> Answer:
        if name not in CATEGORIES:
            return Answer(404)
        numbers = [
            each.number
            for each in self.garments.values()
            if each.category == name and each.number not in ONLY_IN_SITEMAPS
        ]
        some = numbers[(page - 1) * PER_PAGE : page * PER_PAGE]
        links = [f"/goods/{number}" for number in some]
        if page * PER_PAGE < len(numbers):
            links.append(f"/category/{name}?page={page + 1}")
        if page == 1:
            links += [f"/goods/{each}" for each in _TRAPS[name]]
            links += ["/cart", "/private/goods/90", "http://elsewhere.example/goods/1"]
        return Answer(body=list_page(name, links).encode(), headers={"Set-Cookie": "visit=1"})

    def _goods(self, number: str, query: str) -> Answer:
        if number in (odd := self._odd_goods(query)):
            return odd[number]
        garment = self.garments.get(number)
        if garment is None:
            return Answer(404)
        if (busy := self._busy(garment)) is not None:
            return busy
        body = product_page(garment, self.address).encode(garment.encoding)
        charset = f"; charset={garment.encoding}" if garment.charset_in == "header" else ""
        return _with_validator(Answer(body=body, kind=f"text/html{charset}"), garment)

    def _busy(self, garment: Garment) -> Answer | None:
        times = self._asked[f"/goods/{garment.number}"]
        if garment.number == "7" and times <= self.busy_times:
            return Answer(429, headers={"Retry-After": str(self.retry_after_s)})
        return Answer(500) if garment.number == "8" and times <= 2 else None

    def _odd_goods(self, query: str) -> dict[str, Answer]:
        step = int(parse_qs(query).get("step", ["0"])[0])
        return {
            "sold": Answer(410),
            "failing": Answer(500),
            "loop": _to("/goods/loop-b"),
            "loop-b": _to("/goods/loop"),
            "far": _to(f"/goods/far?step={step + 1}"),
            "moved": _to("/goods/2"),
            "inside": _to(f"{self.inside}/goods/1"),
            "metadata": _to("http://169.254.169.254/latest/meta-data"),
            "about": Answer(body=list_page("About us", []).encode()),
            "late": Answer(404) if "40" not in self.garments else _to("/goods/40"),
        }

    def _picture(self, path: str) -> Answer:
        odd: dict[str, Callable[[], Answer]] = {
            "/pictures/8-broken.jpg": lambda: Answer(body=picture("broken")[:900]),
            "/pictures/huge.jpg": lambda: Answer(stated_bytes=HUGE_BYTES),
            "/pictures/bomb.png": lambda: Answer(body=bomb()),
            "/pictures/23-again.jpg": lambda: Answer(body=picture("/pictures/23-0.jpg")),
            "/pictures/23-smaller.jpg": lambda: Answer(body=smaller(picture("/pictures/23-0.jpg"))),
            "/pictures/10-0.jpg": lambda: _to("/pictures/stored/10-0.jpg"),
        }
        answer = odd[path]() if path in odd else Answer(body=picture(path))
        answer.kind = "image/jpeg"
        if path.startswith("/pictures/snap/"):
            answer.headers["Cache-Control"] = "public, max-age=86400"
        elif answer.status == 200:
            answer.headers["ETag"] = _etag(answer.body)
        return answer


_TRAPS: Final = {
    "coat": ("sold", "failing", "1?utm_source=mail", "moved"),
    "hoodie": ("loop", "far", "inside", "metadata"),
    "jeans": ("about", "late"),
}


def _with_validator(answer: Answer, garment: Garment) -> Answer:
    """Some pages say when they changed, the others have an ETag."""
    if garment.style == "microdata":
        answer.headers["Last-Modified"] = "Mon, 02 Nov 2026 10:00:00 GMT"
    else:
        answer.headers["ETag"] = _etag(answer.body)
    return answer


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


def _xml(text: str) -> Answer:
    body = text.encode()
    return Answer(body=body, kind="application/xml", headers={"ETag": _etag(body)})


def _to(address: str) -> Answer:
    return Answer(302, headers={"Location": address})
