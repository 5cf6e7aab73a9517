"""Settings of all tests."""

try:
    from hypothesis import settings
except ImportError:  # those that need it are skipped
    pass
else:
    # How long an example takes says more about the machine than about the code.
    settings.register_profile("project", deadline=None)
    settings.load_profile("project")
