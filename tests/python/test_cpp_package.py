"""What an installation carries for C++ users; `.ci/run` builds the example against it."""

import subprocess
import sys
from pathlib import Path

import pytest

import deeprmt


@pytest.fixture(scope="module")
def prefix():
    return Path(deeprmt.cmake_prefix())


def test_the_package_has_headers_a_library_and_its_cmake_files(prefix):
    assert (prefix / "include/deeprmt/linalg/svd.hpp").is_file()
    assert (prefix / "lib/libdeeprmt.a").is_file()
    cmake = prefix / "lib/cmake/deeprmt"
    version = (cmake / "deeprmtConfigVersion.cmake").read_text()
    assert f'set(PACKAGE_VERSION "{deeprmt.__version__}")' in version
    targets = (cmake / "deeprmtTargets.cmake").read_text()
    assert "add_library(deeprmt::deeprmt STATIC IMPORTED)" in targets
    assert "EIGEN_USE_BLAS" in targets
    for word in ("-Wall", "DEEPRMT_VERSION", str(Path.home())):  # what concerns our build alone
        assert word not in targets


def test_the_command_says_where(prefix):
    done = subprocess.run([sys.executable, "-m", "deeprmt", "--cmakedir"], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == prefix / "lib/cmake/deeprmt"


def test_a_missing_package_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(deeprmt._core, "__file__", str(tmp_path / "_core.so"))
    with pytest.raises(FileNotFoundError, match=r"deeprmtConfig\.cmake is missing; install deeprmt"):
        deeprmt.cmake_prefix()
    code = "import sys, deeprmt; deeprmt._core.__file__ = sys.argv.pop(); from deeprmt.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--cmakedir", str(tmp_path / "_core.so")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("deeprmt: cmake_prefix: ")


def test_eigen_is_looked_for_with_python_and_named_where_missing(prefix):
    text = (prefix / "lib/cmake/deeprmt/deeprmtConfig.cmake").read_text()
    assert "m.files('cmeel-eigen')" in text
    assert "pip install cmeel-eigen" in text
