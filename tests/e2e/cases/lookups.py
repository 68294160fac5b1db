"""Lookup tables: composite keys, a table that refers to itself, two occurrences of one table."""

import declared
from cases import Context, case
from cases.any_view import random_view


@case("view-composite", members=0)
def composite(ctx: Context) -> str:
    """A lookup table and core tables with keys of two columns, of which they share one."""
    return random_view(ctx, declared.COMPOSITE)


@case("view-by-customer", members=0)
def by_customer(ctx: Context) -> str:
    """Placed by partition_by: orders that move from one task to another, with lookups of theirs and of their customers."""
    return random_view(ctx, declared.BY_CUSTOMER)


@case("view-managers", members=0)
def managers(ctx: Context) -> str:
    """A lookup table that refers to itself: employee, manager and the manager's manager."""
    return random_view(ctx, declared.MANAGERS)


@case("view-two-addresses", members=0)
def two_addresses(ctx: Context) -> str:
    """Two occurrences of one lookup table, one LEFT and one INNER."""
    return random_view(ctx, declared.TWO_ADDRESSES)
