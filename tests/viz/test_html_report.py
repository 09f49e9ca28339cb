"""The report page and its images: well-formed, self-contained, escaped, and drawn where the data is."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from epipose.errors import EpiposeError
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, COCO17, H36M17, SKELETONS
from epipose.viz.html_report import KeyNumber, Report
from epipose.viz.plots import (
    SIDE_COLORS,
    camera_map,
    coverage_sheet,
    draw_skeleton,
    drawn_bones,
    line_chart,
    skeleton_sheet,
)
from tests.helpers import synthetic

UP = torch.tensor([0.0, 0.0, 1.0])


class Nesting(HTMLParser):
    """Fails on an end tag that closes nothing or the wrong element; collects texts and addresses."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in {"src", "href", "srcset"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = np.cumsum(np.ones((5, 3)), 0) * 0.1
    report = (
        Report("Cameras & <people>", "First.\n\nSecond.")
        .verdict("Check", "Look & see.", ["One <reason>.", "Another."], "Then do this.", "fair")
        .points(["A point <i>."])
        .terms({"px & mrad": "Two <units>."})
        .section("Numbers", "Text with <script>alert(1)</script>")
        .key_numbers(
            [
                KeyNumber("Rotation", "1.62", "degrees", "Off by <b>this</b> much.", "good", "Turn <it> back."),
                KeyNumber("Frames", "100"),
            ]
        )
        .commands({"Look & see": "view . --html <FILE>"})
        .section("More <of it>", "Hidden.", folded=True)
        .table(["pair", "degrees"], [["cam1 & cam2", "0.75"]], "Six <pairs>")
        .image(np.zeros((40, 60, 3), dtype=np.uint8), 'He said "left"')
        .diagram(camera_map(synthetic.rig(), torch.from_numpy(path), UP), "From above")
        .diagram(line_chart({"train": [(0, 2.0), (10, 0.5)]}, "epoch", "loss"))
    )
    report.save(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    parser = Nesting()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert "script" not in parser.tags
    assert parser.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in parser.addresses)
    assert not re.search(r"https?://|url\(|@import", page)


def test_texts_and_numbers_are_there_and_escaped(page: str) -> None:
    parser = Nesting()
    parser.feed(page)
    texts = "".join(parser.texts)
    wanted = ("Cameras & <people>", "First.", "Second.", "<script>alert(1)</script>", "1.62", "degrees", "reliable")
    for text in (*wanted, "Off by <b>this</b> much.", "cam1 & cam2", "0.75", "Six <pairs>", "loss", "cam54138969"):
        assert text in texts
    for text in ("Turn <it> back.", "Look & see", "view . --html <FILE>", "More <of it>", "Hidden."):
        assert text in texts
    for text in ("Look & see.", "One <reason>.", "Then do this.", "A point <i>.", "px & mrad", "Two <units>."):
        assert text in texts
    assert len(re.findall(r"<p[ >]", page)) == 2 + 1 + 1 + 1 + 1 + 1
    assert page.count("<li>") == 2 + 1
    assert 'class="verdict fair"' in page


def test_a_folded_section_ends_where_the_next_one_begins() -> None:
    page = Report("t").section("a", folded=True).points(["1"]).section("b", folded=True).section("c").points(["2"])
    body = page.html().partition("</header>")[2]
    assert body.startswith(
        "<details><summary>a</summary><ul><li>1</li></ul></details><details><summary>b</summary></details>"
        "<h2>c</h2><ul><li>2</li></ul>"
    )
    assert Report("t").section("a", folded=True).html().count("</details>") == 1


def test_paper_opens_what_is_folded() -> None:
    paper = Report("t").html().partition("@media print")[2]
    assert "::details-content { content-visibility: visible" in paper


def test_styles_and_scripts_of_what_moves_stand_where_they_belong() -> None:
    page = Report("t").moving("<canvas></canvas>", ["canvas{width:9px}"], ["let a = 1;"]).html()
    assert "canvas{width:9px}" in page.partition("</style>")[0]
    assert page.index("<canvas>") < page.index("<script>let a = 1;</script>")


