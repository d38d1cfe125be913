"""What is asked of the selection."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PairOptions:
    """How many pairs, and of which kind. Raises `ValueError` for what cannot be."""

    seed: int = 1
    per_product: int = 4
    """Of one kind, a product is the reference of at most so many pairs and the target of as many;
    it has as many snapshot pairs at most."""
    snapshots: bool = True
    """Pairs from a worn picture to the same product alone."""
    products: bool = True
    """Pairs from one product to another."""
    differences: int = 3
    """Attributes that two products of a pair may differ in, 1 to 3."""
    near: int = 6
    """Bits of 64 by which the fingerprints of two near-identical pictures differ at most."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.per_product < 1:
            raise ValueError(f"pairs per product must be 1 or more: {self.per_product}")
        if not 1 <= self.differences <= 3:
            raise ValueError(f"differences must be 1 to 3: {self.differences}")
        if not 0 <= self.near <= 64:
            raise ValueError(f"bits of near-identical pictures must be 0 to 64: {self.near}")
