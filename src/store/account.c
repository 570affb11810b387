#include "store/account.h"

#include "base/character.h"
#include "base/precis.h"
#include "base/text_limit.h"
#include "base/utf8.h"

#include <string.h>

/* Checks a text that pages show to others and that mayflyctl prints on a terminal. */
static bool check_text(enum text_kind kind, const char *field, const char *text, struct err *err)
{
    return text_check(kind, field, text, err) && (!utf8_has_control(text, strlen(text)) ||
                                                  err_field(err, ERR_VALUE, field, "%s: no control characters", field));
}

static bool refuse_username(struct err *err)
{
    return err_field(err, ERR_VALUE, "username",
                     "username: letters and digits of any script, and of ASCII also - . _ and the like; no spaces, no "
                     "invisible characters and none of @ \" ' < > / \\ : ; ,");
}

static bool check_username(const char *username, struct err *err)
{
    char mapped[PRECIS_NAME_BYTES];

    if (!check_text(TEXT_USERNAME, "username", username, err))
        return false;
    switch (precis_username(username, mapped)) {
    case PRECIS_CHARACTER:
        return refuse_username(err);
    case PRECIS_DIRECTION:
        return err_field(err, ERR_VALUE, "username",
                         "username: what is written from right to left must begin so, and hold no letters of the other "
                         "direction");
    case PRECIS_FINE:
        break;
    }
    /* An '@' would make it look like an e-mail address, which is a second way to name the account at a log-in. */
    return strpbrk(mapped, "@\"'<>/\\:;,") == NULL || refuse_username(err);
}

static bool refuse_email(struct err *err)
{
    return err_field(err, ERR_VALUE, "email", "email: no spaces and no invisible characters");
}

/* The code point at *at of well-formed text, which is not at its end; moves *at behind it. */
static uint32_t next_code(const char **at)
{
    size_t step = utf8_sequence(*at, strlen(*at));
    uint32_t code = utf8_code_point(*at, step);

    *at += step;
    return code;
}

/* Checks only what every address has. Whether mail arrives is not known before some is sent. */
static bool check_email(const char *email, struct err *err)
{
    const char *at = strrchr(email, '@');

    if (!check_text(TEXT_EMAIL, "email", email, err))
        return false;
    if (at == NULL || at == email || at[1] == '\0' || at[1] == '.' || strpbrk(email, "<>,;\"") != NULL)
        return err_field(err, ERR_VALUE, "email", "email: not an address such as name@example.org");
    while (*email != '\0') {
        uint32_t code = next_code(&email);

        if (character_is_hidden(code) || character_is_space(code))
            return refuse_email(err);
    }
    return true;
}

/*
 * A display name may have invisible characters, each after a visible one: emoji and some scripts are composed with
 * them.
 */
static bool check_name(const char *name, struct err *err)
{
    bool shown = false, good = true;

    if (!check_text(TEXT_NAME, "name", name, err))
        return false;
    while (good && *name != '\0') {
        uint32_t code = next_code(&name);

        if (character_is_hidden(code))
            good = shown && character_is_modifier(code);
        else
            shown = !character_is_space(code);
        good = good && code != 0x2028 && code != 0x2029;
    }
    return good || err_field(err, ERR_VALUE, "name", "name: no invisible characters and no line breaks");
}

bool account_check(const struct account_fields *fields, struct err *err)
{
    if (fields->username != NULL && !check_username(fields->username, err))
        return false;
    if (fields->email != NULL && !check_email(fields->email, err))
        return false;
    return fields->name == NULL || check_name(fields->name, err);
}

/* The database compares names in the form NFKC, which may have characters that the check of the typed text refuses. */
static void name_refusal(struct err *err)
{
    bool username = strcmp(err->field, "account_username_plain") == 0;

    if (err->kind != ERR_VALUE || (!username && strcmp(err->field, "account_email_plain") != 0))
        return;
    err_clear(err);
    if (username)
        refuse_username(err);
    else
        refuse_email(err);
}

/* Names the field that is taken, by the unique index that the row has violated. */
static bool name_conflict(struct err *err)
{
    /* account_username, account_email, and the same in the order of bytes. */
    bool email = strncmp(err->field, "account_email", strlen("account_email")) == 0;

    if (err->kind != ERR_CONFLICT)
        return false;
    err_clear(err);
    return err_field(err, ERR_CONFLICT, email ? "email" : "username", "%s: already taken",
                     email ? "email" : "username");
}

