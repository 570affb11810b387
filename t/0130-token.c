/* Session tokens: what a client holds opens exactly one session, and what the server keeps opens none. */
#include "base/token.h"

#include "unit.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool equal(const struct token *a, const struct token *b)
{
    return uuid_equal(&a->id, &b->id) && token_hash_equal(a->hash, b->hash);
}

static void a_token_is_read_as_it_was_made(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct token made, read;
        char text[TOKEN_TEXT_BYTES];
        char *exact;

        token_new(&clock_system, &made, text);
        assert_int_equal(strlen(text), TOKEN_TEXT_BYTES - 1);
        assert_memory_equal(text, "mfs_", 4);
        assert_int_equal(strspn(text + 4, alphabet), 64);
        exact = unit_exact(text, TOKEN_TEXT_BYTES - 1);
        assert_true(token_parse(exact, TOKEN_TEXT_BYTES - 1, &read));
        assert_true(equal(&made, &read));
        free(exact);
    }
}

static void no_two_tokens_share_an_id_or_a_secret(void **state)
{
    struct token tokens[200];
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(tokens); i++) {
        token_new(&clock_system, &tokens[i], text);
        for (size_t k = 0; k < i; k++) {
            assert_false(uuid_equal(&tokens[i].id, &tokens[k].id));
            assert_false(token_hash_equal(tokens[i].hash, tokens[k].hash));
        }
    }
}

/* Stored hashes must stay readable by later versions: BLAKE2b-256 of the 32 bytes after the id, without a key. */
static void the_kept_hash_is_blake2b_of_the_secret_half(void **state)
{
    static const unsigned char of_zeros[TOKEN_HASH_BYTES] = {
        0x89, 0xeb, 0x0d, 0x6a, 0x8a, 0x69, 0x1d, 0xae, 0x2c, 0xd1, 0x5e, 0xd0, 0x36, 0x99, 0x31, 0xce,
        0x0a, 0x94, 0x9e, 0xca, 0xfa, 0x5c, 0x3f, 0x93, 0xf8, 0x12, 0x18, 0x33, 0x64, 0x6e, 0x15, 0xc3,
    };
    static const struct uuid no_id = {{0}};
    char text[TOKEN_TEXT_BYTES] = "mfs_";
    struct token token;

    (void)state;
    memset(text + 4, 'A', 64);
    assert_true(token_parse(text, strlen(text), &token));
    assert_true(uuid_equal(&token.id, &no_id));
    assert_memory_equal(token.hash, of_zeros, TOKEN_HASH_BYTES);
}

static void no_changed_character_gives_the_same_token(void **state)
{
    struct token made, read;
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    token_new(&clock_system, &made, text);
    for (size_t at = 0; at < TOKEN_TEXT_BYTES - 1; at++) {
        char kept = text[at];

        for (int byte = 0; byte < 256; byte++) {
            bool digit = byte != 0 && strchr(alphabet, byte) != NULL;

            if (byte == (unsigned char)kept)
                continue;
            text[at] = (char)byte;
            if (!token_parse(text, TOKEN_TEXT_BYTES - 1, &read)) {
                assert_false(at >= 4 && digit);
                continue;
            }
            assert_true(at >= 4 && digit);
            assert_false(equal(&made, &read));
        }
        text[at] = kept;
    }
}

static void every_other_length_is_refused(void **state)
{
    struct token token;
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    token_new(&clock_system, &token, text);
    for (size_t length = 0; length < 3 * TOKEN_TEXT_BYTES; length++) {
        char *exact = malloc(length + 1);

        assert_non_null(exact);
        for (size_t i = 0; i < length; i++)
            exact[i] = i < TOKEN_TEXT_BYTES - 1 ? text[i] : 'A';
        assert_int_equal(token_parse(exact, length, &token), length == TOKEN_TEXT_BYTES - 1);
        free(exact);
    }
}

static void hashes_are_equal_only_in_every_bit(void **state)
{
    unsigned char a[TOKEN_HASH_BYTES], b[TOKEN_HASH_BYTES];

    (void)state;
    random_bytes(a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(token_hash_equal(a, b));
    for (size_t bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(token_hash_equal(a, b));
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_token_is_read_as_it_was_made),
        PROMISE(no_two_tokens_share_an_id_or_a_secret),
        PROMISE(the_kept_hash_is_blake2b_of_the_secret_half),
        PROMISE(no_changed_character_gives_the_same_token),
        PROMISE(every_other_length_is_refused),
        PROMISE(hashes_are_equal_only_in_every_bit),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
