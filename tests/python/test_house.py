"""The rules of the house, as docs/design.md states them: what lies where, what may name what, what must be there.

Rules on sources are skipped where the tests run away from a checkout; rules on the package hold wherever it lies.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import deeprmt
from deeprmt import _core

root = Path(__file__).resolve().parents[2]
package = Path(deeprmt.__file__).parent
checkout = pytest.mark.skipif(not (root / "cpp").is_dir(), reason="the sources are not beside the tests")

# Includes point up this list: a domain may include itself and what stands before it.
DOMAINS = (
    "core", "linalg", "laws", "ensembles", "jacobian", "spectra", "tails", "freeprob", "meanfield", "nonlinear",
)  # fmt: skip
# What only some users have, or what is slow to load: imported inside the functions that need it.
HEAVY = {
    "dask", "h5py", "matplotlib", "mlxtend", "mpi4py", "onnx", "pandas", "rich", "safetensors", "sklearn", "torch",
}  # fmt: skip
# Numbers come before files, pictures and print: what computes imports none of these.
OUTSIDE = {"__main__", "cli", "demo", "plots", "report", "reproduce", "weights"}
OUTSIDE_MAY_IMPORT = OUTSIDE | {"run", "__init__"}


def files(folder, pattern):
    return sorted((root / folder).rglob(pattern))


def name_of(path):
    return str(path.relative_to(root if path.is_relative_to(root) else package.parent))


# ---- twins: one idea has one stem in every tree ----


def stems():
    headers = files("cpp/include/deeprmt", "*.hpp")
    return [(h.parent.name, h.stem) for h in headers if h.parent.name != "core"]


@checkout
@pytest.mark.parametrize(("domain", "stem"), stems())
def test_each_kernel_has_its_twins(domain, stem):
    assert domain in DOMAINS
    assert (root / f"cpp/src/{domain}/{stem}.cpp").is_file()
    wanted = {
        "test": [root / f"tests/python/{domain}/test_{stem}.py"],
        "reference": [root / f"tests/reference/{domain}/{stem}.py"],
        "bench": [root / f"bench/python/{domain}/bench_{stem}.py", root / f"bench/cpp/{domain}/bench_{stem}.cpp"],
    }
    missing = {
        what: str(places[0].relative_to(root)) for what, places in wanted.items() if not any(map(Path.is_file, places))
    }
    assert not missing


@checkout
@pytest.mark.parametrize(
    ("folder", "pattern"),
    [("cpp/src", "*.cpp"), ("tests/cpp", "test_*.cpp"), ("bench/cpp", "bench_*.cpp"), ("tests/reference", "*.py")],
)
def test_nothing_is_an_orphan(folder, pattern):
    """What mirrors a header or a module of Python has one to mirror."""
    orphans = []
    for path in files(folder, pattern):
        stem = re.sub("^(test|bench)_", "", path.stem)
        domain = path.parent.name
        if stem in {"main", "__init__"}:
            continue
        header = root / f"cpp/include/deeprmt/{domain}/{stem}.hpp"
        if path.with_suffix(".hpp").is_file():  # a part of a kernel, whose header is not for others
            continue
        if folder == "cpp/src" and (root / f"cpp/include/deeprmt/{domain}/{stem.partition('_')[0]}.hpp").is_file():
            continue  # a part of the kernel that it is named after
        python = [root / f"python/deeprmt/{domain}/{stem}.py", root / f"tests/python/{domain}/test_{stem}.py"]
        if not header.is_file() and not (folder == "tests/reference" and any(map(Path.is_file, python))):
            orphans.append(name_of(path))
    assert not orphans


@checkout
def test_some_test_imports_each_public_module():
    text = "\n".join(path.read_text(encoding="utf-8") for path in files("tests/python", "test_*.py"))
    names = [m.name for m in pkgutil.iter_modules([str(root / "python/deeprmt")]) if not m.name.startswith("_")]
    assert not [n for n in names if not re.search(rf"deeprmt(\.{n}\b| import .*\b{n}\b)|rmt\.{n}\.", text)]


@checkout
def test_absolute_tolerances_are_all_there_is():
    """Unless told otherwise, assert_allclose adds a relative 1e-7 to an absolute tolerance."""
    silent = []
    for path in files("tests", "*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("assert_allclose") and len(call.args) < 3:
                names = {keyword.arg for keyword in call.keywords}
                if "atol" in names and "rtol" not in names:
                    silent.append(f"{name_of(path)}:{call.lineno}")
    assert not silent


# ---- arrows: what may name what ----


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)


@checkout
def test_includes_point_up():
    wrong = []
    for path in files("cpp/include/deeprmt", "*.hpp") + files("cpp/src", "*.[ch]pp"):
        allowed = DOMAINS[: DOMAINS.index(path.parent.name) + 1]
        for include in includes(path):
            beside = (path.parent / include).resolve()  # a part of a kernel, whose header lies among the sources
            if include.startswith("deeprmt/"):
                domain = Path(include).parts[1]
            elif beside.is_file():
                domain = beside.parent.name
            else:
                continue
            if domain not in allowed:
                wrong.append(f"{name_of(path)} includes {include}")
    assert not wrong


@checkout
def test_only_bindings_name_python():
    for path in files("cpp", "*.[ch]pp") + files("tests/cpp", "*.cpp") + files("bench/cpp", "*.[ch]pp"):
        names = [i for i in includes(path) if re.match(r"(pybind11/|Python\.h|numpy/)", i)]
        assert not names or path.parent == root / "cpp/bind", f"{name_of(path)} includes {names}"


def modules():
    return sorted(p for p in package.rglob("*.py"))


def module_level_imports(path):
    """(module, level) of imports that run when the module is loaded, not those of functions or of type checking."""
    found = []

    def visit(nodes):
        for node in nodes:
            if isinstance(node, ast.Import):
                found.extend((alias.name, 0) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                found.extend((f"{base}.{alias.name}".lstrip("."), node.level) for alias in node.names)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                visit(node.orelse)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                visit(ast.iter_child_nodes(node))

    visit(ast.parse(path.read_text(encoding="utf-8")).body)
    return found


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_imports_wait_for_the_function_that_needs_them(path):
    heavy = {name for name, level in module_level_imports(path) if level == 0 and name.split(".")[0] in HEAVY}
    assert not heavy


def test_importing_deeprmt_loads_none_of_the_extras():
    code = "import sys, deeprmt; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def own_imports(path):
    """Modules of deeprmt that a file imports when it is loaded, dotted and without "deeprmt."."""
    here = path.relative_to(package).with_suffix("").parts
    known = {".".join(p.relative_to(package).with_suffix("").parts).removesuffix(".__init__") for p in modules()}
    targets = set()
    for name, level in module_level_imports(path):
        if level:
            name = ".".join([*here[: len(here) - level], name]).strip(".")
        elif name == "deeprmt" or name.startswith("deeprmt."):
            name = name.removeprefix("deeprmt").lstrip(".")
        else:
            continue
        # "a.b" is the module a.b, or the name b of the module a.
        name = name if name in known else name.rpartition(".")[0]
        if name in known:
            targets.add(name)
    return targets


def test_what_computes_imports_nothing_that_reads_draws_or_prints():
    wrong = []
    for path in modules():
        part = path.relative_to(package).with_suffix("").parts[0]
        if part not in OUTSIDE_MAY_IMPORT:
            wrong += [f"{name_of(path)} imports {t}" for t in own_imports(path) if t.split(".")[0] in OUTSIDE]
    assert not wrong


def test_imports_have_no_cycle():
    graph = {}
    for path in modules():
        name = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = own_imports(path) - {name}
    done: set[str] = set()

    def visit(name, trail):
        assert name not in trail, f"a cycle of imports: {' -> '.join([*trail, name])}"
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, [*trail, name])
            done.add(name)

    for name in graph:
        if name != "__init__":
            visit(name, [])


# ---- words: every public function says what it takes and gives ----


def public_functions():
    found = {}
    for info in pkgutil.walk_packages([str(package)], "deeprmt."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            thing = getattr(module, name)
            if inspect.isfunction(thing) and thing.__module__.startswith("deeprmt"):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


def section(docstring, title):
    match = re.search(rf"^{title}\n-+\n(.*?)(?=\n\n?\S[^\n]*\n---|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return None if match is None else match[1]


@pytest.mark.parametrize("name", sorted(public_functions()))
def test_public_functions_are_documented(name):
    function = public_functions()[name]
    docstring = inspect.getdoc(function)
    assert docstring, "no docstring"
    assert re.match(r"\S.*[.:]$", docstring.splitlines()[0] if "\n\n" in docstring else docstring.replace("\n", " "))
    signature = inspect.signature(function)
    if signature.parameters:
        parameters = section(docstring, "Parameters")
        assert parameters is not None, "no section Parameters"
        named = {
            n.strip(" *") for line in re.findall(r"^(\S[^:\n]*)", parameters, re.MULTILINE) for n in line.split(",")
        }
        assert set(signature.parameters) <= named
    if signature.return_annotation not in (None, "None", signature.empty):
        assert section(docstring, "Returns") is not None or section(docstring, "Yields") is not None, (
            "no section Returns"
        )
    if name != "deeprmt.cli.main" and not name.endswith(".main"):
        assert ">>>" in (section(docstring, "Examples") or ""), "no section Examples"


def public_classes():
    found = {}
    for info in pkgutil.walk_packages([str(package)], "deeprmt."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            module = importlib.import_module(info.name)
            found |= {name: getattr(module, name) for name in module.__all__ if inspect.isclass(getattr(module, name))}
    return found


def test_public_classes_have_an_example():
    without = [name for name, thing in public_classes().items() if not section(inspect.getdoc(thing) or "", "Examples")]
    assert not without


def test_every_module_names_what_is_public():
    for info in pkgutil.walk_packages([str(package)], "deeprmt."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            module = importlib.import_module(info.name)
            assert module.__doc__, f"{info.name} has no docstring"
            assert hasattr(module, "__all__"), f"{info.name} has no __all__"


# ---- stubs: what mypy is told about the compiled module is true ----


def compiled_functions():
    """{submodule: {function: [argument names of each overload]}}, from the signatures that pybind11 writes."""
    found = {}
    for name, module in vars(_core).items():
        if not inspect.ismodule(module):
            continue
        found[name] = {}
        for function, thing in vars(module).items():
            if not function.startswith("_") and callable(thing) and not inspect.isclass(thing):
                lines = re.findall(rf"^(?:\d+\. )?{function}\((.*)\) ->", thing.__doc__, re.MULTILINE)
                # Names stand before a colon at depth 0; types may hold colons and commas only within brackets.
                flat = []
                for line in lines:
                    while (shorter := re.sub(r"[(\[][^()\[\]]*[)\]]", "", line)) != line:
                        line = shorter
                    flat.append([part.split(":")[0].strip() for part in line.split(",") if part.strip() not in "*/"])
                found[name][function] = [names for names in flat if names != ["*args", "**kwargs"]]
    return found


@pytest.mark.parametrize("submodule", sorted(compiled_functions()))
def test_stubs_name_the_functions_and_arguments_of_the_compiled_module(submodule):
    stub = package / "_core" / f"{submodule}.pyi"
    assert stub.is_file()
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    stubbed: dict[str, list[list[str]]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            stubbed.setdefault(node.name, []).append([a.arg for a in arguments])
    compiled = compiled_functions()[submodule]
    assert set(stubbed) == set(compiled)
    for function, overloads in compiled.items():
        assert {tuple(o) for o in stubbed[function]} == {tuple(o) for o in overloads}, function


# ---- papers: the project speaks with one voice ----


def version():
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


def test_the_package_has_the_version_of_pyproject():
    assert deeprmt.__version__ == version()


@checkout
def test_versions_agree():
    assert re.search(rf"^version: {re.escape(version())}$", (root / "CITATION.cff").read_text(), re.MULTILINE)
    first = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == version()


@checkout
@pytest.mark.parametrize(
    "command", ["pip install '.[all]' && deeprmt demo", "pip install '.[test]' && python -m pytest"]
)
def test_readme_states_the_commands_that_ci_runs(command):
    lines = [line.strip().removeprefix("$ ") for line in (root / "README.md").read_text(encoding="utf-8").splitlines()]
    assert command in lines


@checkout
@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(
            f"docs/{name}.md"
            for name in (
                "conventions",
                "cpp",
                "design",
                "filtering",
                "freeprob",
                "kernels",
                "large",
                "laws",
                "meanfield",
                "models",
                "nonlinear",
                "ntk",
                "polynomials",
                "size",
                "spectra",
                "tails",
                "training",
                "training-at-width",
                "weightwatcher",
                "width",
            )
        ),
    ],
)
def test_links_between_documents_lead_somewhere(document):
    path = root / document
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{document} links to {target}"


@checkout
def test_extras_that_messages_name_exist():
    with (root / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    for path in modules():
        for names in re.findall(r"deeprmt\[([\w,-]+)\]", path.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= extras, f"{name_of(path)} names deeprmt[{names}]"
