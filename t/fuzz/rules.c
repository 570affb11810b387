/*
 * Rules, forms, paths and origins: a text is read or refused with a place in it; the form of what was read gives the same rules;
 * no path that is plain climbs or has a second reading; what an origin is written as is read as the same one.
 */
#include "base/sha256.h"
#include "gate/origin.h"
#include "gate/path.h"
#include "gate/rules_form.h"

#include "fuzz.h"

static const struct uuid someone = {.bytes = {7}};
static const char *const groups[] = {"staff", "a"};

static struct rules_facts facts_of(const char *target, bool logged_in)
{
    return (struct rules_facts){.method = "GET",
                                .target = target,
                                .address = "192.0.2.7",
                                .account = logged_in ? &someone : NULL,
                                .groups = groups,
                                .group_count = 2,
                                .factors = 1,
                                .proof_age_s = 100};
}

/* What holds of any rules, whatever they came from. */
static void check_judgements(const struct rules *rules)
{
    struct rules_facts stranger = facts_of("/static/a", false), user = facts_of("/static/a", true);
    struct rules_facts climber = facts_of("/static/%2e%2e/static/a", true);
    struct rules_judgement judgement = rules_judge(rules, &stranger);
    bool all_ask_for_paths = true;

    CHECK(judgement.verdict != RULES_STEP_UP);
    judgement = rules_judge(rules, &user);
    CHECK(judgement.verdict != RULES_LOG_IN);
    CHECK((judgement.verdict == RULES_STEP_UP) == (judgement.factors > 0 || judgement.recent_s > 0));
    for (int row = 0; row < rules->rows; row++) {
        bool asks = false;

        for (int i = 0; i < rules->term_count; i++)
            asks |= rules->terms[i].row == row && rules->terms[i].kind == RULES_PATH;
        all_ask_for_paths &= asks;
    }
    if (all_ask_for_paths)
        CHECK(rules_judge(rules, &climber).verdict == RULES_FORBIDDEN);
}

static void text(struct arena *arena, const char *bytes, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    struct rules_place place;
    struct rules rules, again;
    struct rules_form form, twice;
    struct rules_value *user = NULL;
    int lines = 1;

    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    if (!rules_read(arena, bytes, length, &rules, &place, &err)) {
        CHECK(err.kind == ERR_VALUE && err.detail[0] != '\0' && rules.rows == 0 && rules.term_count == 0);
        CHECK(place.line >= 1 && place.line <= lines && place.character >= 1 && (size_t)place.character <= length + 1);
        return;
    }
    CHECK(rules.rows >= 1 && rules.rows <= RULES_ROWS_MAX && rules.term_count >= rules.rows);
    while ((user = rules_next_user(&rules, user)) != NULL) {
        user->account = someone;
        user->known = true;
    }
    CHECK(rules_form_write(arena, &rules, bytes, length, &form, &err));
    CHECK(rules_form_read(arena, &form, NULL, &again, &err));
    CHECK(again.rows == rules.rows && again.term_count == rules.term_count && again.value_count == rules.value_count);
    CHECK(rules_form_write(arena, &again, bytes, length, &twice, &err));
    CHECK(twice.length == form.length && memcmp(twice.bytes, form.bytes, form.length) == 0);
    check_judgements(&again);
}

static void read_form(struct arena *arena, const unsigned char *bytes, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    struct rules_form given = {bytes, length};
    struct rules rules;
    int term;

    if (rules_form_read(arena, &given, NULL, &rules, &err)) {
        CHECK(rules.rows > 0);
        for (int row = 0; row < rules.rows; row++)
            CHECK(rules_row_fault(&rules, row, &term) == NULL);
        check_judgements(&rules);
    } else
        CHECK(err.kind == ERR_BUG && rules.rows == 0 && rules.term_count == 0);
}

/* As it comes, and with the digest that would be right. */
static void form(struct arena *arena, unsigned char *bytes, size_t length)
{
    unsigned char digest[SHA256_BYTES];

    read_form(arena, bytes, length);
    if (length < 16)
        return;
    sha256_of(bytes, length - 16, digest);
    memcpy(bytes + length - 16, digest, 16);
    read_form(arena, bytes, length);
}

static void path(const char *bytes, size_t length)
{
    char plain[PATH_BYTES], again[PATH_BYTES];

    if (!path_plain(bytes, length, plain)) {
        CHECK(plain[0] == '\0');
        return;
    }
    CHECK(plain[0] == '/' && strlen(plain) < PATH_BYTES && strpbrk(plain, "\\;?#%\n\r") == NULL);
    CHECK(strstr(plain, "//") == NULL && strstr(plain, "/../") == NULL && strstr(plain, "/./") == NULL);
    CHECK(path_plain(plain, strlen(plain), again) && strcmp(plain, again) == 0);
    CHECK(path_matches(plain, plain) && path_matches("/", plain));
    CHECK(plain[strlen(plain) - 1] != '.');
}

static void origin(const char *line)
{
    struct err err = {.kind = ERR_NONE};
    char written[ORIGIN_TEXT_BYTES];
    struct origin read, again;
    const char *target;

    if (origin_of_url(line, &read, &target, &err))
        CHECK(target[0] == '/' && strcmp(read.prefix, "/") == 0 && origin_choose(&(const char *){"/"}, 1, target) == 0);
    err_clear(&err);
    if (!origin_read(line, &read, &err)) {
        CHECK(err.kind == ERR_VALUE && err.detail[0] != '\0');
        return;
    }
    origin_format(&read, written);
    CHECK(origin_read(written, &again, &err));
    CHECK(strcmp(read.host, again.host) == 0 && strcmp(read.prefix, again.prefix) == 0 && read.port == again.port);
    CHECK(read.is_https == again.is_https && read.prefix[0] == '/' && read.prefix[strlen(read.prefix) - 1] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    char *copy;

    if (size == 0)
        return 0;
    arena_init(&arena, 1024 * 1024);
    copy = data[0] % 4 == 3 ? text_of(data + 1, size - 1) : exact(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        text(&arena, copy, size - 1);
        break;
    case 1:
        form(&arena, (unsigned char *)copy, size - 1);
        break;
    case 2:
        path(copy, size - 1);
        break;
    default:
        if (copy != NULL)
            origin(copy);
    }
    arena_free(&arena);
    free(copy);
    return 0;
}
