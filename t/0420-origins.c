/* Where a site is, in one spelling, and why an origin is refused. */
#include "gate/origin.h"

#include "unit.h"

static void an_origin_has_one_spelling(void **state)
{
    static const char *const origins[][2] = {
        {"https://git.example.org", "https://git.example.org"},
        {"https://git.example.org/", "https://git.example.org"},
        {"https://GIT.Example.ORG.:443/", "https://git.example.org"},
        {"https://git.example.org:8443", "https://git.example.org:8443"},
        {"https://example.org/wiki/", "https://example.org/wiki/"},
        {"https://example.org/%77iki/a%20b/", "https://example.org/wiki/a%20b/"},
        {"https://example.org/w\xC3\xA4rme/", "https://example.org/w%C3%A4rme/"},
        {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
        {"https://my_app.example.org", "https://my_app.example.org"},
        {"https://192.0.2.7:444", "https://192.0.2.7:444"},
        {"https://[2001:DB8:0::7]/", "https://[2001:db8::7]"},
        {"https://[2001:db8::7]:444/a/", "https://[2001:db8::7]:444/a/"},
        {"http://localhost:8080", "http://localhost:8080"},
        {"http://git.localhost:80/", "http://git.localhost"},
        {"http://127.0.0.1:8080/", "http://127.0.0.1:8080"},
        {"http://[::1]", "http://[::1]"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(origins); i++) {
        struct origin origin, again;
        char text[ORIGIN_TEXT_BYTES];

        assert_granted(origin_read(origins[i][0], &origin, &unit->err), &unit->err);
        origin_format(&origin, text);
        assert_string_equal(text, origins[i][1]);
        assert_granted(origin_read(text, &again, &unit->err), &unit->err);
        assert_true(again.is_https == origin.is_https && again.port == origin.port);
        assert_string_equal(again.host, origin.host);
        assert_string_equal(again.prefix, origin.prefix);
    }
}

static void what_is_none_is_refused_with_what_to_write(void **state)
{
    static const char *const origins[][2] = {
        {"", "write an origin, such as https://git.example.org"},
        {"git.example.org", "write an origin, such as https://git.example.org"},
        {"HTTPS://git.example.org", "write an origin"},
        {"ftp://git.example.org", "write an origin"},
        {"https://", "expected the name of a host"},
        {"https:///a/", "expected the name of a host"},
        {"https://.", "expected the name of a host"},
        {"https://a..b", "expected the name of a host"},
        {"https://a.b..", "expected the name of a host"},
        {"https://-a.b", "expected the name of a host"},
        {"https://a b", "expected the name of a host"},
        {"https://*.example.org", "expected the name of a host"},
        {"https://ann@example.org", "leave out the user's name"},
        {"https://b\xC3\xBC"
         "cher.example",
         "as DNS has it, such as xn--bcher-kva.example"},
        {"https://192.0.2", "four numbers"},
        {"https://192.0.2.256", "four numbers"},
        {"https://010.0.0.1", "four numbers"},
        {"https://2130706433", "four numbers"},
        {"https://a.1", "four numbers"},
        {"https://[::g]", "no address of IPv6 between the brackets"},
        {"https://[::1", "no address of IPv6 between the brackets"},
        {"https://[127.0.0.1]", "no address of IPv6 between the brackets"},
        {"https://[::ffff:127.0.0.1]", "no address of IPv6 between the brackets"},
        {"https://[::1]x", "expected a colon or a slash after the host"},
        {"https://a:", "expected a port"},
        {"https://a:0", "expected a port"},
        {"https://a:65536", "expected a port"},
        {"https://a:44x", "expected a port"},
        {"https://a/b", "let its path end with /"},
        {"https://a/?b", "leave out what begins with ? or #"},
        {"https://a?b", "leave out what begins with ? or #"},
        {"https://a#b", "leave out what begins with ? or #"},
        {"https://a/../b/", "can be read in more than one way"},
        {"https://a//", "can be read in more than one way"},
        {"https://a/b%2fc/", "can be read in more than one way"},
        {"https://a/*/", "can be read in more than one way"},
        {"http://git.example.org", "write https"},
        {"http://localhost.example.org", "write https"},
        {"http://notlocalhost", "write https"},
        {"http://127.0.0.1.example.org", "write https"},
        {"http://192.0.2.7", "write https"},
    };
    struct unit *unit = *state;
    struct origin origin;

    for (size_t i = 0; i < COUNT(origins); i++) {
        if (origin_read(origins[i][0], &origin, &unit->err))
            fail_msg("%s was read", origins[i][0]);
        assert_string_equal(err_word(unit->err.kind), err_word(ERR_VALUE));
        if (strstr(unit->err.detail, origins[i][1]) == NULL)
            fail_msg("%s: %s", origins[i][0], unit->err.detail);
        err_clear(&unit->err);
    }
}

static void its_parts_have_an_end(void **state)
{
    struct unit *unit = *state;
    struct origin origin, again;
    char text[1024], written[ORIGIN_TEXT_BYTES];

    snprintf(text, sizeof text, "https://%063d.%063d.%063d.%061dx", 0, 0, 0, 0);
    assert_refused(origin_read(text, &origin, &unit->err), &unit->err, ERR_VALUE, "at most 253 characters");
    snprintf(text, sizeof text, "https://%063d.%063d.%063d.%060dx", 0, 0, 0, 0);
    assert_granted(origin_read(text, &origin, &unit->err), &unit->err);
    snprintf(text, sizeof text, "https://%064d.x", 0);
    assert_refused(origin_read(text, &origin, &unit->err), &unit->err, ERR_VALUE, "the name of a host");
    snprintf(text, sizeof text, "https://a/%0253d/", 0);
    assert_granted(origin_read(text, &origin, &unit->err), &unit->err);
    snprintf(text, sizeof text, "https://a/%0254d/", 0);
    assert_refused(origin_read(text, &origin, &unit->err), &unit->err, ERR_VALUE, "at most 255 bytes");
    /* The longest one has room, every byte of its prefix escaped. */
    snprintf(text, sizeof text, "https://%063d.%063d.%063d.%060dx:65535/", 0, 0, 0, 0);
    for (int i = 0; i < 253; i++)
        strcat(text, "\"");
    strcat(text, "/");
    assert_granted(origin_read(text, &origin, &unit->err), &unit->err);
    origin_format(&origin, written);
    assert_granted(origin_read(written, &again, &unit->err), &unit->err);
    assert_string_equal(again.prefix, origin.prefix);
}

static void a_url_is_an_origin_and_a_target(void **state)
{
    static const char *const urls[][3] = {
        {"https://Git.example.org/a/../b?c#d", "https://git.example.org", "/a/../b?c#d"},
        {"https://git.example.org", "https://git.example.org", "/"},
        {"https://git.example.org?a=b", "https://git.example.org", "/"},
        {"http://[::1]:8080//", "http://[::1]:8080", "//"},
    };
    struct unit *unit = *state;
    struct origin origin;
    const char *target;
    char text[2048];

    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_granted(origin_of_url(urls[i][0], &origin, &target, &unit->err), &unit->err);
        origin_format(&origin, text);
        assert_string_equal(text, urls[i][1]);
        assert_string_equal(target, urls[i][2]);
    }
    assert_refused(origin_of_url("/a", &origin, &target, &unit->err), &unit->err, ERR_VALUE, "write an origin");
    assert_refused(origin_of_url("", &origin, &target, &unit->err), &unit->err, ERR_VALUE, "write an origin");
    snprintf(text, sizeof text, "https://%01000d/", 0);
    assert_refused(origin_of_url(text, &origin, &target, &unit->err), &unit->err, ERR_VALUE, "at most 253 characters");
}

static void the_longest_prefix_has_a_path_that_is_read_in_one_way(void **state)
{
    static const char *const prefixes[] = {"/", "/wiki/admin/", "/wiki/"};
    static const struct {
        const char *target;
        int chosen;
    } cases[] = {
        {"/", 0},
        {"/wiki", 0},
        {"/Wiki/", 0},
        {"/wiki/", 2},
        {"/wiki/admin", 2},
        {"/%77iki/a?b", 2},
        {"/wiki/admin/", 1},
        {"/wiki/%61dmin/x", 1},
        {"/a?/wiki/", 0},
        /* These may be of either. */
        {"/wiki//admin/", -1},
        {"/wiki/admin%2fx", -1},
        {"/x/../wiki/admin/", -1},
        {"/wiki/./admin/", -1},
        {"/wiki;x/admin/", -1},
        {"*", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (origin_choose(prefixes, COUNT(prefixes), cases[i].target) != cases[i].chosen)
            fail_msg("%s", cases[i].target);
    /* Where all is one site's, it does not matter how a path is read; where it has a part only, it does. */
    assert_int_equal(origin_choose(prefixes, 1, "/a%2Fb"), 0);
    assert_int_equal(origin_choose(prefixes + 2, 1, "/wiki/a%2Fb"), -1);
    assert_int_equal(origin_choose(prefixes + 2, 1, "/a"), -1);
    assert_int_equal(origin_choose(prefixes, 0, "/"), -1);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_origin_has_one_spelling),
        PROMISE(what_is_none_is_refused_with_what_to_write),
        PROMISE(its_parts_have_an_end),
        PROMISE(a_url_is_an_origin_and_a_target),
        PROMISE(the_longest_prefix_has_a_path_that_is_read_in_one_way),
    };

    return KEEP_PROMISES(promises);
}
