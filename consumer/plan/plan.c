#include "plan/plan.h"

#include "base/memory.h"

#include <stdlib.h>

struct plan *plan_new(void) {
    return memory_new(1, sizeof(struct plan));
}

void plan_destroy(struct plan **plan) {
    if (*plan) {
        arena_clear(&(*plan)->arena);
        free(*plan);
        *plan = NULL;
    }
}
