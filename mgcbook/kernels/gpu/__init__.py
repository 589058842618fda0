"""The kernels on an NVIDIA GPU: the names and arguments of `mgcbook.kernels.cpu`, on CuPy arrays of float32.

Loops over triangles and pixels are Numba-CUDA kernels; batch norm, pooling and Adam are CUDA C. What is a formula on whole arrays
comes from the twins, where NumPy hands every line to CuPy: products with a basis, and convolution as a product of its windows.
"""

from ..twins.adam import sum_of_squares  # noqa: F401
from ..twins.conv import *  # noqa: F403
from ..twins.modes import *  # noqa: F403
from .antialias import *  # noqa: F403
from .fused import *  # noqa: F403
from .interpolate import *  # noqa: F403
from .normals import *  # noqa: F403
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
