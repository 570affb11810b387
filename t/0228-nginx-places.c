/* Where apps listen, how far that is, and which location a target of nginx's own leads to. */
#include "ctl/nginx_model.h"
#include "ctl/nginx_pass.h"

#include "unit.h"

static void an_address_has_one_spelling(void **state)
{
    struct unit *unit = *state;
    static const struct {
        const char *pass, *text;
        enum nginx_reach reach;
    } rows[] = {
        {"http://127.0.0.1:3000", "127.0.0.1:3000", NGINX_REACH_HOST},
        {"http://localhost:3000/a/b", "127.0.0.1:3000", NGINX_REACH_HOST},
        {"http://[::1]:3000/", "127.0.0.1:3000", NGINX_REACH_HOST},
        {"http://127.0.0.2", "127.0.0.2:80", NGINX_REACH_HOST},
        {"https://Example.ORG", "example.org:443", NGINX_REACH_UNKNOWN},
        {"http://unix:/run/a.sock:/b", "unix:/run/a.sock", NGINX_REACH_HOST},
        {"unix:/run/a.sock", "unix:/run/a.sock", NGINX_REACH_HOST},
        {"10.1.2.3:9000", "10.1.2.3:9000", NGINX_REACH_NETWORK},
        {"172.16.0.1", "172.16.0.1:80", NGINX_REACH_NETWORK},
        {"172.32.0.1", "172.32.0.1:80", NGINX_REACH_PUBLIC},
        {"http://[fd00::1]", "fd00::1:80", NGINX_REACH_NETWORK},
        {"grpc://[2001:db8::1]:50051", "2001:db8::1:50051", NGINX_REACH_PUBLIC},
        {"http://$app:80", "http://$app:80", NGINX_REACH_UNKNOWN},
        {"http://a:0", "http://a:0", NGINX_REACH_UNKNOWN},
        {"http://a:65536", "http://a:65536", NGINX_REACH_UNKNOWN},
        {"http://[::1", "http://[::1", NGINX_REACH_UNKNOWN},
        {"http://[::1]x", "http://[::1]x", NGINX_REACH_UNKNOWN},
        {"", ":80", NGINX_REACH_UNKNOWN},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct nginx_address address;
        char *exact = unit_exact(rows[i].pass, strlen(rows[i].pass) + 1);

        assert_granted(nginx_address_read(&unit->arena, exact, &address, &unit->err), &unit->err);
        free(exact);
        assert_string_equal(address.text, rows[i].text);
        if (address.reach != rows[i].reach)
            fail_msg("%s reaches %d", rows[i].pass, (int)address.reach);
    }
}

static void a_listener_without_an_address_has_all(void **state)
{
    struct unit *unit = *state;
    static const struct {
        const char *listen, *text;
        enum nginx_reach reach;
    } rows[] = {
        {"80", "*:80", NGINX_REACH_PUBLIC},
        {"*:8080", "*:8080", NGINX_REACH_PUBLIC},
        {"0.0.0.0:443", "*:443", NGINX_REACH_PUBLIC},
        {"[::]:443", "*:443", NGINX_REACH_PUBLIC},
        {"[::]", "*:80", NGINX_REACH_PUBLIC},
        {"127.0.0.1", "127.0.0.1:80", NGINX_REACH_HOST},
        {"localhost:81", "127.0.0.1:81", NGINX_REACH_HOST},
        {"unix:/run/a", "unix:/run/a", NGINX_REACH_HOST},
        {"192.168.0.1:81", "192.168.0.1:81", NGINX_REACH_NETWORK},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const words[] = {"listen", rows[i].listen};
        const struct nginx_directive listen = {.words = words, .count = 2};
        struct nginx_address address;

        assert_granted(nginx_listen_read(&unit->arena, &listen, &address, &unit->err), &unit->err);
        assert_string_equal(address.text, rows[i].text);
        assert_int_equal(address.reach, rows[i].reach);
    }
}

