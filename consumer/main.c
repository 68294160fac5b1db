/* main.c: signals, and away to the command line. */
#include "cli/cli.h"

#include <unistd.h>

static struct cli_signals signals;

static void on_signal(int number) {
    if (number == SIGHUP) {
        signals.resume = 1;
    } else {
        signals.stop = number;
    }
}

int main(int argc, char **argv) {
    /* Blocked but in ppoll(2): no signal can be missed between a check and a wait. */
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &ours, &signals.waiting);
    (void)sigdelset(&signals.waiting, SIGTERM);
    (void)sigdelset(&signals.waiting, SIGINT);
    (void)sigdelset(&signals.waiting, SIGHUP);
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv, environ, &signals);
}