def test_a_list_without_points_leaves_nothing_behind() -> None:
    assert Report("t").points([]).html() == Report("t").html()


def test_wide_tables_name_their_cells_for_narrow_pages() -> None:
    page = Report("t").table(["a", "b & c", "d", "e"], [["1", "2", "3" * 70, ""]]).html()
    assert '<div class="wide many">' in page
    assert '<td data-column="b &amp; c">2</td>' in page
    assert re.search(r"<td class=long data-column=.d.>3{70}</td>", page)
    assert "wide many" not in Report("t").table(["a", "b", "c"], [["1", "2", "3"]]).html().partition("<body>")[2]
    with pytest.raises(ValueError, match="zip"):
        Report("t").table(["a", "b"], [["1"]])


def test_images_come_from_arrays_or_files(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (200, 30, 30)).save(tmp_path / "red.png")
    assert 'width="20" height="10"' in Report("t").image(tmp_path / "red.png").html()
    (tmp_path / "no.png").write_text("no image")
    with pytest.raises(EpiposeError, match="cannot be read as an image"):
        Report("t").image(tmp_path / "no.png")


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_what_is_drawn_is_symmetric(skeleton: Skeleton) -> None:
    bones = {frozenset(bone[:2]): bone[2] for bone in drawn_bones(skeleton)}
    other = {"left": "right", "right": "left", "middle": "middle"}
    for bone, side in bones.items():
        assert bones[frozenset(skeleton.flip[joint] for joint in bone)] == other[side]


def test_limbs_are_kept_and_lopsided_bones_are_not() -> None:
    assert len(drawn_bones(H36M17)) == len(H36M17.bones)
    for skeleton in (COCO17, BLAZEPOSE33):
        lines = {frozenset(skeleton.joints[j] for j in bone[:2]): bone[2] for bone in drawn_bones(skeleton)}
        assert lines[frozenset({"left_shoulder", "right_shoulder"})] == "middle"
        assert lines[frozenset({"left_knee", "left_ankle"})] == "left"
        assert frozenset({"nose", "left_shoulder"}) not in lines


def test_a_skeleton_is_drawn_where_it_is_and_only_what_was_seen() -> None:
    image = np.zeros((100, 120, 3), dtype=np.uint8)
    uv, conf = torch.full((17, 2), 1e9), torch.zeros(17)
    assert np.array_equal(draw_skeleton(image, uv, conf, H36M17), image)
    knee, ankle = H36M17.index("left_knee"), H36M17.index("left_ankle")
    uv[knee], uv[ankle] = torch.tensor([20.0, 10.0]), torch.tensor([20.0, 90.0])
    conf[[knee, ankle]] = 1
    drawn = draw_skeleton(image, uv, conf, H36M17)
    assert drawn[50, 20] == pytest.approx(SIDE_COLORS["left"], abs=25)
    assert not drawn[:, 40:].any()
    assert not image.any()
    conf[H36M17.index("left_hip")] = 1  # a billion pixels away: no overflow, no error
    assert draw_skeleton(image, uv, conf, H36M17).any()


def test_the_sheet_shrinks_the_skeleton_with_the_frame() -> None:
    frames = [np.zeros((400, 300, 3), dtype=np.uint8), np.zeros((200, 400, 3), dtype=np.uint8)]
    uv, conf = torch.zeros(2, 17, 2), torch.zeros(2, 17)
    uv[0, 3], conf[0, 3] = torch.tensor([150.0, 200.0]), 1
    sheet = skeleton_sheet(frames, uv, conf, H36M17, columns=2, height=100)
    assert sheet.shape == (100 + 2 * 6, 2 * (200 + 6) + 6, 3)
    ys, xs = np.nonzero((sheet == 255).all(-1))
    assert (ys.mean(), xs.mean()) == pytest.approx((6 + 50, 6 + 62 + 37), abs=1.5)


