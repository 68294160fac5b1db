#include "proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct proxy {
    int listener, port, server_port;
    pthread_t thread;
    _Atomic int fault;
    _Atomic long bytes;
    _Atomic int stop;
};

static struct sockaddr_in local(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* How many of len bytes may still go; -1: none, and the connection is over. */
static long allowed(struct proxy *proxy, enum proxy_fault direction, long len) {
    if ((enum proxy_fault)atomic_load(&proxy->fault) != direction) {
        return len;
    }
    long left = atomic_load(&proxy->bytes);
    if (left < len) {
        atomic_store(&proxy->fault, PROXY_NONE);
        return left;
    }
    atomic_store(&proxy->bytes, left - len);
    return len;
}

/* Passes one read on; 0: the connection is over. */
static int pass(struct proxy *proxy, int from, int to, enum proxy_fault direction) {
    char bytes[16384];
    long len = recv(from, bytes, sizeof bytes, 0);
    if (len <= 0) {
        return 0;
    }
    char *tag = memmem(bytes, (size_t)len, "COMMIT", sizeof "COMMIT");
    if (tag && direction == PROXY_CUT_DOWN && atomic_load(&proxy->fault) == PROXY_OTHER_TAG) {
        memcpy(tag, "ROLLED", sizeof "ROLLED");
        atomic_store(&proxy->fault, PROXY_NONE);
    }
    static const char version[] = "server_version";
    char *server = memmem(bytes, (size_t)len, version, sizeof version);
    if (server && (enum proxy_fault)atomic_load(&proxy->fault) == PROXY_OLDER) {
        memcpy(server + sizeof version, "14", 2);
        atomic_store(&proxy->fault, PROXY_NONE);
    }
    long go = allowed(proxy, direction, len);
    for (long sent = 0; sent < go;) {
        long n = send(to, bytes + sent, (size_t)(go - sent), MSG_NOSIGNAL);
        if (n <= 0) {
            return 0;
        }
        sent += n;
    }
    return go == len;
}

/* The connection stays open, and nobody will ever read from it. */
static int swallows(struct proxy *proxy, enum proxy_fault fault, const struct pollfd *fd) {
    if (!fd->revents || (enum proxy_fault)atomic_load(&proxy->fault) != fault) {
        return 0;
    }
    atomic_store(&proxy->fault, PROXY_NONE);
    return 1;
}

static void serve(struct proxy *proxy, int client) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = local(proxy->server_port);
    if (connect(server, (struct sockaddr *)&address, sizeof address) == 0) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        int alive = 1;
        while (alive && !atomic_load(&proxy->stop)) {
            (void)poll(fds, 2, 100);
            if (swallows(proxy, PROXY_SWALLOW_UP, &fds[0]) ||
                swallows(proxy, PROXY_SWALLOW_DOWN, &fds[1])) {
                return; /* left open */
            }
            if (alive && fds[0].revents) {
                alive = pass(proxy, client, server, PROXY_CUT_UP);
            }
            if (alive && fds[1].revents) {
                alive = pass(proxy, server, client, PROXY_CUT_DOWN);
            }
        }
    }
    (void)close(server);
    (void)close(client);
}

static void *run(void *arg) {
    struct proxy *proxy = arg;
    while (!atomic_load(&proxy->stop)) {
        struct pollfd fd = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&fd, 1, 100) > 0) {
            int client = accept(proxy->listener, NULL, NULL);
            if (client >= 0) {
                serve(proxy, client);
            }
        }
    }
    return NULL;
}

struct proxy *proxy_start(int server_port) {
    struct proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in address = local(0);
    socklen_t len = sizeof address;
    proxy->server_port = server_port;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(proxy->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, 16) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&proxy->thread, NULL, run, proxy) != 0) {
        abort();
    }
    proxy->port = ntohs(address.sin_port);
    return proxy;
}

int proxy_port(const struct proxy *proxy) {
    return proxy->port;
}

void proxy_arm(struct proxy *proxy, enum proxy_fault fault, long bytes) {
    atomic_store(&proxy->bytes, bytes);
    atomic_store(&proxy->fault, fault);
}

void proxy_stop(struct proxy **proxy) {
    atomic_store(&(*proxy)->stop, 1);
    (void)pthread_join((*proxy)->thread, NULL);
    (void)close((*proxy)->listener);
    free(*proxy);
    *proxy = NULL;
}
