"""Live poses to OSC, for Max, Pure Data, TouchDesigner, Unity and others.

    epipose live 0 | python examples/live_to_osc.py --host 127.0.0.1 --port 9000

Each line becomes one bundle, stamped with the time of capture: ``/epipose/person`` 1 or 0, and for every joint
``/epipose/joint/NAME`` x y z confidence. Needs python-osc: pip install 'epipose[live]'
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import UDPClient


def main() -> None:
    """Send a bundle for each line of standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    given = parser.parse_args()
    send(sys.stdin, UDPClient(given.host, given.port))


def send(lines: Iterable[str], client: UDPClient) -> None:
    """Send what follows the header."""
    lines = iter(lines)
    joints = json.loads(next(lines))["joints"]
    for line in lines:
        client.send(bundle_of(json.loads(line), joints))


def bundle_of(pose: dict, joints: list[str]) -> OscBundle:
    """One moment; without joints where nobody is seen."""
    bundle = OscBundleBuilder(pose["time"])
    bundle.add_content(_message("/epipose/person", int(pose["xyz"] is not None)))
    if pose["xyz"] is not None:
        for name, xyz, conf in zip(joints, pose["xyz"], pose["conf"], strict=True):
            bundle.add_content(_message(f"/epipose/joint/{name}", *(float(value) for value in (*xyz, conf))))
    return bundle.build()


def _message(address: str, *values: float):
    message = OscMessageBuilder(address)
    for value in values:
        message.add_arg(value)
    return message.build()


if __name__ == "__main__":
    main()
