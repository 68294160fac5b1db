"""The cases, in the order of the road: each goes on with the stack as the one before has left it."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

from stack import PORTS, ROOT, SECONDS, Failure, Stack, docker, free_ports, wait_until

DAEMON = ROOT / "tests/docker/standins/daemon.sh"

def first_start(stack: Stack) -> str:
    """From a clone that only its owner can read, with the ports and the name changed in .env."""
    took = stack.start().output
    return re.search(r"Ready after ([0-9.]+ s)", took)[1]


def readme(stack: Stack) -> None:
    """README's steps 3 to 5, and what it says to try."""
    stack.sql("oltp", "INSERT INTO student (name) VALUES ('Dan'), ('Tom')")
    stack.sql("oltp", "INSERT INTO contact (student_id, contact_number) VALUES (1, '123'), (1, '456'), (2, '789')")
    stack.equal()
    stack.sql("oltp", "UPDATE student SET name = 'Daniel' WHERE student_id = 1")
    stack.sql("oltp", "UPDATE contact SET student_id = 2 WHERE contact_id = 2")
    stack.equal()
    wait_until("the log has the transactions", lambda: "event=batch" in stack.log.read_text())
    stack.script("status").must(0, says="RUNNING RUNNING")


def scale(stack: Stack) -> None:
    stack.script("scale", "3").must()
    said = stack.script("status").must(0).output
    ready = re.findall(r"^  consumer-[0-9]+ +up .* ready$", said, re.MULTILINE)
    if len(ready) != 3:
        raise Failure(f"{len(ready)} of 3 members are ready:\n{said}")
    stack.change("three")


def crash(stack: Stack) -> None:
    """A process that dies is started again by Docker, not by us."""
    for service in ("kafka", "consumer", "oltp"):
        container = stack.container(service)
        before, pid = docker("inspect", "-f", "{{.RestartCount}} {{.State.Pid}}", container).split()
        os.kill(int(pid), signal.SIGKILL)
        again = f"true {int(before) + 1} healthy"
        wait_until(f"Docker starts {service} again", lambda c=container, a=again: docker(
            "inspect", "-f", "{{.State.Running}} {{.RestartCount}} {{.State.Health.Status}}", c) == a, 180)
        wait_until(f"all works after the crash of {service}", lambda: stack.script("status").code == 0, 180)
        stack.change(f"crash of {service}")
    starts = stack.log.read_text().count("event=starting")
    if starts != 4:
        raise Failure(f"the log has {starts} starts of members, not those of 3 and of the one that was started again")


def killed(stack: Stack) -> None:
    """What was killed by hand stays down: status says so, and claims nothing of what it can't know; startup mends it."""
    docker("kill", stack.container("kafka"))
    stack.script("status").must(1, says=r"Kafka +down +Exited", not_says=r"and its task: RUNNING")
    stack.start()
    stack.script("status").must(0)
    stack.change("killed")


def log_goes_on(stack: Stack) -> None:
    """A follower of a member's log that ended is replaced by one that goes on: no line twice, none missing."""
    for file in (stack.folder / "run").glob("follower-*.pid"):
        os.killpg(int(file.read_text()), signal.SIGKILL)
    stack.change("without a follower")
    stack.start()
    log_is_whole(stack)


def log_is_whole(stack: Stack) -> None:
    """Each line of each member's container is in logs/kafka-consumer.out, once."""
    def lines_of_docker() -> Counter[str]:
        said: Counter[str] = Counter()
        for number in (1, 2, 3):
            run = subprocess.run(["docker", "logs", stack.container("consumer", number)], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, check=True)
            said.update(run.stdout.splitlines())
        return said

    def same() -> bool:
        wanted, there = lines_of_docker(), Counter(stack.log.read_text().splitlines())
        wrong.clear()
        wrong.extend(f"{there[line]} times, not {wanted[line]}: {line}" for line in wanted if there[line] != wanted[line])
        return not wrong

    wrong: list[str] = []
    try:
        wait_until("each line of each member is in logs/kafka-consumer.out once", same, 60)
    except Failure as failure:
        raise Failure(str(failure) + "\n" + "\n".join(wrong[:9])) from failure