static struct nginx_model made(struct unit *unit, const char *text)
{
    struct nginx_config *config = arena_zalloc(&unit->arena, sizeof *config);
    char *copy = arena_strdup(&unit->arena, text);
    struct nginx_model model;

    assert_true(config != NULL && copy != NULL);
    assert_granted(nginx_config_read(&unit->arena, copy, strlen(copy), "given", config, &unit->err), &unit->err);
    assert_granted(nginx_model_make(&unit->arena, config, &model, &unit->err), &unit->err);
    return model;
}

static void a_target_leads_where_nginx_finds_it(void **state)
{
    struct unit *unit = *state;
    static const struct {
        const char *target, *where;
    } rows[] = {
        {"/", "server a, location /"},
        {"/b", "server a, location /"},
        {"/a/b?c", "server a, location /a/"},
        {"/a/x/y", "server a, location /a/x"},
        {"/a/x.php", "server a, location ~ \\.php$"},
        {"/z/x.php", "server a, location ^~ /z/"},
        {"/e", "server a, location = /e"},
        {"/e/", "server a, location /"},
        {"@n", "server a, location @n"},
        {"@m", NULL},
        {"$uri", NULL},
        {"/a/$x", "server a, location /a/"},
    };
    struct nginx_model model = made(
        unit, "http { server { server_name a; location /a/ { location /a/x { } } location =/e { } "
              "location ~ \\.php$ { } location ^~ /z/ { } location @n { } location / { } } server { listen 81; } }");

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct nginx_location *found = nginx_model_find(model.first, rows[i].target);

        if (found == NULL || rows[i].where == NULL)
            assert_true(found == NULL && rows[i].where == NULL);
        else if (strcmp(rows[i].target, "/e") == 0)
            assert_true(found->match == NGINX_EXACT && strcmp(found->path, "/e") == 0);
        else
            assert_string_equal(found->where, rows[i].where);
    }
    assert_string_equal(model.last->where, "server 81");
    assert_int_equal(nginx_model_find(model.last, "/x")->match, NGINX_REST);
}

static void what_gives_nothing_is_known(void **state)
{
    struct unit *unit = *state;
    struct nginx_model model =
        made(unit, "http { server { location /0 { root /a; } location /1 { return 404; } location /2 { return 204; } "
                   "location /3 { return https://a; } location /4 { return 200 text; } location /5 { deny all; } "
                   "location /6 { deny all; satisfy any; } location /7 { deny 192.0.2.1; } location / { } } }");
    static const bool gives_nothing[] = {false, true, true, true, false, true, false, false, false, true};
    size_t i = 0;

    for (const struct nginx_location *one = model.first->first; one != NULL; one = one->next, i++)
        if (one->gives_nothing != gives_nothing[i])
            fail_msg("%s", one->where);
    assert_int_equal(i, COUNT(gives_nothing));
}

static void a_location_that_nginx_would_not_take_is_refused(void **state)
{
    struct unit *unit = *state;
    static const char *const texts[] = {"location { }", "location a b c { }", "location /a;"};

    for (size_t i = 0; i < COUNT(texts); i++) {
        char *text = arena_printf(&unit->arena, "http { server { %s } }", texts[i]);
        struct nginx_config config;
        struct nginx_model model;

        assert_granted(nginx_config_read(&unit->arena, text, strlen(text), "given", &config, &unit->err), &unit->err);
        assert_refused(nginx_model_make(&unit->arena, &config, &model, &unit->err), &unit->err, ERR_INPUT, "given:1:");
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_address_has_one_spelling),
        PROMISE(a_listener_without_an_address_has_all),
        PROMISE(a_target_leads_where_nginx_finds_it),
        PROMISE(what_gives_nothing_is_known),
        PROMISE(a_location_that_nginx_would_not_take_is_refused),
    };

    return KEEP_PROMISES(promises);
}
