"""The Python of README.md runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

readme = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.skipif(not readme.is_file(), reason="README.md is not beside the tests")
def test_ten_lines(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        names = {"__name__": "readme"}
        exec(compile(block, str(readme), "exec"), names)
        assert capsys.readouterr().out.count("\n") >= block.count("print(")
        if "s" in names and "law" in names:
            # What the lines claim. n = 2000 dependent numbers, rigid in each of four networks, whose slopes fluctuate
            # by 1 / sqrt(500): a wrong law is off by 0.1 and more.
            s, law = np.sort(np.ravel(names["s"])), names["law"]
            assert np.abs(law.cdf(s**2) - (np.arange(s.size) + 0.5) / s.size).max() < 5 / np.sqrt(s.size)
