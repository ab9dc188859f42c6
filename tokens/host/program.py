"""What both kinds of host have in common: loading the module, and looking up an operation by its name."""

from collections.abc import Callable, Mapping

from tokens.errors import TokenFault
from tokens.host.cryptoki import Cryptoki
from tokens.wire import Message


class Program:
    """A host's operations by name; each takes the request's arguments and returns the reply's result."""

    def __init__(self) -> None:
        self._module: Cryptoki | None = None
        self.confined = False
        """Whether this process is denied the network; told with the module's status."""
        self._operations: Mapping[str, Callable[[Message], Message]] | None = None

    @property
    def module(self) -> Cryptoki:
        """The loaded module; `TokenFault` before `load`."""
        if self._module is None:
            raise TokenFault(reason="not_loaded")
        return self._module

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function; a kind of host adds its own."""
        return {"load": self.load}

    def idle(self) -> float | None:
        """What is done while nobody asks; the seconds until it is called again, None where there is nothing."""
        return None

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation."""
        if self._operations is None:
            self._operations = self.operations()
        operation = self._operations.get(op)
        if operation is None:
            raise TokenFault(reason="unknown_operation", operation=op)
        return operation(args)

    def load(self, args: Message) -> Message:
        """Load and initialise the module; what C_GetInfo says."""
        self._module = Cryptoki.load(args["path"], args.get("init_args"))
        info = self._module.info()
        return {
            "manufacturer": info.manufacturer,
            "description": info.description,
            "library_version": info.library_version,
            "cryptoki_version": info.cryptoki_version,
            "confined": self.confined,
        }
