"""Live poses to ROS 2: the joints as a PoseArray, and the bones as a Marker for RViz.

    epipose live 0 | python examples/live_to_ros2.py
    epipose live --rig rig.json 0 1 2 | python examples/live_to_ros2.py --frame world

Topics: ``/epipose/joints`` (geometry_msgs/PoseArray, in the order of the joints; NaN where a joint is not known) and
``/epipose/bones`` (visualization_msgs/Marker); the parameter ``joint_names`` of the node lists the names. Headers carry
the time of capture. The camera's axes are those of an optical frame in ROS (x right, y down, z forward). To be run in an
environment of ROS 2, with rclpy.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator

import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseArray
from rclpy.node import Node
from visualization_msgs.msg import Marker


class Bridge(Node):
    """Publishes one line at a time."""

    def __init__(self, header: dict, frame: str) -> None:
        """``header``: the first line; ``frame``: the frame_id of all messages."""
        super().__init__("epipose")
        self.declare_parameter("joint_names", header["joints"])
        self._bones = [(parent, joint) for joint, parent in enumerate(header["parents"]) if parent >= 0]
        self._frame = frame
        self._joints = self.create_publisher(PoseArray, "/epipose/joints", 1)
        self._marker = self.create_publisher(Marker, "/epipose/bones", 1)

    def publish(self, line: dict) -> None:
        """A line with a pose; nothing for one without."""
        if line["xyz"] is None:
            return
        known = [conf > 0 for conf in line["conf"]]
        joints = PoseArray()
        self._stamp(joints, line["time"])
        joints.poses = [_pose(xyz if seen else (math.nan,) * 3) for xyz, seen in zip(line["xyz"], known, strict=True)]
        self._joints.publish(joints)
        bones = Marker()
        self._stamp(bones, line["time"])
        bones.ns, bones.id, bones.type, bones.action = "epipose", 0, Marker.LINE_LIST, Marker.ADD
        bones.scale.x, bones.pose.orientation.w = 0.03, 1.0
        bones.color.r, bones.color.g, bones.color.b, bones.color.a = 0.1, 0.6, 1.0, 1.0
        bones.points = list(_ends(line["xyz"], known, self._bones))
        self._marker.publish(bones)

    def _stamp(self, message: PoseArray | Marker, seconds: float) -> None:
        message.header.frame_id = self._frame
        message.header.stamp = Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))


def _pose(xyz: Iterable[float]) -> Pose:
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(value) for value in xyz)
    pose.orientation.w = 1.0
    return pose


def _ends(xyz: list[list[float]], known: list[bool], bones: list[tuple[int, int]]) -> Iterator[Point]:
    """Both ends of every bone that is known."""
    for bone in bones:
        if all(known[joint] for joint in bone):
            for joint in bone:
                yield Point(**dict(zip("xyz", map(float, xyz[joint]), strict=True)))


def main() -> None:
    """Publish each line of standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame", default="camera_optical_frame", help="frame_id of the messages")
    given, for_ros = parser.parse_known_args()
    rclpy.init(args=for_ros)
    bridge = Bridge(json.loads(sys.stdin.readline()), given.frame)
    try:
        for line in sys.stdin:
            bridge.publish(json.loads(line))
            rclpy.spin_once(bridge, timeout_sec=0)
    except KeyboardInterrupt:
        pass
    finally:
        bridge.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
