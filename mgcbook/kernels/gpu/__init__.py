"""The kernels on an NVIDIA GPU: the names and arguments of `mgcbook.kernels.cpu`, on CuPy arrays of float32.

Loops over triangles and pixels are Numba-CUDA kernels. What is a formula on whole arrays is taken from the twins: NumPy hands
every line of it to CuPy.
"""

from ..twins.adam import *  # noqa: F403
from ..twins.conv import *  # noqa: F403
from ..twins.modes import *  # noqa: F403
from ..twins.norm import *  # noqa: F403
from ..twins.pool import *  # noqa: F403
from .antialias import *  # noqa: F403
from .interpolate import *  # noqa: F403
from .normals import *  # noqa: F403
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
