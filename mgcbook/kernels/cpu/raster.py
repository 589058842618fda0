from ..twins.raster import *  # noqa: F403
