/* The command run: one member of the consumer group, until a signal. */
#include "base/arena.h"
#include "cli/clients.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "oltp/watch.h"
#include "pipeline/member.h"
#include "serve/serve.h"
#include "state/lmdb/lmdb_store.h"
#include "view/connector_check.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define KAFKA_WAIT_MS      2000 /* for an answer; signals are looked at in between */
#define KAFKA_RETRY_MS     500
#define MIN_LAG_ADVISED_MS INT64_C(3600000)
#define TOPIC_RETRY_MS     1000
#define SERVE_RETRY_MS     500

_Static_assert(BATCH_MAX_ROWS_MAX <= TXN_ROWS_MAX, "the sink takes the largest batch");

struct run {
    const struct config *config;
    struct cli_signals *signals;
    struct log log;
    struct plan *plan;
    const char *views; /* names with commas between them, in the arena */
    struct clients clients;
    struct consume *consume;
    struct sink *sinks[SINK_SESSIONS_MAX];
    size_t sink_count;
    struct lmdb_store *store;
    struct member *member;
    struct metrics *metrics;
    struct health *health;
    struct trend *trend;
    struct recent *recent;
    struct serve *serve;
    bool hinted;         /* the hint about an unreachable broker was logged */
    int64_t serve_at_ms; /* when to try again to open the HTTP port */
    struct clients_oltp oltp;
    struct board *board;
    struct watch *watch;
    char cluster_id[128];
    int64_t min_compaction_lag_ms;
    struct arena arena;
    struct buf identity; /* of the caches */
};

/* Waits for a signal or the file descriptors. Does not say what woke it: the caller polls. */
static void wait_for(const struct run *run, struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    (void)ppoll(fds, count, &timeout, &run->signals->waiting);
}

static void log_start(struct run *run) {
    const struct config *config = run->config;
    log_line(&run->log, LOG_INFO, "cli", "starting",
             "view=%s topics=%s.* partitions=%d state=%s tables=%s", run->views,
             run->plan->topic_prefix.ptr, run->plan->partition_count,
             cli_state_dir(config, run->plan, &run->arena), show_tables(run->plan, &run->arena));
    const char *bootstrap = config_pair_get(&config->kafka, "bootstrap.servers");
    log_line(&run->log, LOG_INFO, "cli", "kafka", "bootstrap=%s group=%s",
             bootstrap ? bootstrap : "", run->clients.group_id);
    const char *host = config_pair_get(&config->olap, "host");
    const char *port = config_pair_get(&config->olap, "port");
    const char *dbname = config_pair_get(&config->olap, "dbname");
    log_line(&run->log, LOG_INFO, "cli", "olap", "host=%s port=%s dbname=%s", host ? host : "",
             port ? port : "", dbname ? dbname : "");
}

/* Serves the member's health over HTTP; the member also runs without it. Retries, since the port
 * may be free soon: a predecessor that was killed keeps it until its last thread has ended. */
static void serve_if_due(struct run *run) {
    if (run->serve || run->config->serve_port == 0) {
        return;
    }
    struct clock clock = clock_real();
    int64_t now_ms = clock_mono_ms(&clock);
    if (now_ms < run->serve_at_ms) {
        return;
    }
    struct err err;
    struct serve_options options = {.address = run->config->serve_address,
                                    .port = (int)run->config->serve_port,
                                    .metrics = run->metrics,
                                    .health = run->health,
                                    .trend = run->trend,
                                    .recent = run->recent,
                                    .view = run->views,
                                    .member = run->config->member,
                                    .clock = clock};
    if (serve_start(&options, &run->serve, &err) == ERR_NONE) {
        log_line(&run->log, LOG_INFO, "serve", "listening", "address=%s port=%d",
                 run->config->serve_address, serve_port(run->serve));
    } else if (run->serve_at_ms == 0) {
        log_err(&run->log, LOG_WARN, "serve", "not_served", &err);
    }
    run->serve_at_ms = now_ms + SERVE_RETRY_MS;
}

static void serve_step(struct run *run) {
    struct clock clock = clock_real();
    serve_if_due(run);
    trend_look(run->trend, run->metrics, clock_wall_ms(&clock));
}

static void start_serving(struct run *run) {
    struct str tables[RELATIONS_MAX];
    for (size_t t = 0; t < run->plan->relation_count; t++) {
        const struct relation *relation = &run->plan->relations[t];
        tables[t] = arena_printf(&run->arena, "%s.%s%s", relation->schema.ptr, relation->name.ptr,
                                 relation->filtered ? FILTERED_SUFFIX : "");
    }
    struct str views[TARGETS_MAX];
    for (size_t t = 0; t < run->plan->target_count; t++) {
        views[t] = run->plan->targets[t].name;
    }
    struct metrics_options counted = {.task_count = run->plan->partition_count,
                                      .tables = tables,
                                      .table_count = run->plan->relation_count,
                                      .version = VERSION,
                                      .views = views,
                                      .view_count = run->plan->target_count};
    run->metrics = metrics_new(&counted);
    run->health = health_new();
    run->trend = trend_new();
    serve_if_due(run);
}

