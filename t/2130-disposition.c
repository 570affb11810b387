/* Names of files: whatever a client calls a file, it is safe to show, to save and to make a key of. */
#include "http/disposition.h"

#include "base/character.h"
#include "base/utf8.h"

#include "corpus.h"

/* Whether a code point may never be in a safe name. */
static bool is_dangerous(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == '/' || code == '\\' || code == 0x061C ||
           (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF || code == 0x200B;
}

static void assert_safe_name(const char *name)
{
    size_t length = strlen(name);

    assert_true(length > 0 && length < DISPOSITION_NAME_BYTES);
    assert_int_equal(utf8_check(name, length), length);
    assert_true(name[0] != ' ' && name[length - 1] != ' ' && name[strspn(name, ".")] != '\0');
    for (size_t i = 0, step; i < length; i += step) {
        uint32_t code = (unsigned char)name[i];

        step = utf8_sequence(name + i, length - i);
        if (step > 1)
            code &= 0x7Fu >> step;
        for (size_t k = 1; k < step; k++)
            code = code << 6 | ((unsigned char)name[i + k] & 0x3F);
        assert_false(is_dangerous(code));
    }
}

static void assert_safe_key(const char *key)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    assert_true(key[0] != '\0' && strlen(key) < DISPOSITION_KEY_BYTES);
    assert_true(key[strspn(key, unreserved)] == '\0' && key[strspn(key, ".")] != '\0');
}

/* A quoted-string that needs no escape and, if there is more, an ext-value; and it is read as the name that it was. */
static void assert_true_disposition(const char *value, const char *name)
{
    char copy[DISPOSITION_BYTES];
    struct disposition disposition;
    struct err err = {.kind = ERR_NONE};

    assert_true(strlen(value) < DISPOSITION_BYTES);
    for (const char *at = value; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at <= '~' && *at != '\\');
    memcpy(copy, value, strlen(value) + 1);
    assert_granted(disposition_read(copy, strlen(copy), &disposition, &err), &err);
    assert_string_equal(disposition.type, "attachment");
    assert_string_equal(disposition.filename, name);
    assert_int_equal(disposition.filename_length, strlen(name));
}

/* Three lines: the name that is shown, the object key's, and Content-Disposition. */
static bool parse_name(struct unit *unit, const char *text, size_t length, const char **out)
{
    char safe[DISPOSITION_NAME_BYTES], again[DISPOSITION_NAME_BYTES], key[DISPOSITION_KEY_BYTES];
    char value[DISPOSITION_BYTES], of_safe[DISPOSITION_BYTES];

    disposition_name(text, length, safe);
    assert_safe_name(safe);
    disposition_name(safe, strlen(safe), again);
    assert_string_equal(again, safe);
    disposition_key(text, length, key);
    assert_safe_key(key);
    disposition_format(DISPOSITION_ATTACHMENT, safe, value);
    assert_true_disposition(value, safe);
    if (memchr(text, '\0', length) == NULL) {
        char *string = arena_strndup(&unit->arena, text, length);

        assert_non_null(string);
        disposition_format(DISPOSITION_ATTACHMENT, string, of_safe);
        assert_string_equal(of_safe, value);
    }
    *out = arena_printf(&unit->arena, "%s\n%s\n%s", safe, key, value);
    return *out != NULL;
}

static bool parse_disposition(struct unit *unit, const char *text, size_t length, const char **out)
{
    char *value = arena_alloc(&unit->arena, length + 1); /* the last byte could mean something, but must not */
    struct disposition disposition;

    if (value == NULL)
        return err_memory(&unit->err);
    memcpy(value, text, length);
    value[length] = '"';
    if (!disposition_read(value, length, &disposition, &unit->err))
        return false;
    if (disposition.name != NULL)
        assert_true(disposition.name >= value && disposition.name + disposition.name_length <= value + length);
    if (disposition.filename != NULL)
        assert_true(disposition.filename >= value &&
                    disposition.filename + disposition.filename_length <= value + length);
    *out = arena_printf(&unit->arena, "%s name %s filename %s", disposition.type,
                        disposition.name != NULL ? disposition.name : "none",
                        disposition.filename != NULL ? disposition.filename : "none");
    return *out != NULL || err_memory(&unit->err);
}

static const struct parser parsers[] = {
    {"filename", parse_name, false, "./\\ .%\"\r\n\xC3\xA9\xE2\x80\xAE\xF0\x9F\x98\x80\xEF\xBB\xBF"},
    {"disposition", parse_disposition, true, "\"\\;= *'%2F0DA\t\xC3"},
};

