import shutil

import pytest

import wsq


@pytest.fixture
def workspace(tmp_path):
    with wsq.open(tmp_path / "team.duckdb") as opened:
        yield opened


@pytest.fixture
def store(workspace):
    return workspace.store("acme")


@pytest.fixture(scope="session")
def chromium():
    found = shutil.which("chromium")
    assert found, "the browser tests need Debian's chromium on the PATH"
    return found
