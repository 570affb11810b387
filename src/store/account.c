#include "store/account.h"

#include "base/text_limit.h"
#include "base/utf8.h"

#include <string.h>

/* What is shown to others, and told to a terminal by mayflyctl. */
static bool check_text(enum text_kind kind, const char *field, const char *text, struct err *err)
{
    return text_check(kind, field, text, err) && (!utf8_has_control(text, strlen(text)) ||
                                                  err_field(err, ERR_VALUE, field, "%s: no control characters", field));
}

static bool check_username(const char *username, struct err *err)
{
    if (!check_text(TEXT_USERNAME, "username", username, err))
        return false;
    /* '@' would make it look like an address, by which people log in too. */
    if (strpbrk(username, "@ \"'<>/\\:;,") != NULL)
        return err_field(err, ERR_VALUE, "username", "username: no spaces and none of @ \" ' < > / \\ : ; ,");
    return true;
}

/* Only what every address has; whether mail arrives is found out by sending some. */
static bool check_email(const char *email, struct err *err)
{
    const char *at = strrchr(email, '@');

    if (!check_text(TEXT_EMAIL, "email", email, err))
        return false;
    if (at == NULL || at == email || at[1] == '\0' || at[1] == '.' || strpbrk(email, " <>,;\"") != NULL)
        return err_field(err, ERR_VALUE, "email", "email: not an address such as name@example.org");
    return true;
}

bool account_check(const struct account_fields *fields, struct err *err)
{
    if (fields->username != NULL && !check_username(fields->username, err))
        return false;
    if (fields->email != NULL && !check_email(fields->email, err))
        return false;
    return fields->name == NULL || check_text(TEXT_NAME, "name", fields->name, err);
}

/* What only the database can see in a name: characters that NFKC makes of others. */
static void name_refusal(struct err *err)
{
    if (err->kind != ERR_VALUE || strcmp(err->field, "account_username_plain") != 0)
        return;
    err_clear(err);
    err_field(err, ERR_VALUE, "username",
              "username: no spaces, no invisible characters and none of @ \" ' < > / \\ : ; ,");
}

/* The unique index that was hit says which field is taken. */
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
    const char *values[] = {NULL, fields->username, fields->email, fields->name != NULL ? fields->name : "",
                            password_hash};
    struct db_result row;

    if (db_query_by_id(db, arena, STATEMENT_ACCOUNT_CREATE, id, values, &row, err) != DB_ROW) {
        name_refusal(err);
        return name_conflict(err);
    }
    *profile = db_value(&row, 0, 0);
    return true;
}

enum db_rc account_by_login(struct db *db, struct arena *arena, const char *login, struct account *account,
                            const char **key, struct err *err)
{
    const char *const values[] = {login};
    struct db_result row;
    enum db_rc rc;

    if (!text_check(TEXT_LOGIN, "username", login, err))
        return DB_FAIL;
    rc = db_query(db, arena, STATEMENT_ACCOUNT_BY_LOGIN, values, &row, err);
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
    if (uuid_parse(db_value(&row, 0, 1), &account->id))
        return DB_ROW;
    err_set(err, ERR_BUG, "account id can't be read");
    return DB_FAIL;
}

enum db_rc account_by_id(struct db *db, struct arena *arena, const struct uuid *id, struct account *account,
                         struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query_by_id(db, arena, STATEMENT_ACCOUNT_BY_ID, id, NULL, &row, err);

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
    const char *values[] = {NULL, account->password_hash};
    struct db_result row;

    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_CONFIRM, &account->id, values, &row, err);
}

enum db_rc account_update(struct db *db, struct arena *arena, const struct uuid *id,
                          const struct account_fields *fields, bool email_given, const char **profile, struct err *err)
{
    bool has_email = fields->email != NULL && fields->email[0] != '\0';
    const char *values[] = {NULL, fields->name, email_given ? "t" : "f", has_email ? fields->email : NULL};
    struct db_result row;
    enum db_rc rc = db_query_by_id(db, arena, STATEMENT_ACCOUNT_UPDATE, id, values, &row, err);

    if (rc == DB_ROW)
        *profile = db_value(&row, 0, 0);
    if (rc != DB_FAIL)
        return rc;
    if (err->kind == ERR_VALUE && strcmp(err->field, "account_has_login") == 0) {
        err_clear(err);
        err_field(err, ERR_VALUE, "email",
                  "email: this account has no username, so it needs an address to log in with");
    }
    name_conflict(err);
    return rc;
}

enum db_rc account_set_password(struct db *db, struct arena *arena, const struct uuid *id, const char *hash,
                                const char *replaced, struct err *err)
{
    const char *values[] = {NULL, hash, replaced};
    struct db_result row;

    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_SET_PASSWORD, id, values, &row, err);
}

bool account_close(struct db *db, struct arena *arena, const struct uuid *id, struct session_ids *ended,
                   struct err *err)
{
    struct db_result rows;

    if (db_query_by_id(db, arena, STATEMENT_ACCOUNT_CLOSE, id, NULL, &rows, err) == DB_FAIL)
        return false;
    return session_ids_read(ended, arena, &rows, err);
}

enum db_rc account_set_disabled(struct db *db, struct arena *arena, const struct uuid *id, bool disabled,
                                struct err *err)
{
    const char *values[] = {NULL, disabled ? "t" : "f"};
    struct db_result row;

    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_SET_DISABLED, id, values, &row, err);
}

enum db_rc account_set_groups(struct db *db, struct arena *arena, const struct uuid *id, const char *groups,
                              struct err *err)
{
    const char *values[] = {NULL, groups};
    struct db_result row;

    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_SET_GROUPS, id, values, &row, err);
}

enum db_rc account_set_photo(struct db *db, struct arena *arena, const struct uuid *id, const struct uuid *file,
                             struct err *err)
{
    char id_text[UUID_TEXT_BYTES], file_text[UUID_TEXT_BYTES];
    const char *const values[] = {id_text, file_text};
    struct db_result row;

    uuid_format(id, id_text);
    uuid_format(file, file_text);
    return db_query(db, arena, STATEMENT_ACCOUNT_SET_PHOTO, values, &row, err);
}
