"""A studio clip is a clip: every verb runs on it, its ground truth is correct, and it is made whole or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.geometry.rotation import angle_between
from epipose.io.files import read_json
from epipose.poses import Poses2D, Poses3D
from epipose.studio.film import ClipSpec, film, image_size, rig_named
from epipose.studio.renderer import Renderer
from tests.helpers.capsule_people import capsule_actor
from tests.helpers.dead_process import dead_process

pytest.importorskip("moderngl")
pytestmark = pytest.mark.gl
SPEC = ClipSpec(40, 3, 10.0, (96, 96), "ring", (), (), 1, capsule_actor)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    try:
        Renderer().close()
    except EpiposeError as error:
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("studio")
    film(out, 1, SPEC)
    return out


def test_it_is_a_clip_with_its_truth(clips):
    folder = clips / "clip0000"
    clip, rig = Clip.load(folder), Rig.load(folder / "truth" / "rig.json")
    poses, xyz = Poses2D.load(folder / "truth" / "poses2d.npz"), Poses3D.load(folder / "truth" / "poses3d.npz")
    assert clip.names == rig.names == poses.views
    assert clip.frames == 40
    assert clip.fps == 10
    assert rig.metric
    assert rig.upright
    assert xyz.metric
    projected = rig.camera.spread(3).project(xyz.xyz.double())
    assert torch.allclose(projected.float(), poses.xy, atol=1e-2)
    assert float((poses.conf > 0).float().mean()) > 0.6
    inside = ((poses.xy >= 0) & (poses.xy <= 95)).all(-1)
    assert bool((poses.conf[~inside] == 0).all())
    given = Rig.load(folder / "intrinsics.json", intrinsics_only=True)
    assert torch.allclose(given.camera.K, rig.camera.K)
    assert "R" not in next(iter(read_json(folder / "intrinsics.json")["cameras"].values()))


def test_the_person_is_where_the_truth_says(clips):
    folder = clips / "clip0000"
    clip, poses = Clip.load(folder), Poses2D.load(folder / "truth" / "poses2d.npz")
    for row, view in enumerate(clip.views):
        frames = np.stack(list(clip.read(view))).astype(float)
        empty = np.median(frames, 0)
        changed = np.abs(frames - empty).mean(-1)
        xy, seen = poses.xy[row, :, 0].round().long().numpy(), poses.conf[row, :, 0].numpy() > 0
        at_joints = [
            changed[f, y, x] for f in range(clip.frames) for (x, y), s in zip(xy[f], seen[f], strict=True) if s
        ]
        assert np.mean(at_joints) > 2 * changed.mean()


def test_every_verb_runs_on_it(clips, tmp_path):
    folder, out = clips / "clip0000", tmp_path / "walk"
    truth = folder / "truth"
    assert (
        main(["detect", str(folder), "--out", str(out), "--poses", str(truth / "poses2d.npz"), "--sync", "none"]) == 0
    )
    intrinsics = ["--intrinsics", str(folder / "intrinsics.json")]
    true_rig = Rig.load(truth / "rig.json")
    distance = float((true_rig.camera.center[0] - true_rig.camera.center[1]).norm())
    assert main(["calibrate", str(out), *intrinsics, "--camera-distance", f"cam1-cam2={distance}"]) == 0
    found = Rig.load(out / "rig.json").select(true_rig.names)
    relative = [rig.camera.R[1] @ rig.camera.R[0].mT for rig in (found, true_rig)]
    assert float(torch.rad2deg(angle_between(*relative))) < 0.1
    assert main(["label", str(out)]) == 0
    labels, xyz = Poses3D.load(out / "poses3d.npz"), Poses3D.load(truth / "poses3d.npz")
    sure = (labels.conf[:, 0] > 0).all(-1)
    assert int(sure.sum()) > 10
    lengths = [(p.xyz[sure, 0, 1:] - p.xyz[sure, 0, :1]).norm(dim=-1) for p in (labels, xyz)]
    assert float((lengths[0] - lengths[1]).abs().median()) < 0.005
    assert main(["view", str(out), "--html", str(tmp_path / "view.html")]) == 0


def test_what_is_whole_is_kept_and_what_is_not_is_made_again(clips, tmp_path):
    spec = replace(SPEC, frames=3, views=2)
    film(tmp_path, 1, spec)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clip0000").iterdir()}
    half = tmp_path / f".clip0001.{dead_process()}.part"
    half.mkdir()
    (half / "cam1.mp4").write_bytes(b"half a video")
    folders = film(tmp_path, 2, spec, workers=1)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clip0000").iterdir()} == before
    assert not half.exists()
    assert Clip.load(folders[1]).frames == 3
    with pytest.raises(EpiposeError, match=r"frames 3 \(now 30\)"):
        film(tmp_path, 2, replace(spec, frames=30))


def test_the_same_seed_gives_the_same_bytes_whoever_films(tmp_path):
    spec = replace(SPEC, frames=3, views=2)
    film(tmp_path / "a", 2, spec, workers=1)
    film(tmp_path / "b", 2, spec, workers=2)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.mp4"))
    assert len(files) == 4
    contents = {(tmp_path / "a" / path).read_bytes() for path in files}
    assert len(contents) == 4
    assert contents == {(tmp_path / "b" / path).read_bytes() for path in files}
    truths = [np.load(tmp_path / run / "clip0001" / "truth" / "poses3d.npz")["xyz"] for run in "ab"]
    assert (truths[0] == truths[1]).all()


def test_impossible_orders_are_refused(tmp_path, capsys):
    for field, wrong in (("views", 1), ("frames", 1), ("fps", 0.0), ("seed", -1)):
        with pytest.raises(EpiposeError, match=f"'{field}' is {wrong:g};"):
            replace(SPEC, **{field: wrong})
    with pytest.raises(EpiposeError, match="even sizes"):
        film(tmp_path, 1, replace(SPEC, size=(97, 96)))
    with pytest.raises(EpiposeError, match="'clips' is 0"):
        film(tmp_path, 0, SPEC)
    assert main(["studio", "--out", str(tmp_path / "s"), "--size", "big"]) == 2
    assert "WIDTHxHEIGHT" in capsys.readouterr().err
    assert main(["studio", "--out", str(tmp_path / "s"), "--rig", "nowhere.json"]) == 2
    assert "no rig 'nowhere.json'" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
    assert image_size("640X480") == (640, 480)
    assert rig_named("phones") == "phones"
    assert rig_named(str(tmp_path)) == Path(tmp_path)
