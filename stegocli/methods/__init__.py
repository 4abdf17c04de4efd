"""The ways to hide, one file each behind one protocol. Imports `flow`, `robust`, `payload`, `picture` and `errors`."""

from .base import Method
from .exact import Exact
from .flow import Flow
from .survive import Survive

FLOW, EXACT, SURVIVE = Flow(), Exact(), Survive()
# In the order in which a picture is searched.
METHODS: tuple[Method, ...] = (FLOW, EXACT, SURVIVE)
