/* A path counts for a rule only when nginx, the app and what is between them can't read two paths in it. */
#include "gate/path.h"

#include "unit.h"

static bool plain_of(const char *target, char plain[PATH_BYTES])
{
    size_t length = strlen(target);
    char *exact = unit_exact(target, length);
    bool ok = path_plain(exact, length, plain);

    free(exact);
    assert_true(ok || plain[0] == '\0');
    return ok;
}

static void a_path_is_decoded_once(void **state)
{
    static const char *const paths[][2] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a?b=/../c", "/a"},
        {"/%61/b%20c", "/a/b c"},
        {"/w%C3%A4rme/\xC3\xA4", "/w\xC3\xA4rme/\xC3\xA4"},
        {"/.well-known/acme-challenge/x", "/.well-known/acme-challenge/x"},
        {"/...x/a.b/~c/d:e/f,g/h+i/j=k/l@m/(n)/'o'/p!q$&", "/...x/a.b/~c/d:e/f,g/h+i/j=k/l@m/(n)/'o'/p!q$&"},
        {"/a%2Eb", "/a.b"},
        {"/%2a", "/*"},
    };
    char plain[PATH_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        if (!plain_of(paths[i][0], plain))
            fail_msg("%s is not plain", paths[i][0]);
        assert_string_equal(plain, paths[i][1]);
    }
}

static void what_can_be_read_in_two_ways_is_no_path(void **state)
{
    static const char *const paths[] = {
        "",
        "*",
        "a",
        "http://a/b",
        "?a",
        "%2f",
        /* segments that climb, in each spelling */
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/.%2e",
        "/a/%2e/",
        "/a/..%2fb",
        /* and once more encoded */
        "/a/%252e%252e/b",
        "/%25",
        "/a%252fb",
        /* slashes that some merge, turn or decode */
        "//",
        "//a",
        "/a//b",
        "/a//",
        "/a%2fb",
        "/a%2Fb",
        "/a\\b",
        "/a%5c..%5cb",
        "/a/%2f",
        /* parameters, which Java's servers cut off */
        "/a/..;/b",
        "/a;x=1/b",
        "/a%3bx",
        "/;/a",
        /* what Windows drops */
        "/a./b",
        "/a /b",
        "/a%20",
        "/a/.. /b",
        "/a/...",
        "/a.",
        /* ends that are none */
        "/a#b",
        "/a%23b",
        "/a%3fb",
        "/a%00",
        "/a%00.png",
        "/a%0d%0ab",
        "/a\tb",
        "/a\x7f",
        "/a%C2%85",
        /* bytes that are no characters, overlong ones among them */
        "/a%c0%ae%c0%ae/b",
        "/a%e0%80%af",
        "/a%ff",
        "/a\xC3",
        "/a%ed%a0%80",
        /* characters that become dots, slashes, percent signs */
        "/a/\xEF\xBC\x8E\xEF\xBC\x8E/b",
        "/a/%e2%80%a5/b",
        "/a\xEF\xBC\x8F"
        "b",
        "/a\xEF\xBC\xBC"
        "b",
        "/%ef%bc%85"
        "2e",
        "/a/\xEF\xB9\x92\xEF\xB9\x92/b",
        "/a\xE2\x80\xA6/b",
        /* escapes that are none */
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%u002e",
    };
    char plain[PATH_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++)
        if (plain_of(paths[i], plain))
            fail_msg("%s is read as %s", paths[i], plain);
    assert_false(path_plain("/a\0b", 4, plain));
}

static void a_path_has_an_end(void **state)
{
    char path[PATH_BYTES + 8], plain[PATH_BYTES];

    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    assert_true(path_plain(path, PATH_BYTES - 1, plain));
    assert_int_equal(strlen(plain), PATH_BYTES - 1);
    assert_false(path_plain(path, PATH_BYTES, plain));
    assert_string_equal(plain, "");
}

static void a_pattern_is_a_path_or_all_beneath_it(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        {"/", "/", true},
        {"/", "/a/b", true},
        {"/a", "/a", true},
        {"/a", "/a/", false},
        {"/a", "/ab", false},
        {"/a", "/A", false},
        {"/a", "/", false},
        {"/a/", "/a", false},
        {"/a/", "/a/", true},
        {"/a/", "/a/b/c", true},
        {"/a/", "/ab/", false},
        {"/a/", "/A/b", false},
        {"/a/", "/b/a/", false},
        {"/a/b", "/a", false},
        {"/*", "/a", true},
        {"/*", "/", false},
        {"/*", "/a/b", false},
        {"/*/", "/a/", true},
        {"/*/", "/a/b/c", true},
        {"/*/", "/a", false},
        {"/hooks/*/push", "/hooks/x/push", true},
        {"/hooks/*/push", "/hooks/x/y/push", false},
        {"/hooks/*/push", "/hooks/x/pushed", false},
        {"/hooks/*/push", "/hooks/x/push/", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (path_matches(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_path_is_decoded_once),
        PROMISE(what_can_be_read_in_two_ways_is_no_path),
        PROMISE(a_path_has_an_end),
        PROMISE(a_pattern_is_a_path_or_all_beneath_it),
    };

    return KEEP_PROMISES(promises);
}
