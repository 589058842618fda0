from ..twins.sampling import *  # noqa: F403
