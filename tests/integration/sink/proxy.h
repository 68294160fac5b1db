/* proxy.h: a TCP proxy in front of PostgreSQL that loses connections on demand.
 *
 * What:    passes bytes on; a fault is armed for the next bytes of one direction.
 * Owns:    its socket and thread until proxy_stop.
 * Threads: its own; the functions may be called from one other.
 * Errors:  end the test.
 * Limits:  one connection at a time.
 */
#ifndef TESTS_PROXY_H
#define TESTS_PROXY_H

enum proxy_fault {
    PROXY_NONE,
    PROXY_CUT_UP,       /* after `bytes` more bytes to the server: close both */
    PROXY_OTHER_TAG,    /* the next COMMIT is answered as something else */
    PROXY_OLDER,        /* to the next connection the server is PostgreSQL 14 */
    PROXY_SWALLOW_UP,   /* takes what comes from the client next, and is silent from then on */
    PROXY_SWALLOW_DOWN, /* the same of the server; new connections are served */
    PROXY_CUT_DOWN,     /* after `bytes` more bytes to the client: eat the rest, then close both */
};

struct proxy;

struct proxy *proxy_start(int server_port);
int proxy_port(const struct proxy *proxy);
void proxy_arm(struct proxy *proxy, enum proxy_fault fault, long bytes);
void proxy_stop(struct proxy **proxy);

#endif
