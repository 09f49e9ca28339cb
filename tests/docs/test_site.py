"""The documentation site builds strictly, its links hold, and a reader's browser fetches nothing from elsewhere."""

import os
import subprocess
import sys

import pytest

from benchmarks.docs.links import check
from tests.helpers.documents import ROOT

pytest.importorskip("mkdocs")
pytest.importorskip("material")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.mark.slow
def test_every_link_and_anchor_of_the_site_holds_and_nothing_is_fetched(site):
    checked = check(site)
    assert checked.links > 1000
    assert checked.broken == ()


@pytest.mark.slow
def test_files_outside_the_pages_have_copies_and_the_root_s_pages_are_pages(site):
    assert (site / "repository" / "src" / "epipose" / "errors.py.txt").exists()
    assert (site / "contributing.html").exists()
    assert "\\|" not in (site / "reference" / "api.html").read_text(encoding="utf-8")


def test_a_lost_file_a_lost_anchor_and_what_is_fetched_are_found(tmp_path):
    (tmp_path / "b.html").write_text('<h1 id="there">B</h1>')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><a href="https://example.org">4</a>'
        '<script src="https://example.org/a.js"></script>'
    )
    found = check(tmp_path)
    assert found.links == 3
    assert found.broken == ("a.html: b.html#gone", "a.html: c.html", "a.html fetches https://example.org/a.js")


def test_formulas_become_mathml():
    from benchmarks.docs.site_hooks import on_page_content

    html = on_page_content('<p><span class="arithmatex">\\(a &lt; b\\)</span></p>', None, None, None)  # type: ignore[arg-type]
    assert "<math" in html
    assert "arithmatex" not in html