bool account_create(struct db *db, struct arena *arena, const struct uuid *id, const struct account_fields *fields,
                    const char *password_hash, const char **profile, struct err *err)
{
    const char *name = fields->name != NULL ? fields->name : "";
    struct db_result row;

    if (db_query(db, arena, sql_account_create(id, fields->username, fields->email, name, password_hash), &row, err) !=
        DB_ROW) {
        name_refusal(err);
        return name_conflict(err);
    }
    *profile = db_value(&row, 0, 0);
    return true;
}

enum db_rc account_by_login(struct db *db, struct arena *arena, const char *login, struct account *account,
                            const char **key, struct err *err)
{
    char *trimmed = text_trim(arena, login);
    struct db_result row;
    enum db_rc rc;

    if (trimmed == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    if (!text_check(TEXT_LOGIN, "username", login, err) || !text_check(TEXT_LOGIN, "username", trimmed, err))
        return DB_FAIL;
    rc = db_query(db, arena, sql_account_by_login(trimmed, login), &row, err);
    if (rc != DB_ROW)
        return rc;
    *key = db_value(&row, 0, 0);
    if (db_is_null(&row, 0, 1))
        return DB_NONE;
    *account = (struct account){
        .disabled = db_flag(&row, 0, 3),
        .password_hash = db_value(&row, 0, 2),
        .profile = db_value(&row, 0, 4),
    };
    return db_id(&row, 0, 1, &account->id, err) ? DB_ROW : DB_FAIL;
}

enum db_rc account_by_id(struct db *db, struct arena *arena, const struct uuid *id, struct account *account,
                         struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_account_by_id(id), &row, err);

    if (rc == DB_ROW)
        *account = (struct account){
            .id = *id,
            .disabled = db_flag(&row, 0, 1),
            .password_hash = db_value(&row, 0, 0),
            .profile = db_value(&row, 0, 2),
        };
    return rc;
}

enum db_rc account_confirm(struct db *db, struct arena *arena, const struct account *account, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_confirm(&account->id, account->password_hash), &row, err);
}

enum db_rc account_update(struct db *db, struct arena *arena, const struct uuid *id,
                          const struct account_fields *fields, bool email_given, const char **profile, struct err *err)
{
    const char *email = fields->email != NULL && fields->email[0] != '\0' ? fields->email : NULL;
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_account_update(id, fields->name, email_given, email), &row, err);

    if (rc == DB_ROW)
        *profile = db_value(&row, 0, 0);
    if (rc != DB_FAIL)
        return rc;
    if (err->kind == ERR_VALUE && strcmp(err->field, "account_has_login") == 0) {
        err_clear(err);
        err_field(err, ERR_VALUE, "email",
                  "email: this account has no username, so it needs an address to log in with");
    }
    name_refusal(err);
    name_conflict(err);
    return rc;
}

enum db_rc account_set_password(struct db *db, struct arena *arena, const struct uuid *id, const char *hash,
                                const char *replaced, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_set_password(id, hash, replaced), &row, err);
}

bool account_close(struct db *db, struct arena *arena, const struct uuid *id, struct session_ids *ended,
                   struct err *err)
{
    struct db_result rows;

    if (db_query(db, arena, sql_account_close(id), &rows, err) == DB_FAIL)
        return false;
    return session_ids_read(ended, arena, &rows, err);
}

enum db_rc account_set_disabled(struct db *db, struct arena *arena, const struct uuid *id, bool disabled,
                                struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_set_disabled(id, disabled), &row, err);
}

enum db_rc account_set_groups(struct db *db, struct arena *arena, const struct uuid *id, struct db_texts groups,
                              struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_set_groups(id, groups), &row, err);
}

enum db_rc account_set_photo(struct db *db, struct arena *arena, const struct uuid *id, const struct uuid *file,
                             struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_set_photo(id, file), &row, err);
}

enum db_rc account_lock(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_lock(id), &row, err);
}

enum db_rc account_any_in_group(struct db *db, struct arena *arena, const char *group, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_group_used(group), &row, err);
}
