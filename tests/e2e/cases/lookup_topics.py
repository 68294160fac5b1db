"""A lookup topic is read once for all tasks of a member: one that can't go on must not hold up the others."""

import re

import declared
from cases import Context, case
from cases.any_view import tenant_of
from trial import settings
from viewtenant import ViewTenant
from wait import Failure, wait_until

PARCELS = 64  # eight of each task
UPDATES = 400


def streets(tenant: ViewTenant) -> dict[int, str]:
    return dict(tenant.olap.run("SELECT parcel_id, shipping FROM parcel_address WHERE parcel_id <= %s", PARCELS))


@case("lookup-slow-task", members=0)
def slow_task(ctx: Context) -> str:
    """A task that is refused has no room for a lookup's records: the others show them meanwhile, and it reads them again
    afterwards."""
    view = declared.TWO_ADDRESSES
    with tenant_of(ctx, "slow_task", view, connected=False) as tenant, \
            settings(tenant, BATCH_MAX_ROWS=20, CONFLICT_HALT_MS=600_000):
        tenant.oltp.run("INSERT INTO addresses SELECT g, 'first ' || g FROM generate_series(1, 10) g")
        tenant.oltp.run("INSERT INTO parcels SELECT g, 'parcel ' || g, NULL, 1 + g % 10 "
                        f"FROM generate_series(1, {PARCELS}) g")
        tenant.connect()
        tenant.start(1)
        tenant.settle("the initial load")
        tenant.olap.run(f"CREATE UNIQUE INDEX one_title ON parcel_address (title) WHERE parcel_id <= {PARCELS}")
        tenant.oltp.run("UPDATE parcels SET title = 'parcel 1' WHERE parcel_id = 2")  # of another task
        wait_until("a task is refused", lambda: any("refused" in reason for reason in tenant.members[1].readiness().reasons),
                   20, 0.05)
        refused = re.search(r"task (\d+) is refused", " ".join(tenant.members[1].readiness().reasons))
        for number in range(UPDATES):
            tenant.oltp.run(f"UPDATE addresses SET street = 'street {number}' WHERE address_id = {1 + number % 10}")
        wanted = dict(tenant.oltp.run("SELECT parcel_id, street FROM parcels JOIN addresses ON address_id = shipping_id "
                                      f"WHERE parcel_id <= {PARCELS}"))
        wait_until("the other tasks show what they look up",
                   lambda: sum(streets(tenant).get(parcel) == street for parcel, street in wanted.items()) >= PARCELS - 16,
                   20, 0.05, detail=lambda: str(streets(tenant)))
        behind = [parcel for parcel, street in wanted.items() if streets(tenant)[parcel] != street]
        if 2 not in behind:
            raise Failure(f"the refused task is not behind: {behind}")
        tenant.olap.run("DROP INDEX one_title")
        tenant.settle("the refused row passes")
        back = re.findall(r"event=goes_back task=(\d+)", tenant.log_since(0))
        if not refused or refused[1] not in back:
            raise Failure(f"tasks went back: {back}; refused was {refused and refused[0]}")
    return f"{len(behind)} rows were behind meanwhile"