def second_stack(stack: Stack) -> None:
    """Beside the first: other containers, other volumes, and its --wipe leaves the first alone."""
    before = stack.ids(), stack.volumes()
    run_dir = stack.folder / "second"
    env = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)} | {"SYNC_RUN_DIR": str(run_dir), "CONSUMERS": "1"}
    stack.start(**env)
    if (stack.ids(), stack.volumes()) != before:
        raise Failure("the second stack took containers or volumes of the first")
    stack.change("second", SYNC_RUN_DIR=str(run_dir))
    stack.script("shutdown", "--wipe", SYNC_RUN_DIR=str(run_dir)).must()
    if (stack.ids(), stack.volumes()) != before:
        raise Failure("--wipe of the second stack removed something of the first")
    stack.script("status").must(0)


def example(stack: Stack) -> str:
    """bin/startup.sh --example orders, beside the first stack: what it prints works, its load arrives; a plain start goes on
    with it."""
    folder = stack.folder / "schemas/examples/orders"
    view = re.search(r"\bAS\s+(SELECT\b[^;]*);", re.sub(r"--.*", "", (folder / "order_line.sql").read_text()))[1]
    run_dir = stack.folder / "orders"
    here = {"SYNC_RUN_DIR": str(run_dir)}
    ports = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}

    def load_and_compare() -> int:
        stack.script("psql", "oltp", "-v", "seconds=4", "-v", "rate=50", stdin=folder / "load.sql", **here).must(
            says=r"(?m)^[0-9]+ transactions\.$")
        wanted = stack.sql("oltp", f"SELECT ROW(v.*)::text FROM ({view}) v ORDER BY 1", **here)
        wait_until("the OLAP table equals the view", lambda: stack.sql(
            "olap", "SELECT ROW(v.*)::text FROM order_line v ORDER BY 1", **here) == wanted)
        return len(wanted.splitlines())

    said = stack.script("startup", "--docker", "--example", "orders", CONSUMERS="1", **here, **ports).must(
        says=r"bin/psql\.sh oltp <schemas/examples/orders/load\.sql").must(says=r"SELECT \* FROM order_line;").output
    for insert in re.findall(r"^ +(INSERT INTO .*;)$", said, re.MULTILINE):
        stack.sql("oltp", insert, **here)
    wait_until("the rows of the start's own lines arrive", lambda: stack.sql("olap", "SELECT count(*) FROM order_line", **here) == "1")
    load_and_compare()
    stack.script("scale", "2", **here).must()
    stack.script("shutdown", **here).must()
    stack.start(**here)
    rows = load_and_compare()
    stack.script("status", **here).must(0)
    stack.script("startup", "--docker", "--example", "orders").must(2, says="was started with .*student_contact.* Nothing was changed")
    stack.script("shutdown", "--wipe", **here).must()
    return f"{rows} rows"


def second_clone(stack: Stack) -> None:
    """Another folder with the same .env gets another project; the folder that has it keeps it."""
    ask = '. bin/stack/common.sh && MODE=docker && load_mode && echo "project $COMPOSE_PROJECT_NAME"'
    stack.run("bash", "-c", ask).must(says=f"project {stack.project}$")
    other = stack.folder.parent / (stack.folder.name + "-clone")
    subprocess.run(["cp", "-r", str(stack.folder), str(other)], check=True)
    subprocess.run(["rm", "-rf", str(other / "run")], check=True)
    try:
        run = subprocess.run(["bash", "-c", ask], cwd=other, env=stack.env, capture_output=True, text=True, check=True)
        if not re.search(rf"project {stack.project}-[0-9]+$", run.stdout):
            raise Failure(f"the second clone would use the first one's project: {run.stdout}")
    finally:
        subprocess.run(["rm", "-rf", str(other)], check=True)


