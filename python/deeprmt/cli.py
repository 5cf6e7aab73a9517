"""The command `deeprmt`: one function a subcommand, which reads arguments, calls the library and prints."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ._info import cmake_prefix, show_versions, versions
from ._write import write
from .errors import ConvergenceError
from .report import printable, require_matplotlib
from .weights import Analysis, FilteredCheckpoint, ReadError, analyze, apply_filter, compare, series
from .weights._files import is_checkpoint_name
from .weights._filter import METHODS
from .weights._roles import SPLITS
from .weights._tensor import CONVENTIONS

__all__ = ["main"]

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0: done. 1: done in part, see `deeprmt analyze --help`. 2: wrong usage, nothing could be read, or the memory
        does not suffice.
        130: Ctrl-C. 141: nobody reads the output any more.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as in `deeprmt info >&-`: nobody wants to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more on exit: give it a place to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (OSError, ImportError, ValueError, TypeError, MemoryError, ConvergenceError) as error:
        print(f"deeprmt {options.name}: {_line(error)}", file=sys.stderr)
        return 2
    return int(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deeprmt", description="Random matrix theory of deep neural networks.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"deeprmt {versions()['deeprmt']}")
    parser.add_argument("--cmakedir", action=_PrintCMakeFolder, help="show where deeprmtConfig.cmake lies, and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_analyze(commands)
    _add_compare(commands)
    _add_filter(commands)
    _add_ntk(commands)
    _add_reproduce(commands)
    _add_info(commands)
    return parser


class _PrintCMakeFolder(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(Path(cmake_prefix()) / "lib/cmake/deeprmt")
        except FileNotFoundError as error:
            parser.exit(2, f"deeprmt: {error}\n")
        parser.exit()


def _add(
    commands: Any, name: str, command: Command, summary: str, details: str = "", *, draws: bool = False
) -> argparse.ArgumentParser:
    """A subcommand with the options that all of them take; `draws` says whether the seed matters to it."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    seed = "of whatever is drawn at random (default 0)" if draws else "no effect: nothing is drawn at random here"
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help=seed)
    parser.add_argument("--threads", type=_count, metavar="N", help="default: every core this process may use")
    parser.add_argument(
        "--json",
        type=_new_file_or_output,
        nargs="?",
        const="-",
        metavar="FILE",
        help="write JSON to FILE; without FILE, or with -, to the output in place of text",
    )
    parser.set_defaults(command=command, name=name)
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


_count.__name__ = "whole number above 0"  # argparse names it in its message
_seed.__name__ = "whole number from 0 on"


def _new_file(text: str) -> str:
    """Where to write, checked before the work. After a bare ``--json`` a PATH would be taken for FILE."""
    shown = printable(text)
    if text in ("", "-"):
        raise argparse.ArgumentTypeError("the name of a file is needed" + (", not -" if text else ""))
    if is_checkpoint_name(Path(text)) or Path(text).is_dir():
        raise argparse.ArgumentTypeError(
            f"{shown} is a checkpoint or a folder, and would be written over: put PATH before the options"
        )
    path = Path(os.path.realpath(text))
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{shown}: No such file or directory: {printable(path.parent)}")
    if not os.access(path.parent if path.is_file() or not path.exists() else path, os.W_OK):
        raise argparse.ArgumentTypeError(f"{shown}: may not be written")
    return text


def _new_file_or_output(text: str) -> str:
    return text if text == "-" else _new_file(text)


def _line(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, MemoryError):
        found = " ".join(str(error).split())
        return f"out of memory: {found}" if found and found != "std::bad_alloc" else "out of memory"
    if isinstance(error, OSError) and error.strerror:
        return printable(f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror)
    return printable(" ".join(str(error).split()) or type(error).__name__)


# ---- demo ----

_DEMO = """\
Samples orthogonal networks at criticality and compares the singular values of their
Jacobians with the law of infinite width; analyses a trained network that ships with
the package; writes a page with both. Takes about half a minute on two cores.
"""


