
from ..twins.flat import *  # noqa: F403
from ..twins.half import *  # noqa: F403
from ..twins.norm import Affine, move_towards  # noqa: F401
from ..twins.painting import *  # noqa: F403
from ..twins.portrait import shade_rays  # noqa: F401
from .adam import *  # noqa: F403
from .antialias import *  # noqa: F403
from .conv import *  # noqa: F403
from .conv_backward import *  # noqa: F403
from .interpolate import *  # noqa: F403
from .modes import *  # noqa: F403
from .norm import *  # noqa: F403
from .normals import *  # noqa: F403
from .pool import *  # noqa: F403
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
