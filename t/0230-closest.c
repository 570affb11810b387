/* "Did you mean": which candidate is offered for a word that is not known, and when none is. */
#include "base/closest.h"

#include "unit.h"

static void a_distance_counts_each_typing_mistake_once(void **state)
{
    static const struct {
        const char *from, *to;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"user", "user", 0},
        {"", "user", 4},
        {"users", "user", 1},
        {"usr", "user", 1},
        {"uzer", "user", 1},
        {"suer", "user", 1},
        {"ca", "abc", 3}, /* optimal string alignment: no byte is changed twice */
        {"kitten", "sitting", 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(edit_distance(cases[i].from, cases[i].to), cases[i].distance);
        assert_int_equal(edit_distance(cases[i].to, cases[i].from), cases[i].distance);
    }
}

static void words_longer_than_the_table_are_not_compared(void **state)
{
    char longest[CLOSEST_WORD_BYTES + 1], longer[CLOSEST_WORD_BYTES + 2];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(edit_distance(longest, longest), 0);
    assert_int_equal(edit_distance(longest, ""), CLOSEST_WORD_BYTES);
    assert_true(edit_distance(longest, longer) == SIZE_MAX);
    assert_true(edit_distance(longer, longest) == SIZE_MAX);
}

static const char *offered(const char *word)
{
    static const char *const candidates[] = {"user", "session", "config", "config-more", "fsck", "files", "top", "c"};
    struct closest closest;

    closest_init(&closest, word);
    for (size_t i = 0; i < COUNT(candidates); i++)
        closest_offer(&closest, candidates[i]);
    return closest.best;
}

static void the_nearest_candidate_is_offered(void **state)
{
    (void)state;
    assert_string_equal(offered("users"), "user");
    assert_string_equal(offered("sesion"), "session");
    assert_string_equal(offered("cofnig"), "config");
    assert_string_equal(offered("fils"), "files");
    assert_string_equal(offered("tpo"), "top");
    /* A word that is broken off. */
    assert_string_equal(offered("sess"), "session");
    assert_string_equal(offered("se"), "session");
    /* Equally near: the first one. */
    assert_string_equal(offered("conf"), "config");
}

static void a_word_that_resembles_nothing_gets_no_offer(void **state)
{
    (void)state;
    assert_null(offered(""));
    assert_null(offered("x"));
    assert_null(offered("xy"));
    assert_null(offered("delete"));
    assert_null(offered("fsock-more"));
    assert_null(offered("usable"));
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_distance_counts_each_typing_mistake_once),
        PROMISE(words_longer_than_the_table_are_not_compared),
        PROMISE(the_nearest_candidate_is_offered),
        PROMISE(a_word_that_resembles_nothing_gets_no_offer),
    };

    return KEEP_PROMISES(promises);
}
