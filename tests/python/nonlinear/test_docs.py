"""The code blocks of the pages of this domain run, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

docs = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.skipif(not docs.is_dir(), reason="the docs are not beside the tests")
@pytest.mark.parametrize("name", ["nonlinear", "random-features"])
def test_blocks_print_what_the_page_says(name):
    page = docs / f"{name}.md"
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(block, names)
        said = [line[2:] for line in block.splitlines() if line.startswith("# ")]
        assert out.getvalue().splitlines() == said
