"""Servers that go away and come back, under load; and a stop and start of everything."""

from cases import Context, case
from sampler import Sampler


@case("olap-restart", foreign_key=False, members=2)
def olap_restart(ctx: Context) -> None:
    """The OLAP database restarted, once in order and once by an immediate stop."""
    with ctx.load() as load, Sampler(ctx.system.olap, ctx.system.view, load):
        for how in ("stop", "kill"):
            ctx.system.pass_sentinels()
            ctx.stack.service(how, "olap")
            ctx.stack.service("start", "olap")
            ctx.system.olap.close()
            ctx.system.pass_sentinels()
    ctx.system.settle()


@case("broker-restart", foreign_key=False, members=2)
def broker_restart(ctx: Context) -> None:
    with ctx.load() as load, Sampler(ctx.system.olap, ctx.system.view, load):
        ctx.system.pass_sentinels()
        ctx.stack.service("stop", "kafka")
        ctx.stack.service("start", "kafka")
        ctx.system.pass_sentinels()
    ctx.system.settle()


@case("stack-restart")
def stack_restart(ctx: Context) -> None:
    """bin/shutdown.sh keeps everything; what is written while the consumer is away comes after bin/startup.sh."""
    here, there = ctx.student_id(1), ctx.student_id(2)
    contact = ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'here'), (%s, 'there')", here, there)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", contact, here)
    ctx.expect("before", [here, there], [(here, contact, "here", "n")])
    ctx.system.only(0)
    ctx.sql("UPDATE contact SET student_id = %s WHERE contact_id = %s", there, contact)
    ctx.system.oltp.close()
    ctx.system.olap.close()
    ctx.stack.shutdown()
    ctx.stack.startup()
    ctx.system.adopt()
    ctx.expect("after", [here, there], [(there, contact, "there", "n")])
    ctx.sql("UPDATE student SET name = 'dort' WHERE student_id = %s", there)
    ctx.expect("and it goes on", [here, there], [(there, contact, "dort", "n")])
