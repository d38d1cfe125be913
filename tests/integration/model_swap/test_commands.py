"""A whole swap by its commands, with products that change meanwhile and kills at every turn."""

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from recompose.v1 import catalog_pb2
from retrieval.bundle import load_bundle, model_name
from retrieval.domain import Deadline
from retrieval.image_store import content_sha256
from retrieval.preprocess.upload import normalise_upload
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.schema import collection_name
from tests.support import plain_http
from tests.support.two_bundles import drawn_picture, write_servable_bundle

from .conftest import SOON_S, Replica, World, replica, until

# Each step is a process that has to start: on a busy machine a swap of twenty takes a while.
pytestmark = pytest.mark.timeout(1200)
COUNT = 60
KILLS = 25 if os.environ.get("RECOMPOSE_TEST_LONG") else 4


def ok(world: World, *step: str, unwritten: bool = False, **settings: str) -> str:
    """Run a step that has to succeed; returns what it said."""
    done = world.model(*step, unwritten=unwritten, **settings)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    return done.stdout


def refused(world: World, *step: str) -> str:
    """Run a step that has to be refused; returns the sentence."""
    done = world.model(*step)
    assert done.returncode == 3, done.stderr
    *_, sentence = done.stderr.splitlines()
    assert sentence.startswith("gateway: refused: ")
    return sentence


def contents(world: World, model: str) -> dict[str, str]:
    """Product ids of a model's collection, with the picture of each."""
    folder = world.old_dir if model == world.old else world.new_dir

    async def read() -> dict[str, str]:
        client = connect(world.qdrant.url)
        sizes = load_bundle(folder).sizes
        index = QdrantIndex(
            client,
            digest=load_bundle(folder).digest,
            query_tokens=sizes.query_tokens,
            embed_dim=sizes.embed_dim,
            fields={},
        )
        page, after = await index.copies.held_page(1000, None, Deadline.after(60))
        assert after is None
        await client.close()
        return {held.product.id: held.product.image_sha256 for held in page}

    return asyncio.run(read())


def count(world: World, model: str) -> int:
    """Products of a model's collection; 0 where there is none."""
    with closing(world.qdrant.client()) as client:
        name = collection_name(model)
        return client.count(name).count if client.collection_exists(name) else 0


def collections(world: World) -> set[str]:
    with closing(world.qdrant.client()) as client:
        return {one.name for one in client.get_collections().collections}


