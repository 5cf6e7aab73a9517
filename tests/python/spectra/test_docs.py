"""The blocks of docs/spectra.md run, one after the other."""

import re
from pathlib import Path

import numpy as np
import pytest

page = Path(__file__).resolve().parents[3] / "docs/spectra.md"


@pytest.mark.skipif(not page.is_file(), reason="docs/ is not beside the tests")
def test_blocks_run(capsys):
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), names)
    assert capsys.readouterr().out.count("\n") == 5
    # What the page claims of noise.
    assert abs(names["ratio"].z(1)) < 5 < names["ratio"].z(0)
    assert names["test"].p_exact > 0.01
    assert np.all(np.abs(names["variance"] - names["variance"].expected(1)) < 5 * names["variance"].stderr)
    assert names["left"].boundary == names["right"].boundary == 0
