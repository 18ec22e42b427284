"""Names that must be known: one wording for every unknown one."""

import difflib
from collections.abc import Iterable


def check_known(argument: str, value: str, known: Iterable[str]) -> None:
    """Raise a `ValueError` that lists what is allowed and shows the nearest match if `value` is not among `known`."""
    known = sorted(known)
    if value not in known:
        nearest = difflib.get_close_matches(str(value).lower(), known, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        allowed = ", ".join(known) or "none"
        raise ValueError(f"Unknown {argument}.{hint} Allowed: {allowed}. Received: {argument}={value!r}")
