/* Amounts by key: no key has more than it may, and a table that is as full as it can be gives each back what it took. */
#include "t/unit.h"

#include "app/shares.h"

enum { MOST = 1000, EACH = 10, KEYS = 3000, STEPS = 300000 };

static void key_of(size_t number, unsigned char key[SHARE_KEY_BYTES])
{
    memset(key, 0, SHARE_KEY_BYTES);
    memcpy(key + (number % 2 == 0 ? 0 : 8), &number, sizeof number);
}

static void a_key_has_its_share(void **state)
{
    struct shares shares;
    unsigned char one[SHARE_KEY_BYTES], other[SHARE_KEY_BYTES];

    (void)state;
    key_of(1, one);
    key_of(2, other);
    assert_true(shares_init(&shares, MOST, EACH, 3020));
    for (size_t i = 0; i < EACH; i++)
        assert_true(shares_take(&shares, one, 1));
    assert_false(shares_take(&shares, one, 1));
    assert_true(shares_take(&shares, other, 1));
    shares_give(&shares, one, 1);
    assert_true(shares_take(&shares, one, 1));
    assert_false(shares_take(&shares, one, 1));
    shares_free(&shares);
}

/* Who has nothing may take more than a share: else it would never have its turn. */
static void amounts_differ(void **state)
{
    struct shares shares;
    unsigned char one[SHARE_KEY_BYTES], other[SHARE_KEY_BYTES];

    (void)state;
    key_of(1, one);
    key_of(2, other);
    assert_true(shares_init(&shares, MOST, EACH, 3020));
    assert_true(shares_take(&shares, one, EACH - 3));
    assert_false(shares_take(&shares, one, 4));
    assert_true(shares_take(&shares, one, 3));
    shares_give(&shares, one, EACH - 3);
    assert_false(shares_take(&shares, one, UINT64_MAX));
    assert_true(shares_take(&shares, one, EACH - 3));
    assert_true(shares_take(&shares, other, 5 * EACH));
    assert_false(shares_take(&shares, other, 1));
    shares_give(&shares, other, 5 * EACH);
    assert_true(shares_take(&shares, other, 1));
    shares_free(&shares);
}

/* Against plain counters, with as many keys at a time as there may be. */
static void what_is_taken_is_given_back(void **state)
{
    static uint32_t counts[KEYS];
    struct shares shares;
    size_t taken = 0;
    unsigned chance = 3020;

    (void)state;
    memset(counts, 0, sizeof counts);
    assert_true(shares_init(&shares, MOST, EACH, 3020));
    for (size_t step = 0; step < STEPS; step++) {
        size_t number = (chance = chance * 1103515245 + 12345) / 65536 % KEYS;
        unsigned char key[SHARE_KEY_BYTES];
        bool give = counts[number] > 0 && (taken >= MOST || (chance >> 8) % 2 == 0);

        key_of(number, key);
        if (give) {
            shares_give(&shares, key, 1);
            counts[number]--;
            taken--;
        } else if (taken < MOST) {
            assert_int_equal(shares_take(&shares, key, 1), counts[number] < EACH);
            taken += counts[number] < EACH;
            counts[number] += counts[number] < EACH;
        }
    }
    for (size_t number = 0; number < KEYS; number++) {
        unsigned char key[SHARE_KEY_BYTES];

        key_of(number, key);
        for (; counts[number] > 0; counts[number]--)
            shares_give(&shares, key, 1);
    }
    for (size_t i = 0; i < shares.size; i++)
        assert_int_equal(shares.places[i].amount, 0);
    shares_free(&shares);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_its_share),
        cmocka_unit_test(amounts_differ),
        cmocka_unit_test(what_is_taken_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
