"""The file of API keys: names, hashes of the keys, and what each may do.

    [keys.storefront]
    sha256 = ["9f86d08188..."]          # two while the key is rotated
    scopes = ["search", "catalog.read"]
    catalogs = ["default"]              # left out: all of them
    rate = "50/second"                  # left out: no limit; second, minute or hour
    quota = "1000000/day"               # left out: no limit
    not_after = 2027-12-31T00:00:00Z    # left out: for good

A key is ``rck_NAME_SECRET`` with 32 random bytes as SECRET, so that a plain sha256 keeps it: nobody
can guess what a slow hash would have to slow down. `python -m gateway key` makes keys.
"""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway.access.caller import Caller, Rate, Scope

PREFIX: Final = "rck"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RATE: Final = re.compile(r"([1-9][0-9]{0,9})/(second|minute|hour|day)")
_SECONDS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


class KeyFileError(Exception):
    """The file cannot be used; the message is one sentence and holds nothing of the file."""


def _rate(text: str) -> str:
    if not _RATE.fullmatch(text):
        raise ValueError("a rate is NUMBER/second, /minute, /hour or /day")
    return text


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(min_length=1)
    scopes: list[Scope] = Field(min_length=1)
    catalogs: list[str] | None = Field(None, min_length=1)
    rate: Annotated[str, AfterValidator(_rate)] | None = None
    quota: Annotated[str, AfterValidator(_rate)] | None = None
    not_after: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: dict[str, _Entry]


class Key:
    """One entry: a caller, and how its key is told."""

    def __init__(self, name: str, entry: _Entry) -> None:
        self._digests = [bytes.fromhex(text) for text in entry.sha256]
        self._not_after = entry.not_after
        self.caller = Caller(
            id=name,
            scopes=frozenset(entry.scopes),
            catalogs=None if entry.catalogs is None else frozenset(entry.catalogs),
            rate=_parsed(entry.rate),
            quota=_parsed(entry.quota),
        )

    def opened_by(self, key: str, now: datetime) -> bool:
        """Whether this is the key and its time has not run out; in time that tells nothing."""
        given = hashlib.sha256(key.encode()).digest()
        matches = [secrets.compare_digest(given, digest) for digest in self._digests]
        return any(matches) and (self._not_after is None or now < self._not_after)


def read_keys(path: Path) -> Mapping[str, Key]:
    """Name -> key. Raises `KeyFileError`."""
    try:
        content = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise KeyFileError(f"API_KEYS_FILE cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise KeyFileError("API_KEYS_FILE is no TOML.") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise KeyFileError(f"API_KEYS_FILE has a bad value at {where}.") from None
    for name in content.keys:
        if not _NAME.fullmatch(name):
            raise KeyFileError("API_KEYS_FILE has a name that is not of a-z, 0-9 and '-'.")
    return {name: Key(name, entry) for name, entry in content.keys.items()}


def new_key(name: str) -> tuple[str, str]:
    """A fresh key and its sha256 for the file. Raises `KeyFileError` for a bad name."""
    if not _NAME.fullmatch(name):
        raise KeyFileError("A key's name is 1 to 64 of a-z, 0-9 and '-'.")
    key = f"{PREFIX}_{name}_{secrets.token_urlsafe(32)}"
    return key, hashlib.sha256(key.encode()).hexdigest()


def name_in(key: str) -> str:
    """The name that a key claims; empty where it has not the form of one."""
    prefix, _, rest = key.partition("_")
    name, separator, _ = rest.partition("_")
    return name if prefix == PREFIX and separator else ""


def _parsed(rate: str | None) -> Rate | None:
    match = _RATE.fullmatch(rate or "")
    return None if match is None else Rate(int(match[1]), _SECONDS[match[2]])
