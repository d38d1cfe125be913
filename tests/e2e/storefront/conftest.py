"""A browser for each file: while one runs, its event loop would be in the way of async tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.shop import Shop, chromium, shopping
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context() -> dict[str, Any]:
    """What kind of browser the shopper has; a test may parametrize it."""
    return {}


@pytest.fixture
def shop(browser: Browser, stack: Stack, context: dict[str, Any]) -> Iterator[Shop]:
    with shopping(browser, f"http://127.0.0.1:{stack.http_port}", **context) as shop:
        yield shop