def _add_demo(commands: Any) -> None:
    parser = _add(commands, "demo", _demo, "what deeprmt does, in one page", _DEMO, draws=True)
    parser.add_argument(
        "--html", type=_new_file, metavar="FILE", default="deeprmt-demo.html", help="the page (default %(default)s)"
    )
    parser.add_argument(
        "--figure", type=_new_file, metavar="FILE", help="write the Jacobians' figure alone, .png or .svg or .pdf"
    )
    parser.add_argument("--width", type=_count, default=1000, metavar="N", help="of every layer (default %(default)s)")
    parser.add_argument("--depth", type=_count, default=4, metavar="L", help="number of layers (default %(default)s)")
    parser.add_argument(
        "--trials", type=_count, default=8, metavar="N", help="networks of each kind (default %(default)s)"
    )


def _demo(options: argparse.Namespace) -> int:
    require_matplotlib()
    if options.figure is not None:
        _require_format(options.figure)
    from . import demo
    from .demo._page import demo_page, draw

    comparisons = []
    for activation in ("tanh", "hard_tanh"):
        mlp = demo.critical_network(activation, width=options.width, depth=options.depth)
        each = demo.compare(mlp, trials=options.trials, rng=options.seed, threads=options.threads, progress=True)
        comparisons.append(each)
        if options.json != "-":
            print(
                f"{_many(options.trials, 'Haar network')}, {activation}, "
                f"{_many(options.depth, 'layer')} of {options.width}: "
                f"KS distance of the Jacobian's spectrum from its wide limit {each.ks:.4f}",
                flush=True,
            )
    analysis = analyze(demo.trained_network(), threads=options.threads, progress=True)
    if options.json != "-":
        print("\nA trained network that reads handwritten digits:\n" + _table(analysis))

    def write_numbers() -> None:
        numbers = {"jacobians": [each.to_dict() for each in comparisons], "analysis": json.loads(analysis.to_json())}
        _write_json(options.json, json.dumps(numbers, indent=1) + "\n")

    def write_page() -> None:
        write(options.html, demo_page(comparisons, analysis))
        print(f"\nThe page with all figures: {options.html}", file=sys.stderr if options.json == "-" else sys.stdout)

    return _write_all(
        options,
        {
            "json": write_numbers,
            "html": write_page,
            "figure": lambda: draw(comparisons).savefig(options.figure, dpi=110),
        },
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _require_format(path: str) -> None:
    """Matplotlib would say so after the work."""
    from matplotlib.figure import Figure

    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"--figure {path}: the name must end in one of .{', .'.join(sorted(known))}")


def _write_all(options: argparse.Namespace, outputs: dict[str, Callable[[], object]]) -> int:
    """Every output that was asked for; one that fails does not lose the others. Returns 2 if one did."""
    code = 0
    for name, write_one in outputs.items():
        if getattr(options, name) is None:
            continue
        try:
            write_one()
        except BrokenPipeError:
            raise
        except (OSError, ValueError, RuntimeError) as error:
            print(f"deeprmt {options.name}: --{name}: {_line(error)}", file=sys.stderr)
            code = 2
    return code


# ---- ntk ----

_NTK = """\
For each depth: the largest eigenvalue of the tangent kernel at one input in the limit of
great width, the learning rate 2 / lambda_max above which gradient descent diverges, and
1 / lambda_max, up to which nothing oscillates. The loss is |f - y|^2 / (2 n), and weights
are trained as they stand. Without --sigma-w the network is put on the edge of chaos.

example:
  deeprmt ntk --activation hard_tanh --weights haar --q-star 0.05 --depth 4 8 16
"""


