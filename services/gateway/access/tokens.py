"""Bearer tokens of an OpenID Connect issuer, verified here (RFC 7519, RFC 9068).

The issuer's keys are fetched every `REFRESH_S`, and when a token names one that is not known: so
a rotation is noticed at once. At most every `RETRY_S`, though, so that tokens with invented keys
cost one fetch. Keys that were fetched stay in force while the issuer cannot be reached.

A token's claims: ``iss`` and ``aud`` as set, ``exp``, ``sub`` (the caller's name in logs),
``scope`` (words of which those of `Scope` count), and ``catalogs`` (a list; left out: all).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import jwt

from gateway.access.caller import Caller, Scope
from retrieval.domain import Observe
from retrieval.errors import DependencyUnavailable, Reason, Unauthenticated

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_S: Final = 30
REFRESH_S: Final = 300.0
RETRY_S: Final = 10.0
FETCH_BUDGET_S: Final = 2.0
_MAX_BYTES: Final = 1 << 20
_MAX_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are taken."""

    url: str
    """``iss``, and where its configuration is found (OpenID Connect Discovery, 4)."""
    audience: str
    """``aud``: this service."""


class IssuedTokens:
    """Callers by tokens of one issuer."""

    def __init__(
        self, issuer: Issuer, *, observe: Observe, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._observe = observe
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_s: float | None = None
        self._failed = False
        self._fetching = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Whose token this is.

        Raises:
            Unauthenticated: it is none of the issuer's for this service, or not now.
            DependencyUnavailable: the issuer's keys could never be fetched.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise Unauthenticated(Reason.CREDENTIALS_INVALID) from None
        key = await self._key(header.get("kid"))
        if key is None or header.get("alg") not in ALGORITHMS:
            raise Unauthenticated(Reason.CREDENTIALS_INVALID)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._issuer.audience,
                issuer=self._issuer.url,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, TypeError, ValueError):
            raise Unauthenticated(Reason.CREDENTIALS_INVALID) from None
        return _caller(claims)

    async def watch(self) -> None:
        """Fetch the issuer's keys anew until cancelled."""
        while True:
            async with self._fetching:
                await self._fetch_if_due()
            await asyncio.sleep(REFRESH_S)

    async def _key(self, name: object) -> jwt.PyJWK | None:
        if not isinstance(name, str):
            return None
        if name not in self._keys:
            async with self._fetching:
                if name not in self._keys:
                    await self._fetch_if_due()
        if not self._keys and self._failed:
            raise DependencyUnavailable(dependency="oidc", retry_after_s=RETRY_S)
        return self._keys.get(name)

    async def _fetch_if_due(self) -> None:
        now_s = self._clock()
        if self._fetched_s is not None and now_s - self._fetched_s < RETRY_S:
            return
        self._fetched_s = now_s
        began_s = time.monotonic()
        outcome = "unavailable"
        try:
            self._keys = await self._fetch()
            self._failed, outcome = False, "ok"
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, jwt.PyJWTError):
            self._failed = True
        finally:
            self._observe("oidc", outcome, time.monotonic() - began_s)

    async def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        # What the environment says of proxies is not asked.
        async with (
            asyncio.timeout(FETCH_BUDGET_S),
            httpx.AsyncClient(trust_env=False, timeout=FETCH_BUDGET_S) as client,
        ):
            where = f"{self._issuer.url.rstrip('/')}/.well-known/openid-configuration"
            configuration = await _read(client, where)
            if configuration["issuer"] != self._issuer.url:
                raise ValueError("another issuer's configuration")
            keys = jwt.PyJWKSet.from_dict(await _read(client, configuration["jwks_uri"]))
        return {key.key_id: key for key in keys.keys if key.key_id and key.key_type != "oct"}


async def _read(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    answer = await client.get(url)
    answer.raise_for_status()
    if answer.is_redirect or len(answer.content) > _MAX_BYTES:
        raise ValueError("not an answer to read")
    content: dict[str, Any] = answer.json()
    return content


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, scope, catalogs = claims["sub"], claims.get("scope", ""), claims.get("catalogs")
    if (
        not isinstance(subject, str)
        or not subject.isprintable()
        or len(subject) > _MAX_NAME
        or not isinstance(scope, str)
        or not (catalogs is None or isinstance(catalogs, list))
    ):
        raise Unauthenticated(Reason.CREDENTIALS_INVALID)
    known = {member.value: member for member in Scope}
    return Caller(
        id=f"token:{subject}",
        scopes=frozenset(known[word] for word in scope.split() if word in known),
        catalogs=None if catalogs is None else frozenset(map(str, catalogs)),
    )
