"""Multi-select facets: what else a field could be, beside what is chosen in it.

A shopper who has chosen red wants to see how many products a second color would add, and those
that are not red are behind the filter. So each field is counted under the conditions on all other
fields only.
"""

from retrieval.domain import AllOf, AnyOf, Filter, Match, Not, Range


def without_field(filter: Filter | None, field: str) -> Filter | None:
    """The filter less the conditions on one field; None where nothing is left.

    Of what must hold together (the parts of ``all``, however nested), a part that names this
    field alone is left out. One that names others beside it, such as "red, or on sale", cannot be
    taken apart and stays.
    """
    if filter is None or _names(filter) == {field}:
        return None
    if isinstance(filter, AllOf):
        parts = (without_field(part, field) for part in filter.filters)
        return AllOf(tuple(part for part in parts if part is not None))
    return filter


def _names(filter: Filter) -> set[str]:
    """The fields that a filter names."""
    match filter:
        case AllOf(filters) | AnyOf(filters):
            return {name for part in filters for name in _names(part)}
        case Not(part):
            return _names(part)
        case Match() | Range():
            return {filter.field}
