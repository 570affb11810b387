/* SHA-256 and HMAC against the published examples, and a hash that is put away between any two bytes. */
#include "base/sha256.h"

#include "unit.h"

static void hex_of(const void *bytes, size_t length, char text[SHA256_HEX_BYTES])
{
    unsigned char digest[SHA256_BYTES];

    sha256_of(bytes, length, digest);
    sha256_hex(digest, text);
}

static void the_examples_of_fips_180_4_come_out(void **state)
{
    static const char *const cases[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char text[SHA256_HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        hex_of(cases[i][0], strlen(cases[i][0]), text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void the_examples_of_rfc_4231_come_out(void **state)
{
    unsigned char long_key[131], mac[SHA256_BYTES];
    char text[SHA256_HEX_BYTES];

    (void)state;
    sha256_hmac("Jefe", 4, "what do ya want for nothing?", 28, mac);
    sha256_hex(mac, text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xaa, sizeof long_key);
    sha256_hmac(long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    sha256_hex(mac, text);
    assert_string_equal(text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* Every cut of 200 bytes into three, and each part hashed by another worker. */
static void a_hash_goes_on_after_any_cut(void **state)
{
    unsigned char bytes[200], put_away[SHA256_STATE_BYTES], digest[SHA256_BYTES], whole[SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    sha256_of(bytes, sizeof bytes, whole);
    for (size_t first = 0; first <= sizeof bytes; first++)
        for (size_t second = first; second <= sizeof bytes; second += 13) {
            const size_t cuts[] = {0, first, second, sizeof bytes};
            struct sha256 hash;

            sha256_init(&hash);
            for (size_t i = 1; i < COUNT(cuts); i++) {
                sha256_add(&hash, bytes + cuts[i - 1], cuts[i] - cuts[i - 1]);
                sha256_export(&hash, put_away);
                memset(&hash, 0xee, sizeof hash);
                assert_true(sha256_import(&hash, put_away, sizeof put_away));
            }
            sha256_end(&hash, digest);
            assert_memory_equal(digest, whole, sizeof whole);
        }
}

/* What one release wrote the next must read: these bytes are written down, not made. */
static void the_bytes_put_away_are_always_the_same(void **state)
{
    static const unsigned char start[] = {1,    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e,
                                          0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a, 0x51, 0x0e, 0x52, 0x7f, 0x9b,
                                          0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19,
                                          0,    0,    0,    0,    0,    0,    0,    24,   'a',  'b',  'c'};
    unsigned char put_away[SHA256_STATE_BYTES];
    struct sha256 hash;

    (void)state;
    sha256_init(&hash);
    sha256_add(&hash, "abc", 3);
    sha256_export(&hash, put_away);
    assert_memory_equal(put_away, start, sizeof start);
    for (size_t i = sizeof start; i < sizeof put_away; i++)
        assert_int_equal(put_away[i], 0);
}

static void what_was_never_put_away_is_not_taken_up(void **state)
{
    unsigned char put_away[SHA256_STATE_BYTES], changed[SHA256_STATE_BYTES];
    static const struct {
        size_t at;
        unsigned char value;
    } changes[] = {
        {0, 0},                         /* no version */
        {0, 2},                         /* a version to come */
        {40, 25},                       /* three bytes and one bit */
        {40, 16},                       /* two bytes, and a third behind them */
        {41 + 3, 1},                    /* a byte behind the third */
        {SHA256_STATE_BYTES - 1, 0xff}, /* far behind */
    };
    struct sha256 hash;

    (void)state;
    sha256_init(&hash);
    sha256_add(&hash, "abc", 3);
    sha256_export(&hash, put_away);
    for (size_t i = 0; i < COUNT(changes); i++) {
        memcpy(changed, put_away, sizeof changed);
        changed[changes[i].at] = changes[i].value;
        assert_false(sha256_import(&hash, changed, sizeof changed));
    }
    for (size_t length = 0; length < sizeof put_away; length++) {
        unsigned char *exact = unit_exact(put_away, length);

        assert_false(sha256_import(&hash, exact, length));
        free(exact);
    }
    assert_true(sha256_import(&hash, put_away, sizeof put_away));
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_examples_of_fips_180_4_come_out),
        PROMISE(the_examples_of_rfc_4231_come_out),
        PROMISE(a_hash_goes_on_after_any_cut),
        PROMISE(the_bytes_put_away_are_always_the_same),
        PROMISE(what_was_never_put_away_is_not_taken_up),
    };

    return KEEP_PROMISES(promises);
}
