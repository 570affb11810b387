/* Base64 as RFC 4648 writes it: every text of bytes is read, and nothing that is not the one text of its bytes. */
#include "base/base64.h"

#include "unit.h"

#include <sodium.h>

static bool reads(const char *text, const char *expected)
{
    char bytes[64];
    size_t length;

    return base64_decode(text, strlen(text), bytes, sizeof bytes, &length) && length == strlen(expected) &&
           memcmp(bytes, expected, length) == 0;
}

static void the_examples_of_the_rfc_are_read(void **state)
{
    (void)state;
    assert_true(reads("", ""));
    assert_true(reads("Zg==", "f"));
    assert_true(reads("Zm8=", "fo"));
    assert_true(reads("Zm9v", "foo"));
    assert_true(reads("Zm9vYg==", "foob"));
    assert_true(reads("Zm9vYmE=", "fooba"));
    assert_true(reads("Zm9vYmFy", "foobar"));
    assert_true(reads("+/+/", "\xFB\xFF\xBF"));
}

static void what_is_not_exactly_base64_is_refused(void **state)
{
    static const char *const cases[] = {
        "Z",        "Zg",       "Zg=",  "Zh==",     "Zm9=",    "Zm8=Zm8=", "====", "A===", "Zg== ", " Zg==",
        "Zg==\n",   "Zm 9",     "-_-_", "Zm9v====", "Z\xC3==", "Zm9v=",    "=",    "=Zg=", "Zg=g",  "\x80\x80\x80\x80",
        "Zm9vZ===", "Zm9v.AAA",
    };
    char bytes[64];
    size_t length;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *exact = unit_exact(cases[i], strlen(cases[i]));

        if (base64_decode(exact, strlen(cases[i]), bytes, sizeof bytes, &length))
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(length, 0);
        free(exact);
    }
    assert_false(base64_decode("Zg=\0", 4, bytes, sizeof bytes, &length));
}

static void random_bytes_come_back_also_in_their_own_place(void **state)
{
    uint64_t seed = 160;

    (void)state;
    for (size_t size = 0; size < 200; size++) {
        unsigned char bytes[200], *decoded = malloc(size + 1);
        char text[300];
        size_t length;

        assert_non_null(decoded);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)unit_random(&seed);
        sodium_bin2base64(text, sizeof text, bytes, size, sodium_base64_VARIANT_ORIGINAL);
        assert_true(base64_decode(text, strlen(text), decoded, size, &length));
        assert_int_equal(length, size);
        assert_memory_equal(decoded, bytes, size);
        if (size > 0)
            assert_false(base64_decode(text, strlen(text), decoded, size - 1, &length));
        assert_true(base64_decode(text, strlen(text), text, sizeof text, &length));
        assert_memory_equal(text, bytes, size);
        free(decoded);
    }
}

static void random_texts_are_read_as_libsodium_reads_them(void **state)
{
    static const char letters[] = "AQgwZ9+/==-_ \n\x80";
    uint64_t seed = 161;
    int taken = 0;

    (void)state;
    for (int round = 0; round < 50000; round++) {
        unsigned char own[16], theirs[16];
        size_t length = unit_random(&seed) % 13, own_length, their_length;
        bool ascii = true, ok;
        char text[13];

        for (size_t i = 0; i < length; i++)
            text[i] = letters[unit_random(&seed) % (sizeof letters - 1)];
        for (size_t i = 0; i < length; i++)
            ascii = ascii && (unsigned char)text[i] < 0x80; /* libsodium 1.0.18 takes others for an 'A' */
        ok = sodium_base642bin(theirs, sizeof theirs, text, length, NULL, &their_length, NULL,
                               sodium_base64_VARIANT_ORIGINAL) == 0;
        assert_int_equal(base64_decode(text, length, own, sizeof own, &own_length), ok && ascii);
        if (!ok || !ascii)
            continue;
        taken++;
        assert_int_equal(own_length, their_length);
        assert_memory_equal(own, theirs, own_length);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_examples_of_the_rfc_are_read),
        PROMISE(what_is_not_exactly_base64_is_refused),
        PROMISE(random_bytes_come_back_also_in_their_own_place),
        PROMISE(random_texts_are_read_as_libsodium_reads_them),
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
