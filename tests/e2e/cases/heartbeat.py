"""The connector's heartbeats: a quiet source is told from a connector that has stopped."""

import json

from cases import Context, case
from status import ask
from tenant import Tenant
from wait import Failure, Stopwatch, wait_until

INTERVAL_MS, MAX_AGE_MS = 500, 6000
QUIET_SECONDS = 8  # longer than MAX_AGE_MS, and than the interval with its grace


@case("heartbeat")
def heartbeat(ctx: Context) -> str:
    """Paused, as after a failure, and resumed; the member starts before the heartbeats' topic is there."""
    tenant = Tenant(ctx.stack, "heartbeat")
    tenant.settings.update({"SYNC_CONNECTOR_HEARTBEAT_INTERVAL_MS": str(INTERVAL_MS),
                            "SYNC_HEARTBEAT_MAX_AGE_MS": str(MAX_AGE_MS)})
    try:
        tenant.prepare()
        tenant.oltp.run("INSERT INTO student VALUES (1, 'Ann')")
        tenant.start(1, ready=False)
        member = tenant.members[1]
        wait_until("the member reads", lambda: member.assignments() > 0, 60)
        tenant.connect()
        tenant.wait_ready(1)
        tenant.settle("the first rows")
        wait_until("a heartbeat was read", lambda: freshness(tenant) is not None, 60)
        quiet, worst = Stopwatch(), 0.0
        while quiet.seconds() < QUIET_SECONDS:
            age, said = freshness(tenant), member.readiness()
            if age is None or not said.ready:
                raise Failure(f"a quiet source: freshness {age}, {said.reasons}")
            worst = max(worst, age)
        if worst > 2:
            raise Failure(f"a quiet source: the table counts as {worst} s old")
        tenant.stack.rest("PUT", f"/connectors/{tenant.name}/pause")
        tenant.wait_not_ready("the connector has sent no heartbeat", 60)
        silent = freshness(tenant)
        if silent is None or silent < MAX_AGE_MS / 1000 - 1:
            raise Failure(f"the connector is silent, and the table counts as {silent} s old")
        tenant.stack.rest("PUT", f"/connectors/{tenant.name}/resume")
        tenant.wait_ready(1)
        tenant.converge("after the pause")
    finally:
        tenant.remove()
    return f"quiet: at most {worst:.2f} s old"


def freshness(tenant: Tenant) -> float | None:
    """None: not known."""
    answer = ask(tenant.members[1].port, "/status.json")
    return json.loads(answer[1]).get("freshness_s") if answer else None
