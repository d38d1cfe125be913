"""Tokens of an issuer: whom they name, which are refused, and what a rotation or an outage does."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from gateway.access.caller import Scope
from gateway.access.credentials import Credentials
from gateway.access.tokens import RETRY_S, IssuedTokens, Issuer
from retrieval.errors import DependencyUnavailable, Reason, Unauthenticated
from tests.support.oidc import AUDIENCE, OidcIssuer, running_issuer


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Service:
    """What takes tokens, its clock, and what was observed of the issuer."""

    def __init__(self, issuer: OidcIssuer) -> None:
        self.clock = Clock()
        self.observed: list[str] = []
        self.tokens = IssuedTokens(
            Issuer(issuer.url, AUDIENCE),
            observe=lambda dependency, outcome, _: self.observed.append(f"{dependency}:{outcome}"),
            clock=self.clock,
        )

    async def refuses(self, token: str) -> Reason:
        with pytest.raises(Unauthenticated) as caught:
            await self.tokens.caller(token)
        return caught.value.reason


@pytest.fixture(scope="module")
def running() -> Iterator[OidcIssuer]:
    with running_issuer() as issuer:
        issuer.add_rsa("r1")
        issuer.add_ec("e1")
        yield issuer


@pytest.fixture
def issuer(running: OidcIssuer) -> Iterator[OidcIssuer]:
    keys = dict(running.keys)
    running.fetches = 0
    yield running
    running.keys = keys
    running.answers = {}


@pytest.mark.parametrize("kid", ["r1", "e1"])
async def test_a_good_token_names_its_caller(issuer: OidcIssuer, kid: str) -> None:
    caller = await Service(issuer).tokens.caller(issuer.token(kid, catalogs=["shop"]))
    assert caller.id == "token:front-end"
    assert caller.scopes == {Scope.SEARCH, Scope.CATALOG_READ}
    assert caller.catalogs == {"shop"}
    assert (await Service(issuer).tokens.caller(issuer.token(kid))).catalogs is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"iss": "https://another.test"},
        {"exp": int(time.time()) - 86_400},
        {"nbf": int(time.time()) + 86_400},
        {"without": ("exp",)},
        {"without": ("aud",)},
        {"without": ("iss",)},
        {"without": ("sub",)},
        {"sub": "two\nlines"},
        {"sub": "x" * 200},
        {"scope": ["search"]},
        {"catalogs": "shop"},
    ],
    ids=str,
)
async def test_a_wrong_claim_is_refused(issuer: OidcIssuer, wrong: dict[str, Any]) -> None:
    token = issuer.token("r1", **wrong)
    assert await Service(issuer).refuses(token) is Reason.CREDENTIALS_INVALID


async def test_a_key_cannot_be_used_as_another_kind_of_key(issuer: OidcIssuer) -> None:
    service = Service(issuer)
    claims = jwt.decode(issuer.token("r1"), options={"verify_signature": False})
    public = issuer.keys["r1"].public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = {"kid": "r1"}
    forged = [
        jwt.encode(claims, None, algorithm="none", headers=head),
        _signed_by_public_key(claims, pem),
        issuer.token("r1", key=issuer.keys["e1"]),
        issuer.token("r1", algorithm="PS256"),
        issuer.token("r1", algorithm="RS512"),
    ]
    for token in forged:
        assert await service.refuses(token) is Reason.CREDENTIALS_INVALID


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.b.c.d", "é.b.c", "." * 4000])
async def test_what_is_no_token_is_refused_without_a_fetch(issuer: OidcIssuer, text: str) -> None:
    assert await Service(issuer).refuses(text) is Reason.CREDENTIALS_INVALID
    assert issuer.fetches == 0


async def test_a_rotation_is_noticed(issuer: OidcIssuer) -> None:
    service = Service(issuer)
    await service.tokens.caller(issuer.token("r1"))
    old = issuer.token("r1")
    del issuer.keys["r1"]
    issuer.add_rsa("r2")
    service.clock.now_s += RETRY_S
    await service.tokens.caller(issuer.token("r2"))
    assert await service.refuses(old) is Reason.CREDENTIALS_INVALID


async def test_many_invented_keys_cost_one_fetch(issuer: OidcIssuer) -> None:
    service = Service(issuer)
    invented = [issuer.token(f"x{n}", key=issuer.keys["r1"]) for n in range(20)]
    await asyncio.gather(*(service.refuses(token) for token in invented))
    assert issuer.fetches == 1
    await service.tokens.caller(issuer.token("r1"))
    assert issuer.fetches == 1


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/keys", (500, b"")),
        ("/keys", (200, b"{")),
        ("/keys", (200, b'{"keys": [{"kty": "?"}]}')),
        ("/keys", (302, b"/keys2")),
        ("/keys", (200, b" " * (2 << 20) + b"{}")),
        ("/.well-known/openid-configuration", (404, b"")),
        ("/.well-known/openid-configuration", (200, b"[]")),
        ("/.well-known/openid-configuration", (200, b'{"issuer": "https://another.test"}')),
    ],
    ids=str,
)
async def test_an_issuer_that_fails(
    issuer: OidcIssuer, path: str, answer: tuple[int, bytes]
) -> None:
    begun, later = Service(issuer), Service(issuer)
    await begun.tokens.caller(issuer.token("r1"))
    issuer.answers[path] = answer
    begun.clock.now_s += RETRY_S
    await begun.tokens.caller(issuer.token("r1"))  # its keys stay in force
    new = issuer.token("new", key=issuer.keys["r1"])
    assert await begun.refuses(new) is Reason.CREDENTIALS_INVALID
    with pytest.raises(DependencyUnavailable):
        await later.tokens.caller(issuer.token("r1"))
    assert begun.observed == ["oidc:ok", "oidc:unavailable"]
    issuer.answers = {}
    later.clock.now_s += RETRY_S
    assert (await later.tokens.caller(issuer.token("r1"))).id == "token:front-end"


async def test_keys_are_fetched_before_the_first_token(issuer: OidcIssuer) -> None:
    service = Service(issuer)
    watching = asyncio.create_task(service.tokens.watch())
    for _ in range(200):
        if issuer.fetches and service.observed:
            break
        await asyncio.sleep(0.02)
    watching.cancel()
    await service.tokens.caller(issuer.token("r1"))
    assert issuer.fetches == 1


async def test_keys_and_tokens_are_told_apart(issuer: OidcIssuer) -> None:
    tokens = Service(issuer).tokens
    only_tokens, only_keys = Credentials(None, tokens), Credentials(tokens, None)
    assert (await only_tokens.caller(issuer.token("r1"))).id == "token:front-end"
    for credentials, credential in ((only_tokens, "rck_a_b"), (only_keys, issuer.token("r1"))):
        with pytest.raises(Unauthenticated):
            await credentials.caller(credential)


def _signed_by_public_key(claims: dict[str, Any], pem: bytes) -> str:
    """HS256 with the public key as its secret, which PyJWT itself refuses to make."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    head = {"alg": "HS256", "typ": "JWT", "kid": "r1"}
    signed = f"{part(json.dumps(head).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}"
