#include "decode/shape.h"

#include "base/memory.h"

#include <stdlib.h>

void shape_clear(struct shape *shape) {
    buf_clear(&shape->sample);
    free(shape->values);
    *shape = (struct shape){0};
}

bool shape_has(const struct shape *shape, size_t slot) {
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->values[i].slot == slot) {
            return true;
        }
    }
    return false;
}

/* ---- matching ---- */

/* Steps over the sample's bytes from .. to. */
static bool skip_sample(const struct shape *shape, size_t from, size_t to, struct scan *scan) {
    size_t len = to - from;
    if ((size_t)(scan->end - scan->at) < len ||
        memcmp(scan->at, shape->sample.ptr + from, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

static bool holds_object(const struct scan_value *value) {
    return (value->kind == SCAN_OBJECT || value->kind == SCAN_ARRAY) &&
           memchr(value->text.ptr, '{', value->text.len);
}

bool shape_match(const struct shape *shape, struct str text, struct scan_value *slots) {
    struct scan scan = scan_start(text);
    size_t from = 0;
    if (shape->sample.len == 0) {
        return false;
    }
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_value *value = &shape->values[i];
        if (!value->varies) {
            continue;
        }
        struct scan_value *slot = &slots[value->slot];
        if (!skip_sample(shape, from, value->at, &scan) || !scan_value(&scan, slot) ||
            (value->flat && holds_object(slot))) {
            return false;
        }
        from = value->at + value->len;
    }
    return skip_sample(shape, from, shape->sample.len, &scan) && scan.at == scan.end;
}

/* ---- learning ---- */

struct level {
    const struct shape_object *object;
    size_t members; /* seen so far */
};

/* A walk over an object and those of its members that are looked into. */
struct learner {
    struct shape *shape;
    const char *start; /* of the text */
    struct scan scan;
    struct level levels[SHAPE_DEPTH_MAX];
    size_t depth;
};

static bool enter(struct learner *learner, const struct shape_object *object) {
    if (learner->depth == SHAPE_DEPTH_MAX) {
        return false;
    }
    learner->levels[learner->depth++] = (struct level){.object = object};
    return true;
}

static void add_value(struct learner *learner, const struct scan_value *value, size_t slot,
                      bool flat) {
    struct shape *shape = learner->shape;
    shape->values = memory_grow(shape->values, shape->count, &shape->cap, sizeof *shape->values);
    shape->values[shape->count++] =
        (struct shape_value){.at = (size_t)(value->text.ptr - learner->start),
                             .len = value->text.len,
                             .slot = slot,
                             .varies = slot != SHAPE_UNREAD,
                             .flat = flat};
}

static const struct shape_name *find_name(const struct shape_object *object, struct str name) {
    for (size_t i = 0; i < object->count; i++) {
        if (str_equal(object->names[i].name, name)) {
            return &object->names[i];
        }
    }
    return NULL;
}

/* Behind a name: enters the value, or steps over it. */
static bool learn_value(struct learner *learner, struct str name) {
    const struct shape_object *object = learner->levels[learner->depth - 1].object;
    const struct shape_name *known = find_name(object, name);
    struct scan within = learner->scan;
    if (known && known->object && scan_enter(&within)) {
        learner->scan = within;
        return enter(learner, known->object);
    }
    struct scan_value value;
    if (!scan_value(&learner->scan, &value) || learner->shape->count == SHAPE_VALUES_MAX) {
        return false;
    }
    if (!known || !known->object) {
        add_value(learner, &value, known ? known->slot : SHAPE_UNREAD, object->flat);
    }
    return true;
}

static bool learn(struct learner *learner, const struct shape_object *object) {
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

bool shape_learn(struct shape *shape, struct str text, const struct shape_object *object) {
    if (text.len > SHAPE_BYTES_MAX) {
        return false;
    }
    struct learner learner = {.shape = shape, .start = text.ptr, .scan = scan_start(text)};
    if (!learn(&learner, object)) {
        shape->count = 0;
        return false;
    }
    buf_str(&shape->sample, text);
    return true;
}

/* ---- merging ---- */

static struct str sample_part(const struct shape *shape, size_t from, size_t to) {
    return (struct str){shape->sample.ptr + from, to - from};
}

/* The bytes between the values: names and brackets. */
static bool same_members(const struct shape *a, const struct shape *b) {
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

bool shape_merge(struct shape *shape, const struct shape *older) {
    if (!same_members(shape, older)) {
        return false;
    }
    for (size_t i = 0; i < shape->count; i++) {
        struct shape_value *value = &shape->values[i];
        const struct shape_value *other = &older->values[i];
        value->varies |=
            other->varies || !str_equal(sample_part(shape, value->at, value->at + value->len),
                                        sample_part(older, other->at, other->at + other->len));
    }
    return true;
}
