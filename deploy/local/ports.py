"""Ports: whether one can be had, and some that are free."""

import contextlib
import socket

from deploy.local.settings import SettingsError


def require_free(name: str, host: str, port: int) -> None:
    """Make sure that ``port`` can be listened on.

    Raises:
        SettingsError: something listens there, or it may not be used.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # Connections that linger from before do not count, a listener does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except PermissionError as error:
        raise SettingsError(f"{name} {port} needs rights that this user lacks.") from error
    except OSError as error:
        raise SettingsError(
            f"{name} {port} is in use: end what listens there, or set {name} to another port."
        ) from error


def free_ports(count: int) -> list[int]:
    """Find ``count`` different ports of 127.0.0.1 that nothing uses at the moment."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