/* Before there is a member: what /readyz says, and that the process is alive. */
static void say_waiting(struct run *run, const char *what, const char *why) {
    struct clock clock = clock_real();
    struct health_report report;
    health_report_begin(&report);
    health_report_add(&report, "waiting for %s%s%s", what, why ? ": " : "", why ? why : "");
    health_beat(run->health, clock_mono_ms(&clock));
    serve_step(run);
    (void)health_publish(run->health, &report);
}

/* With the hint, the first time. */
static void log_waiting(struct run *run, const struct err *err) {
    log_err_hint(&run->log, LOG_WARN, "cli", "waiting_for_kafka", err,
                 run->hinted ? NULL : run->config->down_hint);
    run->hinted = true;
}

/* Asks until a broker answers or a signal comes (ERR_NONE with signals->stop set). */
static enum err_kind learn_cluster(struct run *run, struct err *reterr) {
    say_waiting(run, "Kafka", NULL);
    while (!run->signals->stop) {
        enum err_kind kind = kafka_cluster_id(run->consume, KAFKA_WAIT_MS, run->cluster_id,
                                              sizeof run->cluster_id, reterr);
        if (kind != ERR_RETRY) {
            return kind;
        }
        log_waiting(run, reterr);
        say_waiting(run, "Kafka", reterr->message);
        wait_for(run, NULL, 0, KAFKA_RETRY_MS);
    }
    return ERR_NONE;
}

/* Checks a topic's partition count and cleanup policy. A filtered table has the one that shares out
 * the tasks, or none. */
static enum err_kind check_topic(struct run *run, const struct relation *table,
                                 const struct topic_info *info, struct err *reterr) {
    if (table->filtered && info->partition_count != run->plan->partition_count) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s has %d partitions, topic.partitions says %d: it shares out the "
                       "tasks and has no records: delete it, plan --apply-topics creates it",
                       run->plan->tasks_topic.ptr, info->partition_count,
                       run->plan->partition_count);
    }
    if (table->filtered) {
        return ERR_NONE;
    }
    if (table->role == ROLE_LOOKUP && info->partition_count != table->partition_count) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s has %d partitions and must have %d, since every task reads all of "
                       "it: start with new topics (another topic.prefix), the connector included",
                       table->topic.ptr, info->partition_count, table->partition_count);
    }
    if (info->partition_count != table->partition_count) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s has %d partitions, topic.partitions says %d: they must be equal, "
                       "and equal to the connector's partition.topic.num",
                       table->topic.ptr, info->partition_count, table->partition_count);
    }
    if (!info->compacted && info->retention_ms >= 0) {
        return err_set(
            reterr, ERR_CONFIG,
            "topic %s deletes records after %lld ms (cleanup.policy=delete): rows would be "
            "lost. Set cleanup.policy=compact, or retention.ms=-1",
            table->topic.ptr, (long long)info->retention_ms);
    }
    if (info->compacted && info->min_compaction_lag_ms < MIN_LAG_ADVISED_MS) {
        log_line(&run->log, LOG_WARN, "cli", "short_compaction_lag",
                 "topic=%s min.compaction.lag.ms=%lld hint=\"caches older than half of it are "
                 "rebuilt at each start; set it to days\"",
                 table->topic.ptr, (long long)info->min_compaction_lag_ms);
    }
    if (info->compacted && info->min_compaction_lag_ms < run->min_compaction_lag_ms) {
        run->min_compaction_lag_ms = info->min_compaction_lag_ms;
    }
    return ERR_NONE;
}

/* Waits for every topic, and checks it. */
static enum err_kind check_topics(struct run *run, struct err *reterr) {
    run->min_compaction_lag_ms = INT64_MAX;
    const char *said = NULL;
    while (!run->signals->stop) {
        struct topic_info infos[RELATIONS_MAX];
        const char *missing = NULL;
        enum err_kind kind = kafka_describe(run->consume, KAFKA_WAIT_MS, infos, reterr);
        if (kind == ERR_RETRY) {
            log_waiting(run, reterr);
            say_waiting(run, "Kafka", reterr->message);
            wait_for(run, NULL, 0, KAFKA_RETRY_MS);
            continue;
        }
        for (size_t t = 0; kind == ERR_NONE && t < run->plan->relation_count; t++) {
            const char *name = run->clients.topics[t].name;
            if (!name) {
                continue;
            }
            if (!infos[t].exists) {
                missing = name;
            } else {
                kind = check_topic(run, &run->plan->relations[t], &infos[t], reterr);
            }
        }
        if (kind != ERR_NONE || !missing) {
            return kind;
        }
        if (said != missing) {
            log_line(&run->log, LOG_WARN, "cli", "waiting_for_topic",
                     "topic=%s hint=\"oltp-olap-sync plan --apply-topics creates it\"", missing);
            said = missing;
        }
        say_waiting(run, "topic", missing);
        wait_for(run, NULL, 0, TOPIC_RETRY_MS);
    }
    return ERR_NONE;
}

