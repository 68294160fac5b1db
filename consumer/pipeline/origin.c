/* What the watch on the source database found: said, counted, red in readiness, and where records
 * no longer tell what the tasks need, a halt. */
#include "pipeline/origin.h"

#include "base/memory.h"
#include "pipeline/internal.h"

#include <stdlib.h>

#define LOOK_MS 200 /* at the board */

static bool has(const struct findings *findings, const struct finding *finding) {
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].kind == finding->kind &&
            strcmp(findings->items[i].text, finding->text) == 0) {
            return true;
        }
    }
    return false;
}

static void say(const struct member *m, enum log_level level, const char *event,
                const struct finding *finding, const char *hint) {
    char quoted[2 * FINDING_TEXT_MAX], hint_quoted[2 * FINDING_TEXT_MAX];
    log_line(m->o.log, level, "source", event, "what=%s message=%s%s%s",
             finding_kind_name(finding->kind),
             log_quote(quoted, sizeof quoted, str_from(finding->text)), hint ? " hint=" : "",
             hint ? log_quote(hint_quoted, sizeof hint_quoted, str_from(hint)) : "");
}

/* The database, or the connector that should read its slot. */
static bool is_down(const struct finding *finding) {
    return finding->kind == FINDING_AWAY ||
           (finding->kind == FINDING_SLOT && finding->weight == FINDING_RED);
}

static void say_news(const struct member *m, const struct findings *before,
                     const struct findings *now) {
    for (size_t i = 0; i < now->count; i++) {
        const struct finding *finding = &now->items[i];
        if (!has(before, finding)) {
            say(m, finding->weight == FINDING_NOTE ? LOG_WARN : LOG_ERROR, "source_differs",
                finding, is_down(finding) ? m->o.down_hint : NULL);
            metrics_add(m->o.metrics, METRIC_SOURCE_FINDINGS, finding->kind, 1);
        }
    }
    for (size_t i = 0; i < before->count; i++) {
        if (!has(now, &before->items[i])) {
            say(m, LOG_INFO, "source_as_planned", &before->items[i], NULL);
        }
    }
}

static void set_gauges(const struct member *m, const struct board_news *news) {
    int64_t red = 0;
    for (size_t i = 0; i < news->findings.count; i++) {
        red += news->findings.items[i].weight >= FINDING_RED;
    }
    metrics_set(m->o.metrics, METRIC_SOURCE_DIFFERENCES, 0, red);
    metrics_set(m->o.metrics, METRIC_SOURCE_ANSWERS, 0, news->answered);
    if (news->lag_bytes >= 0) {
        metrics_set(m->o.metrics, METRIC_SOURCE_SLOT_LAG, 0, news->lag_bytes);
    } else {
        metrics_unset(m->o.metrics, METRIC_SOURCE_SLOT_LAG, 0);
    }
}

static void take_news(struct member *m) {
    struct origin *origin = &m->origin;
    struct board_news *news = origin->spare;
    if (!board_take(m->o.board, news)) {
        return;
    }
    say_news(m, &origin->news->findings, &news->findings);
    set_gauges(m, news);
    origin->spare = origin->news;
    origin->news = news;
}

/* A task that the group gives later, too. */
static void halt_tasks(struct member *m) {
    const struct findings *findings = &m->origin.news->findings;
    for (size_t i = 0; i < findings->count; i++) {
        struct err err = {.partition = -1, .offset = -1};
        if (findings->items[i].weight != FINDING_HALT) {
            continue;
        }
        (void)err_set(&err, ERR_HALT, "the source database: %.480s", findings->items[i].text);
        for (int32_t p = 0; p < m->partition_count; p++) {
            if (m->tasks[p] && m->tasks[p]->phase != TASK_HALTED) {
                verdict_halt(&m->tasks[p]->verdict, &err);
            }
        }
    }
}

void origin_init(struct member *m) {
    m->origin.news = memory_new(1, sizeof *m->origin.news);
    m->origin.spare = memory_new(1, sizeof *m->origin.spare);
}

void origin_clear(struct member *m) {
    free(m->origin.news);
    free(m->origin.spare);
}

void origin_step(struct member *m) {
    int64_t now = now_ms(m);
    if (m->o.board && now >= m->origin.at_ms) {
        m->origin.at_ms = now + LOOK_MS;
        take_news(m);
        halt_tasks(m);
    }
}

void origin_resume(struct member *m) {
    if (m->o.board) {
        m->origin.news->findings = (struct findings){0};
        board_acknowledge(m->o.board);
    }
}

bool origin_is_red(const struct member *m) {
    return findings_any(&m->origin.news->findings, FINDING_RED);
}

void origin_add_reasons(const struct member *m, struct health_report *report) {
    const struct findings *findings = &m->origin.news->findings;
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].weight >= FINDING_RED) {
            health_report_add(report, "source database: %s", findings->items[i].text);
        }
    }
    if (findings->more > 0) {
        health_report_add(report, "source database: %zu more differences", findings->more);
    }
}
