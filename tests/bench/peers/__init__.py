"""Other systems that do this job, each in a module of this package (README.md)."""

PEERS = ("pathway_join", "flink_sql", "jdbc_sink", "logical_replication")
