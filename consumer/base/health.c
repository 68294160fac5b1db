#include "base/health.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct health {
    _Atomic int64_t beat_ms;
    pthread_mutex_t mutex;       /* guards report */
    struct health_report report; /* as published last */
};

static const char no_room[] = "... and more\n";

void health_report_begin(struct health_report *report) {
    report->ready = true;
    report->cut = false;
    report->len = 0;
    report->text[0] = '\0';
}

void health_report_add(struct health_report *report, const char *format, ...) {
    report->ready = false;
    if (report->cut) {
        return;
    }
    /* for the line and its newline; no_room always finds some */
    size_t room = sizeof report->text - sizeof no_room - report->len;
    char *line = report->text + report->len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, room, format, args);
    va_end(args);
    if (len < 0 || (size_t)len + 1 >= room) {
        memcpy(line, no_room, sizeof no_room);
        report->len += sizeof no_room - 1;
        report->cut = true;
        return;
    }
    for (int i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = ' ';
        }
    }
    line[len] = '\n';
    line[len + 1] = '\0';
    report->len += (size_t)len + 1;
}

struct health *health_new(void) {
    struct health *health = memory_new(1, sizeof *health);
    atomic_init(&health->beat_ms, -1);
    (void)pthread_mutex_init(&health->mutex, NULL);
    health_report_begin(&health->report);
    health_report_add(&health->report, "starting");
    return health;
}

void health_destroy(struct health **health) {
    struct health *h = health ? *health : NULL;
    if (!h) {
        return;
    }
    *health = NULL;
    (void)pthread_mutex_destroy(&h->mutex);
    free(h);
}

void health_beat(struct health *health, int64_t now_ms) {
    if (health) {
        atomic_store_explicit(&health->beat_ms, now_ms, memory_order_relaxed);
    }
}

int64_t health_last_beat_ms(const struct health *health) {
    return atomic_load_explicit(&health->beat_ms, memory_order_relaxed);
}

static void copy(struct health_report *to, const struct health_report *from) {
    to->ready = from->ready;
    to->cut = from->cut;
    to->len = from->len;
    memcpy(to->text, from->text, from->len + 1);
}

bool health_publish(struct health *health, const struct health_report *report) {
    if (!health) {
        return true;
    }
    if (pthread_mutex_trylock(&health->mutex) != 0) {
        return false;
    }
    copy(&health->report, report);
    (void)pthread_mutex_unlock(&health->mutex);
    return true;
}

void health_read(struct health *health, struct health_report *ret_report) {
    (void)pthread_mutex_lock(&health->mutex);
    copy(ret_report, &health->report);
    (void)pthread_mutex_unlock(&health->mutex);
}
