"""How far a crawl is."""

from catalog.progress import progress


class Progress:
    """Counts pages, products and pictures on one bar; without end, as no one knows the shop."""

    def __init__(self) -> None:
        self.pages = self.products = self.pictures = 0
        self._bar = progress(None, "crawl", "pages")

    def page(self) -> None:
        """A page was read."""
        self.pages += 1
        self._bar.update()

    def product(self) -> None:
        """A page's product was read."""
        self.products += 1
        self._tell()

    def picture(self) -> None:
        """A picture came."""
        self.pictures += 1
        self._tell()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def _tell(self) -> None:
        self._bar.set_postfix(products=self.products, pictures=self.pictures, refresh=False)
