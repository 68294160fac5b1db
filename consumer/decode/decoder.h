/* decoder.h: what a struct decoder holds; for decode.c and its tests.
 *
 * What:    the memory that decoding one record after another needs.
 * Owns:    everything but view.
 */
#ifndef DECODE_DECODER_H
#define DECODE_DECODER_H

#include "decode/decode.h"
#include "decode/image.h"
#include "decode/quick.h"

struct decoder {
    const struct plan *plan;
    bool by_jansson;      /* never by the scanner: tests compare both ways */
    struct arena memory;  /* arrays of what follows */
    struct quick quick;   /* tried first; the rest is the long way's */
    struct image after;   /* all columns of the widest table */
    struct image before;  /* key columns */
    struct image key;     /* key columns */
    struct buf key_bytes; /* scratch */
    struct buf value_bytes;
};

#endif