static void fill_random(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    if (getrandom(bytes, size, 0) != (ssize_t)size) {
        abort();
    }
}

/* Not more than there are tasks. */
static enum err_kind open_sinks(struct run *run, struct err *reterr) {
    size_t count = (size_t)run->config->sink_sessions;
    if (count > (size_t)run->plan->partition_count) {
        count = (size_t)run->plan->partition_count;
    }
    enum err_kind kind = ERR_NONE;
    while (kind == ERR_NONE && run->sink_count < count) {
        kind = pg_sink_new(run->plan, &run->clients.sink, &run->sinks[run->sink_count], reterr);
        run->sink_count += kind == ERR_NONE;
    }
    return kind;
}

static enum err_kind open_clients(struct run *run, struct err *reterr) {
    enum err_kind kind = lmdb_store_guard(reterr);
    if (kind == ERR_NONE) {
        kind =
            lmdb_store_new(cli_state_dir(run->config, run->plan, &run->arena), &run->store, reterr);
    }
    if (kind == ERR_NONE) {
        kind = pg_sink_check(&run->clients.sink, reterr);
    }
    if (kind == ERR_NONE) {
        kind = kafka_new(&run->clients.kafka, &run->consume, reterr);
    }
    if (kind == ERR_NONE) {
        kind = learn_cluster(run, reterr);
    }
    if (kind == ERR_NONE && !run->signals->stop) {
        kind = check_topics(run, reterr);
    }
    if (kind == ERR_NONE && !run->signals->stop) {
        run->clients.sink.identity = (struct sink_identity){str_from(run->cluster_id), STR("java")};
        kind = open_sinks(run, reterr);
    }
    return kind;
}

static void make_member(struct run *run) {
    const struct config *config = run->config;
    buf_printf(&run->identity, "%s", run->cluster_id);
    cli_identity_tail(run->plan, &run->identity);
    struct member_options options = {
        .plan = run->plan,
        .consume_ops = &kafka_ops,
        .consume = run->consume,
        .sink_ops = &pg_sink_ops,
        .sinks = run->sinks,
        .sink_count = run->sink_count,
        .stores = lmdb_store_factory(run->store),
        .clock = clock_real(),
        .log = &run->log,
        .random = fill_random,
        .identity = buf_view(&run->identity),
        .batch_max_rows = (size_t)config->batch_max_rows,
        .held_max_bytes = (size_t)config->held_max_bytes,
        .cache_commit_bytes = (size_t)config->cache_commit_bytes,
        .dead_letter_max = (size_t)config->dead_letter_max,
        .refused_row_max = (size_t)config->refused_row_max,
        .heartbeat_interval_ms = run->clients.heartbeat_interval_ms,
        .heartbeat_max_age_ms =
            run->clients.kafka.heartbeat_topic ? config->heartbeat_max_age_ms : 0,
        .lookup_max_bytes = (uint64_t)config->lookup_max_bytes,
        .conflict_halt_ms = config->conflict_halt_ms,
        .incomplete_halt_ms = config->incomplete_halt_ms,
        .min_compaction_lag_ms = run->min_compaction_lag_ms,
        .metrics = run->metrics,
        .health = run->health,
        .board = run->board,
        .down_hint = config->down_hint,
#ifdef CHECKS
        .checks = true,
#endif
    };
    run->member = member_new(&options);
}

