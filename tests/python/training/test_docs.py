"""The page's code runs."""

import re
from pathlib import Path

import pytest

page = Path(__file__).resolve().parents[3] / "docs/training.md"


@pytest.mark.skipif(not page.is_file(), reason="the sources are not beside the tests")
def test_the_code_of_the_page_runs():
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, {})
