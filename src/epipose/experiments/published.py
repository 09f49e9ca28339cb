"""Published results on Human3.6M, to stand beside what is measured, and never to be mixed up with it.

Only numbers that were read in the papers, or in papers that cite them; millimetres. Subjects 1, 5, 6, 7, 8 for
training, 9 and 11 for the test.
"""

from __future__ import annotations

SOURCE = (
    "Kocabas, Karagoz, Akbas: Self-Supervised Learning of 3D Human Pose using Multi-view Geometry, CVPR 2019; Human3.6M"
)

# The rows of `epipose bench self` that the paper has, too.
SELF: dict[str, dict[str, float]] = {
    "full": {"mpjpe_mm": 51.8, "pmpjpe_mm": 45.0},
    "true2d": {"mpjpe_mm": 55.0},
    "self+rig": {"mpjpe_mm": 76.6, "pmpjpe_mm": 67.5},
    "self": {"nmpjpe_mm": 78.8},
    "self, refined": {"mpjpe_mm": 60.5},
}
NOTES = {"self, refined": "3D labels used"}  # by its refinement
