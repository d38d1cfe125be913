"""The import as a user runs it, against a gateway that answers over a real wire."""

import json
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from tests.support.fake_gateway import Script

from .conftest import Run, last_line


def test_every_row_arrives_once_with_its_picture(feed: Path, gateway: Script, run: Run) -> None:
    result = run(feed)
    assert result.returncode == 0, result.stderr
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"
    assert gateway.writes == {f"p{number}": 1 for number in range(300)}
    sent = gateway.products["p7"]
    assert MessageToDict(sent.product) == {
        "id": "p7",
        "title": "product 7",
        "attributes": {"price": 7.5, "color": "red"},
    }
    assert sent.catalog == "default"
    assert sent.image.content == (feed.parent / "images" / "7.png").read_bytes()


def test_calls_hold_as_many_products_as_asked(feed: Path, gateway: Script, run: Run) -> None:
    run(feed, "--batch-size", "120", "--concurrency", "1", "--catalog", "other")
    assert [len(batch) for batch in gateway.batches] == [120, 120, 60]
    assert gateway.products["p0"].catalog == "other"


def test_a_second_run_sends_nothing(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    calls = gateway.calls
    result = run(feed)
    assert result.returncode == 0
    assert last_line(result) == "imported 0, unchanged 300, failed 0, of 300 rows"
    assert gateway.calls == calls


def test_a_second_run_imports_again_what_the_catalog_has_lost(
    feed: Path, gateway: Script, run: Run
) -> None:
    run(feed)
    gateway.products.clear()
    result = run(feed)
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"
    assert "has lost products" in result.stderr


def test_again_sends_everything(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    calls = gateway.calls
    result = run(feed, "--again")
    assert last_line(result) == "imported 0, unchanged 300, failed 0, of 300 rows"
    assert gateway.calls == 2 * calls


def test_a_changed_row_starts_anew(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    feed.write_text(feed.read_text().replace('product 5"', 'better 5"'))
    result = run(feed)
    assert last_line(result) == "imported 1, unchanged 299, failed 0, of 300 rows"
    assert gateway.products["p5"].product.title == "better 5"


def test_a_replaced_picture_starts_anew(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    other = (feed.parent / "images" / "9.png").read_bytes()
    (feed.parent / "images" / "8.png").write_bytes(other)
    result = run(feed)
    assert last_line(result) == "imported 1, unchanged 299, failed 0, of 300 rows"
    assert gateway.products["p8"].image.content == other


def test_rows_added_at_the_end_are_all_that_is_sent(feed: Path, gateway: Script, run: Run) -> None:
    run(feed)
    with feed.open("a") as file:
        file.write('{"id": "new", "title": "new", "image": "images/1.png"}\n')
    result = run(feed)
    assert last_line(result) == "imported 301, unchanged 0, failed 0, of 301 rows"
    assert gateway.batches[-1] == ["new"]


def test_bad_rows_go_to_the_dead_letters_without_their_content(
    feed: Path, gateway: Script, run: Run
) -> None:
    lines = feed.read_text().splitlines()
    lines[3] = '{"id": "p3", "title": "secret words", "image": "images/none.png"}'
    lines[4] = '{"title": "secret words"'
    feed.write_text("\n".join(lines))
    gateway.refused_ids = {"p200"}
    result = run(feed)
    assert result.returncode == 0, result.stderr
    assert last_line(result) == "imported 297, unchanged 0, failed 3, of 300 rows"
    letters = [json.loads(line) for line in _dead_letters(feed).read_text().splitlines()]
    assert [(letter["row"], letter["id"], letter["reason"]) for letter in letters] == [
        (4, "p3", "IMAGE_FILE_MISSING"),
        (5, "", "ROW_UNREADABLE"),
        (201, "p200", "IMAGE_CORRUPT"),
    ]
    assert set(letters[0]) == {"row", "line", "id", "reason", "message", "remedy"}
    assert "secret" not in _dead_letters(feed).read_text()


def test_more_failures_than_allowed_stop_the_run(feed: Path, gateway: Script, run: Run) -> None:
    gateway.refused_ids = {"p100", "p101", "p102", "p103"}
    result = run(feed, "--batch-size", "50", "--concurrency", "1")
    assert result.returncode == 1
    assert last_line(result) == "imported 146, unchanged 0, failed 4, of 300 rows"
    assert "more than 1% of the rows failed" in result.stderr
    assert "p299" not in gateway.products
    further = run(feed, "--max-failures", "2%")
    assert further.returncode == 0
    assert last_line(further) == "imported 296, unchanged 0, failed 4, of 300 rows"
    assert len(_dead_letters(feed).read_text().splitlines()) == 4
    assert set(gateway.writes.values()) == {1}


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_a_service_that_comes_back_is_waited_for(
    feed: Path, gateway: Script, run: Run, code: grpc.StatusCode
) -> None:
    gateway.refuse_next = [code, code]
    result = run(feed)
    assert result.returncode == 0, result.stderr
    assert last_line(result) == "imported 300, unchanged 0, failed 0, of 300 rows"


def test_a_call_that_took_all_its_time_is_made_once_more(
    feed: Path, gateway: Script, run: Run
) -> None:
    gateway.refuse_next = [grpc.StatusCode.DEADLINE_EXCEEDED]
    result = run(feed, "--retry-for", "0.0001", "--concurrency", "1")
    assert result.returncode == 0, result.stderr
    gateway.refuse_next = [grpc.StatusCode.DEADLINE_EXCEEDED] * 2
    assert run(feed, "--again", "--retry-for", "0.0001", "--concurrency", "1").returncode == 1


def test_a_service_that_stays_away_stops_the_run_with_a_sentence(
    feed: Path, gateway: Script, run: Run
) -> None:
    gateway.refuse_next = [grpc.StatusCode.UNAVAILABLE] * 1000
    result = run(feed, "--retry-for", "0.5")
    assert result.returncode == 1
    assert last_line(result) == "imported 0, unchanged 0, failed 0, of 300 rows"
    assert "is out of reach: UNAVAILABLE" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_refusal_is_not_tried_again(feed: Path, gateway: Script, run: Run) -> None:
    gateway.refuse_next = [grpc.StatusCode.FAILED_PRECONDITION]
    result = run(feed, "--concurrency", "1")
    assert result.returncode == 1
    assert gateway.calls == 1
    assert "refused: FAILED_PRECONDITION" in result.stderr


def test_an_answer_that_leaves_a_product_out_is_not_believed(
    feed: Path, gateway: Script, run: Run
) -> None:
    gateway.cut_results = True
    result = run(feed)
    assert result.returncode == 1
    assert "did not say what became of every product" in result.stderr


def test_of_two_rows_with_one_id_the_later_one_wins(feed: Path, gateway: Script, run: Run) -> None:
    with feed.open("a") as file:
        file.write('{"id": "p299", "title": "last", "image": "images/1.png"}\n')
    result = run(feed, "--batch-size", "256", "--concurrency", "8")
    assert last_line(result) == "imported 301, unchanged 0, failed 0, of 301 rows"
    assert gateway.products["p299"].product.title == "last"


def test_a_folder_of_pictures_beside_a_table_of_labels(
    feed: Path, gateway: Script, run: Run
) -> None:
    table = feed.parent / "products.csv"
    table.write_text(
        "id,label,kids,price,size\n1,T-Shirt,False,9.5,42\n2,Hoodie,True,12,M\n3,,,,\n"
    )
    result = run(table, "--image-template", "images/{id}.png", "--title-template", "{label}")
    assert last_line(result) == "imported 3, unchanged 0, failed 0, of 3 rows", result.stderr
    assert MessageToDict(gateway.products["1"].product) == {
        "id": "1",
        "title": "T-Shirt",
        "attributes": {"label": "T-Shirt", "kids": False, "price": 9.5, "size": "42"},
    }
    assert gateway.products["2"].image.content == (feed.parent / "images/2.png").read_bytes()


def test_addresses_are_passed_on(feed: Path, gateway: Script, run: Run) -> None:
    feed.write_text('{"id": "a", "title": "a", "image": "https://shop.example/a.jpg"}\n')
    run(feed)
    assert gateway.products["a"].image.uri == "https://shop.example/a.jpg"


def test_bars_and_sentences_go_to_the_log_as_whole_lines(
    feed: Path, gateway: Script, run: Run
) -> None:
    result = run(feed)
    assert "300/300" in result.stderr
    assert "\r" not in result.stderr


def test_help_tells_what_a_feed_is(run: Run) -> None:
    result = run(Path("--help"))
    assert result.returncode == 0
    assert "--image-template" in result.stdout


def _dead_letters(feed: Path) -> Path:
    return feed.with_name(feed.name + ".dead-letter.jsonl")
