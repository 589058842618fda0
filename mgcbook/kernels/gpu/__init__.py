"""The kernels on an NVIDIA GPU: the names and arguments of `mgcbook.kernels.cpu`, on CuPy arrays of float32.

Loops over triangles and pixels are Numba-CUDA kernels; batch norm, pooling and Adam are CUDA C; convolutions are cuDNN's,
products of matrices cuBLAS's. All of them can be captured in a CUDA graph.
"""

from ..twins.adam import sum_of_squares  # noqa: F401
from ..twins.norm import Affine  # noqa: F401
from .antialias import *  # noqa: F403
from .conv import *  # noqa: F403
from .flat import *  # noqa: F403
from .fused import *  # noqa: F403
from .interpolate import *  # noqa: F403
from .normals import *  # noqa: F403
from .painting import *  # noqa: F403
from .portrait import *  # noqa: F403
from .products import *  # noqa: F403
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
