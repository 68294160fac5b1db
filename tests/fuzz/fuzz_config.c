/* Settings from foreign bytes: whatever a file holds, the parser accepts it or says ERR_CONFIG. */
#include "config/sources.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct config_entries entries = {.arena = &arena};
    struct err err;
    enum err_kind kind =
        config_entries_json(&entries, (struct str){(const char *)data, size}, "fuzz.json", &err);
    if (kind != ERR_NONE && kind != ERR_CONFIG) {
        abort();
    }
    arena_clear(&arena);
    return 0;
}
