/* Who waits for a password: each address in a line of its own, the lines in turn, and nobody more than the bounds say. */
#include "t/unit.h"

#include "app/admission.h"

enum { MOST = 8, MOST_PER_KEY = 4 };

static struct admission_entry from(const char *address)
{
    return (struct admission_entry){.key = address_key_of(address)};
}

static void fill(struct admission *admission, struct admission_entry *entries, size_t count, const char *address)
{
    for (size_t i = 0; i < count; i++) {
        entries[i] = from(address);
        assert_null(admission_put(admission, &entries[i]));
    }
}

static void one_address_keeps_its_order(void **state)
{
    struct admission admission;
    struct admission_entry entries[3];

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    assert_null(admission_take(&admission));
    fill(&admission, entries, 3, "192.0.2.1");
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(admission_take(&admission), &entries[i]);
    assert_null(admission_take(&admission));
    assert_int_equal(admission.count, 0);
}

static void addresses_take_turns(void **state)
{
    struct admission admission;
    struct admission_entry many[4], two[2], one[1];

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    fill(&admission, many, 4, "192.0.2.1");
    fill(&admission, two, 2, "192.0.2.2");
    fill(&admission, one, 1, "192.0.2.3");
    assert_ptr_equal(admission_take(&admission), &many[0]);
    assert_ptr_equal(admission_take(&admission), &two[0]);
    assert_ptr_equal(admission_take(&admission), &one[0]);
    assert_ptr_equal(admission_take(&admission), &many[1]);
    assert_ptr_equal(admission_take(&admission), &two[1]);
    assert_ptr_equal(admission_take(&admission), &many[2]);
    assert_ptr_equal(admission_take(&admission), &many[3]);
    assert_null(admission_take(&admission));
}

static void an_address_has_its_bound(void **state)
{
    struct admission admission;
    struct admission_entry mine[MOST_PER_KEY], more = from("192.0.2.1"), other = from("192.0.2.2");

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    fill(&admission, mine, MOST_PER_KEY, "192.0.2.1");
    assert_ptr_equal(admission_put(&admission, &more), &more);
    assert_null(admission_put(&admission, &other));
    assert_ptr_equal(admission_take(&admission), &mine[0]);
    assert_null(admission_put(&admission, &more));
}

/* Two that take all there is keep out neither a third nor each other. */
static void a_full_queue_gives_way_to_who_has_less(void **state)
{
    struct admission admission;
    struct admission_entry one[4], other[4], third[3];

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    fill(&admission, one, 4, "192.0.2.1");
    fill(&admission, other, 4, "192.0.2.2");
    for (size_t i = 0; i < 3; i++)
        third[i] = from("192.0.2.3");
    assert_ptr_equal(admission_put(&admission, &third[0]), &one[3]);
    assert_ptr_equal(admission_put(&admission, &third[1]), &other[3]);
    assert_ptr_equal(admission_put(&admission, &third[2]), &third[2]); /* all have their share */
    assert_int_equal(admission.counted, MOST);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(admission_take(&admission), &one[i]);
        assert_ptr_equal(admission_take(&admission), &other[i]);
        if (i < 2)
            assert_ptr_equal(admission_take(&admission), &third[i]);
    }
    assert_null(admission_take(&admission));
}

static void who_is_exempt_is_bound_by_nothing(void **state)
{
    struct admission admission;
    struct admission_entry free_ones[3 * MOST], counted[MOST_PER_KEY], more = from("192.0.2.1");

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    for (size_t i = 0; i < COUNT(free_ones); i++) {
        free_ones[i] = from("192.0.2.1");
        free_ones[i].exempt = true;
        assert_null(admission_put(&admission, &free_ones[i]));
    }
    assert_int_equal(admission.counted, 0);
    fill(&admission, counted, MOST_PER_KEY, "192.0.2.1");
    assert_ptr_equal(admission_put(&admission, &more), &more);
    for (size_t i = 0; i < COUNT(free_ones); i++)
        assert_ptr_equal(admission_take(&admission), &free_ones[i]);
    for (size_t i = 0; i < COUNT(counted); i++)
        assert_ptr_equal(admission_take(&admission), &counted[i]);
}

/* Against an array that is searched from one end to the other: whoever comes, leaves or is taken, both say the same. */
static void whatever_happens_nothing_is_lost(void **state)
{
    enum { ENTRIES = 40, STEPS = 200000 };
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8:0:1::1"};
    struct admission admission;
    struct admission_entry entries[ENTRIES];
    bool waits[ENTRIES] = {false};
    size_t waiting = 0, counted = 0;
    unsigned chance = 3010;

    (void)state;
    admission_init(&admission, MOST, MOST_PER_KEY);
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = (chance = chance * 1103515245 + 12345) / 65536 % ENTRIES;
        struct admission_entry *entry = &entries[i], *out;

        if (chance / 4096 % 8 < 3 && admission.count > 0) {
            out = admission_take(&admission);
            assert_true(waits[out - entries]);
        } else if (waits[i]) {
            admission_leave(&admission, out = entry);
        } else {
            size_t same = 0;

            *entry = from(addresses[i % COUNT(addresses)]);
            entry->exempt = i % 7 == 0;
            for (size_t at = 0; at < ENTRIES; at++)
                same += waits[at] && !entries[at].exempt && at % COUNT(addresses) == i % COUNT(addresses);
            out = admission_put(&admission, entry);
            assert_true(entry->exempt ? out == NULL : (same < MOST_PER_KEY || out == entry));
            waits[i] = true;
            waiting++;
            counted += !entry->exempt;
        }
        if (out != NULL) {
            waits[out - entries] = false;
            waiting--;
            counted -= !out->exempt;
        }
        assert_int_equal(admission.count, waiting);
        assert_int_equal(admission.counted, counted);
        assert_true(counted <= MOST);
    }
    while (admission_take(&admission) != NULL)
        waiting--;
    assert_int_equal(waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_keeps_its_order),       cmocka_unit_test(addresses_take_turns),
        cmocka_unit_test(an_address_has_its_bound),          cmocka_unit_test(a_full_queue_gives_way_to_who_has_less),
        cmocka_unit_test(who_is_exempt_is_bound_by_nothing), cmocka_unit_test(whatever_happens_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
