"""The blocks of the pages of this domain run, one after the other."""

import re
from pathlib import Path

import pytest

docs = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.skipif(not docs.is_dir(), reason="the docs are not beside the tests")
@pytest.mark.parametrize("name", ["kernels", pytest.param("ntk", marks=pytest.mark.slow)])
def test_the_code_of_the_page_runs(name):
    page, names = docs / f"{name}.md", {}
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
