"""Known files of pose networks by name, path and URL."""

import pytest

from epipose.errors import InputError
from epipose.network import known_models as module
from epipose.network.known_models import KNOWN, model_file
from epipose.skeletons import SKELETONS


def test_every_known_file_says_what_it_is():
    urls = [model.url for models in KNOWN.values() for model in models.values()]
    assert len(set(urls)) == len(urls)
    for models in KNOWN.values():
        for model in models.values():
            assert model.url.startswith("https://")
            assert model.url.endswith((".zip", ".onnx"))
            assert model.skeleton in SKELETONS
            assert model.input.count("x") == 1
            assert model.licence.startswith("Apache-2.0")
    assert "yolo-pose" not in KNOWN, "AGPL weights are nobody's default"


def test_weights_are_a_path_a_url_a_name_or_the_first_known(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(module, "file_at", lambda url: fetched.append(url) or tmp_path / "fetched")
    path = tmp_path / "net.onnx"
    path.write_bytes(b"1")
    assert model_file("rtmpose", str(path)) == (path, None)
    assert model_file("rtmpose", "https://a.org/net.onnx").known is None
    known = KNOWN["rtmpose"]
    assert model_file("rtmpose", "halpe26-s").known == known["halpe26-s"]
    assert model_file("rtmpose", known["halpe26-s"].url).known == known["halpe26-s"]
    assert model_file("rtmpose", "").known == known["halpe26-m"]
    expected = ["https://a.org/net.onnx", *[known["halpe26-s"].url] * 2, known["halpe26-m"].url]
    assert fetched == expected


def test_what_is_none_of_these_is_said_with_the_known_names():
    with pytest.raises(
        InputError, match=r"no file nowhere.onnx\. Give --detector rtmpose:WEIGHTS .* halpe26-m, halpe26-s"
    ):
        model_file("rtmpose", "nowhere.onnx")
    with pytest.raises(
        InputError, match=r"No weights are given\. Give --detector yolo-pose:WEIGHTS with the path or URL"
    ):
        model_file("yolo-pose", "")
