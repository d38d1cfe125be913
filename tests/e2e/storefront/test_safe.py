"""The built page is small, asks nobody else, and runs nothing that it did not bring."""

import gzip
import re

from tests.support.shop import Shop, built_files
from tests.support.stack import Stack

MOST_SCRIPT_BYTES = 200_000


def test_the_script_is_small() -> None:
    scripts = list(built_files().rglob("*.js"))
    assert scripts
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < MOST_SCRIPT_BYTES


def test_nothing_is_inline_and_no_key_is_in_it() -> None:
    page = (built_files() / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", page)
    bundle = "".join(path.read_text() for path in built_files().rglob("*.js"))
    assert not re.search(r"api[_-]?key|secret|authorization|bearer ", bundle, re.IGNORECASE)


def test_a_strict_policy_holds_on_every_page(shop: Shop, stack: Stack) -> None:
    for path in ("/", "/products/demo-00007"):
        policy = stack.rest.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
    shop.open()
    refused = shop.page.evaluate(
        """() => new Promise(done => {
          document.addEventListener("securitypolicyviolation", event =>
            done(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.head.append(script);
        })"""
    )
    assert refused == "script-src-elem"
    assert shop.page.evaluate("window.ran") is None
    assert len(shop.complaints) == 1  # the one that was provoked
    shop.complaints.clear()


def test_files_are_cached_as_long_as_they_do_not_change(shop: Shop, stack: Stack) -> None:
    shop.open()
    for request in shop.requests:
        path = request.url.removeprefix(shop.base)
        if path.startswith("/assets/"):
            assert "immutable" in stack.rest.get(path).headers["cache-control"]
    page = stack.rest.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = stack.rest.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert stack.rest.get("/assets/no-such-file.js").status_code == 404


def test_only_the_fonts_that_are_needed_are_fetched(shop: Shop) -> None:
    """The family has about 120 files, so that Korean costs those who read it alone."""
    shop.open()
    shop.page.wait_for_load_state("networkidle")
    fonts = [request for request in shop.requests if request.url.endswith(".woff2")]
    assert 1 <= len(fonts) <= 8
