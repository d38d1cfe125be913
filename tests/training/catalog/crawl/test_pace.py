"""How long a host asks to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scrapy.http import Response

from catalog.crawl.pace import retry_after_s


def _response(value: str) -> Response:
    return Response("https://shop.example/", status=429, headers={"Retry-After": value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [("120", 120.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-5", None)],
)
def test_seconds(value: str, expected: float | None) -> None:
    assert retry_after_s(_response(value)) == expected


def test_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=100)
    wait = retry_after_s(_response(format_datetime(at, usegmt=True)))
    assert wait == pytest.approx(100, abs=5)


def test_a_date_that_is_over() -> None:
    assert retry_after_s(_response("Mon, 02 Nov 2020 10:00:00 GMT")) == 0.0


def test_no_header() -> None:
    assert retry_after_s(Response("https://shop.example/", status=503)) is None