def _add_ntk(commands: Any) -> None:
    parser = _add(commands, "ntk", _ntk, "the learning rate that a wide network bears, by depth", _NTK)
    parser.add_argument("--activation", default="tanh", metavar="NAME", help="default: tanh")
    parser.add_argument("--weights", choices=("gaussian", "haar"), default="gaussian", help="default: gaussian")
    parser.add_argument("--depth", type=_count, nargs="+", default=[2, 4, 8, 16], metavar="L", help="weight matrices")
    parser.add_argument("--sigma-w", type=float, metavar="X", help="of weights, times the root of the width")
    parser.add_argument("--sigma-b", type=float, metavar="X", help="of biases (default 0)")
    parser.add_argument(
        "--q-star", type=float, metavar="Q", help="variance of preactivations on the edge of chaos (default 1)"
    )
    parser.add_argument(
        "--width", type=_count, metavar="N", help="count biases as trained, which matters where N is small"
    )


def _ntk(options: argparse.Namespace) -> int:
    from . import meanfield
    from ._arguments import default_threads
    from .networks import MLP

    sigma_w, sigma_b = options.sigma_w, options.sigma_b
    if sigma_w is None:
        if sigma_b is not None and options.q_star is not None:
            raise ValueError("--sigma-b and --q-star each choose a point of the edge of chaos: give one of them")
        free = (
            {"sigma_b": sigma_b}
            if sigma_b is not None
            else {"q_star": 1.0 if options.q_star is None else options.q_star}
        )
        point = meanfield.critical_point(options.activation, **free)
        sigma_w, sigma_b = point.sigma_w, point.sigma_b
    elif options.q_star is not None:
        raise ValueError("--q-star chooses sigma_w: give one of them")
    rows = []
    with default_threads(options.threads):
        for depth in options.depth:
            widths = [options.width or 1] * (depth + 1)
            mlp = MLP(widths, options.activation, weights=options.weights, sigma_w=sigma_w, sigma_b=sigma_b or 0.0)
            rate = meanfield.max_learning_rate(mlp, biases=options.width is not None)
            rows.append({"depth": depth} | rate.to_dict())
    head = {"activation": options.activation, "weights": options.weights, "sigma_w": sigma_w, "sigma_b": sigma_b or 0.0}
    if options.json != "-":
        print(
            ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else str(value) for key, value in head.items())
        )
        print("\ndepth   lambda_max   2 / lambda_max   1 / lambda_max")
        for row in rows:
            numbers = "".join(f"{row[key]:>{size}.6g}" for key, size in _NTK_COLUMNS)
            print(f"{row['depth']:>5}{numbers}")
    return _write_all(
        options, {"json": lambda: _write_json(options.json, json.dumps(head | {"rows": rows}, indent=1) + "\n")}
    )


_NTK_COLUMNS = (("lambda_max", 13), ("stability", 17), ("contraction", 17))


# ---- reproduce ----

_REPRODUCE = """\
Without NAME: the names of all experiments, each with what is claimed. With NAME: trains
networks and draws matrices anew, prints each number beside what was expected of it, and
writes deeprmt-NAME.png and deeprmt-NAME.json into the folder of --out. Minutes at most.

exit code:
  0  every number is as expected
  1  some number is not
  2  wrong usage, or a package is missing
"""


