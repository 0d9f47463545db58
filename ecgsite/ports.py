"""Is a port free? ``python ecgsite/ports.py 8000`` says so before anything is installed or started.

Standard library only: ``make run`` calls this before the virtual environment exists.
"""

from __future__ import annotations

import os
import socket
import sys


def port_problem(port: str, host: str = "127.0.0.1") -> str | None:
    """One sentence about why ``port`` cannot be used, or ``None``."""
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        return f"PORT must be a number from 1 to 65535, not “{port}”."
    with socket.socket() as probe:
        # As the server will do it: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except PermissionError:
            return f"Port {port} needs administrator rights. Choose one above 1023, e.g.: make run PORT=8001"
        except OSError:
            free = "8001" if port == "8000" else "8000"
            return f"Port {port} is taken by another program. Stop it, or choose another port: make run PORT={free}"
    return None


if __name__ == "__main__":
    sys.exit(port_problem(sys.argv[1], os.environ.get("HOST", "127.0.0.1")))