def test_a_backfill_that_is_killed_again_and_again_is_complete_and_embeds_nothing_twice(
    world: World,
) -> None:
    moments = sorted(random.Random(4).sample(range(1, COUNT // 2), KILLS))
    with replica(world) as gateway:
        gateway.write(*((f"p{n}", n) for n in range(COUNT)))
        world.publish_new()
        encoder = model_name("image_encoder", load_bundle(world.new_dir).digest)
        before = world.triton.metric("nv_inference_count", encoder)
        for moment in moments:
            process = world.begin("backfill", world.new, EMBED_BATCH="1")
            until(lambda moment=moment: count(world, world.new) >= moment)  # type: ignore[misc]
            process.kill()
            process.communicate()
        left = COUNT - count(world, world.new)
        said = ok(world, "backfill", world.new, EMBED_BATCH="1")
        assert f"{COUNT} products, {left} embedded, 0 updated, 0 deleted, 0 left out" in said
        assert contents(world, world.new) == contents(world, world.old)
        spent = world.triton.metric("nv_inference_count", encoder) - before
        # A kill loses the one picture that was embedded and not yet written.
        assert COUNT <= spent <= COUNT + KILLS
        assert "0 embedded" in ok(world, "backfill", world.new)
        assert world.triton.metric("nv_inference_count", encoder) - before == spent


def test_the_steps_in_order_and_what_is_refused_out_of_order(world: World) -> None:
    with replica(world) as gateway:
        gateway.write(*((f"p{n}", n) for n in range(12)))
        assert "publish" in refused(world, "backfill", world.new)
        assert world.new in world.publish_new()
        assert world.new in world.publish_new()  # again
        older = write_servable_bundle(world.folder / "older", seed=3)
        here = ("--repository", str(world.triton.repository))
        assert "does not say when" in refused(world, "publish", str(older), *here)
        damaged = next((world.folder / "data" / "images").rglob("*.webp"))
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[:-9])
        partial = world.model("backfill", world.new)
        assert partial.returncode == 4
        assert "left out: default/p" in partial.stdout
        assert "was not audited" in refused(world, "switch", world.new)
        ok(world, "audit", world.new)
        assert "cannot be embedded" in refused(world, "switch", world.new)
        assert gateway.serves(world.old)
        damaged.write_bytes(whole)
        ok(world, "backfill", world.new)
        told = ok(world, "compare", world.new, "--sample", "5")
        assert "5 products: overlap@10 of pictures" in told
        assert "100.0% under the live model, 100.0% under" in told
        assert "live" in refused(world, "retire", world.old)
        assert "no model to roll back to" in refused(world, "rollback")

        ok(world, "switch", world.new, unwritten=True)
        until(lambda: gateway.serves(world.new))
        status = ok(world, "status").splitlines()
        assert status[0].startswith(f"{world.new}  live; tiny; 12 products; recall@50 ")
        assert status[0].endswith(f"rolls back to {world.old}")
        assert "Triton answers" in status[1]
        assert "a roll-back would go to" in refused(world, "retire", world.old)
        ok(world, "retire", world.old, "--force", *here)
        ok(world, "retire", world.old, *here)  # again, as after a kill
        assert collections(world) == {collection_name(world.new)}
        left = {path.name for path in world.triton.repository.iterdir() if path.is_dir()}
        assert left == {*load_bundle(world.new_dir).models.values()}
        answer = plain_http.post(
            f"{gateway.http}/v1/products:search", json={"modification": "red"}, timeout=60
        )
        assert len(answer.json()["hits"]) == 12
        # A replica that was set up with the old bundle finds the new one, and leaves it at that.
        with replica(world) as late:
            assert late.serves(world.new)
            assert late.write(("p50", 50)) == [catalog_pb2.IMPORT_OUTCOME_IMPORTED]
        assert collections(world) == {collection_name(world.new)}
        assert world.model("switch", "no digest").returncode == 2


@dataclass
class Shop:
    """What was acknowledged: a product's picture, or that it is gone; ``unsure`` are those of which
    a busy machine gave no word in time."""

    products: dict[str, int] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)


@contextmanager
def writing(replicas: tuple[Replica, ...], shop: Shop) -> Iterator[None]:
    """Import, change and delete through each replica, products of its own, until the block ends."""
    stop = threading.Event()

    def write(number: int, gateway: Replica) -> None:
        chosen = random.Random(number)
        while not stop.is_set():
            name, picture = f"w{number}-{chosen.randrange(12)}", chosen.randrange(1000)
            try:
                if name in shop.products and chosen.random() < 0.3:
                    gone = plain_http.delete(f"{gateway.http}/v1/products/{name}", timeout=SOON_S)
                    if gone.status_code == 404:
                        continue  # written around the move, and not brought over yet
                    if gone.status_code == 504:
                        shop.unsure.add(name)
                        continue
                    gone.raise_for_status()
                    del shop.products[name]
                else:
                    gateway.write((name, picture))
                    shop.products[name] = picture
            except Exception as error:  # noqa: BLE001 - any failure is what the test looks for
                shop.failures.append(repr(error))
            time.sleep(0.02)

    threads = [
        threading.Thread(target=write, args=(number, gateway))
        for number, gateway in enumerate(replicas)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(SOON_S)


def test_what_is_acknowledged_while_the_model_changes_is_in_the_new_one(world: World) -> None:
    shop = Shop()
    # One replica looks at the alias seldom, unless a write makes it: it is late at every move.
    seldom = {"MODEL_REFRESH_S": "15", "PROBE_INTERVAL_S": "15"}
    with replica(world) as prompt, replica(world, **seldom) as tardy:
        prompt.write(*((f"p{n}", n) for n in range(12)))
        world.publish_new()
        with writing((prompt, tardy), shop):
            ok(world, "backfill", world.new)
            ok(world, "audit", world.new)
            process = world.begin("switch", world.new, AUDIT_CHANGE_SHARE="10")
            until(lambda: prompt.serves(world.new))
            process.kill()  # in the midst of its wait for late writers
            process.communicate()
            assert "is live" in ok(world, "switch", world.new)
            until(lambda: tardy.serves(world.new))
        found = contents(world, world.new)
        assert shop.failures == []
        expected = {**{f"p{n}": n for n in range(12)}, **shop.products}
        assert set(found) - shop.unsure == set(expected) - shop.unsure
        for name, number in expected.items():
            if name in shop.unsure:
                continue
            assert found[name] == content_sha256(normalise_upload(drawn_picture(number))), name
