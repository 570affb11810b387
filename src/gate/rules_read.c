#include "gate/rules.h"

#include "base/decimal.h"
#include "base/percent.h"
#include "base/text_limit.h"
#include "base/utf8.h"
#include "gate/path.h"

#include <string.h>

enum { METHOD_CHARACTERS_MAX = 32, FOUND_BYTES = 48 /* of the found text, in a message */ };

struct reader {
    struct arena *arena;
    const char *text;
    size_t length, at;
    struct rules *rules;
    size_t *term_at; /* where each term begins */
    bool row_open;
    bool bar; /* '|' was read, and no term since */
    struct rules_place *place;
    struct err *err;
};

/* A part of the text. */
struct word {
    const char *text;
    size_t length;
};

struct rules_place rules_place_of(const char *text, size_t at)
{
    struct rules_place place = {.line = 1};
    const char *line = text;

    for (const char *c = text; c < text + at; c++)
        if (*c == '\n') {
            place.line++;
            line = c + 1;
        }
    place.character = (int)utf8_count(line, (size_t)(text + at - line)) + 1;
    return place;
}

/* Sets where the text is wrong, before err_set says how. Returns false. */
static bool at(struct reader *reader, const char *where)
{
    *reader->place = rules_place_of(reader->text, (size_t)(where - reader->text));
    return false;
}

static bool expected(struct reader *reader, const char *what, struct word found)
{
    size_t shown = found.length < FOUND_BYTES ? found.length : FOUND_BYTES;

    at(reader, found.text);
    if (found.length == 0)
        return err_field(reader->err, ERR_VALUE, "rules", "expected %s, found nothing", what);
    shown = utf8_check(found.text, shown);
    return err_field(reader->err, ERR_VALUE, "rules", "expected %s, found '%.*s%s'", what, (int)shown, found.text,
                     shown < found.length ? "..." : "");
}

/* --- Values. Each function sets what its kind has; false: an error was set. */

static bool read_user(struct reader *reader, struct word word, struct rules_value *value)
{
    char *name = arena_alloc(reader->arena, word.length + 1);
    size_t length = 0;

    if (name == NULL)
        return err_memory(reader->err);
    for (size_t i = 0; i < word.length; i++) {
        int byte = word.text[i] == '%' ? percent_byte(word.text + i, word.length - i) : (unsigned char)word.text[i];

        if (byte <= 0)
            return expected(reader, "two hexadecimal digits after %", word);
        i += word.text[i] == '%' ? 2 : 0;
        name[length++] = (char)byte;
    }
    name[length] = '\0';
    value->text = name;
    if (utf8_check(name, length) < length || utf8_has_control(name, length) ||
        utf8_count(name, length) > text_limit(TEXT_LOGIN)->most)
        return expected(reader, "a username or an e-mail address", word);
    return true;
}

static bool read_group(struct reader *reader, struct word word, struct rules_value *value)
{
    if (!text_is_group(word.text, word.length))
        return expected(reader, "the name of a group, 1 to 64 of A-Z a-z 0-9 . _ : -", word);
    value->text = arena_strndup(reader->arena, word.text, word.length);
    return value->text != NULL || err_memory(reader->err);
}

static bool read_number(struct word word, int64_t least, int64_t most, int64_t *number)
{
    char text[DECIMAL_BYTES];

    if (word.length >= sizeof text)
        return false;
    memcpy(text, word.text, word.length);
    text[word.length] = '\0';
    return decimal_parse(text, least, most, number);
}

static bool read_factor(struct reader *reader, struct word word, struct rules_value *value)
{
    return read_number(word, 1, RULES_FACTORS_MAX, &value->number) || expected(reader, "1 or 2", word);
}

static bool read_recent(struct reader *reader, struct word word, struct rules_value *value)
{
    return read_number(word, RULES_RECENT_LEAST_S, RULES_RECENT_MOST_S, &value->number) ||
           expected(reader, "seconds since the last proof, 30 to 31622400", word);
}

/* Whether no bit is set beyond the network's length: 10.0.0.1/8 is probably a mistake. */
static bool is_whole(const struct network *network)
{
    for (int bit = network->bits; bit < ADDRESS_BYTES * 8; bit++)
        if ((network->bytes[bit / 8] & 0x80 >> bit % 8) != 0)
            return false;
    return true;
}

static bool read_net(struct reader *reader, struct word word, struct rules_value *value)
{
    char text[NETWORK_TEXT_BYTES];

    if (word.length < sizeof text) {
        memcpy(text, word.text, word.length);
        text[word.length] = '\0';
        if (network_read(text, &value->network) && !value->network.unix_socket)
            return is_whole(&value->network) || expected(reader, "a network with zeroes beyond its length", word);
    }
    return expected(reader, "an address, or a network such as 192.0.2.0/24 or 2001:db8::/32", word);
}

