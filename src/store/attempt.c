#include "store/attempt.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* The longest that is told apart: the key of a name, with an address, is no longer where one can be registered. */
enum { MESSAGE_BYTES = 512 };

/* Of a password that was tried. */
enum { PASSWORD_MAC_BYTES = 2 };

static void bucket_key(struct attempt *attempt, const struct secret *secret, enum attempt_bucket bucket,
                       const char *purpose, const char *who, const char *address)
{
    char message[MESSAGE_BYTES];
    int length = snprintf(message, sizeof message, "%s\n%s", address, who);

    if (length >= MESSAGE_BYTES)
        length = MESSAGE_BYTES - 1;
    for (size_t i = 0; i < secret->count; i++)
        secret_mac(secret, i, purpose, message, (size_t)length, attempt->keys[i][bucket]);
}

static void init(struct attempt *attempt, const struct secret *secret, const char *who, const char *address)
{
    *attempt = (struct attempt){.secrets = secret->count, .first = ATTEMPT_PAIR, .end = ATTEMPT_BUCKETS};
    attempt->from_address = address_key_text(address, attempt->address);
    bucket_key(attempt, secret, ATTEMPT_PAIR, "attempt pair", who, attempt->address);
    bucket_key(attempt, secret, ATTEMPT_ADDRESS, "attempt address", "", attempt->address);
    bucket_key(attempt, secret, ATTEMPT_ACCOUNT, "attempt account", who, "");
}

void attempt_by_account(struct attempt *attempt, const struct secret *secret, const struct uuid *account,
                        const char *address)
{
    char who[UUID_TEXT_BYTES];

    uuid_format(account, who);
    init(attempt, secret, who, address);
    attempt->account = *account;
    attempt->known = true;
}

void attempt_by_name(struct attempt *attempt, const struct secret *secret, const char *key, const char *address)
{
    char who[MESSAGE_BYTES];

    /* A name may look like an account's id. */
    snprintf(who, sizeof who, "name %s", key);
    init(attempt, secret, who, address);
}

void attempt_by_device(struct attempt *attempt, const struct secret *secret, const struct uuid *account,
                       const struct uuid *device)
{
    unsigned char message[2 * UUID_BYTES];

    *attempt = (struct attempt){
        .known = true, .account = *account, .secrets = secret->count, .first = ATTEMPT_PAIR, .end = ATTEMPT_ADDRESS};
    memcpy(message, account->bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, device->bytes, UUID_BYTES);
    for (size_t i = 0; i < secret->count; i++)
        secret_mac(secret, i, "attempt device", message, sizeof message, attempt->keys[i][ATTEMPT_PAIR]);
}

void attempt_by_address(struct attempt *attempt, const struct secret *secret, const char *address)
{
    init(attempt, secret, "", address);
    attempt->first = ATTEMPT_ADDRESS;
    attempt->end = ATTEMPT_ACCOUNT;
}

void attempt_password(struct attempt *attempt, const struct secret *secret, const char *password)
{
    unsigned char message[ATTEMPT_KEY_BYTES + PASSWORD_MAC_BYTES], mac[SECRET_MAC_BYTES];

    for (size_t i = 0; i < secret->count; i++) {
        secret_mac(secret, i, "attempt password", password, strlen(password), mac);
        memcpy(message, attempt->keys[i][ATTEMPT_PAIR], ATTEMPT_KEY_BYTES);
        memcpy(message + ATTEMPT_KEY_BYTES, mac, PASSWORD_MAC_BYTES);
        secret_mac(secret, i, "attempt again", message, sizeof message, attempt->again[i]);
    }
    attempt->has_password = true;
}

static bool add_key(struct buf *text, struct arena *arena, const unsigned char key[ATTEMPT_KEY_BYTES])
{
    const char *hex = db_bytes(arena, key, ATTEMPT_KEY_BYTES);

    /* Within an array the backslash is escaped. */
    return hex != NULL && buf_printf(text, "%c\"\\%s\"", text->length > 0 ? ',' : '{', hex);
}

/* As PostgreSQL array text: the first one is of the secret's first key. */
static const char *array_text(struct buf *text)
{
    return text->length == 0 ? "{}" : buf_add_string(text, "}") ? text->bytes : NULL;
}

enum { ARRAY_BYTES = SECRET_KEYS_MAX * ATTEMPT_BUCKETS * (2 * ATTEMPT_KEY_BYTES + 8) + 2 };

