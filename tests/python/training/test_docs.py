"""The pages' code runs."""

import re
from pathlib import Path

import pytest

docs = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.skipif(not docs.is_dir(), reason="the sources are not beside the tests")
@pytest.mark.parametrize("name", ["training", "training-at-width", "training-over-time"])
def test_the_code_of_the_page_runs(name):
    page, names = docs / f"{name}.md", {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