/* In a pattern '*' is a whole segment. */
static bool has_whole_stars(const char *pattern)
{
    for (const char *star = pattern; (star = strchr(star, '*')) != NULL; star++)
        if (star[-1] != '/' || (star[1] != '/' && star[1] != '\0'))
            return false;
    return true;
}

static bool read_path(struct reader *reader, struct word word, struct rules_value *value)
{
    char plain[PATH_BYTES];

    if (memchr(word.text, '?', word.length) != NULL || !path_plain(word.text, word.length, plain))
        return expected(reader, "a path that is read in one way only, such as /robots.txt, or /static/ for all beneath",
                        word);
    if (!has_whole_stars(plain))
        return expected(reader, "* as a whole segment of the path", word);
    value->text = arena_strdup(reader->arena, plain);
    return value->text != NULL || err_memory(reader->err);
}

static bool read_method(struct reader *reader, struct word word, struct rules_value *value)
{
    for (size_t i = 0; i < word.length; i++)
        if ((word.text[i] < 'A' || word.text[i] > 'Z') && (i == 0 || word.text[i] != '-'))
            return expected(reader, "a method in capital letters, such as GET", word);
    if (word.length > METHOD_CHARACTERS_MAX)
        return expected(reader, "a method of at most 32 letters", word);
    value->text = arena_strndup(reader->arena, word.text, word.length);
    return value->text != NULL || err_memory(reader->err);
}

/* --- Terms */

