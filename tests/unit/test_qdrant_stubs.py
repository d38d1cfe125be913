"""Qdrant's messages come without the client around them."""

import subprocess
import sys
from pathlib import Path

import pytest

from qdrant_edge_server.stubs import import_alone

_SERVICES = Path(__file__).resolve().parents[2] / "services"


def in_a_new_process(code: str) -> None:
    """Run code to its end; it raises where something does not hold."""
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(_SERVICES)}, check=True)


def test_a_start_of_the_server_builds_no_rest_models() -> None:
    in_a_new_process(
        "import sys, qdrant_edge_server.__main__\n"
        "assert not {'qdrant_client', 'qdrant_client.http', 'pydantic'} & set(sys.modules)"
    )


@pytest.mark.parametrize("client_first", [False, True])
def test_the_client_beside_them_is_whole_and_speaks_the_same_messages(client_first: bool) -> None:
    imports = ["import qdrant_client", "from qdrant_edge_server.stubs import wire"]
    in_a_new_process(
        "\n".join(imports if client_first else reversed(imports))
        + "\nfrom qdrant_client import AsyncQdrantClient, grpc, models"
        "\nfrom qdrant_client.conversions.conversion import RestToGrpc"
        "\nassert grpc is wire"
        "\nnearest = RestToGrpc.convert_match(models.MatchValue(value='red'))"
        "\nassert type(nearest) is wire.Match"
    )


@pytest.mark.parametrize(("package", "part"), [("no_such_package", "a"), ("json", "no_such_part")])
def test_what_is_not_there_cannot_be_imported(package: str, part: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        import_alone(package, part)