def stopped(stack: Stack) -> None:
    """Nothing of a stopped stack pretends to work; nothing is started by the way."""
    stack.script("shutdown").must()
    stack.script("status").must(3, says="Nothing runs")
    refused = stack.script("scale", "2").must(1, says="does not run")
    if refused.seconds > 60:
        raise Failure(f"scale.sh on a stopped stack took {refused.seconds:.0f} s")
    stack.script("psql", "olap", "-c", "SELECT 1").must(1, says="does not run")
    running = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={stack.project}")
    if running:
        raise Failure(f"something was started: {running}")


def port_taken(stack: Stack) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.ports["OLAP_PORT"]))
        holder.listen()
        stack.script("startup", "--docker").must(1, says="A port is in use")


def data_kept(stack: Stack) -> None:
    rows = "SELECT count(*) FROM student_contact"
    stack.start()
    if int(stack.sql("olap", rows)) < 3:
        raise Failure("the rows of before are gone")
    said = stack.script("status").must(0).output
    if len(re.findall("^  consumer-", said, re.MULTILINE)) != 3:
        raise Failure(f"the number of members is not remembered:\n{said}")
    stack.change("kept")


def lost_slot(stack: Stack) -> None:
    """The slot goes while Connect is down: the start fails and says so; a new snapshot is the way out."""
    docker("stop", stack.container("connect"))
    stack.sql("oltp", "SELECT pg_drop_replication_slot('oltp_olap_sync')")
    stack.sql("oltp", "INSERT INTO student (name) VALUES ('unseen')")
    stack.script("startup", "--docker").must(1, says="replication slot oltp_olap_sync in the OLTP database is lost",
                                             not_says="Ready after")
    stack.script("status").must(1, says="FAILED")
    stack.start(SYNC_CONNECTOR_SNAPSHOT_MODE="when_needed")
    stack.change("after the lost slot")
    stack.start(SYNC_CONNECTOR_SNAPSHOT_MODE="initial")
    for number in (1, 2, 3):  # the watch saw the slot gone: acknowledged
        docker("exec", stack.container("consumer", number), "sh", "-c", "kill -HUP 1")  # as docs/operations.md says
    wait_until("all works", lambda: stack.script("status").code == 0, 60)


