"""Several views over the same tables in one process. The oracle of each is its own SELECT."""

import declared
from cases import Context, case
from cases.any_view import random_view

LINES, HEADS = declared.ORDER_LINE, declared.ORDER_HEAD


@case("views-together", members=0)
def views_together(ctx: Context) -> str:
    """Three views in one plan: two share tables, core and lookup, one is of other tables."""
    return random_view(ctx, LINES, HEADS, declared.NOTES)


@case("views-core-and-lookup", members=0)
def views_of_three(ctx: Context) -> str:
    """Three views over five tables: no two of them use the same ones."""
    return random_view(ctx, LINES, declared.ITEM_LIST, HEADS)
