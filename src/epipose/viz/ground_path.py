"""Path of the subject over the floor, and the direction up, for a map seen from above.

The report draws it before there are labels, so the joints are triangulated here, at a few hundred moments. A report
must also be drawn of wrong cameras: points that they place far outside the scene are left out of the path.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.sampling import evenly
from epipose.poses import Poses2D
from epipose.reconstruction.anatomy import joints_there
from epipose.reconstruction.label import triangulated
from epipose.reconstruction.world_frame import up_direction

_MOMENTS = 500
_CONTACT_FRAMES = 3000  # in a row, to find foot contacts, where up is not known


def path_and_up(rig: Rig, poses: Poses2D, fps: float) -> tuple[Float[Tensor, "step 3"], Float[Tensor, "3"]]:
    """The middle of the subject at moments evenly spread, in order, and up; both in the rig's world.

    That is the middle of the hips, of the shoulders where there are no hips. A path has no steps where these were never
    triangulated.
    """
    skeleton, frames = poses.skeleton, poses.xy.shape[1]
    source = ObservationSource.of(poses, rig)
    xyz, conf = triangulated(source.at(evenly(frames, _MOMENTS), velocity=False), rig, skeleton)
    hips = joints_there(skeleton, ("left_hip", "right_hip"))
    joints = hips or joints_there(skeleton, ("left_shoulder", "right_shoulder"))
    path = xyz[(conf[:, joints] > 0).all(-1)][:, joints].mean(1)
    if len(path):
        middle = path.median(0).values
        reach = 2 * (rig.camera.center.double() - middle).norm(dim=-1).max()
        path = path[(path - middle).norm(dim=-1) < reach]
    if rig.upright:
        return path, path.new_tensor([0.0, 0.0, 1.0])
    xyz, conf = triangulated(source.at(source.seen().busiest(_CONTACT_FRAMES), velocity=False), rig, skeleton)
    return path, up_direction(xyz, conf, skeleton, rig, fps).direction
