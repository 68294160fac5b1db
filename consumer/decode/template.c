#include "decode/template.h"

#include "base/memory.h"

#include <stdlib.h>

void template_clear(struct template *template) {
    buf_clear(&template->sample);
    free(template->values);
    *template = (struct template){0};
}

bool template_has(const struct template *template, size_t slot) {
    for (size_t i = 0; i < template->count; i++) {
        if (template->values[i].slot == slot) {
            return true;
        }
    }
    return false;
}

/* ---- matching ---- */

/* Steps over the sample's bytes from .. to. */
static bool skip_sample(const struct template *template, size_t from, size_t to,
                        struct scan *scan) {
    size_t len = to - from;
    if ((size_t)(scan->end - scan->at) < len ||
        memcmp(scan->at, template->sample.ptr + from, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

static bool holds_object(const struct scan_value *value) {
    return (value->kind == SCAN_OBJECT || value->kind == SCAN_ARRAY) &&
           memchr(value->text.ptr, '{', value->text.len);
}

bool template_match(const struct template *template, struct str text, struct scan_value *slots) {
    struct scan scan = scan_start(text);
    size_t from = 0;
    if (template->sample.len == 0) {
        return false;
    }
    for (size_t i = 0; i < template->count; i++) {
        const struct template_value *value = &template->values[i];
        if (!value->varies) {
            continue;
        }
        struct scan_value *slot = &slots[value->slot];
        if (!skip_sample(template, from, value->at, &scan) || !scan_value(&scan, slot) ||
            (value->flat && holds_object(slot))) {
            return false;
        }
        from = value->at + value->len;
    }
    return skip_sample(template, from, template->sample.len, &scan) && scan.at == scan.end;
}

/* ---- learning ---- */

struct level {
    const struct template_object *object;
    size_t members; /* seen so far */
};

/* A walk over an object and those of its members that are looked into. */
struct learner {
    struct template *template;
    const char *start; /* of the text */
    struct scan scan;
    struct level levels[TEMPLATE_DEPTH_MAX];
    size_t depth;
};

static bool enter(struct learner *learner, const struct template_object *object) {
    if (learner->depth == TEMPLATE_DEPTH_MAX) {
        return false;
    }
    learner->levels[learner->depth++] = (struct level){.object = object};
    return true;
}

static void add_value(struct learner *learner, const struct scan_value *value, size_t slot,
                      bool flat) {
    struct template *template = learner->template;
    template->values =
        memory_grow(template->values, template->count, &template->cap, sizeof *template->values);
    template->values[template->count++] =
        (struct template_value){.at = (size_t)(value->text.ptr - learner->start),
                                .len = value->text.len,
                                .slot = slot,
                                .varies = slot != TEMPLATE_UNREAD,
                                .flat = flat};
}

static const struct template_name *find_name(const struct template_object *object,
                                             struct str name) {
    for (size_t i = 0; i < object->count; i++) {
        if (str_equal(object->names[i].name, name)) {
            return &object->names[i];
        }
    }
    return NULL;
}

/* Behind a name: enters the value, or steps over it. */
static bool learn_value(struct learner *learner, struct str name) {
    const struct template_object *object = learner->levels[learner->depth - 1].object;
    const struct template_name *known = find_name(object, name);
    struct scan within = learner->scan;
    if (known && known->object && scan_enter(&within)) {
        learner->scan = within;
        return enter(learner, known->object);
    }
    struct scan_value value;
    if (!scan_value(&learner->scan, &value) || learner->template->count == TEMPLATE_VALUES_MAX) {
        return false;
    }
    if (!known || !known->object) {
        add_value(learner, &value, known ? known->slot : TEMPLATE_UNREAD, object->flat);
    }
    return true;
}

static bool learn(struct learner *learner, const struct template_object *object) {
    if (!scan_enter(&learner->scan) || !enter(learner, object)) {
        return false;
    }
    while (learner->depth > 0) {
        struct str name;
        switch (scan_member(&learner->scan, learner->levels[learner->depth - 1].members++, &name)) {
        case SCAN_MEMBER:
            if (!learn_value(learner, name)) {
                return false;
            }
            break;
        case SCAN_END:
            learner->depth--;
            break;
        case SCAN_LOST:
            return false;
        }
    }
    return scan_done(&learner->scan);
}

bool template_learn(struct template *template, struct str text,
                    const struct template_object *object) {
    if (text.len > TEMPLATE_BYTES_MAX) {
        return false;
    }
    struct learner learner = {.template = template, .start = text.ptr, .scan = scan_start(text)};
    if (!learn(&learner, object)) {
        template->count = 0;
        return false;
    }
    buf_str(&template->sample, text);
    return true;
}

/* ---- merging ---- */

static struct str sample_part(const struct template *template, size_t from, size_t to) {
    return (struct str){template->sample.ptr + from, to - from};
}

/* The bytes between the values: names and brackets. */
static bool same_members(const struct template *a, const struct template *b) {
    size_t a_from = 0, b_from = 0;
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!str_equal(sample_part(a, a_from, a->values[i].at),
                       sample_part(b, b_from, b->values[i].at))) {
            return false;
        }
        a_from = a->values[i].at + a->values[i].len;
        b_from = b->values[i].at + b->values[i].len;
    }
    return str_equal(sample_part(a, a_from, a->sample.len), sample_part(b, b_from, b->sample.len));
}

bool template_merge(struct template *template, const struct template *older) {
    if (!same_members(template, older)) {
        return false;
    }
    for (size_t i = 0; i < template->count; i++) {
        struct template_value *value = &template->values[i];
        const struct template_value *other = &older->values[i];
        value->varies |=
            other->varies || !str_equal(sample_part(template, value->at, value->at + value->len),
                                        sample_part(older, other->at, other->at + other->len));
    }
    return true;
}
