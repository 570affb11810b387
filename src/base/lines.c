#include "base/lines.h"

#include <string.h>

static bool take_line(line_taker *take, void *arg, const char *path, char *line, size_t most, int number,
                      struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    if (strcspn(line, "\n") > most)
        return err_set(err, ERR_INPUT, "%s:%d: longer than %zu characters", path, number, most);
    line[strcspn(line, "\r\n")] = '\0';
    return take(arg, line, number, &reason) || err_set(err, reason.kind, "%s:%d: %s", path, number, reason.detail);
}

bool lines_read(FILE *file, const char *path, size_t most, line_taker *take, void *arg, struct err *err)
{
    char buffer[BUFSIZ], line[LINE_MAX_BYTES + 2];
    bool ok = true;

    /* A buffer of our own, so that it can be wiped. */
    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    for (int number = 1; ok && fgets(line, sizeof line, file) != NULL; number++)
        ok = take_line(take, arg, path, line, most, number, err);
    if (ok && ferror(file))
        ok = err_set(err, ERR_INPUT, "%s: can't be read", path);
    fclose(file);
    explicit_bzero(buffer, sizeof buffer);
    explicit_bzero(line, sizeof line);
    return ok;
}
