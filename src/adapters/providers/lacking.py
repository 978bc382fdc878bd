"""What a model or wire cannot do: dropped with a warning or refused, as the caller chose."""

from __future__ import annotations

from hexgate.domain.answer import Warned
from hexgate.domain.call import Call, ChatCall
from hexgate.domain.errors import Unsupported, Violation
from hexgate.domain.spec import OnUnsupported


class Lacking:
    """Collects, for one request, everything that could not be said. Nothing is lost in silence.

    Embeddings have no way to choose: what they are for is dropped with a warning, and their length,
    without which they are of no use, is refused.
    """

    def __init__(self, call: Call) -> None:
        self._model = call.model
        self._reject = (
            isinstance(call, ChatCall) and call.spec.params.on_unsupported is OnUnsupported.REJECT
        )
        self._violations: list[Violation] = []
        self.warnings: list[Warned] = []

    def drop(self, field: str, what: str) -> None:
        """A setting that the answer can do without: dropped, or refused under REJECT.

        `field` is the request's path, such as `spec.params.top_k`; `what` completes the sentence
        "<model> does not support ...".
        """
        if self._reject:
            self.refuse(field, what)
        else:
            self.warn("PARAM_DROPPED", f"{self._model} does not support {what}; dropped", field)

    def lower(self, field: str, what: str, instead: str) -> None:
        """A setting that can only be met in part: changed, or refused under REJECT.

        `instead` says what is done, such as `the first 4 are used`.
        """
        if self._reject:
            self.refuse(field, what)
        else:
            self.warn("PARAM_CLAMPED", f"{self._model} does not support {what}; {instead}", field)

    def refuse(self, field: str, what: str) -> None:
        """Content or a demand that must not be dropped: always refused."""
        self._violations.append(
            Violation(field, f"{self._model} does not support {what}", "UNSUPPORTED")
        )

    @property
    def refused(self) -> bool:
        """Whether something was refused, so that what is missing has its reason already."""
        return bool(self._violations)

    def warn(self, code: str, message: str, field: str) -> None:
        """A deviation that every caller accepts, such as a value clamped to the model's range."""
        self.warnings.append(Warned(code, message, field))

    def settle(self) -> tuple[Warned, ...]:
        """The warnings; raises Unsupported with every violation, if there is one."""
        if self._violations:
            first = self._violations[0]
            raise Unsupported(
                first.description,
                tuple(self._violations),
                metadata={"model": self._model, "capability": first.field},
            )
        return tuple(self.warnings)
