#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

static int port_of(int fd) {
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char service[16];
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0 ||
        getnameinfo((struct sockaddr *)&bound, len, NULL, 0, service, sizeof service,
                    NI_NUMERICSERV) != 0) {
        return -1;
    }
    return (int)strtol(service, NULL, 10);
}

/* -1 and errno if it can't be bound. */
static int open_on(const struct addrinfo *info) {
    int on = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    /* Don't wait for the TIME_WAIT of a predecessor's connections. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

enum err_kind listen_on(const char *address, int port, int *ret_fd, int *ret_port,
                        struct err *reterr) {
    char service[16];
    (void)snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int why = getaddrinfo(address, service, &hints, &found);
    if (why != 0) {
        return err_set(reterr, ERR_RETRY, "%s: %s", address, gai_strerror(why));
    }
    int fd = -1, code = 0;
    for (const struct addrinfo *info = found; info && fd < 0; info = info->ai_next) {
        fd = open_on(info);
        code = errno;
    }
    freeaddrinfo(found);
    if (fd < 0) {
        char text[128];
        return err_set(reterr, ERR_RETRY, "%s port %d: %s", address, port,
                       strerror_r(code, text, sizeof text));
    }
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return ERR_NONE;
}
