"""Runs that stop: they go on from their journal, lose nothing, and mix with nothing else."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeprmt.cli import main
from deeprmt.weights import _analyze, analyze
from deeprmt.weights._journal import _sum

COUNT = 6


@pytest.fixture
def checkpoint(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {f"layer{i}": rng.normal(size=(40 + 7 * i, 30)).astype(np.float32) for i in range(COUNT)}
    np.savez(tmp_path / "net.npz", **arrays, bias=np.ones(3, np.float32), empty=np.full((3, 4), np.nan, np.float32))
    return tmp_path / "net.npz"


def run(path, **options):
    return analyze(path, samples=0, **options)


def same(one, other):
    return one.to_json(arrays=True) == other.to_json(arrays=True)


def test_a_journal_gives_the_same_results_and_needs_no_work(checkpoint, tmp_path, monkeypatch):
    journal = tmp_path / "journal"
    plain = run(checkpoint)
    assert same(run(checkpoint, journal=journal), plain)
    monkeypatch.setattr(_analyze, "measure", None)
    again = run(checkpoint, journal=journal)
    assert same(again, plain)
    for row, before in zip(again.rows, plain.rows, strict=True):
        assert row.spacings.tobytes() == before.spacings.tobytes()
        for field in dataclasses.fields(row):
            assert type(getattr(row, field.name)) is type(getattr(before, field.name)), field.name


def test_results_come_in_the_order_of_the_file_and_the_largest_first(checkpoint):
    sizes = []
    with ThreadPoolExecutor(1) as pool:
        submit = pool.submit
        pool.submit = lambda function, task: sizes.append(task.needs) or submit(function, task)
        found = run(checkpoint, executor=pool)
    assert sizes == sorted(sizes, reverse=True)
    assert [row.name for row in found.rows] == [f"layer{i}" for i in range(COUNT)] + ["empty"]


_KILLED = """
import os, signal, sys
from deeprmt.cli import main
from deeprmt.weights import _analyze, analyze
measure = _analyze.measure
done = []
def slowly(layer, **options):
    if len(done) == 3:
        os.kill(os.getpid(), int(sys.argv[3]))
        import time
        time.sleep(60)
    done.append(layer)
    return measure(layer, **options)
