"""Inner loops over flat memory with unsigned indices: `for c in range(U(n)): out[to + c] = x[a + c]`.

Of a signed index Numba cannot know that it is not negative, and checks it number by number; cutting out a view for every run of
numbers costs as much. Copying runs of pixels became 2 to 9 times faster. All parts of such an index must be U: U + int is a
float in NumPy's rules. (`x[a:b] = y` would do the same, but takes a second to compile wherever it stands.)
"""

import numpy as np

from .threads import helper

U = np.uintp


@helper
def copy(out, to, x, a, n):
    """out[to : to + n] = x[a : a + n]; flat arrays, all numbers U."""
    for c in range(n):
        out[to + c] = x[a + c]


@helper
def fill(out, to, value, n):
    """out[to : to + n] = value; flat array, to and n are U."""
    for c in range(n):
        out[to + c] = value
