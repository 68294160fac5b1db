"""The Kafka client alone, on the real broker: what librdkafka's mock of one can't answer."""

import os
import subprocess

from cases import Context, case
from stack import ROOT
from wait import Failure


@case("kafka-client")
def kafka_client(ctx: Context) -> str:
    """The tests of consume/ that need a real broker."""
    done = subprocess.run(["bash", str(ROOT / "tests/integration/consume/run.sh"), "real"], text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "BOOTSTRAP": ctx.stack.broker})
    passed = done.stdout.count("PASS ")
    if done.returncode != 0 or passed == 0:
        raise Failure(done.stdout[-2000:])
    return f"{passed} tests"