static void random_names_become_safe_and_come_back(void **state)
{
    static const char *const pieces[] = {
        "a",
        "Z9",
        ".",
        "..",
        " ",
        "/",
        "\\",
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        "\xE2\x80\xAE",
        "\0",
        "%",
        "\"",
        "\xFF",
        "\xE2\x82",
        "\xEF\xBB\xBF",
        "\r\n",
        ".png",
        "tar.gz",
        "\xE2\x80\x8D",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    };
    struct unit *unit = *state;
    uint64_t seed = 2130;

    for (int round = 0; round < 20000; round++) {
        char name[700];
        size_t length = 0, count = unit_random(&seed) % (round % 10 == 0 ? 200 : 12);
        const char *out;
        char *exact;

        for (size_t i = 0; i < count; i++) {
            const char *piece = pieces[unit_random(&seed) % COUNT(pieces)];
            size_t piece_length = piece[0] == '\0' ? 1 : strlen(piece);

            if (length + piece_length > sizeof name)
                break;
            memcpy(name + length, piece, piece_length);
            length += piece_length;
        }
        exact = unit_exact(name, length);
        assert_true(parse_name(unit, exact, length, &out));
        free(exact);
        arena_reset(&unit->arena);
    }
}

static void every_character_is_kept_or_dropped_as_it_should_be(void **state)
{
    (void)state;
    for (uint32_t code = 1; code < 0x110000; code++) {
        char text[8] = "a", safe[DISPOSITION_NAME_BYTES];
        size_t length = 1;

        if (code >= 0xD800 && code < 0xE000)
            continue;
        if (code < 0x80) {
            text[length++] = (char)code;
        } else if (code < 0x800) {
            text[length++] = (char)(0xC0 | code >> 6);
            text[length++] = (char)(0x80 | (code & 0x3F));
        } else {
            if (code < 0x10000)
                text[length++] = (char)(0xE0 | code >> 12);
            else {
                text[length++] = (char)(0xF0 | code >> 18);
                text[length++] = (char)(0x80 | (code >> 12 & 0x3F));
            }
            text[length++] = (char)(0x80 | (code >> 6 & 0x3F));
            text[length++] = (char)(0x80 | (code & 0x3F));
        }
        text[length++] = 'z';
        disposition_name(text, length, safe);
        if (code == '/')
            assert_string_equal(safe, "z");
        else if (code == '\\')
            assert_string_equal(safe, "a_z");
        else if (is_dangerous(code))
            assert_string_equal(safe, "az");
        else if (strcmp(safe, text) != 0)
            /* What can't be seen; nothing else, and not what changes the character before it. */
            assert_true(!character_is_modifier(code) &&
                        (character_is_hidden(code) || (code >= 0xFFF9 && code <= 0xFFFF)));
        else
            assert_true(!character_is_hidden(code) || character_is_modifier(code));
    }
}

static void a_long_name_is_cut_at_a_character_and_keeps_its_extension(void **state)
{
    (void)state;
    for (size_t stem = 200; stem < 320; stem++)
        for (size_t extension = 0; extension < 40; extension++)
            for (size_t width = 1; width <= 4; width++) {
                static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
                char name[4 * 320 + 41], safe[DISPOSITION_NAME_BYTES];
                size_t length = 0, count = stem / width;

                for (size_t i = 0; i < count; i++, length += width)
                    memcpy(name + length, characters[width - 1], width);
                if (extension > 0) {
                    name[length] = '.';
                    memset(name + length + 1, 'e', extension - 1);
                    length += extension;
                }
                disposition_name(name, length, safe);
                if (length < DISPOSITION_NAME_BYTES) {
                    assert_memory_equal(safe, name, length);
                    assert_int_equal(strlen(safe), length);
                    continue;
                }
                assert_true(strlen(safe) > DISPOSITION_NAME_BYTES - 1 - width && strlen(safe) < DISPOSITION_NAME_BYTES);
                assert_int_equal(utf8_check(safe, strlen(safe)), strlen(safe));
                if (extension > 0 && extension <= 32)
                    assert_memory_equal(safe + strlen(safe) - extension, name + length - extension, extension);
            }
}

static void inline_is_said_when_it_is_meant(void **state)
{
    char value[DISPOSITION_BYTES];

    (void)state;
    disposition_format(DISPOSITION_INLINE, "a.png", value);
    assert_string_equal(value, "inline; filename=\"a.png\"");
    disposition_format(DISPOSITION_INLINE, "\xC3\xA9\r\nX: y.png", value);
    assert_string_equal(value, "inline; filename=\"_X: y.png\"; filename*=UTF-8''%C3%A9X%3A%20y.png");
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(random_names_become_safe_and_come_back);
    ALSO(every_character_is_kept_or_dropped_as_it_should_be);
    ALSO(a_long_name_is_cut_at_a_character_and_keeps_its_extension);
    ALSO(inline_is_said_when_it_is_meant);
    return KEEP_PROMISES(promises);
}