/* The keys of the buckets from the first on. */
static const char *keys_text(struct arena *arena, const struct attempt *attempt, size_t first, size_t end)
{
    struct buf text;

    buf_init(&text, arena, ARRAY_BYTES);
    for (size_t i = 0; i < attempt->secrets; i++)
        for (size_t bucket = first; bucket < end; bucket++)
            if (!add_key(&text, arena, attempt->keys[i][bucket]))
                return NULL;
    return array_text(&text);
}

/* What stands for the attempt itself; nothing without a password. */
static const char *again_text(struct arena *arena, const struct attempt *attempt)
{
    struct buf text;

    buf_init(&text, arena, ARRAY_BYTES);
    for (size_t i = 0; attempt->has_password && i < attempt->secrets; i++)
        if (!add_key(&text, arena, attempt->again[i]))
            return NULL;
    return array_text(&text);
}

/* The limit of each of those keys. */
static const char *limits_text(struct arena *arena, const struct attempt *attempt, const struct config *config)
{
    const int64_t limits[ATTEMPT_BUCKETS] = {
        [ATTEMPT_PAIR] = config->login_failures_per_pair,
        [ATTEMPT_ADDRESS] = config->login_failures_per_address,
        [ATTEMPT_ACCOUNT] = config->login_failures_per_account,
    };
    struct buf text;

    buf_init(&text, arena, ARRAY_BYTES);
    for (size_t i = 0; i < attempt->secrets; i++)
        for (size_t bucket = attempt->first; bucket < attempt->end; bucket++)
            if (!buf_printf(&text, "%c%lld", text.length > 0 ? ',' : '{', (long long)limits[bucket]))
                return NULL;
    return array_text(&text);
}

/* Asked for an unknown name as well, so that the answer's time tells nobody which names there are. */
static bool known_address(struct db *db, struct arena *arena, const struct attempt *attempt, bool *known,
                          struct err *err)
{
    char account[UUID_TEXT_BYTES];
    const char *const values[] = {attempt->known ? account : NULL, attempt->address};
    struct db_result row;

    uuid_format(&attempt->account, account);
    if (db_query(db, arena, STATEMENT_ATTEMPT_KNOWN_ADDRESS, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no answer about the address");
    *known = db_flag(&row, 0, 0);
    return true;
}

static bool take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                 int64_t *wait_s, struct err *err)
{
    const char *const values[] = {
        keys_text(arena, attempt, attempt->first, attempt->end), limits_text(arena, attempt, config),
        arena_printf(arena, "%lld", (long long)config->login_window_s), again_text(arena, attempt)};
    struct db_result row;

    if (values[0] == NULL || values[1] == NULL || values[2] == NULL || values[3] == NULL)
        return err_memory(err);
    if (db_query(db, arena, STATEMENT_ATTEMPT_COUNT, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "attempt was not counted");
    *wait_s = db_number(&row, 0, 0);
    attempt->repeated = *wait_s < 0;
    return true;
}

bool attempt_take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                  struct err *err)
{
    int64_t wait_s;
    bool known = false;

    if (!take(db, arena, config, attempt, &wait_s, err))
        return false;
    if (wait_s <= 0)
        return true;
    /* Only one who is refused costs this question. */
    if (attempt->end == ATTEMPT_BUCKETS && attempt->from_address && !known_address(db, arena, attempt, &known, err))
        return false;
    if (known) {
        attempt->end = ATTEMPT_ACCOUNT;
        if (!take(db, arena, config, attempt, &wait_s, err))
            return false;
        if (wait_s <= 0)
            return true;
    }
    err_set(err, ERR_LIMIT, "too many attempts; try again in %lld seconds", (long long)wait_s);
    err->retry_after_s = wait_s;
    return false;
}

bool attempt_clear(struct db *db, struct arena *arena, const struct attempt *attempt, struct err *err)
{
    const char *const values[] = {
        keys_text(arena, attempt, ATTEMPT_PAIR, ATTEMPT_PAIR + 1),
        attempt->repeated ? "{}" : keys_text(arena, attempt, ATTEMPT_ADDRESS, attempt->end),
        again_text(arena, attempt),
    };
    struct db_result ignored;

    if (values[0] == NULL || values[1] == NULL || values[2] == NULL)
        return err_memory(err);
    return db_query(db, arena, STATEMENT_ATTEMPT_CLEAR, values, &ignored, err) != DB_FAIL;
}
