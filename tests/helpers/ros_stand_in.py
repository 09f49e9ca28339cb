"""Stand-ins for the parts of ROS 2 that the bridge uses: it cannot be installed by pip. Messages refuse unknown fields."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar


class _Message:
    """Fields with defaults, as ROS makes them; setting another one is an error, and so is a value of another type."""

    fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, **given: Any) -> None:
        for name, default in self.fields.items():
            object.__setattr__(self, name, default() if callable(default) else default)
        for name, value in given.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.fields, f"{type(self).__name__} has no field {name}"
        assert isinstance(value, type(getattr(self, name))), f"{name} cannot be {value!r}"
        object.__setattr__(self, name, value)


def _message(name: str, **fields: Any) -> type[_Message]:
    return type(name, (_Message,), {"fields": fields})


Time = _message("Time", sec=0, nanosec=0)
Header = _message("Header", stamp=Time, frame_id="")
Point = _message("Point", x=0.0, y=0.0, z=0.0)
Quaternion = _message("Quaternion", x=0.0, y=0.0, z=0.0, w=0.0)
Pose = _message("Pose", position=Point, orientation=Quaternion)
PoseArray = _message("PoseArray", header=Header, poses=list)
Colour = _message("ColorRGBA", r=0.0, g=0.0, b=0.0, a=0.0)
Marker = _message(
    "Marker", header=Header, ns="", id=0, type=0, action=0, pose=Pose, scale=Point, color=Colour, points=list
)  # fmt: skip
Marker.LINE_LIST, Marker.ADD = 5, 0


class Node:
    """Keeps what is published, by topic."""

    made: ClassVar[list[Node]] = []

    def __init__(self, name: str) -> None:
        self.name, self.parameters, self.published = name, {}, {}
        self.destroyed = False
        Node.made.append(self)

    def declare_parameter(self, name: str, value: Any) -> None:
        self.parameters[name] = value

    def create_publisher(self, kind: type, topic: str, depth: int) -> SimpleNamespace:
        sent = self.published[topic] = []

        def publish(message: Any) -> None:
            assert isinstance(message, kind)
            sent.append(message)

        return SimpleNamespace(publish=publish)

    def destroy_node(self) -> None:
        self.destroyed = True


def install(monkeypatch: Any) -> type[Node]:
    """Put the stand-ins where the bridge imports from; the nodes that are made are in ``Node.made``."""
    Node.made = []
    content = {
        "rclpy": {
            "init": lambda args=None: None,
            "spin_once": lambda node, timeout_sec: None,
            "try_shutdown": lambda: None,
        },
        "rclpy.node": {"Node": Node},
        "builtin_interfaces": {},
        "builtin_interfaces.msg": {"Time": Time},
        "geometry_msgs": {},
        "geometry_msgs.msg": {"Point": Point, "Pose": Pose, "PoseArray": PoseArray},
        "visualization_msgs": {},
        "visualization_msgs.msg": {"Marker": Marker},
    }
    for name, members in content.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return Node
