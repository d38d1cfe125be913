"""Profiles: those that come along, and what is wrong with others."""

import pytest

from catalog.crawl.hosts import may_ask
from catalog.crawl.profile import Profile, general_profile, load_profile, read_profile
from catalog.crawl.requests import Kind
from catalog.errors import CatalogError


def test_musinsa_says_that_it_was_not_tried() -> None:
    profile = load_profile("musinsa")
    assert not profile.tried
    assert set(profile.categories) == {"hoodie", "coat", "jeans"}
    assert {start.category for start in profile.start} == {"hoodie", "coat", "jeans"}


def test_the_general_profile_takes_its_host_from_the_start() -> None:
    profile = general_profile("https://shop.example:8443/new", ("*.pictures.example",))
    assert profile.hosts == ("shop.example:8443",)
    assert may_ask(profile, "https://a.pictures.example/1.jpg", Kind.PICTURE)
    assert not may_ask(profile, "https://a.pictures.example/1.jpg", Kind.PAGE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x", "shop.toml is no TOML"),
        ('name = "A shop"', "name: "),
        ('name = "a"\nhost = "x"', "host: there is no such field"),
        ('name = "a"\npace.speed = 1', "pace.speed: there is no such field"),
        ('name = "a"\nlinks.product = ["("]', "'(' is no regular expression"),
        ('name = "a"\nselectors.title = "h1::"', "'h1::' is neither CSS nor XPath"),
        ('name = "a"\nselectors.title = "//h1["', "'//h1[' is neither CSS nor XPath"),
        ('name = "a"\nhosts = ["http://x"]', "'http://x' is no host"),
        ('name = "a"\n[[start]]\nurl = "http://x/"', "http://x/ is on none of the hosts"),
        ('name = "a"\npace.delay_s = 0', "pace.delay_s: "),
        ('name = "a"\ncurrency = "Won"', "currency: "),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(CatalogError) as caught:
        read_profile("shop.toml", text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://shop.example/a", True),
        ("https://SHOP.example:443/a", True),
        ("https://shop.example:8080/a", False),
        ("https://www.shop.example/a", False),
        ("https://shop.example.evil.example/a", False),
        ("https://shop.example@evil.example/a", False),
        ("https://xn--hp4bo76a.example/a", True),
        ("ftp://shop.example/a", False),
        ("https://shop.example:port/a", False),
        ("/a", False),
    ],
)
def test_only_the_very_hosts_may_be_asked(url: str, may: bool) -> None:
    profile = Profile(name="a", hosts=("shop.example", "쇼핑.example"))
    assert may_ask(profile, url, Kind.PAGE) is may
