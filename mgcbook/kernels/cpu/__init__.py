
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
