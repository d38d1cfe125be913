"""A shop without a profile, and a shop that does not answer."""

from importlib import resources
from pathlib import Path

from catalog.products import read_products
from tests.training.catalog.shop.crawler import arguments, crawl, write_profile
from tests.training.catalog.shop.server import Shop, open_shop

CRAWL_DELAY_S = 0.08
PAGES = 14


def _general_profile(folder: Path, shop: Shop) -> Path:
    """The general profile as it is shipped, for the test shop and in less of a hurry to be slow."""
    text = (resources.files("catalog.crawl") / "profiles/general.toml").read_text(encoding="utf-8")
    host = shop.site.address.removeprefix("http://")
    for before, after in (
        ("hosts = []", f'hosts = ["{host}"]'),
        ("delay_s = 1.0", "delay_s = 0.01"),
        ("pages = 20000", f"pages = {PAGES}"),
        ("[links]", f'[[start]]\nurl = "{shop.site.address}/category/coat"\n[links]'),
    ):
        assert before in text
        text = text.replace(before, after, 1)
    path = folder / "general.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_shop_of_which_nothing_is_known(tmp_path: Path) -> None:
    with open_shop() as shop:
        shop.site.crawl_delay_s = CRAWL_DELAY_S
        profile = _general_profile(tmp_path, shop)
        ended = crawl(*arguments(shop, profile, tmp_path / "catalog"))
        assert ended.returncode == 0, ended.stderr
        log = shop.forget()

    products = read_products(tmp_path / "catalog")
    assert products
    assert all(product.title and product.price and product.images for product in products)
    assert {"coats"} <= {product.category for product in products}
    assert f"The limit of {PAGES} pages was reached" in ended.stdout
    pages = {each.target for each in log if not each.target.startswith(("/pictures", "/robots"))}
    redirects = {each.target for each in log if each.status == 302}
    assert len(pages - redirects) <= PAGES
    assert not [each for each in log if each.target.startswith(("/cart", "/private"))]
    # The first request after robots.txt may be under way before its Crawl-delay is known.
    times = [each.at for each in log[2:]]
    assert times[-1] - times[0] > CRAWL_DELAY_S * (len(times) - 2)


def test_a_robots_txt_that_cannot_be_read_forbids_everything(tmp_path: Path) -> None:
    with open_shop() as shop:
        shop.site.robots_status = 500
        profile = write_profile(tmp_path, shop)
        ended = crawl(*arguments(shop, profile, tmp_path / "catalog"))
        asked = {each.target for each in shop.log}
    assert ended.returncode == 1
    assert "not one page of test-shop could be read" in ended.stderr
    assert "robots.txt cannot be read" in ended.stderr
    assert asked == {"/robots.txt"}
