"""The code blocks of docs/nonlinear.md run, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

page = Path(__file__).resolve().parents[3] / "docs/nonlinear.md"


@pytest.mark.skipif(not page.is_file(), reason="the docs are not beside the tests")
def test_blocks_print_what_the_page_says():
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(block, names)
        said = [line[2:] for line in block.splitlines() if line.startswith("# ")]
        assert out.getvalue().splitlines() == said
