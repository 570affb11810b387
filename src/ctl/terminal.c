#include "ctl/terminal.h"

#include "base/character.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_ROWS = 24, USUAL_COLUMNS = 80 };

bool terminal_size(struct terminal_size *size)
{
    struct winsize window = {.ws_row = 0};

    if (isatty(STDOUT_FILENO) == 0)
        return false;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0)
        window = (struct winsize){.ws_row = 0};
    size->rows = window.ws_row > 0 ? window.ws_row : USUAL_ROWS;
    size->columns = window.ws_col > 0 ? window.ws_col : USUAL_COLUMNS;
    return true;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "";
}

bool terminal_has_colours(void)
{
    return isatty(STDOUT_FILENO) != 0 && environment("NO_COLOR")[0] == '\0' && strcmp(environment("TERM"), "dumb") != 0;
}

/* As setlocale chooses it (LC_CTYPE); mayfly's programs keep the C locale, so nl_langinfo does not tell. */
bool terminal_is_utf8(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = environment(names[i]), *dot = strchr(value, '.');

        if (value[0] != '\0')
            return dot != NULL && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
    }
    return false;
}

/* The length of the next character, whose width goes to *width; a byte that is not UTF-8 takes one column. */
static size_t next_character(const char *text, size_t left, size_t *width)
{
    size_t length = utf8_sequence(text, left);

    *width = length > 0 ? character_width(utf8_code_point(text, length)) : 1;
    return length > 0 ? length : 1;
}

size_t terminal_width(const char *text)
{
    size_t length = strlen(text), sum = 0, width;

    for (size_t at = 0; at < length; sum += width)
        at += next_character(text + at, length - at, &width);
    return sum;
}

size_t terminal_fit(const char *text, size_t columns)
{
    size_t length = strlen(text), at = 0, sum = 0, width;

    while (at < length) {
        size_t bytes = next_character(text + at, length - at, &width);

        if (sum + width > columns)
            break;
        sum += width;
        at += bytes;
    }
    return at;
}
