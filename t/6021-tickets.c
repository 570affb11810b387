/* Ways and tickets of the gate: how long they are good, for whom, and that a rotation of the secret ends none. */
#include "unit.h"

#include "app/gate/ticket.h"

#include <string.h>

static int64_t now_ms = INT64_C(1800000000000);

static int64_t tell_ms(void)
{
    return now_ms;
}

static const struct clock clock_told = {.now_ms = tell_ms, .monotonic_us = tell_ms};

struct both {
    struct services services;
    struct exchange site, home;
    struct origin origin;
    struct site_lookup lookup;
    char cookie[128];
};

static void open_exchange(struct both *both, struct exchange *x, const char *origin)
{
    const char *params[] = {"REQUEST_METHOD=GET", "DOCUMENT_URI=/", NULL};
    struct err err = {.kind = ERR_NONE};

    x->services = &both->services;
    arena_init(&x->arena, ARENA_MAX_BYTES);
    response_init(&x->response, &x->arena);
    assert_true(request_parse(&x->request, params, &err));
    x->request.origin = origin;
    x->request.target = "/x?y=z";
    x->request.prefix = "/mayfly";
}

/* A browser at a site whose log-in is at home. */
static void set_up(struct both *both)
{
    memset(both, 0, sizeof *both);
    assert_true(random_start());
    config_init(&both->services.config);
    strcpy(both->services.config.home, "https://auth.example.org");
    both->services.clock = &clock_told;
    both->services.secret.count = 1;
    memset(both->services.secret.keys[0], 1, SECRET_KEY_BYTES);
    open_exchange(both, &both->site, "https://git.example.net");
    open_exchange(both, &both->home, "https://auth.example.org");
    both->origin = (struct origin){.is_https = true, .host = "git.example.net", .port = 443, .prefix = "/"};
    site_lookup_init(&both->lookup, &both->origin, both->site.request.target);
    both->site.site = &both->lookup;
    both->home.session.id = uuid_new(&clock_told);
    memset(both->home.session.hash, 9, TOKEN_HASH_BYTES);
}

static void tear_down(struct both *both)
{
    arena_free(&both->site.arena);
    arena_free(&both->home.arena);
}

/* The browser keeps the cookie that it is given. */
static const char *begin(struct both *both)
{
    struct err err = {.kind = ERR_NONE};
    const char *tie = ticket_tie(&both->site, &err), *set, *way;

    assert_non_null(tie);
    set = response_header_find(&both->site.response, &both->site.arena, "Set-Cookie");
    assert_non_null(set);
    snprintf(both->cookie, sizeof both->cookie, "%.*s", (int)strcspn(set, ";"), set);
    both->site.request.cookie = both->cookie;
    way = way_to_login(&both->site, tie, false);
    assert_non_null(way);
    assert_memory_equal(way, "https://auth.example.org/enter?to=", 34);
    return way + 34;
}

static const char *ticket(struct both *both)
{
    static const char start[] = "https://git.example.net/mayfly/enter?ticket=";
    struct err err = {.kind = ERR_NONE};
    struct way way;
    const char *url;

    assert_true(way_open(&both->home, begin(both), &way, &err));
    assert_string_equal(way.url, "https://git.example.net/x?y=z");
    url = ticket_make(&both->home, &way);
    assert_non_null(url);
    assert_memory_equal(url, start, sizeof start - 1);
    return url + sizeof start - 1;
}

/* ERR_NONE: it is good. */
static enum err_kind redeem(struct both *both, const char *sealed)
{
    const char *token, *url;
    struct err err = {.kind = ERR_NONE};

    if (!ticket_redeem(&both->site, sealed, &token, &url, &err))
        return err.kind;
    assert_string_equal(url, "https://git.example.net/x?y=z");
    return ERR_NONE;
}

static void a_ticket_is_good_for_half_a_minute(void **state)
{
    struct both both;
    const char *sealed;

    (void)state;
    set_up(&both);
    sealed = ticket(&both);
    assert_int_equal(redeem(&both, sealed), ERR_NONE);
    now_ms += TICKET_LIFE_S * 1000;
    assert_int_equal(redeem(&both, sealed), ERR_NONE);
    now_ms += 1;
    assert_int_equal(redeem(&both, sealed), ERR_VALUE);
    now_ms -= 2 * TICKET_LIFE_S * 1000 + 40 * 1000;
    assert_int_equal(redeem(&both, sealed), ERR_VALUE);
    tear_down(&both);
}

