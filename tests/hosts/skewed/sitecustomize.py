"""Another wall clock for a whole process: on its PYTHONPATH, Python runs this before anything else.

``libfaketime`` would do it for every program, but breaks the waiting of Python 3.11 (monotonic sleeps and locks).
"""

import os
import time

_true_time, _offset = time.time, float(os.environ.get("SKEW_SECONDS", "0"))


def _skewed_time() -> float:
    return _true_time() + _offset


time.time = _skewed_time
