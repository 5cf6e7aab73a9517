from typing import TypedDict

from . import ensembles as ensembles
from . import freeprob as freeprob
from . import jacobian as jacobian
from . import laws as laws
from . import linalg as linalg
from . import meanfield as meanfield
from . import nonlinear as nonlinear
from . import random as random
from . import spectra as spectra
from . import tails as tails

class _BuildInfo(TypedDict):
    version: str
    compiler: str
    instruction_set: str
    instruction_sets: list[str]
    openmp: int
    blas_provider: str
    blas_library: str
    blas_threads: int
    blas_thread_control: bool

def build_info() -> _BuildInfo: ...
def allowed_threads() -> int: ...
