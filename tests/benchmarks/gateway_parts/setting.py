"""What the client process is told: where the parts of a stack are, and what to ask them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.benchmarks.load.watch import listener
from tests.support.stack import Stack


@dataclass(frozen=True, slots=True)
class Setting:
    """Addresses are HOST:PORT, that of Qdrant an URL.

    Attributes:
        products: ids of the references.
        ranking_depth: hits that the gateway asks the index for.
        prefetch_depth: candidates where no audit chose a route.
    """

    grpc: str
    rest: str
    triton: str
    qdrant: str
    bundle_dir: Path
    products: tuple[str, ...]
    ranking_depth: int
    prefetch_depth: int

    @classmethod
    def of(cls, stack: Stack, references: int) -> "Setting":
        """As the stack's own gateway was told, with the first products of its catalog."""
        told = psutil.Process(listener(stack.http_port)).environ()
        listed = stack.rest.get("/v1/products", params={"page_size": references}).json()
        return cls(
            grpc=f"127.0.0.1:{stack.grpc_port}",
            rest=f"127.0.0.1:{stack.http_port}",
            triton=told["TRITON_URL"],
            qdrant=told["QDRANT_URL"],
            bundle_dir=Path(told["BUNDLE_DIR"]),
            products=tuple(product["id"] for product in listed["products"]),
            ranking_depth=int(told.get("RANKING_DEPTH", "200")),
            prefetch_depth=int(told.get("PREFETCH_DEPTH", "1000")),
        )

    def as_json(self) -> str:
        """For a command line."""
        return json.dumps({**asdict(self), "bundle_dir": str(self.bundle_dir)})

    @classmethod
    def from_json(cls, text: str) -> "Setting":
        """What `as_json` wrote."""
        read = json.loads(text)
        return cls(
            **{**read, "bundle_dir": Path(read["bundle_dir"]), "products": tuple(read["products"])}
        )
