/* Dead letters that stand in the sink, as a task takes them over. */
#include "pipeline/member_impl.h"

/* The version that a letter's record holds, put aside itself; ptr NULL: none, or it can't be read.
 */
static struct str version_of(struct member *m, const struct task *task,
                             const struct known_letter *letter) {
    struct record record = {.table = letter->table,
                            .partition = task->number,
                            .offset = letter->offset,
                            .key = letter->key,
                            .value = letter->value};
    struct change change;
    arena_reset(&m->scratch);
    enum err_kind kind =
        letter->value.ptr ? decode(m->decoder, &record, &m->scratch, &change, NULL) : ERR_RECORD;
    return kind == ERR_NONE ? change.value : STR_NONE;
}

/* A record that was put aside never counts, so its version is kept by no letter behind it. Earlier
 * releases could store one that did: of a batch of several transactions whose first one held the
 * letter, and a later one turned out to be refused. Such a letter keeps what the other one does. */
static void mend_letters_behind(struct member *m, const struct task *task,
                                struct known_letter *letters, size_t count, size_t at) {
    struct str version = version_of(m, task, &letters[at]);
    for (size_t i = at + 1; version.ptr && i < count; i++) {
        struct known_letter *letter = &letters[i];
        if (letter->table == letters[at].table && letter->kept.ptr &&
            str_equal(letter->row_key, letters[at].row_key) && str_equal(letter->kept, version)) {
            letter->kept = letters[at].kept;
            log_line(m->o.log, LOG_INFO, "pipeline", "letter_mended",
                     "topic=%s partition=%d offset=%lld", m->view->tables[letter->table].topic.ptr,
                     task->number, (long long)letter->offset);
        }
    }
}

void task_take_letters(struct member *m, struct task *task, struct known_letter *letters,
                       size_t count) {
    for (size_t i = 0; i < count; i++) { /* ascending: what the first one keeps is right */
        if (letters[i].row_key.ptr) {
            mend_letters_behind(m, task, letters, count, i);
        }
    }
    for (size_t i = 0; i < count; i++) {
        task_know_letter(task, &letters[i]);
    }
}
