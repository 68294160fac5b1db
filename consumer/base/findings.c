#include "base/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void findings_add(struct findings *findings, enum finding_kind kind, enum finding_weight weight,
                  const char *format, ...) {
    if (findings->count == FINDINGS_MAX) {
        findings->more++;
        return;
    }
    struct finding *finding = &findings->items[findings->count];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->items[i].text, finding->text) == 0) {
            return; /* of a table in two roles */
        }
    }
    findings->count++;
    finding->passes = false;
    finding->kind = kind;
    finding->weight = weight;
}

const char *finding_kind_name(enum finding_kind kind) {
    static const char *const names[FINDING_KINDS] = {
        [FINDING_TABLE] = "table",     [FINDING_REPLACED] = "replaced",
        [FINDING_EMPTIED] = "emptied", [FINDING_IDENTITY] = "identity",
        [FINDING_COLUMNS] = "columns", [FINDING_PUBLICATION] = "publication",
        [FINDING_SLOT] = "slot",       [FINDING_SERVER] = "server",
        [FINDING_TRIGGER] = "trigger", [FINDING_AWAY] = "away",
    };
    return names[kind];
}

bool findings_any(const struct findings *findings, enum finding_weight weight) {
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].weight >= weight) {
            return true;
        }
    }
    return findings->more > 0;
}