def _add_reproduce(commands: Any) -> None:
    parser = _add(
        commands,
        "reproduce",
        _reproduce,
        "published claims tested anew, with verdict and figure",
        _REPRODUCE,
        draws=True,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of experiments; all: every one")
    parser.add_argument(
        "--out", type=_folder, metavar="FOLDER", default=".", help="for figures and numbers (default: this folder)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small versions, in seconds, which may miss what is expected"
    )


def _folder(text: str) -> str:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{printable(text)}: No such folder")
    return text


def _reproduce(options: argparse.Namespace) -> int:
    from . import reproduce

    known = reproduce.claims()
    if not options.names:
        if options.json is not None:
            _write_json(options.json, json.dumps(known, indent=1) + "\n")
        else:
            width = max(map(len, known))
            print("\n".join(f"{name.ljust(width)}  {claim}" for name, claim in known.items()))
        return 0
    names = list(known) if options.names == ["all"] else list(dict.fromkeys(options.names))
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {name!r}: NAME must be one of {', '.join(known)}")
    require_matplotlib()  # now, not after the work
    code, results = 0, []
    for name in names:
        found = reproduce.run(name, seed=options.seed, threads=options.threads, quick=options.quick)
        results.append(found.to_dict())
        beside = Path(options.out) / f"deeprmt-{name}"
        write(f"{beside}.json", json.dumps(results[-1], indent=1, allow_nan=False) + "\n")
        found.figure().savefig(f"{beside}.png", dpi=110)
        if options.json != "-":
            print(_numbers(found) + f"\nwritten: {printable(str(beside))}.png and .json\n", flush=True)
        code = max(code, 0 if found.passed else 1)
    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    return _write_all(options, {"json": lambda: _write_json(options.json, text)}) or code


def _numbers(found: Any) -> str:
    """Each check over two lines, for what is checked is a sentence."""
    lines = [f"{found.name}: {found.claim}", f"({found.source})", ""]
    for check in found.checks:
        lines.append(f"{'yes' if check.passed else 'NO '}  {check.what}:")
        allowed = "" if check.tolerance == "none" else f" {check.tolerance}"
        lines.append(f"     found {check.found}, expected {check.expected}{allowed}")
    return "\n".join([*lines, "", f"verdict: {found.verdict}"])


# ---- info ----


def _add_info(commands: Any) -> None:
    _add(commands, "info", _info, "versions, compiler, instruction set, BLAS and threads, for a bug report")


def _info(options: argparse.Namespace) -> int:
    if options.json is None:
        show_versions()
    else:
        _write_json(options.json, json.dumps(versions(), indent=1) + "\n")
    return 0


# ---- analyze ----

_ANALYZE = """\
PATH is a file (.safetensors, .npz, .npy, .pt, .pth, .bin, .ckpt, .onnx, .h5, .keras),
the *.index.json of a sharded checkpoint, or a folder, of which every checkpoint is
read. Nothing in a file is ever executed. Put PATH before --json: what follows
--json is where to write.

exit code:
  0  every weight matrix was analysed; biases, norms, counters and masks are no
     weight matrices, and matrices too small for some statistics are no failure
  1  some layer is bad (NaN or infinite entries, all zeros, a single row or column,
     less than full rank), or something was skipped that should have been read (an
     unreadable file, a missing shard, 8-bit weights)
  2  wrong usage, or nothing could be read
"""


def _add_analyze(commands: Any) -> None:
    parser = _add(commands, "analyze", _analyze, "spectra of trained weights, layer by layer", _ANALYZE, draws=True)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--html", type=_new_file, metavar="FILE", help="write a self-contained page with figures")
    parser.add_argument("--arrays", action="store_true", help="JSON with singular values, spacings and Hill curves")
    _add_matrices(parser)
    parser.add_argument("--window", type=_count, default=15, metavar="N", help="of the unfolding (default 15)")
    parser.add_argument(
        "--samples",
        type=_seed,
        default=199,
        metavar="N",
        help="simulated matrices of noise a shape, for p-values; 0: none (default %(default)s)",
    )
    parser.add_argument(
        "--permutations",
        type=_seed,
        default=0,
        metavar="N",
        help="copies of each matrix with its entries permuted, for rand_distance, num_rand_spikes and ww_softrank; "
        "each costs as much as the matrix, and p-values need 19 (default %(default)s)",
    )
    parser.add_argument(
        "--vectors",
        action="store_true",
        help="test each singular vector against random ones (Porter and Thomas), and draw the curve; takes several "
        "times as long",
    )
    parser.add_argument(
        "--spacing-trials",
        type=_seed,
        default=0,
        metavar="N",
        help="noise spectra a layer, 19 or more, for calibrated p-values of spacings; 0: none (default %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="such as 2GiB: layers whose decomposition takes more are estimated, with error bars (default: three "
        "quarters of what is free)",
    )
    parser.add_argument(
        "--journal",
        type=_new_file,
        metavar="FILE",
        help="keep what is found in FILE at once, and go on from it if it is there",
    )


def _analyze(options: argparse.Namespace) -> int:
    if options.html is not None:
        require_matplotlib()  # now, not after the work
    try:
        analysis = analyze(
            options.paths,
            window=options.window,
            conv=options.conv,
            split=options.split,
            heads=options.heads,
            samples=options.samples,
            permutations=options.permutations,
            vectors=options.vectors,
            spacing_trials=options.spacing_trials,
            rng=options.seed,
            max_memory=options.max_memory,
            journal=options.journal,
            threads=options.threads,
            progress=True,
        )
    except ReadError as error:
        print(f"deeprmt analyze: {_line(error)}", file=sys.stderr)
        return 2
    if options.json != "-" and analysis.rows:
        print(_table(analysis))
    _print_skipped(analysis, everything=options.json != "-")
    failed = _write_all(
        options,
        {
            "json": lambda: _write_json(options.json, analysis.to_json(arrays=options.arrays)),
            "html": lambda: analysis.to_html(options.html),
        },
    )
    if not analysis.rows:
        print("deeprmt analyze: no weight matrix found", file=sys.stderr)
    if failed or not analysis.rows:
        return 2
    return 0 if analysis.complete else 1


def _add_matrices(parser: argparse.ArgumentParser) -> None:
    """How tensors become matrices."""
    parser.add_argument(
        "--conv",
        choices=CONVENTIONS,
        default="flatten",
        help="convolutions as one matrix of their output channels, as one for each kernel place, or as one of their "
        "input channels (default flatten)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="parts",
        help="packed attention and recurrent layers in queries, keys, values and gates, by heads too, or as stored "
        "(default parts)",
    )
    parser.add_argument("--heads", type=_count, metavar="N", help="of attention (default: as config.json has it)")


# ---- compare ----

_COMPARE = """\
Two checkpoints of one model, before and after: the spectrum of each layer's change, the
overlap of its leading singular vectors, whether it left the bulk. Three or more, in the
order of time: every layer over the training, and when it left the bulk. PATH as for
deeprmt analyze; layers belong together by name and shape. Put PATH before --json.

exit code:
  0  every layer is in all checkpoints
  1  some are not, or could not be compared
  2  wrong usage, or nothing could be read
"""


def _add_compare(commands: Any) -> None:
    parser = _add(commands, "compare", _compare, "checkpoints of one model, layer by layer", _COMPARE)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders, at least two")
    parser.add_argument("--html", type=_new_file, metavar="FILE", help="write a self-contained page with figures")
    parser.add_argument(
        "--labels", metavar="A,B,...", help="names of the checkpoints, such as epochs (default: their paths)"
    )
    parser.add_argument("--k", type=_count, metavar="K", help="singular vectors to compare (default: outliers)")
    _add_matrices(parser)


def _compare(options: argparse.Namespace) -> int:
    if len(options.paths) < 2:
        raise ValueError("at least two checkpoints are needed, got one PATH")
    labels = _short_paths(options.paths) if options.labels is None else options.labels.split(",")
    if len(labels) != len(options.paths):
        raise ValueError(f"--labels must name {len(options.paths)} checkpoints, got {len(labels)}")
    if options.html is not None:
        require_matplotlib()  # now, not after the work
    settings = {"k": options.k, "conv": options.conv, "split": options.split, "heads": options.heads}
    settings |= {"threads": options.threads, "progress": True}
    if len(options.paths) == 2:
        found: Any = compare(*options.paths, **settings)
        heads, cells = _CHANGES, [[_cell(getattr(row, name)) for name in _CHANGES] for row in found.rows]
        gone = {"the first": found.only_base, "the second": found.only_tuned}
        notes = [f"{row.name}: {row.note}" for row in found.rows if row.note]
    else:
        found = series(options.paths, labels=labels, **settings)
        left = found.left_bulk
        counts = found.table("outliers")
        heads = {"name": "layer", "left": "left the bulk", **{str(at): name for at, name in enumerate(labels)}}
        cells = [[name, left.get(name) or "-", *map(_cell, counts[name])] for name in found.names]
        gone = {"some": found.left_out}
        notes = [f"{row.name}: {row.checkpoint}: {row.analysis.note}" for row in found.rows if row.analysis.bad]
    if options.json != "-":
        print(_aligned([list(heads.values()), *cells]))
        print("\n".join(map(printable, notes)), end="\n" if notes else "")
    for where, names in gone.items():
        if names:
            print(printable(f"only in {where}: {', '.join(names)}"), file=sys.stderr)
    text = json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"
    failed = _write_all(
        options,
        {"json": lambda: _write_json(options.json, text), "html": lambda: found.to_html(options.html)},
    )
    missing = any(gone.values()) or any("nothing changed" not in note for note in notes)
    return failed or int(missing)


_CHANGES = {
    "name": "layer",
    "shape": "shape",
    "relative_change": "change",
    "change_rank": "rank",
    "change_stable_rank": "stable rank",
    "change_outliers": "outliers of it",
    "base_outliers": "outliers",
    "tuned_outliers": "after",
    "k": "k",
    "left_overlap": "left overlap",
    "right_overlap": "right",
}


def _short_paths(paths: Sequence[str]) -> list[str]:
    """The names of files, or where two are alike the whole paths."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def _aligned(lines: list[list[str]]) -> str:
    """Text left, numbers right; a long name loses its middle."""
    lines = [[printable(cell) for cell in line] for line in lines]
    for line in lines:
        if len(line[0]) > _LONGEST_NAME:
            line[0] = f"{line[0][: _LONGEST_NAME // 2 - 1]}…{line[0][-(_LONGEST_NAME // 2) :]}"
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


# ---- filter ----

_FILTER = """\
Writes a copy of the checkpoint PATH (.safetensors, .npz, .npy, or the *.index.json of
a sharded one) in which the noise is taken out of weight matrices: names, dtypes,
metadata and all other tensors stay. Put PATH before the options.

methods:
  hard                          singular values above Gavish and Donoho's threshold stay
  bulk                          all above the end of the noise stay
  frobenius, operator, nuclear  those are shrunk to be the best in that norm
  ledoit-peche                  all are shrunk, for a signal of any rank
  rank                          the K largest stay

exit code:
  0  every matrix that was chosen is filtered
  1  some were left as they are, and the table says why
  2  wrong usage, or nothing was written
"""


def _add_filter(commands: Any) -> None:
    parser = _add(commands, "filter", _filter, "take the noise out of the weights of a checkpoint", _FILTER)
    parser.add_argument("path", metavar="PATH", help="a file")
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="the new file; for a sharded checkpoint the folder of its files"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at --out, be it the input itself")
    parser.add_argument("--method", choices=METHODS, default="hard", help="default %(default)s")
    parser.add_argument("--rank", type=_count, metavar="K", help="for --method rank")
    parser.add_argument(
        "--sigma", type=_sigma, metavar="S", help='of the noise\'s entries, or "median"; default: from each bulk'
    )
    parser.add_argument(
        "--layers", action="append", metavar="PATTERN", help="names to filter, such as '*attention*'; may be repeated"
    )
    parser.add_argument("--skip", action="append", metavar="PATTERN", help="names to leave; may be repeated")


def _sigma(text: str) -> float | str:
    return text if text == "median" else float(text)


_sigma.__name__ = 'number above 0, or "median"'


def _filter(options: argparse.Namespace) -> int:
    try:
        done = apply_filter(
            options.path,
            out=options.out,
            method=options.method,
            k=options.rank,
            sigma=options.sigma,
            layers=options.layers or "*",
            skip=options.skip or (),
            overwrite=options.overwrite,
            progress=True,
            threads=options.threads,
        )
    except ReadError as error:
        print(f"deeprmt filter: {_line(error)}", file=sys.stderr)
        return 2
    if options.json != "-":
        print(_filter_table(done))
    text = json.dumps(done.to_dict(), indent=1) + "\n"
    failed = _write_all(options, {"json": lambda: _write_json(options.json, text)})
    return failed or (0 if done.complete else 1)


def _filter_table(done: FilteredCheckpoint) -> str:
    heads = ("layer", "shape", "rank", "of", "sigma", "kept")
    cells = [
        [_cell(each) for each in (row.name, row.shape, row.rank, row.levels, row.sigma, row.kept)] for row in done.rows
    ]
    notes = [f"{printable(row.name)}: left as it is: {printable(row.note)}" for row in done.rows if row.note]
    written = f"{_many(len(done.untouched), 'other tensor')} copied; written: {printable(', '.join(done.files))}"
    return "\n".join([_aligned([list(heads), *cells]), "", *notes, written])


def _write_json(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
    else:
        write(path, text)


_LONGEST_NAME = 60
_COLUMNS = {
    "name": "layer",
    "shape": "shape",
    "status": "status",
    "sigma": "sigma",
    "outliers": "outliers",
    "edge_ratio": "largest/edge",
    "bulk_ks": "bulk KS",
    "spacing_ratio": "ratio",
    "hill_xi": "xi",
    "stable_rank": "stable rank",
}


def _table(analysis: Analysis) -> str:
    """Names left, numbers right; a long name loses its middle."""
    cells = [[printable(_cell(getattr(row, name))) for name in _COLUMNS] for row in analysis.rows]
    heads = list(_COLUMNS.values())
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    widths[0] = min(widths[0], _LONGEST_NAME)
    if sys.stdout.isatty():
        rest = sum(widths[1:]) + 2 * len(widths)
        widths[0] = min(widths[0], max(16, shutil.get_terminal_size().columns - rest))

    def line(name: str, *others: str) -> str:
        half = widths[0] // 2
        short = name if len(name) <= widths[0] else f"{name[: widths[0] - half - 1]}…{name[-half:]}"
        aligned = [o.ljust(w) if i < 2 else o.rjust(w) for i, (o, w) in enumerate(zip(others, widths[1:], strict=True))]
        return "  ".join([short.ljust(widths[0]), *aligned]).rstrip()

    lines, source = [line(*heads)], ""
    several = len({row.source for row in analysis.rows}) > 1
    for row, row_cells in zip(analysis.rows, cells, strict=True):
        if several and row.source != source:
            source = row.source
            lines.append(f"{printable(source)}:")
        lines.append(line(*row_cells))
    notes = [f"{printable(row.name)}: {printable(row.note)}" for row in analysis.rows if row.note]
    return "\n".join([*lines, "", *notes] if notes else lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_skipped(analysis: Analysis, everything: bool) -> None:
    """What was passed over, on the error stream: the output stays a table."""
    for each in analysis.skipped:
        if not each.expected:
            source = "" if each.reason.startswith(each.source) else each.source  # once is enough
            known = ", ".join(filter(None, [f"{_cell(each.shape)} {each.dtype}".strip(), source]))
            what = f"{each.name}{f' ({known})' if known else ''}: " if each.name else ""
            print(printable(f"skipped {what}{each.reason}"), file=sys.stderr)
    usual = [each for each in analysis.skipped if each.expected]
    if not everything or not usual:
        return
    reasons: dict[str, list[str]] = {}
    for each in usual:
        reasons.setdefault(each.reason, []).append(each.name)
    for reason, names in reasons.items():
        what = f"{len(names)} ({reason}): {', '.join(names)}" if any(names) else reason
        print(printable(f"skipped {what}"), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