_analyze.measure = slowly
analyze(sys.argv[1], samples=0, journal=sys.argv[2], threads=1)  # one layer after the other
"""


@pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on(checkpoint, tmp_path, which, monkeypatch):
    journal = tmp_path / "journal"
    command = [sys.executable, "-c", _KILLED, str(checkpoint), str(journal), str(int(which))]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -which
    assert len(journal.read_bytes().splitlines()) == 4  # what it belongs to, and three layers
    calls = []
    measure = _analyze.measure
    monkeypatch.setattr(_analyze, "measure", lambda layer, **o: calls.append(layer.name) or measure(layer, **o))
    heard = []
    found = run(checkpoint, journal=journal, progress=lambda done, total: heard.append((done, total)))
    assert len(calls) == COUNT + 1 - 3
    assert heard == [(done, COUNT + 1) for done in range(3, COUNT + 2)]
    monkeypatch.undo()
    assert same(found, run(checkpoint))


def test_a_layer_that_ends_in_an_error_costs_no_other(checkpoint, tmp_path, monkeypatch):
    measure = _analyze.measure

    def fails(layer, **options):
        if layer.name == "layer2":
            time.sleep(0.05)
            raise RuntimeError("no more")
        return measure(layer, **options)

    monkeypatch.setattr(_analyze, "measure", fails)
    with ThreadPoolExecutor(2) as pool:
        found = run(checkpoint, journal=tmp_path / "journal", executor=pool)
    (bad,) = (row for row in found.rows if row.status == "failed")
    assert (bad.name, bad.note) == ("layer2", "the analysis ended in RuntimeError: no more")
    assert not found.complete
    monkeypatch.undo()
    assert same(run(checkpoint, journal=tmp_path / "journal"), run(checkpoint))  # tried again


@pytest.mark.parametrize(
    "content",
    [
        {"task": 0, "results": []},
        {"results": []},
        {"task": 0},
        {"task": "0", "results": [{"is": "Skipped", "has": {}}]},
        {"task": 0, "results": [{"is": "LayerAnalysis", "has": {"name": "w"}}]},
        {"task": 0, "results": [{"is": "os", "has": {}}]},
        {"task": 0, "results": [3]},
        {"task": 0, "results": 3},
    ],
)
def test_a_line_of_right_checksum_and_wrong_content(checkpoint, tmp_path, content):
    journal = tmp_path / "journal"
    run(checkpoint, journal=journal)
    text = json.dumps(content)
    with journal.open("a") as file:
        file.write(f"{_sum(text)} {text}\n")
    before = journal.read_bytes()
    with pytest.raises(ValueError, match=rf"analyze: journal .*, line {COUNT + 3}: its checksum is right, but"):
        run(checkpoint, journal=journal)
    assert journal.read_bytes() == before


@pytest.mark.parametrize("at", [0.03, 0.3, 0.6, 0.99])
def test_a_journal_may_end_anywhere(checkpoint, tmp_path, at):
    journal = tmp_path / "journal"
    plain = run(checkpoint, journal=journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole[: int(at * len(whole))])
    assert same(run(checkpoint, journal=journal), plain)
    assert sorted(journal.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_every_torn_first_line_is_begun_anew(checkpoint, tmp_path):
    journal = tmp_path / "journal"
    run(checkpoint, journal=journal)
    first = journal.read_bytes().splitlines(keepends=True)[0]
    for length in (0, 1, 17, 40, len(first) - 1):
        journal.write_bytes(first[:length])
        run(checkpoint, journal=journal)
        assert journal.read_bytes().startswith(first)


def test_a_damaged_line_is_found_again(checkpoint, tmp_path):
    journal = tmp_path / "journal"
    plain = run(checkpoint, journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    rng = np.random.default_rng(3)
    for _ in range(10):
        damaged = [bytearray(line) for line in lines]
        line = damaged[rng.integers(1, len(lines))]
        line[rng.integers(len(line))] ^= 1 << rng.integers(8)
        journal.write_bytes(b"".join(damaged))
        assert same(run(checkpoint, journal=journal), plain)


def test_a_journal_of_something_else_is_refused_and_left_alone(checkpoint, tmp_path):
    journal = tmp_path / "journal"
    run(checkpoint, journal=journal)
    before = journal.read_bytes()
    with pytest.raises(ValueError, match=r"journal .* belongs to other settings: window = 15, now 9"):
        run(checkpoint, journal=journal, window=9)
    with pytest.raises(ValueError, match="belongs to another source"):
        run({"layer0": np.ones((40, 30))}, journal=journal)
    state = os.stat(checkpoint)
    os.utime(checkpoint, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))
    with pytest.raises(ValueError, match="has changed since"):
        run(checkpoint, journal=journal)
    assert journal.read_bytes() == before
    for content in (b"some notes\n", checkpoint.read_bytes(), b"\n", b"0123456789abcdef {}\n"):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(ValueError, match="its first line is another"):
            run(checkpoint, journal=tmp_path / "other")
        assert (tmp_path / "other").read_bytes() == content


def test_arrays_in_memory_count_by_their_entries(tmp_path):
    one = np.random.default_rng(0).normal(size=(40, 30))
    journal = tmp_path / "journal"
    plain = run({"w": one}, journal=journal)
    assert same(run({"w": one.copy()}, journal=journal), plain)
    other = one.copy()
    other[-1, -1] = np.nextafter(other[-1, -1], 9)
    with pytest.raises(ValueError, match="another source"):
        run({"w": other}, journal=journal)


def test_one_run_at_a_time(checkpoint, tmp_path):
    journal = tmp_path / "journal"
    hold = f"import sys; from deeprmt.weights._journal import Journal; j = Journal({str(journal)!r}, {{}}); "
    with subprocess.Popen(
        [sys.executable, "-c", hold + "print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        with pytest.raises(ValueError, match="in use by another run"):
            run(checkpoint, journal=journal)
        other.stdin.close()


def test_layers_that_failed_are_tried_again(checkpoint, tmp_path, monkeypatch):
    journal = tmp_path / "journal"
    measure = _analyze.measure

    def fails(layer, **options):
        row = measure(layer, **options)
        return dataclasses.replace(row, status="failed") if layer.name == "layer1" else row

    monkeypatch.setattr(_analyze, "measure", fails)
    assert [row.name for row in run(checkpoint, journal=journal).rows if row.status == "failed"] == ["layer1"]
    monkeypatch.undo()
    assert same(run(checkpoint, journal=journal), run(checkpoint))


def test_the_command_goes_on_too(checkpoint, tmp_path, capsys):
    pytest.importorskip("matplotlib")  # for the page
    journal, page = str(tmp_path / "journal"), tmp_path / "page.html"
    command = ["analyze", str(checkpoint), "--journal", journal, "--max-memory", "1GiB", "--html", str(page)]
    assert main(command) == 1  # one layer is not finite
    first = capsys.readouterr().out
    assert main(command) == 1
    assert capsys.readouterr().out == first
    assert main([*command, "--window", "9"]) == 2
    assert "belongs to other settings" in capsys.readouterr().err
    assert main(["analyze", str(checkpoint), "--max-memory", "much"]) == 2
    assert "max_memory must be" in capsys.readouterr().err