static const struct kind {
    const char *name;
    const char *value; /* what is expected of an empty one; NULL: it has none */
    bool (*read)(struct reader *, struct word, struct rules_value *);
} kinds[] = {
    [RULES_PUBLIC] = {.name = "public"},
    [RULES_ANY] = {.name = "any"},
    [RULES_USER] = {"user", "user:NAME", read_user},
    [RULES_GROUP] = {"group", "group:NAME", read_group},
    [RULES_KEY] = {.name = "key"},
    [RULES_FACTOR] = {"factor", "factor:NUMBER", read_factor},
    [RULES_RECENT] = {"recent", "recent:SECONDS", read_recent},
    [RULES_NET] = {"net", "net:NETWORK", read_net},
    [RULES_PATH] = {"path", "path:PATH", read_path},
    [RULES_METHOD] = {"method", "method:METHOD", read_method},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

const char *rules_kind_name(enum rules_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kinds[kind].name : NULL;
}

bool rules_kind_has_values(enum rules_kind kind)
{
    return (size_t)kind < KIND_COUNT && kinds[kind].read != NULL;
}

static enum rules_kind find_kind(struct word name)
{
    for (size_t i = 1; i < KIND_COUNT; i++)
        if (strlen(kinds[i].name) == name.length && memcmp(kinds[i].name, name.text, name.length) == 0)
            return (enum rules_kind)i;
    return (enum rules_kind)0;
}

static bool read_values(struct reader *reader, const struct kind *kind, struct rules_term *term, struct word list)
{
    struct rules *rules = reader->rules;

    for (size_t begin = 0; begin <= list.length;) {
        const char *comma = memchr(list.text + begin, ',', list.length - begin);
        struct word word = {list.text + begin,
                            comma != NULL ? (size_t)(comma - list.text) - begin : list.length - begin};
        struct rules_value value = {.at = (size_t)(word.text - reader->text)};

        if (word.length == 0)
            return expected(reader, kind->value, word);
        if (rules->value_count == RULES_VALUES_MAX)
            return at(reader, word.text) ||
                   err_field(reader->err, ERR_VALUE, "rules", "at most %d values are read", RULES_VALUES_MAX);
        if (!kind->read(reader, word, &value))
            return false;
        rules->values[rules->value_count++] = value;
        term->count++;
        begin += word.length + 1;
    }
    return true;
}

static bool read_term(struct reader *reader, struct word word)
{
    struct rules *rules = reader->rules;
    const char *colon = memchr(word.text, ':', word.length);
    struct word name = {word.text, colon != NULL ? (size_t)(colon - word.text) : word.length};
    struct rules_term term = {.kind = find_kind(name), .row = rules->rows, .first = rules->value_count};
    const struct kind *kind = &kinds[term.kind];

    if (kind->name == NULL)
        return expected(reader, "public, any, user:, group:, key, factor:, recent:, net:, path: or method:", word);
    if (kind->read == NULL && colon != NULL)
        return at(reader, word.text) || err_field(reader->err, ERR_VALUE, "rules", "%s has no value", kind->name);
    if (kind->read != NULL && colon == NULL)
        return expected(reader, kind->value, word);
    if (rules->term_count == RULES_TERMS_MAX)
        return at(reader, word.text) ||
               err_field(reader->err, ERR_VALUE, "rules", "at most %d terms are read", RULES_TERMS_MAX);
    if (kind->read != NULL &&
        !read_values(reader, kind, &term, (struct word){colon + 1, word.length - name.length - 1}))
        return false;
    reader->term_at[rules->term_count] = (size_t)(word.text - reader->text);
    rules->terms[rules->term_count++] = term;
    reader->row_open = true;
    reader->bar = false;
    return true;
}

/* --- Rows */

static bool end_row(struct reader *reader)
{
    struct rules *rules = reader->rules;
    const char *fault;
    int term;

    if (!reader->row_open)
        return true;
    reader->row_open = false;
    fault = rules_row_fault(rules, rules->rows, &term);
    if (fault != NULL)
        return at(reader, reader->text + reader->term_at[term]) ||
               err_field(reader->err, ERR_VALUE, "rules", "%s: %s", rules_kind_name(rules->terms[term].kind), fault);
    if (rules->rows == RULES_ROWS_MAX)
        return at(reader, reader->text + reader->term_at[term]) ||
               err_field(reader->err, ERR_VALUE, "rules", "at most %d rows are read", RULES_ROWS_MAX);
    rules->rows++;
    return true;
}

static const char a_term[] = "a term such as any or group:staff";

/* One '|' is between two rows, also where a line ends between them. */
static bool take_bar(struct reader *reader)
{
    if (!end_row(reader))
        return false;
    if (reader->bar || reader->rules->rows == 0)
        return expected(reader, a_term, (struct word){reader->text + reader->at, 1});
    reader->bar = true;
    reader->at++;
    return true;
}

static size_t span(const struct reader *reader, const char *stop)
{
    size_t end = reader->at;

    while (end < reader->length && strchr(stop, reader->text[end]) == NULL)
        end++;
    return end - reader->at;
}

static bool read_rows(struct reader *reader)
{
    while (reader->at < reader->length) {
        size_t length = span(reader, " \t\r\n|");
        bool ok = true;

        if (reader->text[reader->at] == '#')
            reader->at += span(reader, "\n");
        else if (length > 0) {
            ok = read_term(reader, (struct word){reader->text + reader->at, length});
            reader->at += length;
        } else if (reader->text[reader->at] == '|')
            ok = take_bar(reader);
        else
            ok = reader->text[reader->at++] != '\n' || end_row(reader);
        if (!ok)
            return false;
    }
    if (!end_row(reader))
        return false;
    if (reader->bar || reader->rules->rows == 0)
        return expected(reader, a_term, (struct word){reader->text + reader->length, 0});
    return true;
}

/* Bytes that are not UTF-8 can't be shown, and the database would refuse them. */
static bool check_text(struct reader *reader)
{
    size_t good = utf8_check(reader->text, reader->length);

    if (reader->length > RULES_TEXT_BYTES)
        return at(reader, reader->text) ||
               err_field(reader->err, ERR_VALUE, "rules", "at most %d bytes are read", RULES_TEXT_BYTES);
    for (size_t i = 0; i < good; i++)
        if (((unsigned char)reader->text[i] < ' ' && strchr("\t\r\n", reader->text[i]) == NULL) ||
            reader->text[i] == '\0' || reader->text[i] == 0x7F)
            good = i;
    return good == reader->length || at(reader, reader->text + good) ||
           err_field(reader->err, ERR_VALUE, "rules", "expected a character, found the byte 0x%02X",
                     (unsigned char)reader->text[good]);
}

bool rules_read(struct arena *arena, const char *text, size_t length, struct rules *rules, struct rules_place *place,
                struct err *err)
{
    struct rules made = {.terms = arena_alloc(arena, RULES_TERMS_MAX * sizeof(struct rules_term)),
                         .values = arena_alloc(arena, RULES_VALUES_MAX * sizeof(struct rules_value))};
    size_t term_at[RULES_TERMS_MAX];
    struct reader reader = {
        .arena = arena, .text = text, .length = length, .rules = &made, .term_at = term_at, .place = place, .err = err};

    *rules = (struct rules){.rows = 0};
    *place = (struct rules_place){.line = 1, .character = 1};
    if (made.terms == NULL || made.values == NULL)
        return err_memory(err);
    if (!check_text(&reader) || !read_rows(&reader))
        return false;
    *rules = made;
    return true;
}

struct rules_value *rules_next_user(const struct rules *rules, const struct rules_value *after)
{
    for (int i = 0; i < rules->term_count; i++) {
        const struct rules_term *term = &rules->terms[i];

        for (int k = term->first; term->kind == RULES_USER && k < term->first + term->count; k++)
            if (after == NULL || &rules->values[k] > after)
                return &rules->values[k];
    }
    return NULL;
}
