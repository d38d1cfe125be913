"""A shop's crawl from beginning to end: fetch, gather, tidy, write, tell."""

from pathlib import Path

from catalog.crawl.gather import Gathered, gather
from catalog.crawl.journal import Journal
from catalog.crawl.profile import Profile
from catalog.crawl.run import LOG, STATE, Outcome, crawl
from catalog.errors import CatalogError
from catalog.interrupt import sigterm_interrupts
from catalog.pictures.fingerprints import keep_fingerprints
from catalog.pictures.store import PictureStore
from catalog.pictures.tidy import tidy
from catalog.products import write_products
from catalog.set_aside import write_set_aside


def crawl_shop(profile: Profile, folder: Path, contact: str, allowed: list[str]) -> None:
    """Crawl into a folder.

    Raises:
        CatalogError: The crawl could not go on; the list of products is written all the same.
        KeyboardInterrupt: It was ended by SIGINT or SIGTERM; likewise.
    """
    if not profile.tried:
        print(f"The profile {profile.name} was not tried against the shop: check what it finds.")
    journal = Journal(folder / STATE, _shop_of(profile))
    try:
        print(f"Crawling {profile.name}; the log is {folder / STATE / LOG}.")
        if journal.resumed:
            print("Going on with the crawl that was ended early.")
        PictureStore(folder).sweep()
        outcome = crawl(profile, folder, journal, contact, allowed)
        with sigterm_interrupts():
            nothing = _finish(profile, folder, journal, outcome)
        notes = journal.notes()
    finally:
        journal.close()
    if outcome.failure:
        raise CatalogError(outcome.failure)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if not outcome.finished:
        raise CatalogError(f"the crawl broke off; {folder / STATE / LOG} says why")
    if nothing:
        first = next(iter(notes.values()), None)
        why = f": {first.subject}: {first.message}" if first else "."
        log = folder / STATE / LOG
        raise CatalogError(f"not one page of {profile.name} could be read{why} See also {log}.")
    _tell_limit(profile, outcome)


def _finish(profile: Profile, folder: Path, journal: Journal, outcome: Outcome) -> bool:
    """Write what there is, and end the run if it has seen the shop. True where it saw nothing."""
    nothing = outcome.finished and not journal.pages_read()
    whole = outcome.finished and not nothing
    gathered = gather(journal, profile, whole=whole and not outcome.limit_reached)
    keep_fingerprints(folder, outcome.fingerprints)
    _write(folder, gathered)
    if whole:
        for page in gathered.gone:
            journal.forget_product(page)
        journal.finish()
    return nothing


def _shop_of(profile: Profile) -> str:
    """What a folder's crawl belongs to; the general profile is as good as its host."""
    return profile.hosts[0] if profile.name == "general" else profile.name


def _write(folder: Path, gathered: Gathered) -> None:
    tidied = tidy(folder, gathered.products)
    write_products(folder, tidied.products)
    aside = (*gathered.set_aside, *tidied.set_aside)
    write_set_aside(folder, aside)
    pictures = {path for each in tidied.products for path in (*each.images, *each.snapshots)}
    print(
        f"{len(tidied.products)} products with {len(pictures)} pictures in {folder}; "
        f"{len(aside)} notes on what was left out in set-aside.jsonl"
    )


def _tell_limit(profile: Profile, outcome: Outcome) -> None:
    if outcome.limit_reached:
        print(f"The limit of {profile.limits.pages} pages was reached; there is more in the shop.")
