"""Servers of a version that this was not made for."""

from cases import Context, case
from proxy import Proxy
from system import watch_settings
from tenant import Tenant
from wait import Failure, wait_until

REFUSED = 2  # the exit code
SAID = "database's server is PostgreSQL 13: 14 or later is needed"


def older(proxy: Proxy, version: int) -> None:
    """From now on the server behind it says that it is PostgreSQL 13."""
    proxy.rewrite = [(b"server_version\0%d." % version, b"server_version\x0013.")]
    proxy.cut()


@case("old-server", members=0)
def old_server(ctx: Context) -> None:
    """A server older than PostgreSQL 14 is refused plainly: by plan and by a member, which ends; the watch on the
    source says that it can't look."""
    tenant = Tenant(ctx.stack, "oldserver")
    tenant.prepare()
    version = int(tenant.oltp.run("SHOW server_version_num")[0][0]) // 10000
    with Proxy(tenant.olap.port) as olap, Proxy(tenant.oltp.port) as oltp:
        try:
            older(olap, version)
            older(oltp, version)
            tenant.settings.update(watch_settings(oltp.port, tenant.name, interval_ms=500))
            refused(tenant, "OLTP", "--check-source")
            tenant.start(1, ready=False)
            wait_until("the watch says so", lambda: any("what=away" in line and f"OLTP {SAID}" in line
                                                        for line in tenant.log_since(0).splitlines()), 20)
            tenant.end()
            tenant.settings = {key: value for key, value in tenant.settings.items() if not key.startswith("SYNC_OLTP")}
            tenant.settings["SYNC_OLAP_PORT"] = str(olap.port)
            refused(tenant, "OLAP", "--apply-sink")
            tenant.start(1, ready=False)
            tenant.members[1].wait_gone(20)
            if (code := tenant.members[1].exit_code()) != REFUSED or f"OLAP {SAID}" not in tenant.last_line(tenant.members[1]):
                raise Failure(f"the member ended with {code}: {tenant.last_line(tenant.members[1])}")
            tenant.members.clear()
            olap.rewrite = None
            tenant.start(1)
        finally:
            tenant.end()


def refused(tenant: Tenant, which: str, option: str) -> None:
    done = tenant.command("plan", option)
    if done.returncode != REFUSED or f"{which} {SAID}" not in done.stderr:
        raise Failure(f"plan {option} ended with {done.returncode}: {done.stdout[-300:]}{done.stderr}")
