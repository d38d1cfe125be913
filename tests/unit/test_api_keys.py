"""The file of API keys: what it may hold, how it is followed, and the command that makes keys."""

import asyncio
import os
import tomllib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.__main__ import _parser
from gateway.access.caller import Rate, Scope
from gateway.access.key_file import KeyFileError, name_in, new_key, read_keys
from gateway.access.keys import ApiKeys
from gateway.settings import Settings
from retrieval.errors import Unauthenticated

DIGEST = "ab" * 32
GOOD = f'[keys.a]\nsha256 = ["{DIGEST}"]\nscopes = ["search"]\n'


def written(folder: Path, content: str) -> Path:
    path = folder / "keys.toml"
    path.write_text(content)
    return path


def entry(name: str, *digests: str) -> str:
    listed = ", ".join(f'"{digest}"' for digest in digests)
    return f'[keys.{name}]\nsha256 = [{listed}]\nscopes = ["search"]\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "bad value at keys"),
        ("[keys", "is no TOML"),
        ("\udcff", "is no TOML"),
        (GOOD + 'rats = "1/second"\n', "bad value at keys.a.rats"),
        (GOOD + 'rate = "0/second"\n', "bad value at keys.a.rate"),
        (GOOD + 'rate = "1/fortnight"\n', "bad value at keys.a.rate"),
        (GOOD + "catalogs = []\n", "bad value at keys.a.catalogs"),
        (GOOD + "not_after = 2027-01-01T00:00:00\n", "bad value at keys.a.not_after"),
        (GOOD.replace("search", "everything"), "bad value at keys.a.scopes.0"),
        (GOOD.replace(DIGEST, DIGEST.upper()), "bad value at keys.a.sha256.0"),
        (GOOD.replace("keys.a", 'keys."a b"'), "has a name that is not"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeyFileError, match=sentence) as caught:
        ApiKeys(path)
    assert DIGEST not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        ApiKeys(tmp_path / "keys.toml")


def test_what_a_key_may(tmp_path: Path) -> None:
    more = 'catalogs = ["shop"]\nrate = "50/second"\nquota = "1000/day"\n'
    caller = read_keys(written(tmp_path, GOOD + more))["a"].caller
    assert (caller.id, caller.scopes) == ("a", frozenset({Scope.SEARCH}))
    assert caller.catalogs == frozenset({"shop"})
    assert (caller.rate, caller.quota) == (Rate(50, 1.0), Rate(1000, 86400.0))


async def test_a_key_is_rotated_while_the_old_one_works(tmp_path: Path) -> None:
    (old, old_digest), (new, new_digest) = new_key("a"), new_key("a")
    path = written(tmp_path, entry("a", old_digest))
    keys = ApiKeys(path)
    assert (await keys.caller(old)).id == "a"
    path.write_text(entry("a", old_digest, new_digest))
    keys.refresh()
    assert (await keys.caller(old)).id == (await keys.caller(new)).id == "a"
    path.write_text(entry("a", new_digest))
    keys.refresh()
    with pytest.raises(Unauthenticated):
        await keys.caller(old)
    assert (await keys.caller(new)).id == "a"


async def test_a_broken_edit_leaves_the_keys_and_says_so(tmp_path: Path) -> None:
    key, digest = new_key("a")
    path = written(tmp_path, entry("a", digest))
    keys = ApiKeys(path)
    for broken in ("[", None):
        path.unlink() if broken is None else path.write_text(broken)
        with capture_logs() as lines:
            keys.refresh()
            keys.refresh()
        assert [line["event"] for line in lines] == ["keys_unreadable"]
        assert (await keys.caller(key)).id == "a"


async def test_a_secret_that_kubernetes_swaps_is_followed(tmp_path: Path) -> None:
    (old, old_digest), (new, new_digest) = new_key("a"), new_key("a")
    for version, digest in (("1", old_digest), ("2", new_digest)):
        (tmp_path / version).mkdir()
        written(tmp_path / version, entry("a", digest))
    data = tmp_path / "data"
    data.symlink_to("1")
    keys = ApiKeys(data / "keys.toml")
    watching = asyncio.create_task(keys.watch())
    (tmp_path / "next").symlink_to("2")
    os.replace(tmp_path / "next", data)
    for _ in range(100):
        await asyncio.sleep(0.05)
        try:
            assert (await keys.caller(new)).id == "a"
            break
        except Unauthenticated:
            continue
    watching.cancel()
    assert (await keys.caller(new)).id == "a"
    with pytest.raises(Unauthenticated):
        await keys.caller(old)


@pytest.mark.parametrize(
    ("key", "name"),
    [("rck_a_x_y", "a"), ("rck_a-b_x", "a-b"), ("rck_a", ""), ("a_b_c", ""), ("", "")],
)
def test_the_name_that_a_key_claims(key: str, name: str) -> None:
    assert name_in(key) == name


async def test_the_command_makes_a_key_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = _parser().parse_args(
        ["key", "front-end", "--scope", "search", "--catalog", "shop", "--rate", "5/second"]
    )
    assert options.run(Settings(), options) == 0
    told = capsys.readouterr()
    path = written(tmp_path, told.err)
    caller = await ApiKeys(path).caller(told.out.strip())
    assert (caller.id, caller.catalogs) == ("front-end", frozenset({"shop"}))
    assert tomllib.loads(told.err)["keys"]["front-end"]["rate"] == "5/second"
    assert told.out.strip() not in told.err


def test_the_command_refuses_a_bad_name(capsys: pytest.CaptureFixture[str]) -> None:
    options = _parser().parse_args(["key", "Front End"])
    assert options.run(Settings(), options) == 2
    assert "1 to 64 of a-z" in capsys.readouterr().err
