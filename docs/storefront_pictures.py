"""Take the pictures of the storefront: three widths, both themes.

.venv/bin/python docs/storefront_pictures.py --shop http://127.0.0.1:8080 docs/storefront
"""

import argparse
import io
import shutil
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

SEARCH: Final = (
    "/?step=&product=demo-00040&step=&product=demo-00040&wish=in+red"
    "&step=&product=demo-00040&wish=in+red&wish=plain&step=2&product=demo-00040&wish=in+red"
    "&wish=with+flowers&at=3"
)
SCREENS: Final[dict[str, dict[str, Any]]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "tablet": {"viewport": {"width": 820, "height": 1180}, "has_touch": True},
    "desktop": {"viewport": {"width": 1440, "height": 900}},
}
MORE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "catalog": ("/", SCREENS["desktop"]),
    "product": (f"/products/demo-00040{SEARCH[1:]}", SCREENS["desktop"]),
    "korean": (SEARCH, SCREENS["phone"] | {"locale": "ko-KR"}),
}


def take(browser: Browser, address: str, file: Path, **context: Any) -> None:
    """One picture, small enough to be kept."""
    with browser.new_context(**({"locale": "en-US"} | context)) as fresh:
        page = fresh.new_page()
        page.goto(address)
        page.wait_for_load_state("networkidle")
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(file, quality=85, method=6)
    print(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", default="http://127.0.0.1:8080", help="a running storefront")
    parser.add_argument("output", type=Path, help="folder of the pictures")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            for name, screen in SCREENS.items():
                file = options.output / f"{name}-{theme}.webp"
                take(browser, options.shop + SEARCH, file, color_scheme=theme, **screen)
        for name, (path, screen) in MORE.items():
            take(browser, options.shop + path, options.output / f"{name}.webp", **screen)
        browser.close()


if __name__ == "__main__":
    main()
