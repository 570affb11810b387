#include "gate/rules_form.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "base/sha256.h"

#include <string.h>

enum {
    FORM_VERSION = 1,
    DIGEST_BYTES =
        16, /* of SHA-256: enough against accidents; an attacker who can write here does not need to forge one */
    NUMBER_BYTES = 8,
    NETWORK_BYTES = ADDRESS_BYTES + 1,
};

static const char magic[] = {'m', 'f', 'r', FORM_VERSION};

static void digest_of(const void *bytes, size_t length, unsigned char digest[DIGEST_BYTES])
{
    unsigned char whole[SHA256_BYTES];

    sha256_of(bytes, length, whole);
    memcpy(digest, whole, DIGEST_BYTES);
}

/* --- Writing */

static bool add_number(struct buf *form, uint64_t number, size_t size)
{
    unsigned char bytes[NUMBER_BYTES];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> 8 * (size - 1 - i));
    return buf_add(form, bytes, size);
}

static bool add_counted(struct buf *form, const void *bytes, size_t length)
{
    return add_number(form, length, 2) && buf_add(form, bytes, length);
}

static bool add_value(struct buf *form, enum rules_kind kind, const struct rules_value *value)
{
    unsigned char network[NETWORK_BYTES];

    switch (kind) {
    case RULES_USER:
        return add_counted(form, value->account.bytes, UUID_BYTES);
    case RULES_NET:
        memcpy(network, value->network.bytes, ADDRESS_BYTES);
        network[ADDRESS_BYTES] = (unsigned char)value->network.bits;
        return add_counted(form, network, sizeof network);
    case RULES_FACTOR:
    case RULES_RECENT:
        return add_number(form, NUMBER_BYTES, 2) && add_number(form, (uint64_t)value->number, NUMBER_BYTES);
    default:
        return add_counted(form, value->text, strlen(value->text) + 1);
    }
}

static bool add_terms(struct buf *form, const struct rules *rules)
{
    bool ok = add_number(form, (uint64_t)rules->term_count, 2) && add_number(form, (uint64_t)rules->value_count, 2);

    for (int i = 0; i < rules->term_count && ok; i++) {
        const struct rules_term *term = &rules->terms[i];

        ok = add_number(form, (uint64_t)term->kind, 1) && add_number(form, (uint64_t)term->row, 1) &&
             add_number(form, (uint64_t)term->count, 2);
        for (int k = term->first; k < term->first + term->count && ok; k++)
            ok = add_value(form, term->kind, &rules->values[k]);
    }
    return ok;
}

bool rules_form_write(struct arena *arena, const struct rules *rules, const char *text, size_t length,
                      struct rules_form *form, struct err *err)
{
    unsigned char digest[DIGEST_BYTES];
    struct buf bytes;

    for (struct rules_value *user = NULL; (user = rules_next_user(rules, user)) != NULL;)
        if (!user->known)
            return err_set(err, ERR_BUG, "the account of %s was not looked for", user->text);
    buf_init(&bytes, arena, RULES_FORM_BYTES);
    digest_of(text, length, digest);
    if (!buf_add(&bytes, magic, sizeof magic) || !buf_add(&bytes, digest, sizeof digest) || !add_terms(&bytes, rules))
        return err_memory(err);
    digest_of(bytes.bytes, bytes.length, digest);
    if (!buf_add(&bytes, digest, sizeof digest))
        return err_memory(err);
    *form = (struct rules_form){(const unsigned char *)bytes.bytes, bytes.length};
    return true;
}

/* --- Reading */

static bool take_number(struct cursor *cursor, size_t size, int64_t *number)
{
    const unsigned char *bytes = cursor_take(cursor, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes != NULL && i < size; i++)
        value = value << 8 | bytes[i];
    *number = (int64_t)value;
    return bytes != NULL;
}

static bool number_of(const unsigned char *bytes, int64_t length, int64_t least, int64_t most, int64_t *number)
{
    struct cursor cursor = {bytes, bytes + length};

    return length == NUMBER_BYTES && take_number(&cursor, NUMBER_BYTES, number) && *number >= least && *number <= most;
}

/* A text has its NUL at the end and nowhere else, and is not empty. */
static bool is_text(const unsigned char *bytes, size_t length)
{
    return length > 1 && memchr(bytes, '\0', length) == bytes + length - 1;
}

