/* The key to an object storage: where it may stand, and that no refusal shows any of it. */
#include "base/lines.h"
#include "object/access_key.h"

#include "unit.h"

#include <sodium.h>

static void clear_environment(void)
{
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static bool load(struct unit *unit, const char *text, struct access_key **key)
{
    return access_key_load(key, unit_file(text, strlen(text)), &unit->err);
}

static void assert_key(struct unit *unit, bool loaded, struct access_key **key, const char *id, const char *secret,
                       const char *token)
{
    assert_granted(loaded, &unit->err);
    assert_string_equal((*key)->id, id);
    assert_string_equal((*key)->secret, secret);
    assert_string_equal((*key)->token, token);
    access_key_free(*key);
}

static void the_environment_gives_it_when_no_file_is_named(void **state)
{
    struct unit *unit = *state;
    struct access_key *key;

    clear_environment();
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "Se/cr+et", 1);
    assert_key(unit, access_key_load(&key, "", &unit->err), &key, "AKID", "Se/cr+et", "");
    setenv("AWS_SESSION_TOKEN", "token==", 1);
    assert_key(unit, access_key_load(&key, "", &unit->err), &key, "AKID", "Se/cr+et", "token==");
    clear_environment();
}

static void a_file_gives_it_in_either_spelling(void **state)
{
    static const char *const files[] = {
        "AWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY=Se/cr+et\nAWS_SESSION_TOKEN=t==\n",
        ("# ours\r\n[default]\r\naws_access_key_id = AKID\r\naws_secret_access_key\t= Se/cr+et \r\n"
         "aws_session_token=t=="),
        "\n  aws_session_token = t==\n; a remark\n  AWS_SECRET_ACCESS_KEY = Se/cr+et\n\nAWS_ACCESS_KEY_ID = AKID\n",
    };
    struct unit *unit = *state;
    struct access_key *key;

    clear_environment();
    setenv("AWS_ACCESS_KEY_ID", "not this one", 1);
    for (size_t i = 0; i < COUNT(files); i++)
        assert_key(unit, load(unit, files[i], &key), &key, "AKID", "Se/cr+et", "t==");
    clear_environment();
}

static void a_name_without_a_slash_is_looked_for_where_systemd_puts_it(void **state)
{
    struct unit *unit = *state;
    char folder[] = "/tmp/mayfly-unit-XXXXXX", path[64];
    struct access_key *key;
    FILE *file;

    clear_environment();
    assert_refused(access_key_load(&key, "s3", &unit->err), &unit->err, ERR_INPUT, "$CREDENTIALS_DIRECTORY is not set");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s3", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=S\n", file);
    fclose(file);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_key(unit, access_key_load(&key, "s3", &unit->err), &key, "A", "S", "");
    assert_refused(access_key_load(&key, "other", &unit->err), &unit->err, ERR_INPUT, "/other: No such file");
    unlink(path);
    rmdir(folder);
    clear_environment();
}

static void a_wrong_key_is_refused_and_none_of_it_is_shown(void **state)
{
    static char long_line[LINE_MAX_BYTES + 3], long_secret[256] = "AWS_ACCESS_KEY_ID=feedface\nAWS_SECRET_ACCESS_KEY=";
    const char *const cases[][2] = {
        {"", "AWS_ACCESS_KEY_ID is missing; s3_credentials names a file that has it"},
        {"AWS_ACCESS_KEY_ID=feedface\n", "AWS_SECRET_ACCESS_KEY is missing"},
        {"AWS_SECRET_ACCESS_KEY=feedface\n", "AWS_ACCESS_KEY_ID is missing"},
        {"AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=feedface\n", "AWS_ACCESS_KEY_ID is missing"},
        {"feedface\n", ":1: not of the form AWS_ACCESS_KEY_ID = value"},
        {"\nfeedface=1\n", ":2: not AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN"},
        {"AWS_ACCESS_KEY_ID=feedface x\n", ":1: AWS_ACCESS_KEY_ID has a character that can't be in it"},
        {"AWS_ACCESS_KEY_ID=feedface\xc3\xa9\n", ":1: AWS_ACCESS_KEY_ID has a character that can't be in it"},
        {"AWS_ACCESS_KEY_ID=feedface\naws_access_key_id=feedface\n", ":2: AWS_ACCESS_KEY_ID is set twice"},
        {long_secret, ":2: AWS_SECRET_ACCESS_KEY is longer than 128 characters"},
        {long_line, ":1: longer than"},
    };
    struct unit *unit = *state;
    struct access_key *key;

    clear_environment();
    memset(long_line, 'f', sizeof long_line - 1);
    memset(long_secret + strlen(long_secret), 'f', 129);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_false(load(unit, cases[i][0], &key));
        assert_null(key);
        assert_null(strstr(unit->err.detail, "feedface"));
        assert_null(strstr(unit->err.detail, "ffff"));
        assert_refused(load(unit, cases[i][0], &key), &unit->err, ERR_INPUT, cases[i][1]);
    }
    assert_refused(access_key_load(&key, "", &unit->err), &unit->err, ERR_INPUT, "environment: AWS_ACCESS_KEY_ID");
    assert_refused(access_key_load(&key, "/nowhere/s3", &unit->err), &unit->err, ERR_INPUT, "/nowhere/s3: No such");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_environment_gives_it_when_no_file_is_named),
        PROMISE(a_file_gives_it_in_either_spelling),
        PROMISE(a_name_without_a_slash_is_looked_for_where_systemd_puts_it),
        PROMISE(a_wrong_key_is_refused_and_none_of_it_is_shown),
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
