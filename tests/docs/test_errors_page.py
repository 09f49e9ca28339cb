"""docs/errors.md is what the exception classes say."""

from benchmarks.docs import errors as page
from epipose import errors


def test_the_page_is_up_to_date(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["errors", "--check"])
    assert page.main() == 0
    assert "up to date" in capsys.readouterr().out


def test_a_page_that_is_out_of_date_is_named_and_left_alone(tmp_path, monkeypatch, capsys):
    old = tmp_path / "errors.md"
    old.write_text("old")
    monkeypatch.setattr(page, "_PAGE", old)
    monkeypatch.setattr("sys.argv", ["errors", "--check"])
    assert page.main() == 1
    assert "out of date" in capsys.readouterr().out
    assert old.read_text() == "old"
    monkeypatch.setattr("sys.argv", ["errors"])
    assert page.main() == 0
    assert old.read_text() == page.page()


def test_every_class_has_its_row_below_its_base():
    defined = {found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, Exception)}
    classes = page.error_classes()
    assert set(classes) == defined
    assert len({found.code for found in classes}) == len(classes), "codes tell errors apart"
    for index, found in enumerate(classes[1:], 1):
        assert set(found.__bases__) & set(classes[:index])
        assert (
            f"| `{found.__name__}` | `{found.__bases__[0].__name__}` | `{found.code}` | {found.exit_code} |"
            in page.page()
        )