static bool read_value(struct cursor *cursor, enum rules_kind kind, struct rules_value *value)
{
    const unsigned char *bytes;
    int64_t length;

    *value = (struct rules_value){.text = NULL};
    if (!take_number(cursor, 2, &length) || (bytes = cursor_take(cursor, (size_t)length)) == NULL)
        return false;
    switch (kind) {
    case RULES_USER:
        value->known = length == UUID_BYTES;
        if (value->known)
            memcpy(value->account.bytes, bytes, UUID_BYTES);
        return value->known;
    case RULES_NET:
        if (length != NETWORK_BYTES || bytes[ADDRESS_BYTES] > 8 * ADDRESS_BYTES)
            return false;
        memcpy(value->network.bytes, bytes, ADDRESS_BYTES);
        value->network.bits = bytes[ADDRESS_BYTES];
        return true;
    case RULES_FACTOR:
        return number_of(bytes, length, 1, RULES_FACTORS_MAX, &value->number);
    case RULES_RECENT:
        return number_of(bytes, length, RULES_RECENT_LEAST_S, RULES_RECENT_MOST_S, &value->number);
    default:
        value->text = (const char *)bytes;
        return is_text(bytes, (size_t)length);
    }
}

static bool read_term(struct cursor *cursor, struct rules *rules, int most_values)
{
    struct rules_term term = {.first = rules->value_count};
    int64_t kind, row, count;

    if (!take_number(cursor, 1, &kind) || !take_number(cursor, 1, &row) || !take_number(cursor, 2, &count))
        return false;
    term.kind = (enum rules_kind)kind;
    term.row = (int)row;
    term.count = (int)count;
    if (rules_kind_name(term.kind) == NULL || (count > 0) != rules_kind_has_values(term.kind))
        return false;
    /* Rows follow one another. */
    if (row != rules->rows - 1 && row != rules->rows)
        return false;
    if (count > most_values - rules->value_count)
        return false;
    for (; count > 0; count--)
        if (!read_value(cursor, term.kind, &rules->values[rules->value_count++]))
            return false;
    rules->rows = term.row + 1;
    rules->terms[rules->term_count++] = term;
    return true;
}

static bool read_terms(struct arena *arena, struct cursor *cursor, struct rules *rules)
{
    int64_t terms, values;
    int term;

    if (!take_number(cursor, 2, &terms) || !take_number(cursor, 2, &values) || terms == 0 || terms > RULES_TERMS_MAX ||
        values > RULES_VALUES_MAX)
        return false;
    rules->terms = arena_alloc(arena, (size_t)terms * sizeof *rules->terms);
    rules->values = arena_alloc(arena, (size_t)(values + 1) * sizeof *rules->values);
    if (rules->terms == NULL || rules->values == NULL)
        return false;
    for (int64_t i = 0; i < terms; i++)
        if (!read_term(cursor, rules, (int)values))
            return false;
    for (int row = 0; row < rules->rows; row++)
        if (rules_row_fault(rules, row, &term) != NULL)
            return false;
    return rules->value_count == values && rules->rows <= RULES_ROWS_MAX && cursor->at == cursor->end;
}

bool rules_form_read(struct arena *arena, const struct rules_form *form, const char *text, struct rules *rules,
                     struct err *err)
{
    unsigned char digest[DIGEST_BYTES];
    struct cursor cursor = {form->bytes, form->bytes};
    struct rules read = {.rows = 0};

    *rules = read;
    if (form->length < sizeof magic + 2 * DIGEST_BYTES || memcmp(form->bytes, magic, sizeof magic - 1) != 0)
        return err_set(err, ERR_BUG, "the form of the rules is damaged: it does not begin as one");
    if (form->bytes[sizeof magic - 1] != FORM_VERSION)
        return err_set(err, ERR_BUG, "the form of the rules is of version %d, which this build does not know",
                       form->bytes[sizeof magic - 1]);
    cursor.end = form->bytes + form->length - DIGEST_BYTES;
    digest_of(form->bytes, form->length - DIGEST_BYTES, digest);
    if (memcmp(digest, cursor.end, DIGEST_BYTES) != 0)
        return err_set(err, ERR_BUG, "the form of the rules is damaged: its digest is another");
    cursor.at += sizeof magic + DIGEST_BYTES;
    if (text != NULL) {
        digest_of(text, strlen(text), digest);
        if (memcmp(digest, form->bytes + sizeof magic, DIGEST_BYTES) != 0)
            return err_set(err, ERR_BUG, "the text of the rules is not the one that was checked");
    }
    if (!read_terms(arena, &cursor, &read))
        return err_set(err, ERR_BUG, "the form of the rules has terms that this build does not know");
    *rules = read;
    return true;
}
