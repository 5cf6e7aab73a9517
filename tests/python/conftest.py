"""Settings of all tests, and `--sample=N`: one test in N, for runs that repeat what another run does in full."""

try:
    from hypothesis import settings
except ImportError:  # those that need it are skipped
    pass
else:
    # How long an example takes says more about the machine than about the code.
    settings.register_profile("project", deadline=None)
    settings.load_profile("project")


def pytest_addoption(parser):
    parser.addoption("--sample", type=int, default=1, metavar="N", help="run one test in N, the same ones each time")


def pytest_collection_modifyitems(config, items):
    step = config.getoption("--sample")
    config.hook.pytest_deselected(items=[item for i, item in enumerate(items) if i % step])
    items[:] = items[::step]
