"""Entry of a host process: ``python -I …/tokens/host/__main__.py monitor|session|vendor FD MIB network|sealed``.

FD is its end of a socket pair, MIB its address space; a sealed one can open no internet socket (nor can what it starts).

It is started by path under ``-I`` so that neither PYTHONPATH nor the user's site folder decides what runs beside a PIN; the
folder that holds this very package is put first, which serves a checkout and an installation alike.
"""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tokens import platform
from tokens.host.program import Program
from tokens.wire import Link, serve

FILES = 256
"""Descriptors of a host, its module's included."""


def main(kind: str, descriptor: int, memory_mib: int, network: str) -> None:
    """Serve one module until the agent closes the channel."""
    platform.harden(die_with_parent=True)
    platform.limit(memory_bytes=memory_mib << 20, files=FILES, fixed=True)
    confined = network == "sealed" and platform.deny_network()
    link = Link(socket.socket(fileno=descriptor))
    program: Program
    if kind == "monitor":
        from tokens.host.monitor import MonitorProgram

        program = MonitorProgram(link)
    elif kind == "vendor":
        from tokens.host.vendor import VendorProgram

        program = VendorProgram(link)
    else:
        from tokens.host.session import SessionProgram

        program = SessionProgram(link)
    try:
        program.confined = confined
        serve(link, program.answer, program.idle if kind == "monitor" else None)
    except (ConnectionError, KeyboardInterrupt):
        pass
    os._exit(0)  # neither interpreter nor module may linger in finalisers while a PIN is in memory


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
