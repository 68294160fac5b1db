#include "base/board.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct board {
    pthread_mutex_t mutex; /* guards what follows */
    struct board_news news;
    bool is_new;
    uint32_t round; /* acknowledgements */
    int fd;         /* eventfd(2) */
};

struct board *board_new(void) {
    struct board *board = memory_new(1, sizeof *board);
    (void)pthread_mutex_init(&board->mutex, NULL);
    board->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (board->fd < 0) {
        abort(); /* no file descriptors at the start: nothing else would work */
    }
    return board;
}

void board_destroy(struct board **board) {
    struct board *b = board ? *board : NULL;
    if (!b) {
        return;
    }
    *board = NULL;
    (void)close(b->fd);
    (void)pthread_mutex_destroy(&b->mutex);
    free(b);
}

uint32_t board_round(struct board *board) {
    uint64_t count;
    (void)pthread_mutex_lock(&board->mutex);
    uint32_t round = board->round;
    ssize_t got = read(board->fd, &count, sizeof count); /* EAGAIN: nothing since */
    (void)got;
    (void)pthread_mutex_unlock(&board->mutex);
    return round;
}

bool board_post(struct board *board, uint32_t round, const struct board_news *news) {
    (void)pthread_mutex_lock(&board->mutex);
    bool current = round == board->round;
    if (current) {
        board->news = *news;
        board->is_new = true;
    }
    (void)pthread_mutex_unlock(&board->mutex);
    return current;
}

int board_fd(const struct board *board) {
    return board->fd;
}

bool board_take(struct board *board, struct board_news *ret_news) {
    if (pthread_mutex_trylock(&board->mutex) != 0) {
        return false;
    }
    bool is_new = board->is_new;
    if (is_new) {
        *ret_news = board->news;
        board->is_new = false;
    }
    (void)pthread_mutex_unlock(&board->mutex);
    return is_new;
}

void board_acknowledge(struct board *board) {
    static const uint64_t one = 1;
    (void)pthread_mutex_lock(&board->mutex);
    board->round++;
    board->is_new = false;
    ssize_t put = write(board->fd, &one, sizeof one);
    (void)put;
    (void)pthread_mutex_unlock(&board->mutex);
}
