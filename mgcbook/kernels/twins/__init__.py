
from .adam import *  # noqa: F403
from .antialias import *  # noqa: F403
from .conv import *  # noqa: F403
from .flat import *  # noqa: F403
from .half import *  # noqa: F403
from .interpolate import *  # noqa: F403
from .modes import *  # noqa: F403
from .norm import *  # noqa: F403
from .normals import *  # noqa: F403
from .painting import *  # noqa: F403
from .pool import *  # noqa: F403
from .portrait import *  # noqa: F403
from .raster import *  # noqa: F403
from .sampling import *  # noqa: F403
from .winograd import *  # noqa: F403
