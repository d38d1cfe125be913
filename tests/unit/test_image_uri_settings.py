"""The settings of fetching pictures by their address, and what is wired for them."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway.settings import Settings, SettingsError, read_settings
from gateway.wiring import image_fetcher_of, storefront_of
from retrieval.domain import Deadline, ignore_observation
from retrieval.errors import InvalidArgument, Reason
from retrieval.permits import ByteBudget

Set = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Set:
    def give(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return give


def test_nothing_is_fetched_unless_chosen() -> None:
    settings = read_settings()
    assert (settings.image_uris, settings.image_uri_hosts) == ("off", ())
    assert settings.image_uri_budget_s == 2.0


def test_hosts_are_separated_by_commas(given: Set) -> None:
    given(IMAGE_URIS="allowlist", IMAGE_URI_HOSTS=" img.shop.example, *.cdn.example,")
    assert read_settings().image_uri_hosts == ("img.shop.example", "*.cdn.example")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"IMAGE_URIS": "on"}, "IMAGE_URIS is not"),
        ({"IMAGE_URIS": "allowlist"}, "IMAGE_URI_HOSTS is not"),
        ({"IMAGE_URIS": "allowlist", "IMAGE_URI_HOSTS": " , "}, "IMAGE_URI_HOSTS is not"),
        ({"IMAGE_URIS": "allowlist", "IMAGE_URI_HOSTS": "10.0.0.1"}, "IMAGE_URI_HOSTS is not"),
        ({"IMAGE_URIS": "public", "IMAGE_URI_HOSTS": "shop.example"}, "IMAGE_URI_HOSTS is not"),
        ({"IMAGE_URI_HOSTS": "https://shop.example"}, "IMAGE_URI_HOSTS is not"),
        ({"IMAGE_URI_BUDGET_S": "0"}, "IMAGE_URI_BUDGET_S is not"),
    ],
)
def test_a_bad_setting_is_told_in_one_sentence(
    given: Set, settings: dict[str, str], told: str
) -> None:
    given(**settings)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(told)
    assert line.endswith(".")
    assert "10.0.0.1" not in line  # values are left out


@pytest.mark.parametrize(
    ("settings", "offered"),
    [
        ({}, False),
        ({"IMAGE_URIS": "public"}, True),
        ({"IMAGE_URIS": "allowlist", "IMAGE_URI_HOSTS": "shop.example"}, True),
    ],
)
async def test_the_page_offers_an_address_where_it_is_fetched(
    given: Set, tmp_path: Path, settings: dict[str, str], offered: bool
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.js").write_text("1")
    (tmp_path / "index.html").write_text("<title>shop</title>")
    (tmp_path / "storefront.json").write_text('{"image_uris": false}')
    given(STOREFRONT_DIR=str(tmp_path), **settings)
    storefront = storefront_of(read_settings())
    assert storefront is not None
    app = FastAPI()
    storefront.add_to(app)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop.test"
    ) as client:
        assert (await client.get("/storefront.json")).json() == {"image_uris": offered}


async def refused_for(settings: Settings, uri: str) -> Reason:
    """What the wired fetch says to an address that needs no network to be refused."""
    fetcher, close = image_fetcher_of(settings, ByteBudget(1), ignore_observation)
    try:
        with pytest.raises(InvalidArgument) as caught:
            async with fetcher.fetch(uri, Deadline.after(1)):
                pass
    finally:
        close()
    return caught.value.reason


@pytest.mark.parametrize(
    ("settings", "uri", "reason"),
    [
        ({}, "https://shop.example/a", Reason.IMAGE_URI_DISABLED),
        ({"IMAGE_URIS": "public"}, "http://127.0.0.1/a", Reason.IMAGE_URI_REFUSED),
        ({"IMAGE_URIS": "public"}, "http://127.1/a", Reason.IMAGE_URI_INVALID),
        (
            {"IMAGE_URIS": "allowlist", "IMAGE_URI_HOSTS": "*.shop.example"},
            "https://shop.example/a",
            Reason.IMAGE_URI_REFUSED,
        ),
    ],
)
async def test_what_is_set_is_what_is_wired(
    given: Set, settings: dict[str, str], uri: str, reason: Reason
) -> None:
    given(**settings)
    assert await refused_for(read_settings(), uri) is reason
