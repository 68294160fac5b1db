#include "state/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* RFC 3720, B.4 */
static void test_vectors(void **ctx) {
    (void)ctx;
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    for (size_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aaU);
    assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43U);
    assert_int_equal(crc32c(0, up, 32), 0x46dd794eU);
    assert_int_equal(crc32c(0, down, 32), 0x113fdb5cU);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283U);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_both_ways_agree_at_every_length_and_split(void **ctx) {
    (void)ctx;
    unsigned char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37 + 11);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint32_t whole = crc32c_portable(0, bytes, len);
        assert_int_equal(crc32c(0, bytes, len), whole);
        size_t half = len / 3;
        assert_int_equal(crc32c(crc32c(0, bytes, half), bytes + half, len - half), whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_both_ways_agree_at_every_length_and_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
