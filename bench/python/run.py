"""Run the Python benchmarks: `python bench/python/run.py [WORD...] [--quick] [--json FILE]`; a WORD selects files."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import deeprmt
import harness

here = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="run only files whose path holds one of these words")
    parser.add_argument("--quick", action="store_true", help="one call each and no large sizes: do the benches work?")
    parser.add_argument("--json", type=Path, help="write the rows, with the versions, to this file")
    options = parser.parse_args()
    files = sorted(here.glob("*/bench_*.py"))
    chosen = [f for f in files if not options.words or any(w in str(f.relative_to(here)) for w in options.words)]
    if not chosen:
        print(f"no benchmark is named like {options.words}", file=sys.stderr)
        return 2
    deeprmt.show_versions()
    harness.quick = options.quick
    table = harness.Table()
    for file in chosen:
        print(f"\n# {file.relative_to(here)}")
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.bench(table)
    print(f"\n{table.verdict()}")
    if options.json:
        options.json.write_text(json.dumps({"versions": deeprmt.versions(), "rows": table.rows}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
