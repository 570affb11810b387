#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

PRINTF_LIKE(6, 0)
static void set(struct err *err, enum err_kind kind, const char *field, const char *file, int line, const char *format,
                va_list arguments)
{
    if (err->kind != ERR_NONE)
        return;
    err->kind = kind;
    err->file = file;
    err->line = line;
    err->busy = false;
    err->is_internal = false;
    err->retry_after_s = 0;
    snprintf(err->field, sizeof err->field, "%s", field);
    vsnprintf(err->detail, sizeof err->detail, format, arguments);
}

bool err_set_at(struct err *err, enum err_kind kind, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(err, kind, "", file, line, format, arguments);
    va_end(arguments);
    return false;
}

bool err_field_at(struct err *err, enum err_kind kind, const char *field, const char *file, int line,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(err, kind, field, file, line, format, arguments);
    va_end(arguments);
    return false;
}

void err_clear(struct err *err)
{
    *err = (struct err){.kind = ERR_NONE};
}

const char *err_word(enum err_kind kind)
{
    static const char *const words[] = {
#define X(kind, word) [ERR_##kind] = word,
        ERR_KINDS(X)
#undef X
    };

    return words[kind];
}
