"""The guarded fetch over real connections: what it fetches, and where it may not go."""

import asyncio
import gzip
import zlib

import pytest

from retrieval.errors import (
    FailedPrecondition,
    InvalidArgument,
    Reason,
)
from retrieval.image_fetch.hosts import HostAllowlist
from retrieval.image_fetch.transfer import USER_AGENT
from retrieval.preprocess.limits import MAX_BYTES
from tests.integration.gateway.image_fetching import CONTENT, URI, failure, fetch
from tests.support.certificates import Authority
from tests.support.internet import (
    PUBLIC,
    PUBLIC_TOO,
    PUBLIC_V6,
    Internet,
    redirects,
    sends,
)


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


# --- what works -----------------------------------------------------------------------------


async def test_a_picture_is_fetched_with_nothing_of_the_callers(internet: Internet) -> None:
    async with internet.host(sends(CONTENT, "Set-Cookie: a=b")):
        for _ in range(2):
            assert await fetch(internet, f"{URI}?w=1&ä#part") == CONTENT
    assert internet.dialled == [(PUBLIC, 80)] * 2
    assert internet.buffered.taken_bytes == 0
    for head in internet.heads:
        assert head.decode().split("\r\n") == [
            "GET /a.png?w=1&%C3%A4 HTTP/1.1",
            "Host: shop.example",
            f"User-Agent: {USER_AGENT}",
            "Accept: image/jpeg, image/png, image/webp",
            "Accept-Encoding: identity",
            "Connection: close",
            "",
            "",
        ]
    assert internet.observed == [("image_host", "ok")] * 2


async def test_no_proxy_of_the_environment_is_used(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize("uri", [f"http://{PUBLIC}/a", f"http://[{PUBLIC_V6}]/a"])
async def test_a_public_address_needs_no_name(internet: Internet, uri: str) -> None:
    async with (
        internet.host(sends(CONTENT)),
        internet.host(sends(CONTENT), name="six.example", address=PUBLIC_V6),
    ):
        assert await fetch(internet, uri) == CONTENT
    assert internet.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(internet: Internet, status: int) -> None:
    async with (
        internet.host(redirects("//img.shop.example/b", f"{status} Elsewhere")),
        internet.host(sends(CONTENT), name="img.shop.example", address=PUBLIC_TOO),
    ):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC, 80), (PUBLIC_TOO, 80)]
    assert b"referer" not in internet.heads[1].lower()


async def test_the_next_address_is_tried_where_one_does_not_answer(internet: Internet) -> None:
    internet.names["shop.example"] = [[PUBLIC_V6, PUBLIC]]
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
    assert internet.dialled == [(PUBLIC_V6, 80), (PUBLIC, 80)]


async def test_few_of_many_addresses_are_tried(internet: Internet) -> None:
    internet.names["shop.example"] = [[f"93.184.216.{last}" for last in range(1, 200)]]
    assert (await failure(internet)).reason is Reason.IMAGE_HOST_UNREACHABLE
    assert len(internet.dialled) == 4


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "identity", "GZIP"])
async def test_a_host_that_packs_unasked_is_understood(internet: Internet, encoding: str) -> None:
    packed = {"identity": CONTENT, "deflate": zlib.compress(CONTENT)}.get(
        encoding, gzip.compress(CONTENT)
    )
    async with internet.host(sends(packed, f"Content-Encoding: {encoding}")):
        assert await fetch(internet) == CONTENT


async def test_the_largest_picture_is_fetched(internet: Internet) -> None:
    content = bytes(MAX_BYTES)
    async with internet.host(sends(content)):
        assert await fetch(internet) == content
    async with internet.host(sends(content, length=False)):
        assert await fetch(internet) == content


async def test_a_body_in_chunks_is_put_together(internet: Internet) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(CONTENT), 100):
            piece = CONTENT[start : start + 100]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")

    async with internet.host(answer):
        assert await fetch(internet) == CONTENT


# --- where it may go ------------------------------------------------------------------------


async def test_one_private_address_among_public_ones_refuses_the_host(internet: Internet) -> None:
    for addresses in ([PUBLIC, "10.0.0.1"], [PUBLIC_V6, PUBLIC, "::ffff:127.0.0.1"]):
        internet.names["shop.example"] = [addresses]
        async with internet.host(sends(CONTENT)):
            assert (await failure(internet)).reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == []
    assert internet.observed == [("image_host", "blocked")] * 2


