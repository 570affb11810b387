#include "ctl/site_rules.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    /* The number of characters of a line that are shown before the place of an error, and after it. */
    BEFORE = 40,
    AFTER = 20,
    SHOWN_BYTES = (BEFORE + AFTER) * 4 + 1,
};

static bool read_stream(FILE *file, const char *name, struct buf *text, struct err *err)
{
    /* One byte more than rules may have, so that longer rules are refused. */
    char *bytes = buf_reserve(text, RULES_TEXT_BYTES + 1);

    if (bytes == NULL)
        return err_memory(err);
    text->length += fread(bytes, 1, RULES_TEXT_BYTES + 1, file);
    bytes[text->length] = '\0';
    return ferror(file) == 0 || err_set(err, ERR_INPUT, "%.200s: %s", name, strerror(errno));
}

static bool read_file(const char *path, struct buf *text, struct err *err)
{
    FILE *file = fopen(path, "re");
    bool done;

    if (file == NULL)
        return err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    done = read_stream(file, path, text, err);
    fclose(file);
    return done;
}

static bool read_given(struct ctl *ctl, struct buf *text, struct err *err)
{
    const char *path = ctl->options[OPTION_RULES];

    if (path != NULL && strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", text, err);
    if (path != NULL)
        return read_file(path, text, err);
    for (int i = 0; i < ctl->required_count; i++)
        if (!buf_printf(text, "%s%s", i > 0 ? "\n" : "", ctl->required[i]))
            return err_set(err, ERR_VALUE, "--require: at most %d bytes in all", RULES_TEXT_BYTES);
    return true;
}

/*
 * Copies the part of the line around the character, without control characters, and returns the number of characters
 * before it.
 */
static int show_line(struct arena *arena, const struct buf *text, const struct rules_place *place,
                     char shown[SHOWN_BYTES])
{
    const char *line = text->bytes, *end;
    int skip = place->character - 1 > BEFORE ? place->character - 1 - BEFORE : 0, characters = 0;
    char *plain;
    size_t length;

    for (int i = 1; i < place->line && strchr(line, '\n') != NULL; i++)
        line = strchr(line, '\n') + 1;
    end = strchr(line, '\n');
    plain = arena_strndup(arena, line, end != NULL ? (size_t)(end - line) : strlen(line));
    for (char *tab = plain; tab != NULL && (tab = strchr(tab, '\t')) != NULL;)
        *tab = ' ';
    plain = plain != NULL ? utf8_repair(arena, plain, strlen(plain)) : NULL;
    for (length = 0; plain != NULL && *plain != '\0' && characters < skip + BEFORE + AFTER; characters++) {
        size_t step = utf8_sequence(plain, strlen(plain));

        if (characters >= skip) {
            memcpy(shown + length, plain, step);
            length += step;
        }
        plain += step;
    }
    shown[length] = '\0';
    return place->character - 1 - skip;
}

/* The source of the rules: "--require", the path, or standard input. */
static bool refuse(struct ctl *ctl, const struct buf *text, const struct rules_place *place, const struct err *reason,
                   struct err *err)
{
    const char *path = ctl->options[OPTION_RULES];
    char shown[SHOWN_BYTES], line[32] = "";
    int width = show_line(&ctl->arena, text, place, shown);

    if (path != NULL || ctl->required_count > 1)
        snprintf(line, sizeof line, "%s %d, ", path != NULL ? "line" : "number", place->line);
    if (path == NULL)
        path = "--require";
    else if (strcmp(path, "-") == 0)
        path = "standard input";
    return err_set(err, reason->kind, "%.100s, %scharacter %d: %.150s\n  %s\n  %*s^", path, line, place->character,
                   reason->detail, shown, width, "");
}

bool site_rules_given(struct ctl *ctl, struct site_rules *rules, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct rules_place place;
    struct buf text;

    *rules = (struct site_rules){.text = NULL};
    if (ctl->options[OPTION_RULES] == NULL && ctl->required_count == 0)
        return true;
    if (ctl->options[OPTION_RULES] != NULL && ctl->required_count > 0)
        return ctl_usage(err, "--require or --rules, not both");
    buf_init(&text, &ctl->arena, RULES_TEXT_BYTES + 1);
    if (!read_given(ctl, &text, err))
        return false;
    if (site_rules_read(ctl->services.sessions.db, &ctl->arena, text.bytes, text.length, rules, &place, &reason))
        return true;
    if (reason.kind == ERR_VALUE)
        return refuse(ctl, &text, &place, &reason, err);
    *err = reason;
    return false;
}
