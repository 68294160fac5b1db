/* verify_print.h: what verify prints.
 *
 * What:    rows that differ and the summary on stdout, as text or as JSON; progress on stderr, in
 *          one line of a terminal, or as lines now and then.
 */
#ifndef CLI_VERIFY_PRINT_H
#define CLI_VERIFY_PRINT_H

#include "verify/verify.h"

struct verify_printer {
    const struct target *target;
    bool json, all, terminal;
    size_t printed, left_out;
    size_t shown; /* width of the line on the terminal */
    int64_t said_ms;
};

void verify_print_finding(struct verify_printer *printer, const struct verify_finding *finding);
void verify_print_progress(struct verify_printer *printer, const struct verify_progress *progress);
void verify_print_note(struct verify_printer *printer, const char *text);
void verify_print_summary(struct verify_printer *printer, const struct verify_result *result,
                          bool sampled);
/* Takes the line off the terminal. */
void verify_print_end(struct verify_printer *printer);

#endif