async def test_a_name_that_resolves_anew_stays_at_the_address_that_was_checked(
    internet: Internet,
) -> None:
    internet.names["shop.example"] = [[PUBLIC], ["127.0.0.1"]]
    async with internet.host(sends(CONTENT)):
        assert await fetch(internet) == CONTENT
        assert internet.asked == ["shop.example"]
        assert internet.dialled == [(PUBLIC, 80)]
        # The next fetch asks again, and sees what the name has become.
        assert (await failure(internet)).reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


async def test_a_redirect_to_the_same_name_is_looked_up_anew(internet: Internet) -> None:
    internet.names["shop.example"] = [[PUBLIC], ["169.254.169.254"]]
    async with internet.host(redirects("/b.png")):
        error = await failure(internet)
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "//localhost/",
        "http://inside.example/",
        "http://user@shop.example/",
        "http://shop.example:22/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "\\\\127.0.0.1\\a",
    ],
)
async def test_a_redirect_to_where_no_caller_may_is_refused_at_that_hop(
    internet: Internet, location: str
) -> None:
    internet.names["inside.example"] = [["10.1.2.3"]]
    async with internet.host(redirects(location)):
        error = await failure(internet)
    assert isinstance(error, InvalidArgument)
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 80)]


async def test_a_list_holds_for_redirects_too(internet: Internet) -> None:
    rule = HostAllowlist(["shop.example", "*.img.example"])
    async with (
        internet.host(redirects("http://a.img.example/")),
        internet.host(redirects("http://other.example/"), name="a.img.example", address=PUBLIC_TOO),
        internet.host(sends(CONTENT), name="other.example", address="93.184.216.36"),
    ):
        assert (await failure(internet, may_ask=rule)).reason is Reason.IMAGE_URI_REFUSED
        assert internet.dialled == [(PUBLIC, 80), (PUBLIC_TOO, 80)]
        refused = await failure(internet, "http://other.example/", may_ask=rule)
    assert refused.reason is Reason.IMAGE_URI_REFUSED
    assert "other.example" not in internet.asked


async def test_redirects_end(internet: Internet) -> None:
    async with internet.host(redirects("/again")):
        error = await failure(internet)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.IMAGE_HOST_REFUSED
    assert len(internet.dialled) == 4  # the first question, and three redirects


# --- TLS ------------------------------------------------------------------------------------


async def test_the_certificate_must_be_the_names(internet: Internet, authority: Authority) -> None:
    tls = authority.client()
    async with internet.host(sends(CONTENT), port=443, tls=authority.server("DNS:shop.example")):
        assert await fetch(internet, "https://shop.example/", tls=tls) == CONTENT
        # The same server by another name, or by its bare address, is not the one it says it is.
        internet.names["other.example"] = [[PUBLIC]]
        for uri in ("https://other.example/", f"https://{PUBLIC}/"):
            error = await failure(internet, uri, tls=tls)
            assert isinstance(error, FailedPrecondition)
            assert error.reason is Reason.IMAGE_HOST_UNREACHABLE
        # Nor is an authority trusted that is not a public one.
        assert (await failure(internet, "https://shop.example/")).kind is error.kind
    assert len(internet.heads) == 1


async def test_the_name_is_what_tls_asks_for(internet: Internet, authority: Authority) -> None:
    asked: list[str | None] = []
    server = authority.server("DNS:shop.example")
    server.sni_callback = lambda _, name, __: asked.append(name)
    async with internet.host(sends(CONTENT), port=443, tls=server):
        await fetch(internet, "https://SHOP.example/", tls=authority.client())
    assert asked == ["shop.example"]


async def test_an_address_may_have_a_certificate(internet: Internet, authority: Authority) -> None:
    server = authority.server(f"IP:{PUBLIC_V6}")
    async with internet.host(
        sends(CONTENT), name="six.example", address=PUBLIC_V6, port=443, tls=server
    ):
        uri = f"https://[{PUBLIC_V6}]/"
        assert await fetch(internet, uri, tls=authority.client()) == CONTENT


async def test_what_began_in_tls_stays_there(internet: Internet, authority: Authority) -> None:
    server = authority.server("DNS:shop.example")
    async with (
        internet.host(redirects("http://shop.example/"), port=443, tls=server),
        internet.host(sends(CONTENT)),
    ):
        error = await failure(internet, "https://shop.example/", tls=authority.client())
    assert error.reason is Reason.IMAGE_URI_REFUSED
    assert internet.dialled == [(PUBLIC, 443)]


async def test_a_host_without_tls_is_not_asked_without(
    internet: Internet, authority: Authority
) -> None:
    async with internet.host(sends(CONTENT), port=443):
        error = await failure(
            internet, "https://shop.example/", budget_s=0.5, tls=authority.client()
        )
    assert isinstance(error, FailedPrecondition)
    assert internet.heads == []
