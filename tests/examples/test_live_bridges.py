"""The bridges in examples/: what comes out at the other end of OSC, WebSocket and ROS 2."""

import asyncio
import importlib.util
import io
import json
import math
import queue
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from epipose.inference.live_lines import LiveLines
from epipose.inference.rig_stream import WorldPose
from epipose.skeletons import H36M17
from tests.helpers.live_streams import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lines():
    """A header, a line with a pose whose last joint is not known, and one without a pose: as `epipose live` writes them."""
    out = io.StringIO()
    writer = LiveLines(out)
    writer.header(["door"], H36M17, True, "world: z up")
    xyz = np.arange(51.0).reshape(17, 3) / 10
    conf = np.linspace(1, 0, 17)
    writer.pose(WorldPose(xyz, conf, np.full(17, 3), 3, 0.5), time.monotonic(), 0.5, {"frame": 3})
    writer.pose(None, time.monotonic(), 0.6, {"frame": 4})
    return out.getvalue().splitlines(keepends=True)


def test_osc(lines):
    pytest.importorskip("pythonosc")
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer
    from pythonosc.udp_client import UDPClient

    got = queue.Queue()
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: got.put((address, values)))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with UDPClient("127.0.0.1", server.server_address[1]) as client:
            example("live_to_osc").send(lines, client)
            messages = [got.get(timeout=5) for _ in range(19)]
        server.shutdown()
    assert messages[0] == ("/epipose/person", (1,))
    assert messages[-1] == ("/epipose/person", (0,))
    joints = dict(messages[1:-1])
    assert list(joints) == [f"/epipose/joint/{name}" for name in H36M17.joints]
    np.testing.assert_allclose(joints["/epipose/joint/head"], [3.0, 3.1, 3.2, 0.375], atol=1e-6)


def test_websocket(lines):
    pytest.importorskip("websockets")
    from websockets.asyncio.client import connect

    bridge = example("live_to_websocket").bridge
    more = queue.Queue()
    port = free_port()

    async def clients():
        serving = asyncio.create_task(bridge(iter(more.get, None), "127.0.0.1", port))
        await asyncio.sleep(0.2)
        more.put(lines[0])
        async with connect(f"ws://127.0.0.1:{port}") as first:
            assert json.loads(await first.recv())["joints"] == list(H36M17.joints)
            more.put(lines[1])
            assert json.loads(await first.recv())["frame"] == 3
            async with connect(f"ws://127.0.0.1:{port}") as late:  # has missed a line, but not the header
                assert json.loads(await late.recv())["format"] == "epipose-live-1"
                more.put(lines[2])
                assert [json.loads(await client.recv())["frame"] for client in (first, late)] == [4, 4]
            more.put(lines[1])
            assert json.loads(await first.recv())["frame"] == 3  # the other has gone, nobody minds
            more.put(None)
            await asyncio.wait_for(serving, 5)

    asyncio.run(asyncio.wait_for(clients(), 20))


def test_ros(lines, monkeypatch):
    from tests.helpers import ros_stand_in

    node = ros_stand_in.install(monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(lines)))
    monkeypatch.setattr(sys, "argv", ["live_to_ros2", "--frame", "world", "--ros-args"])
    example("live_to_ros2").main()
    (bridge,) = node.made
    assert bridge.parameters["joint_names"] == list(H36M17.joints)
    (joints,), (bones,) = bridge.published["/epipose/joints"], bridge.published["/epipose/bones"]
    assert joints.header.frame_id == bones.header.frame_id == "world"
    stamp = joints.header.stamp
    assert abs(stamp.sec + stamp.nanosec / 1e9 - json.loads(lines[1])["time"]) < 1e-3
    assert (joints.poses[10].position.x, joints.poses[10].position.z) == (3.0, 3.2)
    assert math.isnan(joints.poses[16].position.x)  # its confidence is 0
    assert len(bones.points) == 2 * 15  # every bone but the one to that joint
    assert bridge.destroyed
