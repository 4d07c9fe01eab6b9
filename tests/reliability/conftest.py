import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own, with one for temporary files in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    return tmp_path
