/* The configuration: defaults, what is taken, and that each refusal names line, reason and cure. */
#include "base/config.h"

#include "unit.h"

static bool load(struct unit *unit, const char *text, struct config *config)
{
    return config_load(config, unit_file(text, strlen(text)), &unit->err);
}

static void assert_equal_settings(const struct config *a, const struct config *b)
{
#define TEXT(name, standard, help) assert_string_equal(a->name, b->name);
#define FLAG(name, standard, help) assert_int_equal(a->name, b->name);
#define NUMBER(name, standard, least, most, help) assert_int_equal(a->name, b->name);
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
}

static void an_empty_file_gives_the_defaults(void **state)
{
    struct unit *unit = *state;
    struct config config, defaults;

    config_init(&defaults);
    assert_granted(load(unit, "", &config), &unit->err);
    assert_equal_settings(&config, &defaults);
    assert_int_equal(config.session_idle_s, 1800);
    assert_int_equal(config.password_memory_kib, 19456);
    assert_true(config.cookie_secure);
    assert_string_equal(config.cookie_domain, "");
    assert_string_equal(config.log_level, "info");
}

static void defaults_are_within_their_ranges(void **state)
{
    struct unit *unit = *state;
    struct config config;
    char text[32];

    config_init(&config);
#define TEXT(name, standard, help) assert_granted(config_set(&config, #name, standard, &unit->err), &unit->err);
#define FLAG(name, standard, help)                                                                                     \
    assert_granted(config_set(&config, #name, (standard) ? "yes" : "no", &unit->err), &unit->err);
#define NUMBER(name, standard, least, most, help)                                                                      \
    snprintf(text, sizeof text, "%lld", (long long)(standard));                                                        \
    assert_granted(config_set(&config, #name, text, &unit->err), &unit->err);
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
}

static void comments_blank_lines_and_spaces_are_passed_over(void **state)
{
    struct unit *unit = *state;
    struct config config;

    assert_granted(load(unit,
                        "# a comment = 1\n"
                        "\n"
                        " \t \r\n"
                        "  # another\n"
                        "database=host=/tmp dbname=a\r\n"
                        "\tcache\t=\t\n"
                        "  session_idle_s  =  60  \n"
                        "cookie_secure = NO\n"
                        "secret_file = /secret#x\n"
                        "log_level = debug",
                        &config),
                   &unit->err);
    assert_string_equal(config.database, "host=/tmp dbname=a");
    assert_string_equal(config.cache, "");
    assert_int_equal(config.session_idle_s, 60);
    assert_false(config.cookie_secure);
    assert_string_equal(config.secret_file, "/secret#x");
    assert_string_equal(config.log_level, "debug");
}

static void each_refusal_names_its_line_and_what_to_do(void **state)
{
    static const char *const cases[][2] = {
        {"nonsense\n", ":1: 'nonsense' is not of the form name = value"},
        {"# one\n\ncolour = blue\n", ":3: colour: no such setting; `mayflyctl config show` lists them all"},
        {"objcts = s3\n", ":1: objcts: no such setting; did you mean objects?"},
        {"session_idle = 60\n", ":1: session_idle: no such setting; did you mean session_idle_s?"},
        {"= blue\n", ":1: : no such setting"},
        {"Database = x\n", ":1: Database: no such setting"},
        {"cache =\ncache_fresh_s = 6\ncache = a:1\n", ":3: cache: set twice; remove one"},
        {"cache_fresh_s = 5\ncache_fresh_s = 5\n", ":2: cache_fresh_s: set twice; remove one"},
        {"\nworker_header = perhaps\n", ":2: worker_header: say yes or no"},
        {"worker_header =\n", ":1: worker_header: say yes or no"},
        {"log_level = loud\n", ":1: log_level: say error, warn, info or debug"},
        {"log_level =\n", ":1: log_level: say error, warn, info or debug"},
        {"objects = disk\n", ":1: objects: say postgres or s3"},
        {"public_origin = banana\n", ":1: public_origin: say http:// or https:// and the host"},
        {"home = auth.example.org\n", ":1: home: say http:// or https:// and the host"},
        {"public_origin = ftp://a\n", ":1: public_origin: say http:// or https:// and the host"},
        {"public_origin = https://\n", ":1: public_origin: say http:// or https:// and the host"},
        {"public_origin = https://a.b/\n", ":1: public_origin: say http:// or https:// and the host"},
        {"public_origin = https://a.b, https://c.d\n", ":1: public_origin: say http:// or https:// and the host"},
        {"cookie_domain = http://x\n", ":1: cookie_domain: say a domain alone, such as example.org"},
        {"cookie_domain = a.b; Path=/\n", ":1: cookie_domain: say a domain alone, such as example.org"},
        {"cache_fresh_s = 0\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 61\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = -5\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s =\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = five\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 5s\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 5 # comment\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 1e1\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 0x5\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 5.0\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
        {"cache_fresh_s = 18446744073709551621\n", ":1: cache_fresh_s: say a whole number from 1 to 60"},
    };
    struct unit *unit = *state;
    struct config config;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = unit_file(cases[i][0], strlen(cases[i][0]));

        assert_refused(config_load(&config, path, &unit->err), &unit->err, ERR_INPUT, cases[i][1]);
    }
}

static void the_refusal_begins_with_the_name_of_the_file(void **state)
{
    struct unit *unit = *state;
    struct config config;
    const char *path = unit_file("x", 1);

    assert_false(config_load(&config, path, &unit->err));
    assert_memory_equal(unit->err.detail, path, strlen(path));
}

static void a_file_that_cant_be_read_is_named(void **state)
{
    struct unit *unit = *state;
    struct config config;

    assert_refused(config_load(&config, "/nowhere/mayfly.conf", &unit->err), &unit->err, ERR_INPUT,
                   "/nowhere/mayfly.conf: No such file or directory; name another file with -c");
    assert_refused(config_load(&config, "/", &unit->err), &unit->err, ERR_INPUT, "/: can't be read");
}

/* Most are found later: by whoever opens what the setting names. */
static void a_later_refusal_gets_the_line_of_its_setting(void **state)
{
    static const char text[] = "# one\n\nstatsd = localhost:8125\n  cache_fresh_s=5\n";
    static const struct {
        const char *reason, *wanted;
    } cases[] = {
        {"statsd: say unix:/path or ADDRESS:PORT", ":3: statsd: say unix:/path or ADDRESS:PORT"},
        {"cache_fresh_s: no", ":4: cache_fresh_s: no"},
        {"cache: 'a:b': say host:port", "/0120.conf: cache: 'a:b': say host:port"}, /* at its default */
        {"stats: no", NULL},
        {"statsd_prefixes: no", NULL},
        {"out of memory", NULL},
        {"", NULL},
    };
    struct unit *unit = *state;
    struct config config;

    assert_granted(load(unit, text, &config), &unit->err);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err reason = {.kind = ERR_NONE};

        err_set(&reason, ERR_INPUT, "%s", cases[i].reason);
        assert_false(config_refuse(&config, "/0120.conf", &reason, &unit->err));
        if (cases[i].wanted != NULL)
            assert_refused(false, &unit->err, ERR_INPUT, cases[i].wanted);
        else
            assert_string_equal(unit->err.detail, cases[i].reason);
        err_clear(&unit->err);
    }
}

static void origins_and_domains_are_taken_as_they_occur(void **state)
{
    static const char *const cases[][2] = {
        {"public_origin", ""},
        {"public_origin", "https://example.org"},
        {"public_origin", "HTTP://localhost:8080"},
        {"public_origin", "https://[2001:db8::1]:8443"},
        {"cookie_domain", ""},
        {"cookie_domain", "example.org"},
        {"cookie_domain", ".a-b.example.org"},
    };
    struct unit *unit = *state;
    struct config config;

    config_init(&config);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_granted(config_set(&config, cases[i][0], cases[i][1], &unit->err), &unit->err);
}

static void a_line_that_is_too_long_is_refused(void **state)
{
    struct unit *unit = *state;
    struct config config;
    char text[3000];

    memset(text, 'x', sizeof text);
    memcpy(text, "cache =\n# ", 10);
    text[sizeof text - 2] = '\n';
    text[sizeof text - 1] = '\0';
    assert_refused(load(unit, text, &config), &unit->err, ERR_INPUT, ":2: longer than 1022 characters");
    text[8 + 1022] = '\n';
    text[8 + 1023] = '\0';
    assert_granted(load(unit, text, &config), &unit->err);
}

static void every_number_is_taken_at_its_bounds_and_refused_beyond(void **state)
{
    struct unit *unit = *state;
    struct config config;
    char text[32], range[96];

    config_init(&config);
#define TEXT(name, standard, help)
#define FLAG(name, standard, help)
#define NUMBER(name, standard, least, most, help)                                                                      \
    snprintf(range, sizeof range, "%s: say a whole number from %lld to %lld", #name, (long long)(least),               \
             (long long)(most));                                                                                       \
    snprintf(text, sizeof text, "%lld", (long long)(least));                                                           \
    assert_granted(config_set(&config, #name, text, &unit->err), &unit->err);                                          \
    assert_int_equal(config.name, least);                                                                              \
    snprintf(text, sizeof text, "%lld", (long long)(most));                                                            \
    assert_granted(config_set(&config, #name, text, &unit->err), &unit->err);                                          \
    assert_int_equal(config.name, most);                                                                               \
    snprintf(text, sizeof text, "%lld", (long long)(least)-1);                                                         \
    assert_refused(config_set(&config, #name, text, &unit->err), &unit->err, ERR_INPUT, range);                        \
    snprintf(text, sizeof text, "%lld", (long long)(most) + 1);                                                        \
    assert_refused(config_set(&config, #name, text, &unit->err), &unit->err, ERR_INPUT, range);                        \
    assert_int_equal(config.name, most);
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
}

static void flags_know_three_words_for_each_answer(void **state)
{
    static const char *const yes[] = {"yes", "on", "true", "YES", "On"};
    static const char *const no[] = {"no", "off", "false", "NO", "Off"};
    static const char *const neither[] = {"", "y", "1", "0", "yes no", "yess", "noo"};
    struct unit *unit = *state;
    struct config config;

    config_init(&config);
    for (size_t i = 0; i < COUNT(yes); i++) {
        config.worker_header = false;
        assert_granted(config_set(&config, "worker_header", yes[i], &unit->err), &unit->err);
        assert_true(config.worker_header);
        assert_granted(config_set(&config, "worker_header", no[i], &unit->err), &unit->err);
        assert_false(config.worker_header);
    }
    for (size_t i = 0; i < COUNT(neither); i++)
        assert_refused(config_set(&config, "worker_header", neither[i], &unit->err), &unit->err, ERR_INPUT,
                       "worker_header: say yes or no");
}

static void a_text_is_as_long_as_its_room_and_no_longer(void **state)
{
    struct unit *unit = *state;
    struct config config;
    char text[CONFIG_TEXT_BYTES + 1];

    config_init(&config);
    memset(text, 'x', sizeof text);
    text[CONFIG_TEXT_BYTES] = '\0';
    assert_refused(config_set(&config, "database", text, &unit->err), &unit->err, ERR_INPUT,
                   "database: longer than 511 characters");
    text[CONFIG_TEXT_BYTES - 1] = '\0';
    assert_granted(config_set(&config, "database", text, &unit->err), &unit->err);
    assert_string_equal(config.database, text);
}

static char *printed(struct unit *unit, const struct config *config)
{
    char *text = NULL, *copy;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    copy = arena_strndup(&unit->arena, text, length);
    assert_non_null(copy);
    free(text);
    return copy;
}

static void what_is_printed_can_be_loaded_again(void **state)
{
    struct unit *unit = *state;
    struct config config, again;

    assert_granted(load(unit,
                        "database = host=a,b port=5432,5433\ncache = unix:/a,b:11211\ncookie_secure = no\n"
                        "session_idle_s = 7\nworker_max_requests = 0\nlog_level = warn\npublic_origin = https://a.b\n",
                        &config),
                   &unit->err);
    assert_granted(load(unit, printed(unit, &config), &again), &unit->err);
    assert_equal_settings(&config, &again);
}

static void every_setting_is_printed_with_its_help(void **state)
{
    struct unit *unit = *state;
    struct config config;
    const char *text;

    config_init(&config);
    text = printed(unit, &config);
#define TEXT(name, standard, help) assert_contains(text, "# " help "\n" #name " = ");
#define FLAG(name, standard, help) TEXT(name, standard, help)
#define NUMBER(name, standard, least, most, help) TEXT(name, standard, help)
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
}

static void a_password_is_never_printed(void **state)
{
    static const char *const connections[] = {
        "host=db password=hunter2",
        "password=hunter2 host=db",
        "host=db password='hunter2 hunter2'",
        "host=db password = hunter2",
        "host=db sslpassword=hunter2",
        "postgresql://mayfly:hunter2@db/mayfly",
        "postgres://mayfly:hunter2@db/mayfly",
        "postgresql://db/mayfly?user=mayfly&password=hunter2",
    };
    struct unit *unit = *state;
    struct config config;

    for (size_t i = 0; i < COUNT(connections); i++) {
        config_init(&config);
        assert_granted(config_set(&config, "database", connections[i], &unit->err), &unit->err);
        if (strstr(printed(unit, &config), "hunter2") != NULL)
            fail_msg("the password of \"%s\" was printed", connections[i]);
        assert_contains(printed(unit, &config), "\nsession_idle_s = 1800\n");
    }
}

static void each_log_level_has_its_word(void **state)
{
    static const struct {
        const char *word;
        enum log_level level;
    } cases[] = {{"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
    struct unit *unit = *state;
    struct config config;

    config_init(&config);
    assert_int_equal(config_log_level(&config), LOG_INFO);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_granted(config_set(&config, "log_level", cases[i].word, &unit->err), &unit->err);
        assert_int_equal(config_log_level(&config), cases[i].level);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_empty_file_gives_the_defaults),
        PROMISE(defaults_are_within_their_ranges),
        PROMISE(comments_blank_lines_and_spaces_are_passed_over),
        PROMISE(each_refusal_names_its_line_and_what_to_do),
        PROMISE(the_refusal_begins_with_the_name_of_the_file),
        PROMISE(a_file_that_cant_be_read_is_named),
        PROMISE(origins_and_domains_are_taken_as_they_occur),
        PROMISE(a_later_refusal_gets_the_line_of_its_setting),
        PROMISE(a_line_that_is_too_long_is_refused),
        PROMISE(every_number_is_taken_at_its_bounds_and_refused_beyond),
        PROMISE(flags_know_three_words_for_each_answer),
        PROMISE(a_text_is_as_long_as_its_room_and_no_longer),
        PROMISE(what_is_printed_can_be_loaded_again),
        PROMISE(every_setting_is_printed_with_its_help),
        PROMISE(a_password_is_never_printed),
        PROMISE(each_log_level_has_its_word),
    };

    return KEEP_PROMISES(promises);
}
