from deeprmt import freeprob


def test_the_package_is_there():
    assert isinstance(freeprob.__all__, list)
