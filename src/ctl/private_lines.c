#include "ctl/private_lines.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool read_line(struct arena *arena, FILE *file, const char *path, size_t number, const char **line,
                      struct err *err)
{
    char bytes[PRIVATE_LINE_BYTES + 2] = "";
    size_t length = fgets(bytes, sizeof bytes, file) != NULL ? strcspn(bytes, "\r\n") : 0;
    bool ok = false;

    if (ferror(file) != 0)
        err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    else if (length == 0)
        err_set(err, ERR_INPUT, "%.200s: line %zu is missing", path, number);
    else if (length > PRIVATE_LINE_BYTES)
        err_set(err, ERR_INPUT, "%.200s: line %zu is longer than %d bytes", path, number, PRIVATE_LINE_BYTES);
    else
        ok = (*line = arena_strndup(arena, bytes, length)) != NULL || err_memory(err);
    bytes_wipe(bytes, sizeof bytes);
    return ok;
}

bool private_lines_read(struct arena *arena, const char *path, const char **lines, size_t count, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0, ok = true;
    FILE *file = is_stdin ? stdin : fopen(path, "re");

    if (file == NULL)
        return err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    for (size_t i = 0; ok && i < count; i++)
        ok = read_line(arena, file, is_stdin ? "standard input" : path, i + 1, &lines[i], err);
    if (!is_stdin)
        fclose(file);
    return ok;
}