def daemon_restart(stack: Stack) -> str | None:
    """Docker itself is restarted: all comes back by itself, rows kept; the next start follows the log again."""
    def daemon(what: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", str(DAEMON), what], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    if daemon("owned").returncode != 0:
        return "SKIPPED: the daemon is not the tests' own"
    for what in ("stop", "start"):
        if daemon(what).returncode != 0:
            raise Failure(f"the daemon does not {what}")
    wait_until("all works after Docker's restart", lambda: stack.script("status").code == 0, 180)
    stack.change("Docker restarted")
    stack.start()
    log_is_whole(stack)
    return None


def docker_down(stack: Stack) -> None:
    """Docker does not run: that is said, whatever the script; not that the network is away, and nothing goes native."""
    nowhere = "unix:///nonexistent/docker.sock"
    for name in ("startup", "status", "shutdown"):
        stack.script(name, DOCKER_HOST=nowhere).must(1, says="Docker does not run", not_says="(?i)network|going native|pulled")
    stack.script("scale", "2", DOCKER_HOST=nowhere).must(1, says="Docker does not run")


def no_image(stack: Stack) -> None:
    """An image that can't be pulled, where native mode can't be: the reason, and no advice to install Docker."""
    tools = stack.folder / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if program.name != "dpkg-query" and not (tools / program.name).exists():
                (tools / program.name).symlink_to(program)
    run = stack.script("startup", PATH=str(tools), POSTGRES_VERSION="0.no-such-version", SYNC_RUN_DIR=str(stack.folder / "third"))
    run.must(1, says=r"postgres:0\.no-such-version can't be pulled", not_says="(?i)going native|install Docker|start Docker")


def half_made(stack: Stack) -> None:
    """A volume whose first start was cut off before the image let the network in: said soon, with the way out."""
    stack.script("shutdown").must()
    docker("run", "--rm", "--entrypoint", "sed", "-v", f"{stack.project}_oltp:/data", f"postgres:{version(stack)}",
           "-i", "/^host  *all  *all  *all/d", "/data/pg_hba.conf")
    said = stack.script("startup", "--docker").must(1, says=r"pg_hba\.conf").must(1, says=r"bin/shutdown\.sh --wipe")
    if said.seconds > 120:
        raise Failure(f"that took {said.seconds:.0f} s")
    stack.script("shutdown", "--wipe").must()
    if stack.ids() or stack.volumes():
        raise Failure(f"--wipe left {stack.ids()} {stack.volumes()}")


def version(stack: Stack) -> str:
    return re.search(r"^POSTGRES_VERSION=(.*)$", (stack.folder / ".env").read_text(), re.MULTILINE)[1]


def _read(terminal: int, until: str | None, seconds: float) -> str:
    """What comes until this text, or until the end."""
    said, end = "", time.monotonic() + seconds
    while until is None or until not in said:
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            raise Failure(f"nothing more within {seconds:g} s:\n{said}")
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux tells that the other side is closed
            part = b""
        if not part:
            break
        said += part.decode(errors="replace")
    return said


def interrupted(stack: Stack) -> None:
    """Ctrl-C in the middle of the first start; the next start goes on from there."""
    pid, terminal = pty.fork()  # what it says goes to the terminal, whatever its step writes into
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a run in the background has it ignored, and a script can't undo that
        os.chdir(stack.folder)
        os.execve("bin/startup.sh", ["bin/startup.sh", "--docker"], stack.env)
    said = _read(terminal, "Kafka Connect on", SECONDS)
    os.write(terminal, b"\x03")
    said += _read(terminal, None, 120)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    print(said, flush=True)
    if code != 130 or "Interrupted" not in said:
        raise Failure(f"startup.sh ended with {code}:\n{said}")
    stack.start()
    stack.sql("oltp", "INSERT INTO student (name) VALUES ('Ann')")
    stack.change("after Ctrl-C")
    stack.script("shutdown", "--wipe").must()


def by_hand(stack: Stack) -> None:
    """docker compose alone, then the scripts on what it has started."""
    stack.run("docker", "compose", "up", "-d", "--build", "--scale", "consumer=3").must()
    wait_until("all works", lambda: stack.script("status").code == 0, 180)
    stack.script("status").must(0, says="started by docker compose")
    stack.sql("oltp", "INSERT INTO student (name) VALUES ('Eve')")
    stack.change("by hand")
    stack.run("docker", "compose", "up", "-d", "--build", "--scale", "consumer=3").must()
    stack.change("by hand again")
    stack.script("shutdown", "--wipe").must()
    if stack.ids() or stack.volumes():
        raise Failure(f"--wipe left {stack.ids()} {stack.volumes()}")


def old_compose(stack: Stack) -> None:
    """Compose 1.29 reads the file, too (where it is installed)."""
    if subprocess.run(["sh", "-c", "command -v docker-compose"], capture_output=True, check=False).returncode == 0:
        services = stack.run("docker-compose", "config", "--services").must().output.split()
        if sorted(services)[:6] != ["connect", "consumer", "init", "kafka", "olap", "oltp"]:
            raise Failure(f"its services are {services}")


ROAD = (first_start, readme, scale, crash, killed, log_goes_on, second_stack, example, second_clone, stopped, port_taken,
        data_kept, lost_slot, daemon_restart, docker_down, no_image, half_made, interrupted, by_hand, old_compose)