static void in_the_browser_that_began(void **state)
{
    struct both both;
    const char *sealed;

    (void)state;
    set_up(&both);
    sealed = ticket(&both);
    both.site.request.cookie = "";
    assert_int_equal(redeem(&both, sealed), ERR_DENIED);
    both.site.request.cookie = "__Host-mayfly-visit=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_int_equal(redeem(&both, sealed), ERR_DENIED);
    both.site.request.cookie = both.cookie;
    assert_int_equal(redeem(&both, sealed), ERR_NONE);
    tear_down(&both);
}

static void at_its_site(void **state)
{
    static const char *const others[] = {"https://git.example.org", "http://git.example.net",
                                         "https://git.example.net:8443", ""};
    struct both both;
    const char *sealed;

    (void)state;
    set_up(&both);
    sealed = ticket(&both);
    for (size_t i = 0; i < COUNT(others); i++) {
        both.site.request.origin = others[i];
        assert_int_equal(redeem(&both, sealed), ERR_DENIED);
    }
    both.site.request.origin = "https://GIT.example.net:443";
    assert_int_equal(redeem(&both, sealed), ERR_NONE);
    tear_down(&both);
}

static void a_rotated_secret_ends_none(void **state)
{
    struct both both;
    struct secret *secret;
    const char *sealed;

    (void)state;
    set_up(&both);
    sealed = ticket(&both);
    secret = &both.services.secret;
    memcpy(secret->keys[1], secret->keys[0], SECRET_KEY_BYTES);
    memset(secret->keys[0], 2, SECRET_KEY_BYTES);
    secret->count = 2;
    assert_int_equal(redeem(&both, sealed), ERR_NONE);
    secret->count = 1;
    assert_int_equal(redeem(&both, sealed), ERR_VALUE);
    tear_down(&both);
}

static void a_way_is_good_for_a_day_and_is_no_ticket(void **state)
{
    struct both both;
    struct way way;
    struct err err = {.kind = ERR_NONE};
    const char *sealed;

    (void)state;
    set_up(&both);
    sealed = begin(&both);
    assert_int_equal(redeem(&both, sealed), ERR_VALUE);
    now_ms += WAY_LIFE_S * INT64_C(1000) - 1;
    assert_true(way_open(&both.home, sealed, &way, &err));
    now_ms += 1;
    assert_false(way_open(&both.home, sealed, &way, &err));
    assert_int_equal(err.kind, ERR_VALUE);
    err_clear(&err);
    assert_false(way_open(&both.home, ticket(&both), &way, &err));
    assert_int_equal(err.kind, ERR_VALUE);
    tear_down(&both);
}

static void a_visit_is_of_one_session_at_one_host(void **state)
{
    struct both both;
    struct visit_scope scope, other;
    struct visit visit;
    struct uuid id;
    unsigned char hash[TOKEN_HASH_BYTES] = {7}, another[TOKEN_HASH_BYTES] = {8};
    char text[VISIT_TEXT_BYTES];

    (void)state;
    set_up(&both);
    id = uuid_new(&clock_told);
    scope = (struct visit_scope){.secret = &both.services.secret, .host = "a.example"};
    other = (struct visit_scope){.secret = &both.services.secret, .host = "a.example.net"};
    visit_make(&scope, &id, hash, text);
    assert_true(visit_parse(text, strlen(text), &visit));
    assert_true(visit_fits(&visit, &scope, hash));
    assert_false(visit_fits(&visit, &scope, another));
    assert_false(visit_fits(&visit, &other, hash));
    other.host = NULL;
    assert_false(visit_fits(&visit, &other, hash));
    visit.session.bytes[15] ^= 1;
    assert_false(visit_fits(&visit, &scope, hash));
    text[0] = 'x';
    assert_false(visit_parse(text, strlen(text), &visit));
    tear_down(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_for_half_a_minute),
        cmocka_unit_test(in_the_browser_that_began),
        cmocka_unit_test(at_its_site),
        cmocka_unit_test(a_rotated_secret_ends_none),
        cmocka_unit_test(a_way_is_good_for_a_day_and_is_no_ticket),
        cmocka_unit_test(a_visit_is_of_one_session_at_one_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
