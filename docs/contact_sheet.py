"""Draw a contact sheet from live answers: reference, words, and the five best products.

    .venv/bin/python docs/contact_sheet.py --server http://127.0.0.1:8080 docs/contact-sheet.png

Each row is one query to a running gateway with the demo catalog. The rows are found by their
attributes, so they stay the same kind of query when the catalog changes.
"""

import argparse
import io
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image, ImageDraw, ImageFont

ROWS: Final[list[tuple[dict[str, Any], str]]] = [
    ({"category": "hoodie", "color": "red", "pattern": "plain"}, "the same in black"),
    ({"category": "dress", "color": "blue", "pattern": "plain"}, "with dots and short sleeves"),
    ({"category": "t-shirt", "color": "white", "sleeve": "short"}, "make it green with a star"),
    ({"category": "coat", "color": "brown", "hood": False}, "in navy, with a hood"),
    ({"category": "sneakers", "color": "white", "pattern": "plain"}, "in pink"),
    ({"category": "skirt", "color": "yellow", "pattern": "plain"}, "checked, and longer"),
    ({"category": "jeans", "color": "blue", "pattern": "plain"}, ""),
    ({}, "a purple hat"),
    ({}, "an orange striped shirt with long sleeves"),
    ({"category": "shorts", "color": "green", "pattern": "striped"}, "without the stripes"),
]
CELL: Final = 176
WORDS_WIDTH: Final = 250
HITS: Final = 5


def find_reference(client: httpx.Client, attributes: dict[str, Any]) -> dict[str, Any] | None:
    """A product with these attributes: any answer to words under a filter."""
    if not attributes:
        return None
    conditions = [{"field": name, "any_of": [value]} for name, value in attributes.items()]
    answer = client.post(
        "/v1/products:search",
        json={
            "modification": str(attributes["category"]),
            "filter": {"all": conditions},
            "page_size": 1,
        },
    )
    hits = answer.raise_for_status().json()["hits"]
    if not hits:
        raise SystemExit(f"the catalog has no product with {attributes}")
    product: dict[str, Any] = hits[0]["product"]
    return product


def search(client: httpx.Client, reference: dict[str, Any] | None, words: str) -> list[Any]:
    query: dict[str, Any] = {"modification": words, "page_size": HITS}
    if reference is not None:
        query["reference"] = {"product_id": reference["id"]}
    hits: list[Any] = (
        client.post("/v1/products:search", json=query).raise_for_status().json()["hits"]
    )
    return hits


def picture(client: httpx.Client, product: dict[str, Any]) -> Image.Image:
    content = client.get(f"/v1/products/{product['id']}/image").raise_for_status().content
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB").resize((CELL - 8, CELL - 8), Image.Resampling.LANCZOS)


def draw(client: httpx.Client) -> Image.Image:
    """The sheet: one row a query."""
    width = CELL + WORDS_WIDTH + HITS * CELL
    sheet = Image.new("RGB", (width, CELL * len(ROWS) + 34), "white")
    pen = ImageDraw.Draw(sheet)
    heading, body = ImageFont.load_default(17), ImageFont.load_default(16)
    for x, text in ((8, "reference"), (CELL + 8, "words"), (CELL + WORDS_WIDTH + 4, "answers")):
        pen.text((x, 8), text, fill="#777", font=heading)
    for row, (attributes, words) in enumerate(ROWS):
        top = 34 + row * CELL
        reference = find_reference(client, attributes)
        if reference is not None:
            sheet.paste(picture(client, reference), (4, top + 4))
        wrapped = _wrap(words or "(picture alone)", body, WORDS_WIDTH - 24)
        pen.multiline_text((CELL + 8, top + CELL // 2 - 20), wrapped, fill="#111", font=body)
        for place, hit in enumerate(search(client, reference, words)):
            left = CELL + WORDS_WIDTH + place * CELL
            sheet.paste(picture(client, hit["product"]), (left + 4, top + 4))
            pen.text((left + 8, top + CELL - 24), f"{hit['score']:.2f}", fill="#333", font=body)
        pen.line((0, top + CELL - 1, width, top + CELL - 1), fill="#e5e5e5")
    return sheet


def _wrap(text: str, font: Any, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("output", type=Path, help="PNG to write")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="URL of the REST edge")
    arguments = parser.parse_args()
    with httpx.Client(base_url=arguments.server, timeout=30) as client:
        sheet = draw(client).quantize(256, dither=Image.Dither.NONE)
        sheet.save(arguments.output, optimize=True)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
