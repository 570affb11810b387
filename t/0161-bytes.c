/* Bytes as text and back: exactly what was written, and nothing that only looks like it. */
#include "base/bytes.h"
#include "base/clock.h"

#include "unit.h"

#include <sodium.h>

enum { MOST = 67 };

static void bytes_of_each_length_come_back_from_hex_and_base64(void **state)
{
    (void)state;
    for (size_t length = 0; length <= MOST; length++) {
        unsigned char bytes[MOST + 1], back[MOST + 1];
        char hex[HEX_TEXT_BYTES(MOST)], base64[BASE64_TEXT_BYTES(MOST)];

        random_bytes(bytes, length);
        bytes_to_hex(bytes, length, hex);
        assert_int_equal(strlen(hex), HEX_TEXT_BYTES(length) - 1);
        assert_int_equal(strspn(hex, "0123456789abcdef"), strlen(hex));
        assert_true(bytes_from_hex(hex, strlen(hex), back, length));
        assert_memory_equal(bytes, back, length);
        bytes_to_base64(bytes, length, base64);
        assert_int_equal(strlen(base64), BASE64_TEXT_BYTES(length) - 1);
        assert_null(strpbrk(base64, "+/="));
        memset(back, 0xEE, sizeof back);
        assert_true(bytes_from_base64(base64, strlen(base64), back, length));
        assert_memory_equal(bytes, back, length);
    }
}

static void known_texts_are_written(void **state)
{
    static const unsigned char bytes[] = {0x00, 0xFB, 0xFF, 0xFE, 0x10};
    char hex[HEX_TEXT_BYTES(sizeof bytes)], base64[BASE64_TEXT_BYTES(sizeof bytes)];

    (void)state;
    bytes_to_hex(bytes, sizeof bytes, hex);
    assert_string_equal(hex, "00fbfffe10");
    bytes_to_base64(bytes, sizeof bytes, base64);
    assert_string_equal(base64, "APv__hA");
}

static void a_text_of_another_length_or_alphabet_is_refused(void **state)
{
    static const char *const hex[] = {"",           "0",        "0011",     "00112",   "001122334",
                                      "0011223344", "0011 233", "0011223g", "00:11:22"};
    static const char *const base64[] = {"",       "AAE",    "AAECA",  "AAECAw==",  "AAECAwQ",
                                         "AAEC+w", "AAEC/w", "AAEC w", "AAEC\xC3w", "AAECAx"};
    unsigned char bytes[4];

    (void)state;
    for (size_t i = 0; i < COUNT(hex); i++) {
        char *exact = unit_exact(hex[i], strlen(hex[i]));

        if (bytes_from_hex(exact, strlen(hex[i]), bytes, sizeof bytes))
            fail_msg("\"%s\" was taken for hex of four bytes", hex[i]);
        free(exact);
    }
    for (size_t i = 0; i < COUNT(base64); i++) {
        char *exact = unit_exact(base64[i], strlen(base64[i]));

        if (bytes_from_base64(exact, strlen(base64[i]), bytes, sizeof bytes))
            fail_msg("\"%s\" was taken for base64 of four bytes", base64[i]);
        free(exact);
    }
    assert_true(bytes_from_base64("AAECAw", 6, bytes, sizeof bytes));
}

/* As far as libsodium is right: it takes bytes from 0x80 on for digits. */
static void each_character_means_what_it_means_to_libsodium(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++)
        for (size_t place = 0; place < 4; place++) {
            char text[] = "AAAA";
            unsigned char ours[3], theirs[3];
            size_t length;
            bool taken;

            text[place] = (char)c;
            taken = sodium_base642bin(theirs, sizeof theirs, text, 4, NULL, &length, NULL,
                                      sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                    length == sizeof theirs;
            if (bytes_from_base64(text, 4, ours, sizeof ours) != taken)
                fail_msg("byte %d", c);
            if (taken)
                assert_memory_equal(ours, theirs, sizeof ours);
        }
    for (int c = 0x80; c < 0x100; c++) {
        const char text[] = {(char)c, 'A', 'A', 'A'};
        unsigned char bytes[3];

        if (bytes_from_base64(text, sizeof text, bytes, sizeof bytes))
            fail_msg("byte %d", c);
    }
}

static void bytes_are_compared_whole_and_wiped_whole(void **state)
{
    unsigned char a[32], b[32], zeros[32] = {0};

    (void)state;
    random_bytes(a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++) {
        memcpy(b, a, sizeof a);
        assert_true(bytes_equal(a, b, sizeof a));
        b[i] ^= 1;
        assert_false(bytes_equal(a, b, sizeof a));
    }
    bytes_wipe(a, sizeof a);
    assert_memory_equal(a, zeros, sizeof a);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(bytes_of_each_length_come_back_from_hex_and_base64),
        PROMISE(known_texts_are_written),
        PROMISE(a_text_of_another_length_or_alphabet_is_refused),
        PROMISE(each_character_means_what_it_means_to_libsodium),
        PROMISE(bytes_are_compared_whole_and_wiped_whole),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
