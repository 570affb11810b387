/* What is believed of memcached: an item that was sealed with one of the secret's keys for this very key, whole. */
#include "db/cache_seal.h"

#include "base/clock.h"

#include "unit.h"

enum { PAYLOAD_BYTES = 300, ITEM_BYTES = sizeof(struct cache_seal) + PAYLOAD_BYTES };

#define NAME "mfs:0199d5a0-0000-7000-8000-000000000001"

static struct cache_keys keys_of(const char *bytes)
{
    struct secret secret = {.count = strlen(bytes)};
    struct cache_keys keys;

    for (size_t i = 0; i < secret.count; i++)
        memset(secret.keys[i], bytes[i], SECRET_KEY_BYTES);
    cache_keys_derive(&keys, &secret);
    return keys;
}

static void make(const struct cache_keys *keys, const char *name, unsigned char item[ITEM_BYTES])
{
    memset(item, 'p', ITEM_BYTES);
    cache_seal(keys, name, item, ITEM_BYTES);
}

static void what_was_sealed_is_believed(void **state)
{
    struct cache_keys keys = keys_of("a");
    unsigned char item[ITEM_BYTES];

    (void)state;
    make(&keys, NAME, item);
    assert_int_equal(cache_unseal(&keys, NAME, item, sizeof item), CACHE_TRUSTED);
    for (size_t i = sizeof(struct cache_seal); i < sizeof item; i++)
        assert_int_equal(item[i], 'p');
}

static void no_bit_may_differ(void **state)
{
    struct cache_keys keys = keys_of("a");
    unsigned char item[ITEM_BYTES];

    (void)state;
    make(&keys, NAME, item);
    for (size_t bit = 0; bit < 8 * sizeof item; bit++) {
        item[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_int_not_equal(cache_unseal(&keys, NAME, item, sizeof item), CACHE_TRUSTED);
        item[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    assert_int_equal(cache_unseal(&keys, NAME, item, sizeof item), CACHE_TRUSTED);
}

static void a_part_is_no_item(void **state)
{
    struct cache_keys keys = keys_of("a");
    unsigned char item[ITEM_BYTES + 1] = {0};

    (void)state;
    make(&keys, NAME, item);
    for (size_t length = 0; length < sizeof item + 1; length++) {
        unsigned char *exact = malloc(length + 1);

        assert_non_null(exact);
        memcpy(exact, item, length < sizeof item ? length : sizeof item);
        assert_int_equal(cache_unseal(&keys, NAME, exact, length), length == ITEM_BYTES ? CACHE_TRUSTED : CACHE_FORGED);
        free(exact);
    }
}

static void another_key_of_memcached_is_another_item(void **state)
{
    static const char *const others[] = {"mfs:0199d5a0-0000-7000-8000-000000000002", "mfs:", "", NAME "p", "nfs"};
    struct cache_keys keys = keys_of("a");
    unsigned char item[ITEM_BYTES];

    (void)state;
    make(&keys, NAME, item);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(cache_unseal(&keys, others[i], item, sizeof item), CACHE_FORGED);
}

static void every_key_of_the_secret_verifies_and_the_first_seals(void **state)
{
    struct cache_keys old = keys_of("a"), both = keys_of("ab"), promoted = keys_of("ba"), later = keys_of("b"),
                      none = keys_of("");
    unsigned char item[ITEM_BYTES];

    (void)state;
    make(&both, NAME, item);
    assert_int_equal(cache_unseal(&old, NAME, item, sizeof item), CACHE_TRUSTED);
    assert_int_equal(cache_unseal(&promoted, NAME, item, sizeof item), CACHE_TRUSTED);
    assert_int_equal(cache_unseal(&later, NAME, item, sizeof item), CACHE_FORGED);
    assert_int_equal(cache_unseal(&none, NAME, item, sizeof item), CACHE_FORGED);
    make(&promoted, NAME, item);
    assert_int_equal(cache_unseal(&both, NAME, item, sizeof item), CACHE_TRUSTED);
    assert_int_equal(cache_unseal(&later, NAME, item, sizeof item), CACHE_TRUSTED);
    assert_int_equal(cache_unseal(&old, NAME, item, sizeof item), CACHE_FORGED);
    make(&none, NAME, item);
    assert_int_equal(cache_unseal(&none, NAME, item, sizeof item), CACHE_FORGED);
}

static void another_release_is_told_from_a_forger(void **state)
{
    struct cache_keys keys = keys_of("a");
    unsigned char item[ITEM_BYTES];
    uint32_t layout;

    (void)state;
    make(&keys, NAME, item);
    memcpy(&layout, item, sizeof layout);
    for (int difference = -1; difference <= 1; difference += 2) {
        uint32_t other = layout + (uint32_t)difference;

        memcpy(item, &other, sizeof other);
        assert_int_equal(cache_unseal(&keys, NAME, item, sizeof item), difference < 0 ? CACHE_OLDER : CACHE_NEWER);
    }
    layout = __builtin_bswap32(layout);
    memcpy(item, &layout, sizeof layout);
    assert_int_equal(cache_unseal(&keys, NAME, item, sizeof item), CACHE_FORGED);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(what_was_sealed_is_believed),
        PROMISE(no_bit_may_differ),
        PROMISE(a_part_is_no_item),
        PROMISE(another_key_of_memcached_is_another_item),
        PROMISE(every_key_of_the_secret_verifies_and_the_first_seals),
        PROMISE(another_release_is_told_from_a_forger),
    };

    return random_start() ? KEEP_PROMISES(promises) : EXIT_FAILURE;
}
