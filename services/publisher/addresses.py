"""All servers behind one name."""

import socket

from publisher.repository import PublishError


def addresses_of(server: str) -> list[str]:
    """Every ``address:port`` that ``host:port`` resolves to, in order of address.

    Raises `PublishError` where the name is not known or there is no port.
    """
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit():
        raise PublishError("--all-addresses needs Triton as HOST:PORT")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise PublishError(f"the name of {server} is not known") from error
    hosts = sorted({str(address[0]) for *_, address in found})
    return [f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in hosts]
