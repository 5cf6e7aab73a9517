"""The command, as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import scipy

import deeprmt
from deeprmt import cli
from deeprmt.errors import ConvergenceError

COMMAND = [sys.executable, "-c", "import sys; from deeprmt.cli import main; sys.exit(main())"]


def deeprmt_command(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", timeout=120, **options
    )


@pytest.fixture
def net(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "net.npz", **{"fc.weight": rng.normal(size=(80, 60)), "fc.bias": np.ones(80)})
    return tmp_path / "net.npz"


def test_help():
    done = deeprmt_command("--help")
    assert done.returncode == 0
    for command in ("demo", "analyze", "jacobian", "ntk", "reproduce", "info"):
        assert re.search(rf"^    {command}\s", done.stdout, re.MULTILINE)
    assert "exit code" in deeprmt_command("analyze", "--help").stdout
    assert deeprmt_command("--version").stdout == f"deeprmt {deeprmt.__version__}\n"


def test_the_installed_command_is_this_one():
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="deeprmt")
    assert script.value == "deeprmt.cli:main"


def test_info():
    assert re.search(r"deeprmt: \S+\n.*numpy: ", deeprmt_command("info").stdout, re.DOTALL)
    assert json.loads(deeprmt_command("info", "--json").stdout)["deeprmt"] == deeprmt.__version__


def test_info_names_the_blas():
    threadpoolctl = pytest.importorskip("threadpoolctl")  # finds the libraries of the process in its own way
    blas = deeprmt.versions()["blas"]
    assert blas.endswith(f", 32-bit integers, from SciPy {scipy.__version__}")
    found = [each for each in threadpoolctl.threadpool_info() if each["internal_api"] == "openblas"]
    names = [f"OpenBLAS {each['version']} {each['architecture']}" for each in found]
    if not names:
        pytest.skip("no OpenBLAS in this process")
    assert blas.split(",")[0] in names


def test_analyze_prints_a_table_and_names_what_it_skips(net):
    done = deeprmt_command("analyze", net)
    assert done.returncode == 0
    head, line = done.stdout.splitlines()
    assert head.split()[:3] == ["layer", "shape", "status"]
    assert line.startswith("fc.weight  80 x 60  ok")
    assert done.stderr == "skipped 1 (a vector: a bias, or the scale of a normalisation): fc.bias\n"  # and no bar


def test_json_to_the_output_and_to_a_file(net, tmp_path):
    done = deeprmt_command("analyze", net, "--json", "-", "--arrays", "--threads", 1, "--seed", 3)
    content = json.loads(done.stdout)
    assert set(content) == {"rows", "skipped", "versions"}
    assert len(content["rows"][0]["singular_values"]) == 60
    assert done.stderr == ""
    deeprmt_command("analyze", net, "--json", tmp_path / "out.json")
    again = json.loads((tmp_path / "out.json").read_text())
    assert again["rows"][0]["sigma"] == content["rows"][0]["sigma"]


def test_html(net, tmp_path):
    pytest.importorskip("matplotlib")
    assert deeprmt_command("analyze", net, "--html", tmp_path / "out.html").returncode == 0
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "fc.weight" in text
    assert text.endswith("</html>\n")


def test_something_bad_is_one(net, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense, but more than eight bytes")
    done = deeprmt_command("analyze", tmp_path)
    assert done.returncode == 1
    assert "fc.weight" in done.stdout
    assert "broken.safetensors: truncated, or not a safetensors file" in done.stderr
    np.savez(tmp_path / "nan.npz", w=np.full((3, 3), np.nan))
    done = deeprmt_command("analyze", net, tmp_path / "nan.npz")
    assert done.returncode == 1
    assert "w: 9 of 9 entries are NaN or infinite, the first at (0, 0)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["analyze"], "the following arguments are required: PATH"),
        (["analyse", "x"], "invalid choice"),
        (["analyze", "{net}", "--threads", "0"], "argument --threads: invalid whole number above 0 value: '0'"),
        (["analyze", "/no/such/file.npz"], "deeprmt analyze: /no/such/file.npz: no such file or folder"),
        (["analyze", "/no/such/\x1b[31mfile.npz"], r"deeprmt analyze: /no/such/\x1b[31mfile.npz: no such"),
        (["analyze", "{biases}"], "deeprmt analyze: no weight matrix found"),
        (["analyze", "{net}", "--json", "/no/such/folder/out.json"], "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_two_and_one_line(net, tmp_path, arguments, says):
    np.savez(tmp_path / "biases.npz", b=np.ones(3))
    done = deeprmt_command(*(a.format(net=net, biases=tmp_path / "biases.npz") for a in arguments))
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert says in last
    assert "Traceback" not in done.stderr


def test_names_that_the_terminal_cannot_write(tmp_path):
    np.savez(tmp_path / "n.npz", **{"größe\x1b[31m": np.random.default_rng(0).normal(size=(30, 20))})
    done = deeprmt_command("analyze", tmp_path / "n.npz", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert r"gr\xf6\xdfe\x1b[31m" in done.stdout


def test_a_reader_that_goes_away(net):
    process = subprocess.Popen([*COMMAND, "analyze", net], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_ctrl_c_ends_quietly(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "big.npz", **{str(i): rng.normal(size=(900, 900)).astype(np.float32) for i in range(40)})
    code = "import sys; from deeprmt.cli import main; print('ready', flush=True); sys.exit(main())"
    command = [sys.executable, "-c", code, "analyze", tmp_path / "big.npz"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)  # some layers are done, most are not
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_terminal_sees_a_bar_and_a_table_that_fits(tmp_path):
    pty = pytest.importorskip("pty")
    pytest.importorskip("rich")
    long = "a.very.long.name.of.a.layer.that.no.terminal.of.eighty.columns.can.show.beside.its.numbers"
    np.savez(tmp_path / "n.npz", **{long: np.random.default_rng(0).normal(size=(300, 200))})
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "130", "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, "analyze", tmp_path / "n.npz"], stdout=slave, stderr=slave, env=environment
    ) as run:
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # how a closed terminal reads on Linux
                break
            if not piece:
                break
            seen += piece
    os.close(master)
    assert run.returncode == 0
    text = seen.decode()
    assert "100%" in text
    (line,) = [each for each in text.splitlines() if "300 x 200" in each]
    assert "…" in line
    assert len(line) <= 130


def test_json_has_one_shape_for_every_command(net, tmp_path):
    for arguments in (["info"], ["analyze", net]):
        bare, dash = (json.loads(deeprmt_command(*arguments, *given).stdout) for given in (["--json"], ["--json", "-"]))
        assert bare == dash
        assert deeprmt_command(*arguments, "--json", tmp_path / "out.json").returncode == 0
        assert json.loads((tmp_path / "out.json").read_text()) == bare


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_weights_are_not_written_over(net, tmp_path, option):
    before = net.read_bytes()
    for arguments in ([option, net], [option, net, net], [option, tmp_path, net]):
        done = deeprmt_command("analyze", *arguments)
        assert done.returncode == 2
        assert "put PATH before the options" in done.stderr.splitlines()[-1]
    assert net.read_bytes() == before


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError("std::bad_alloc"), "out of memory"),
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to allocate 298. GiB"), "out of memory: Unable to allocate 298. GiB"),
        (ConvergenceError("law: no solution\nat 1.5", {}), "law: no solution at 1.5"),
    ],
)
def test_what_the_machine_or_a_solver_cannot_do_is_one_line(monkeypatch, capsys, net, error, says):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cli._analyze, "analyze", fail)
    assert cli.main(["analyze", str(net)]) == 2
    assert capsys.readouterr() == ("", f"deeprmt analyze: {says}\n")


def test_the_seed_says_where_it_has_no_effect():
    assert "nothing is drawn at random" in deeprmt_command("compare", "--help").stdout
    assert "nothing is drawn at random" in deeprmt_command("info", "--help").stdout
    assert "of whatever is drawn at random" in deeprmt_command("demo", "--help").stdout


def test_permuted_copies_follow_the_seed(net, capsys):
    def run(*arguments):
        options = ["--samples", "9", "--permutations", "2", "--vectors", *arguments, "--json"]
        assert cli.main(["analyze", str(net), *options]) == 0
        return json.loads(capsys.readouterr().out)["rows"][0]

    one, other = run(), run("--seed", "1")
    assert one["rand_distance"] == run()["rand_distance"] != other["rand_distance"]
    assert one["alpha_p"] >= 0.1  # one in ten at least, of nine matrices
    assert one["alpha"] == other["alpha"]
    assert one["left_boundary"] == one["right_boundary"] == 0  # noise


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "deeprmt", "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"deeprmt {deeprmt.__version__}\n"


@pytest.mark.skipif(os.name != "posix", reason="by a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(net, closed):
    for arguments in (["info"], ["analyze", str(net)]):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, *arguments], capture_output=True, timeout=60
        )
        assert done.returncode == 0
        assert b"Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze", "{net}", "--json", ""], "argument --json: the name of a file is needed"),
        (["analyze", "{net}", "--html", ""], "argument --html: the name of a file is needed"),
        (["analyze", "{net}", "--html", "-"], "argument --html: the name of a file is needed, not -"),
        (["analyze", "{net}", "--html", "/no/such/a.html"], "/no/such/a.html: No such file or directory: /no/such"),
        (["demo", "--figure", "/no/such/a.png"], "argument --figure: /no/such/a.png: No such file"),
        (["demo", "--figure", "a.xyz"], "--figure a.xyz: the name must end in one of ."),
        (["demo", "--figure", "a"], "--figure a: the name must end in one of ."),
        (["demo", "--seed", "-1"], "argument --seed: invalid whole number from 0 on value: '-1'"),
        (["analyze", ""], "must be a path, got an empty text"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(net, capsys, arguments, says):
    pytest.importorskip("matplotlib")
    done = deeprmt_command(*(each.format(net=net) for each in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr.splitlines()[-1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_an_output_that_fails_does_not_lose_the_others(net, tmp_path):
    pytest.importorskip("matplotlib")
    done = deeprmt_command("analyze", net, "--json", "/dev/full", "--html", tmp_path / "out.html")
    assert done.returncode == 2
    assert "deeprmt analyze: --json: " in done.stderr
    assert (tmp_path / "out.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_a_file_that_cannot_be_written_goes_by_its_own_name(tmp_path):
    from deeprmt._write import write

    with pytest.raises(OSError, match=r"absent/a\.json'$") as caught:
        write(tmp_path / "absent" / "a.json", "")
    assert caught.value.filename == str(tmp_path / "absent" / "a.json")
    long = tmp_path / ("ä" * 120)  # 240 bytes
    write(long, "text")
    assert long.read_text() == "text"


def test_long_names_are_cut_in_a_pipe_and_whole_in_json(tmp_path):
    name = "a" * 250 + "b" * 250
    with open(tmp_path / "n.npz", "wb") as file:
        np.savez(file, **{name: np.random.default_rng(0).normal(size=(30, 20))})
    line = deeprmt_command("analyze", tmp_path / "n.npz").stdout.splitlines()[1]
    assert re.match(r"a{29}…b{30}  30 x 20", line)
    assert json.loads(deeprmt_command("analyze", tmp_path / "n.npz", "--json").stdout)["rows"][0]["name"] == name


def test_without_rows_there_is_no_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "n.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    done = deeprmt_command("analyze", tmp_path / "n.npz")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"skipped readme.txt ({tmp_path / 'n.npz'}): not a NumPy array"


def test_jacobian_has_singular_values_beside_their_law(tmp_path, capsys):
    arguments = ["jacobian", "--activation", "hard_tanh", "--weights", "haar", "--q-star", "0.05", "--depth", "3"]
    assert cli.main([*arguments, "--width", "200", "--trials", "2"]) == 0
    text = capsys.readouterr().out
    assert "hard_tanh, haar, sigma_w 1," in text
    assert "2 x 200 singular values at depth 3" in text
    assert cli.main([*arguments, "--width", "200", "--trials", "2", "--seed", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    values = np.array(found["singular_values"])
    assert values.shape == (2, 200)
    # Eigenvalues keep their distance: the distribution functions of 400 are apart by few of their steps.
    assert found["ks_distance"] < 0.02
    # Haar and slopes of 0 and 1: J is a product of partial isometries, times sigma_w = 1 to five digits.
    assert values.max() < 1.0001
    assert found["support"][-1][1] < 1.0001
    assert cli.main([*arguments, "--width", "20", "--seed", "1", "--json", str(tmp_path / "j.json")]) == 0
    assert json.loads((tmp_path / "j.json").read_text())["seed"] == 1
    assert cli.main(["jacobian", "--sigma-w", "1", "--q-star", "1"]) == 2
    assert cli.main(["jacobian", "--activation", "nothing"]) == 2


def test_jacobian_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "j.png"
    # relu of depth 3: half of the singular values are 0, in networks as in the law
    arguments = ["jacobian", "--activation", "relu", "--sigma-w", "1.4142135623730951", "--depth", "3", "--width", "60"]
    assert cli.main([*arguments, "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "written: " in capsys.readouterr().out
    assert cli.main([*arguments, "--plot", str(tmp_path / "j.nothing")]) == 2
    assert "--plot: " in capsys.readouterr().err


def test_ntk_says_what_rate_a_network_bears(capsys):
    """Hayase and Karakida, arXiv:2006.07814: 2 / (L qhat) with Haar weights close to isometry."""
    arguments = ["ntk", "--activation", "hard_tanh", "--weights", "haar", "--q-star", "0.05", "--depth", "4", "8"]
    assert cli.main(arguments) == 0
    text = capsys.readouterr().out
    assert "hard_tanh, haar, sigma_w 1," in text
    assert "    4     0.199999               10          5.00002" in text
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["depth"] for row in found["rows"]] == [4, 8]
    assert abs(found["rows"][1]["lambda_max"] - 0.400004898751) < 1e-9
    assert cli.main([*arguments, "--width", "200", "--json"]) == 0
    with_biases = json.loads(capsys.readouterr().out)["rows"][0]["lambda_max"]
    assert abs(with_biases - 4 * (0.05 + 1 / 200)) < 1e-4
    assert cli.main(["ntk", "--activation", "relu", "--sigma-w", "1.4142135623730951", "--depth", "4", "--json"]) == 0
    assert abs(json.loads(capsys.readouterr().out)["rows"][0]["lambda_max"] - 2 * 15.3858457367) < 1e-8
    assert cli.main(["ntk", "--sigma-w", "1", "--q-star", "1"]) == 2
    assert "--q-star chooses sigma_w" in capsys.readouterr().err
    assert cli.main(["ntk", "--sigma-b", "1", "--q-star", "1"]) == 2
    assert cli.main(["ntk", "--activation", "nothing"]) == 2
