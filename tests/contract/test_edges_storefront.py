"""The storefront on the REST edge: its files, their headers, and nothing else of its folder."""

import gzip
import json
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError
from gateway.static_files import NEVER_CHANGES, OWN_ONLY
from gateway.storefront import Storefront, StorefrontMissing
from gateway.wiring import storefront_of
from tests.support.edges import serving
from tests.support.fake_core import FakeCore, edge_parts

PAGE = "<!doctype html><title>Shop</title>"
SCRIPT = "console.log('a shop');" * 50


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build writes it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "storefront.json").write_text('{"name": "Nook", "image_uris": false}')
    (tmp_path / "assets" / "index-1a2b.js").write_text(SCRIPT)
    (tmp_path / "assets" / "font-3c4d.woff2").write_bytes(b"wOF2")
    return tmp_path


async def test_the_page_is_at_the_root_and_at_each_product(built: Path) -> None:
    storefront = Storefront(built, image_uris=False)
    async with serving(edge_parts(FakeCore()), storefront=storefront) as edges:
        for path in ("/", "/products/p-7", "/products/a%20b"):
            page = await edges.rest.get(path)
            assert (page.status_code, page.text) == (200, PAGE)
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["content-security-policy"] == OWN_ONLY
            assert page.headers["cache-control"] == "no-cache"


async def test_assets_are_compressed_and_kept(built: Path) -> None:
    storefront = Storefront(built, image_uris=False)
    async with serving(edge_parts(FakeCore()), storefront=storefront) as edges:
        packed = await edges.rest.get(
            "/assets/index-1a2b.js", headers={"Accept-Encoding": "br, gzip"}
        )
        plain = await edges.rest.get(
            "/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"}
        )
        font = await edges.rest.get("/assets/font-3c4d.woff2")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(gzip.compress(SCRIPT.encode(), mtime=0))
    assert packed.text == plain.text == SCRIPT
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == "Accept-Encoding"
    assert {answer.headers["cache-control"] for answer in (packed, plain, font)} == {NEVER_CHANGES}
    assert font.headers["content-type"] == "font/woff2"


async def test_a_known_file_is_not_sent_again(built: Path) -> None:
    storefront = Storefront(built, image_uris=False)
    async with serving(edge_parts(FakeCore()), storefront=storefront) as edges:
        tag = (await edges.rest.get("/")).headers["etag"]
        again = await edges.rest.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("image_uris", [False, True])
async def test_the_page_learns_whether_addresses_are_fetched(built: Path, image_uris: bool) -> None:
    storefront = Storefront(built, image_uris=image_uris)
    async with serving(edge_parts(FakeCore()), storefront=storefront) as edges:
        config = (await edges.rest.get("/storefront.json")).json()
    assert config == {"name": "Nook", "image_uris": image_uris}


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/assets/", "/assets/nothing.js", "/assets/..%2Findex.html", "/index.html",
     "/products/a/b"],
)  # fmt: skip
async def test_what_is_not_there_gets_the_apis_404(built: Path, path: str) -> None:
    storefront = Storefront(built, image_uris=False)
    async with serving(edge_parts(FakeCore()), storefront=storefront) as edges:
        answer = await edges.rest.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["details"][0]["reason"] == "ROUTE_UNKNOWN"
    assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.parametrize("broken", ["index.html", "storefront.json", "assets"])
def test_a_folder_that_is_no_build_stops_the_start(built: Path, broken: str) -> None:
    (built / broken).rename(built / "elsewhere")
    with pytest.raises(StorefrontMissing, match="make storefront"):
        Storefront(built, image_uris=False)
    with pytest.raises(SettingsError, match="make storefront"):
        storefront_of(Settings(storefront_dir=built))


def test_a_config_that_cannot_be_read_stops_the_start(built: Path) -> None:
    (built / "storefront.json").write_text(json.dumps(["no object"]))
    with pytest.raises(StorefrontMissing):
        Storefront(built, image_uris=False)


def test_without_the_setting_there_is_none() -> None:
    assert storefront_of(Settings()) is None
