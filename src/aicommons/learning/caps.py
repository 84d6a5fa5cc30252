"""Block caps: powers of two computed from public facts only, the same bits at every node.

Called by ``describe``, ``evaluation`` and the learners when they declare blocks. A power of two makes the scale B / cap
of secure aggregation exact, so that quantising and decoding only ever round once.
"""

import math


def power_of_two(bound: float) -> float:
    """Return the smallest power of two that is at least ``bound`` (a finite number above 0).

    ``math.frexp`` takes the number apart without rounding, where a logarithm would not.
    """
    mantissa, exponent = math.frexp(bound)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)