/* From now on the source database is compared with the SQL files, if its address is set. */
static enum err_kind start_watch(struct run *run, struct err *reterr) {
    clients_oltp_init(&run->oltp, run->config);
    if (!link_is_set(&run->oltp.options)) {
        log_line(&run->log, LOG_WARN, "cli", "source_not_watched",
                 "hint=\"it goes unnoticed if a source table is renamed, swapped, emptied or loses "
                 "its REPLICA IDENTITY: set oltp.host, oltp.port, oltp.user, oltp.password and "
                 "oltp.dbname\"");
        return ERR_NONE;
    }
    char *json = NULL;
    enum err_kind kind = cli_connector_json(run->config, run->plan, &json, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct buf slot = {0}, publication = {0};
    connector_value(json, "slot.name", &slot);
    connector_value(json, "publication.name", &publication);
    buf_append(&slot, "", 1);
    buf_append(&publication, "", 1);
    free(json);
    run->board = board_new();
    struct watch_options options = {.link = run->oltp.options,
                                    .plan = run->plan,
                                    .slot = slot.ptr,
                                    .publication = publication.ptr,
                                    .interval_ms = run->config->source_watch_ms,
                                    .board = run->board};
    run->watch = watch_start(&options);
    log_line(&run->log, LOG_INFO, "cli", "source_watched", "slot=%s publication=%s every_ms=%lld",
             slot.ptr, publication.ptr, (long long)options.interval_ms);
    buf_clear(&slot);
    buf_clear(&publication);
    return run->watch
               ? ERR_NONE
               : err_set(reterr, ERR_RETRY, "can't start a thread for the watch on the source");
}

/* Waits until a client has an event or reaches its deadline. */
static void wait_for_work(const struct run *run) {
    struct pollfd fds[1 + SINK_SESSIONS_MAX];
    nfds_t count = 0;
    int timeout_ms = member_wait_ms(run->member);
    int fd = kafka_ops.fd(run->consume);
    if (fd >= 0) {
        fds[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    struct clock clock = clock_real();
    int64_t now_ms = clock_mono_ms(&clock);
    for (size_t i = 0; i < run->sink_count; i++) {
        short events = 0;
        int64_t deadline_ms = -1;
        pg_sink_ops.wait(run->sinks[i], &fd, &events, &deadline_ms);
        if (fd >= 0) {
            fds[count++] = (struct pollfd){fd, events, 0};
        }
        if (deadline_ms >= 0 && deadline_ms - now_ms < timeout_ms) {
            timeout_ms = deadline_ms > now_ms ? (int)(deadline_ms - now_ms) : 0;
        }
    }
    wait_for(run, fds, count, timeout_ms);
}

static enum err_kind loop(struct run *run, struct err *reterr) {
    while (!member_stopped(run->member)) {
        if (run->signals->stop) {
            member_stop(run->member);
        }
        if (run->signals->resume) {
            run->signals->resume = 0;
            member_resume(run->member);
        }
        serve_step(run);
        if (member_step(run->member) == 0) {
            wait_for_work(run);
        } else {
            wait_for(run, NULL, 0, 0); /* delivers pending signals */
        }
        const struct err *err = member_error(run->member);
        if (err) {
            *reterr = *err;
            return err->kind;
        }
    }
    return ERR_NONE;
}

static void run_clear(struct run *run) {
    serve_stop(&run->serve);
    member_destroy(&run->member);
    if (run->consume) {
        kafka_close(run->consume, (int)run->config->shutdown_timeout_ms);
    }
    kafka_destroy(&run->consume);
    for (size_t i = 0; i < run->sink_count; i++) {
        pg_sink_destroy(&run->sinks[i]);
    }
    lmdb_store_destroy(&run->store);
    clients_clear(&run->clients);
    arena_clear(&run->arena);
    buf_clear(&run->identity);
    metrics_destroy(&run->metrics);
    health_destroy(&run->health);
    trend_destroy(&run->trend);
    if (watch_stop(&run->watch)) { /* else its thread still uses what would be freed */
        board_destroy(&run->board);
        clients_oltp_clear(&run->oltp);
    }
    plan_destroy(&run->plan);
}

int cli_run(const struct config *config, struct cli_signals *signals) {
    struct run run = {.config = config, .signals = signals};
    run.log = cli_log(config, config->member);
    run.log.recent = run.recent = recent_new();
    struct err err;
    char *place = NULL;
    enum err_kind kind = cli_load_view(config, &run.plan, &place, &err);
    if (kind == ERR_NONE) {
        clients_init(&run.clients, config, run.plan, &run.log);
        run.views = show_views(run.plan, &run.arena);
        log_start(&run);
        start_serving(&run);
        kind = open_clients(&run, &err);
    }
    if (kind == ERR_NONE && !signals->stop) {
        kind = start_watch(&run, &err);
    }
    if (kind == ERR_NONE && !signals->stop) {
        make_member(&run);
        kind = kafka_subscribe(run.consume, &err);
        if (kind == ERR_NONE) {
            kind = loop(&run, &err);
        }
    }
    run_clear(&run);
    int code = EXIT_CODE_OK;
    if (kind == ERR_NONE) {
        log_line(&run.log, LOG_INFO, "cli", "stopped", "code=0 why=%s",
                 signals->stop == SIGINT ? "SIGINT" : "SIGTERM");
    } else {
        log_err(&run.log, LOG_ERROR, "cli", "failed", &err);
        cli_print_place(&place);
        code = kind == ERR_CONFIG ? EXIT_CODE_CONFIG : EXIT_CODE_FAILED;
    }
    recent_destroy(&run.recent);
    return code;
}
