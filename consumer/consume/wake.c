#include "consume/wake.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err_kind wake_init(struct wake *wake, struct err *reterr) {
    wake->records_wanted = true;
    wake->group = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wake->records = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wake->both = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event group = {.events = EPOLLIN, .data = {.fd = wake->group}};
    struct epoll_event records = {.events = EPOLLIN, .data = {.fd = wake->records}};
    if (wake->group < 0 || wake->records < 0 || wake->both < 0 ||
        epoll_ctl(wake->both, EPOLL_CTL_ADD, wake->group, &group) < 0 ||
        epoll_ctl(wake->both, EPOLL_CTL_ADD, wake->records, &records) < 0) {
        return err_set(reterr, ERR_RETRY, "no file descriptors for the Kafka client: %s",
                       strerror(errno));
    }
    return ERR_NONE;
}

static void close_fd(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void wake_clear(struct wake *wake) {
    close_fd(&wake->both);
    close_fd(&wake->group);
    close_fd(&wake->records);
}

/* Empties an eventfd; true when there was something. */
static bool take(int fd) {
    uint64_t count;
    return read(fd, &count, sizeof count) == (ssize_t)sizeof count;
}

void wake_before_group(struct wake *wake) {
    (void)take(wake->group);
    if (take(wake->records) && wake->records_wanted) {
        wake_again(wake->records);
    }
    wake->records_wanted = false;
}

void wake_before_records(struct wake *wake) {
    wake->records_wanted = true;
    (void)take(wake->records);
}

void wake_again(int fd) {
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then the descriptor is readable anyway. */
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}
