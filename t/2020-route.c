/* The route table: which row a path finds, and what is said when it finds none. */
#include "http/route.h"

#include "unit.h"

static const struct route routes[] = {
    {METHOD_GET, "/", NEED_NOTHING, NULL, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/sessions", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/sessions", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/sessions/end-others", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/sessions/:id", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/sessions/:id/end", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/session/data", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_PUT, "/session/data", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_PATCH, "/session/data", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/session/data", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/session/data", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/login", NEED_GUEST, NULL, NULL, PACE_AT_ONCE},
    {(enum method)(METHOD_PUT | METHOD_POST), "/both", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/first/:a", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/first/second", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/files/:id/links/:link", NEED_LOGIN, NULL, NULL, PACE_AT_ONCE},
};

static const struct route *find(struct unit *unit, enum method method, const char *path, struct route_match *match)
{
    assert_granted(route_find(routes, COUNT(routes), method, path, match, &unit->err), &unit->err);
    assert_non_null(match->route);
    return match->route;
}

static void a_path_finds_the_row_of_its_method(void **state)
{
    struct route_match match;

    assert_ptr_equal(find(*state, METHOD_GET, "/", &match), &routes[0]);
    assert_ptr_equal(find(*state, METHOD_GET, "/sessions", &match), &routes[1]);
    assert_ptr_equal(find(*state, METHOD_DELETE, "/sessions", &match), &routes[2]);
    assert_ptr_equal(find(*state, METHOD_PATCH, "/session/data", &match), &routes[8]);
    assert_string_equal(match.parameter, "");
}

static void a_parameter_is_one_segment(void **state)
{
    struct route_match match;

    assert_ptr_equal(find(*state, METHOD_DELETE, "/sessions/017f", &match), &routes[4]);
    assert_string_equal(match.parameter, "017f");
    assert_ptr_equal(find(*state, METHOD_POST, "/sessions/017f/end", &match), &routes[5]);
    assert_string_equal(match.parameter, "017f");
    assert_ptr_equal(find(*state, METHOD_DELETE, "/sessions/a b\xC3\xA9:", &match), &routes[4]);
    assert_string_equal(match.parameter, "a b\xC3\xA9:");
}

static void two_segments_are_two_parameters(void **state)
{
    struct route_match match;

    assert_ptr_equal(find(*state, METHOD_DELETE, "/files/017f/links/018a", &match), &routes[15]);
    assert_string_equal(match.parameter, "017f");
    assert_string_equal(match.second, "018a");
    assert_ptr_equal(find(*state, METHOD_DELETE, "/sessions/017f", &match), &routes[4]);
    assert_string_equal(match.second, "");
}

static void a_name_is_no_parameter_of_the_row_with_another_method(void **state)
{
    struct route_match match;
    char allow[ROUTE_ALLOW_MAX];

    assert_ptr_equal(find(*state, METHOD_POST, "/sessions/end-others", &match), &routes[3]);
    assert_string_equal(match.parameter, "");
    assert_ptr_equal(find(*state, METHOD_DELETE, "/sessions/end-others", &match), &routes[4]);
    assert_string_equal(match.parameter, "end-others");
    assert_string_equal(route_allow(&match, allow), "POST, DELETE, OPTIONS");
}

static void of_two_rows_that_fit_the_first_is_taken(void **state)
{
    struct route_match match;

    assert_ptr_equal(find(*state, METHOD_GET, "/first/second", &match), &routes[13]);
    assert_string_equal(match.parameter, "second");
}

static void a_row_may_take_several_methods(void **state)
{
    struct route_match match;
    char allow[ROUTE_ALLOW_MAX];

    assert_ptr_equal(find(*state, METHOD_PUT, "/both", &match), &routes[12]);
    assert_ptr_equal(find(*state, METHOD_POST, "/both", &match), &routes[12]);
    assert_string_equal(route_allow(&match, allow), "POST, PUT, OPTIONS");
}

static void head_is_answered_by_get(void **state)
{
    struct unit *unit = *state;
    struct route_match match;

    assert_ptr_equal(find(unit, METHOD_HEAD, "/sessions", &match), &routes[1]);
    assert_refused(route_find(routes, COUNT(routes), METHOD_HEAD, "/login", &match, &unit->err), &unit->err, ERR_METHOD,
                   "this path accepts POST, OPTIONS");
}

static void options_is_answered_for_every_path_there_is(void **state)
{
    struct unit *unit = *state;
    struct route_match match;
    char allow[ROUTE_ALLOW_MAX];

    assert_granted(route_find(routes, COUNT(routes), METHOD_OPTIONS, "/sessions", &match, &unit->err), &unit->err);
    assert_null(match.route);
    assert_string_equal(route_allow(&match, allow), "GET, HEAD, DELETE, OPTIONS");
    assert_refused(route_find(routes, COUNT(routes), METHOD_OPTIONS, "/nothing", &match, &unit->err), &unit->err,
                   ERR_ABSENT, "there is nothing here");
}

static void another_method_is_refused_with_those_there_are(void **state)
{
    static const struct {
        enum method method;
        const char *path, *allow;
    } cases[] = {
        {METHOD_POST, "/", "GET, HEAD, OPTIONS"},
        {METHOD_GET, "/login", "POST, OPTIONS"},
        {METHOD_GET, "/sessions/x", "DELETE, OPTIONS"},
        {METHOD_DELETE, "/sessions/x/end", "POST, OPTIONS"},
    };
    struct unit *unit = *state;
    struct route_match match;
    char allow[ROUTE_ALLOW_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(route_find(routes, COUNT(routes), cases[i].method, cases[i].path, &match, &unit->err),
                       &unit->err, ERR_METHOD, cases[i].allow);
        assert_null(match.route);
        assert_string_equal(route_allow(&match, allow), cases[i].allow);
    }
}

static void all_methods_fit_into_allow(void **state)
{
    struct route_match match;
    char allow[ROUTE_ALLOW_MAX];

    find(*state, METHOD_GET, "/session/data", &match);
    assert_string_equal(route_allow(&match, allow), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

static void a_path_that_is_only_alike_finds_nothing(void **state)
{
    static const char *const paths[] = {
        "",         "//",          "/session",       "/sessions/",     "/sessionss", "/SESSIONS",
        "sessions", "/sessions//", "/sessions//end", "/sessions/x/",   "/login?x",   "/sessions/x/ends",
        "/login/",  "/:id",        "/sessions/x/y",  "/sessions/x/en", " /login",    "/sessions/x/end/",
    };
    struct unit *unit = *state;
    struct route_match match;

    for (size_t i = 0; i < COUNT(paths); i++) {
        if (route_find(routes, COUNT(routes), METHOD_DELETE, paths[i], &match, &unit->err))
            fail_msg("%s was found", paths[i]);
        assert_string_equal(err_word(unit->err.kind), "not_found");
        assert_null(match.route);
        assert_int_equal(match.methods, 0);
        err_clear(&unit->err);
    }
}

static void a_parameter_that_is_too_long_finds_nothing(void **state)
{
    struct unit *unit = *state;
    struct route_match match;
    const char *longest = arena_printf(&unit->arena, "/sessions/%0127d", 0);
    const char *longer = arena_printf(&unit->arena, "/sessions/%0128d", 0);

    assert_ptr_equal(find(unit, METHOD_DELETE, longest, &match), &routes[4]);
    assert_int_equal(strlen(match.parameter), ROUTE_PARAMETER_MAX - 1);
    assert_refused(route_find(routes, COUNT(routes), METHOD_DELETE, longer, &match, &unit->err), &unit->err, ERR_ABSENT,
                   "there is nothing here");
}

static void an_empty_table_has_nothing(void **state)
{
    struct unit *unit = *state;
    struct route_match match;

    assert_refused(route_find(NULL, 0, METHOD_GET, "/", &match, &unit->err), &unit->err, ERR_ABSENT, "nothing");
}

static void a_row_that_says_nothing_lets_nobody_in(void **state)
{
    const struct route silent = {.path = "/"};

    (void)state;
    assert_int_equal(silent.need, NEED_REFUSED);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_path_finds_the_row_of_its_method),
        PROMISE(a_parameter_is_one_segment),
        PROMISE(two_segments_are_two_parameters),
        PROMISE(a_name_is_no_parameter_of_the_row_with_another_method),
        PROMISE(of_two_rows_that_fit_the_first_is_taken),
        PROMISE(a_row_may_take_several_methods),
        PROMISE(head_is_answered_by_get),
        PROMISE(options_is_answered_for_every_path_there_is),
        PROMISE(another_method_is_refused_with_those_there_are),
        PROMISE(all_methods_fit_into_allow),
        PROMISE(a_path_that_is_only_alike_finds_nothing),
        PROMISE(a_parameter_that_is_too_long_finds_nothing),
        PROMISE(an_empty_table_has_nothing),
        PROMISE(a_row_that_says_nothing_lets_nobody_in),
    };

    return KEEP_PROMISES(promises);
}