def test_the_map_shows_cameras_by_name_to_scale() -> None:
    rig = synthetic.rig()
    path = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    svg = camera_map(rig, path, UP, reference=replace(rig, metric=False))
    root = ElementTree.fromstring(svg)
    texts = [node.text for node in root.iter("text")]
    assert set(rig.names) <= set(texts)
    assert "1 m" in texts
    assert "1 m" not in camera_map(replace(rig, metric=False), path, UP)
    polygons = [node.attrib["points"] for node in root.iter("polygon")]
    assert polygons[:4] == polygons[4:]
    tips = np.array([[float(c) for c in points.split()[0].split(",")] for points in polygons[:4]])
    line = next(root.iter("polyline")).attrib["points"].split()
    a, b = (np.array([float(c) for c in point.split(",")]) for point in line)
    real = np.linalg.norm(np.diff(rig.camera.center.numpy()[:2, :2], axis=0))
    assert np.linalg.norm(tips[1] - tips[0]) / np.linalg.norm(b - a) == pytest.approx(real, rel=0.01)


def test_the_map_is_no_mirror_image() -> None:
    rig = synthetic.rig()
    root = ElementTree.fromstring(camera_map(rig, torch.zeros(0, 3), UP))
    tips = np.array([[float(c) for c in n.attrib["points"].split()[0].split(",")] for n in root.iter("polygon")])
    seen, real = tips * [1, -1], rig.camera.center.numpy()[:, :2]

    def turn(points: np.ndarray) -> float:
        (ax, ay), (bx, by) = points[1] - points[0], points[2] - points[0]
        return float(np.sign(ax * by - ay * bx))

    assert turn(seen) == turn(real)


def test_the_coverage_shows_the_cells_in_which_joints_were_seen() -> None:
    size = torch.tensor([[1000, 500]] * 5)
    xy, conf = torch.zeros(5, 3, 2, 2), torch.zeros(5, 3, 2)
    xy[0, :, 0], conf[0, :, 0] = torch.tensor([950.0, 60.0]), 1.0  # three times in column 9, row 1
    xy[0, 0, 1], conf[0, 0, 1] = torch.tensor([50.0, 10.0]), 0.5  # once in column 0, row 0
    xy[1], conf[1] = -1.0, 1.0  # outside
    names = ("a & b", "b", "c", "d", "e")
    root = ElementTree.fromstring(coverage_sheet(names, size, xy, conf))
    assert [node.text for node in root.iter("text")] == list(names)
    frames = [node.attrib for node in root.iter("rect") if node.attrib["fill"] == "none"]
    cells = [node.attrib for node in root.iter("rect") if node.attrib["fill"] != "none"]
    assert len(frames) == 5
    assert float(frames[4]["y"]) > float(frames[3]["y"]) == float(frames[0]["y"])
    once, often = sorted(cells, key=lambda cell: float(cell["fill-opacity"]))
    left, top, width, height = (float(frames[0][key]) for key in ("x", "y", "width", "height"))
    assert width == pytest.approx(2 * height)
    for cell, column, row in ((once, 0, 0), (often, 9, 1)):
        assert float(cell["x"]) == pytest.approx(left + column * width / 10, abs=0.11)
        assert float(cell["y"]) == pytest.approx(top + row * height / 10, abs=0.11)
    assert float(often["fill-opacity"]) == 1


@pytest.mark.parametrize("curve", [[(0, 1.0)], [(1, 0.0), (2, 0.0)], [(0, -3.0), (5, 7.5)], [(3, 1e-7), (4, 2e6)]])
def test_curves_stay_inside_the_chart(curve: list[tuple[float, float]]) -> None:
    root = ElementTree.fromstring(line_chart({"a & b": curve}, "x", "y"))
    points = next(root.iter("polyline")).attrib["points"].split()
    for x, y in (point.split(",") for point in points):
        assert 0 <= float(x) <= 640
        assert 0 <= float(y) <= 300
    assert "a & b" in [node.text for node in root.iter("text")]


def test_an_empty_chart_is_an_error() -> None:
    with pytest.raises(EpiposeError, match="got no points"):
        line_chart({"loss": []}, "epoch", "loss")
