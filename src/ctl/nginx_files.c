#include "ctl/nginx_files.h"

#include <stdlib.h>
#include <string.h>

static const char marker[] = "# configuration file ";

/* Part of the text. */
struct line {
    const char *text;
    size_t length;
};

/* Whether a line names the file that follows; *name is it. */
static bool is_marker(struct line line, struct line *name)
{
    size_t begin = sizeof marker - 1;

    if (line.length < begin + 2 || memcmp(line.text, marker, begin) != 0 || line.text[line.length - 1] != ':')
        return false;
    *name = (struct line){line.text + begin, line.length - begin - 1};
    return true;
}

/* A line of nginx's standard error, for output that was saved with both: "nginx: ...", or a warning with its time. */
static bool is_said(struct line line)
{
    return line.length == 0 || (line.length > 7 && memcmp(line.text, "nginx: ", 7) == 0) ||
           (line.length >= 24 && line.text[4] == '/' && line.text[7] == '/' && memchr(line.text, '[', 24) != NULL);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct nginx_file *)a)->name, ((const struct nginx_file *)b)->name);
}

static bool add(struct arena *arena, struct nginx_files *files, struct line name, const char *text, struct err *err)
{
    struct nginx_file *file = &files->list[files->count];

    if (files->count == NGINX_FILES_MAX)
        return err_set(err, ERR_INPUT, "there are more than %d files", NGINX_FILES_MAX);
    if (name.length >= NGINX_PATH_BYTES || memchr(name.text, '\0', name.length) != NULL)
        return err_set(err, ERR_INPUT, "the name of a file is too long, or has a NUL in it");
    *file = (struct nginx_file){.name = arena_strndup(arena, name.text, name.length), .text = text};
    files->count++;
    return file->name != NULL || err_memory(err);
}

static void end_last(struct nginx_files *files, const char *end)
{
    if (files->count > 0)
        files->list[files->count - 1].length = (size_t)(end - files->list[files->count - 1].text);
}

static bool cut(struct arena *arena, const char *text, const char *end, struct nginx_files *files, struct err *err)
{
    const char *next;

    for (const char *at = text; at < end; at = next) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct line line = {at, (size_t)((stop != NULL ? stop : end) - at)}, name;

        next = stop != NULL ? stop + 1 : end;
        if (is_marker(line, &name)) {
            end_last(files, at);
            if (!add(arena, files, name, next, err))
                return false;
        } else if (files->count == 0 && !is_said(line))
            break;
    }
    return true;
}

bool nginx_files_split(struct arena *arena, const char *text, size_t length, const char *name,
                       struct nginx_files *files, struct err *err)
{
    *files = (struct nginx_files){.list = arena_alloc(arena, NGINX_FILES_MAX * sizeof *files->list)};
    if (files->list == NULL)
        return err_memory(err);
    if (length > NGINX_TEXT_BYTES)
        return err_set(err, ERR_INPUT, "%.160s: longer than %d bytes", name, NGINX_TEXT_BYTES);
    if (!cut(arena, text, text + length, files, err))
        return false;
    files->complete = files->count > 0;
    if (!files->complete && !add(arena, files, (struct line){name, strlen(name)}, text, err))
        return false;
    end_last(files, text + length);
    files->main = files->list[0].name;
    qsort(files->list, (size_t)files->count, sizeof *files->list, by_name);
    for (int i = 1; i < files->count; i++)
        if (by_name(&files->list[i - 1], &files->list[i]) == 0)
            return err_set(err, ERR_INPUT, "%.160s is there twice: this is not what nginx -T has printed once",
                           files->list[i].name);
    return true;
}

const struct nginx_file *nginx_files_find(const struct nginx_files *files, const char *name)
{
    struct nginx_file wanted = {.name = name};

    return bsearch(&wanted, files->list, (size_t)files->count, sizeof *files->list, by_name);
}

/* --- Patterns */

/* The end of "[a-z]" or "[!a]" behind its ], or NULL when there is none: then [ stands for itself. */
static const char *set_end(const char *set)
{
    const char *at = set + 1;

    if (*at == '!' || *at == '^')
        at++;
    if (*at == ']')
        at++;
    while (*at != '\0' && *at != ']')
        at++;
    return *at == ']' ? at + 1 : NULL;
}

static bool set_has(const char *set, const char *end, char c)
{
    bool no = set[1] == '!' || set[1] == '^', found = false;

    for (const char *at = set + 1 + no; at < end - 1; at++)
        if (at[1] == '-' && at + 2 < end - 1) {
            found = found || (at[0] <= c && c <= at[2]);
            at += 2;
        } else
            found = found || *at == c;
    return found != no;
}

/* Whether one character of the pattern matches; *next is what follows it. */
static bool matches_one(const char *pattern, const char *begin, const char *path, const char **next)
{
    const char *end = *pattern == '[' ? set_end(pattern) : NULL;
    bool dot = *path == '.' && (path == begin || path[-1] == '/');

    *next = end != NULL ? end : pattern + 1;
    if (*path == '\0')
        return false;
    if (end == NULL && *pattern != '?')
        return *pattern == *path;
    return *path != '/' && !dot && (end == NULL || set_has(pattern, end, *path));
}

bool nginx_files_match(const char *pattern, const char *path)
{
    const char *begin = path, *star = NULL, *from = NULL, *next;

    while (*path != '\0' || *pattern == '*') {
        if (*pattern == '*') {
            if (*path == '.' && (path == begin || path[-1] == '/'))
                return false;
            star = ++pattern;
            from = path;
        } else if (*pattern != '\0' && matches_one(pattern, begin, path, &next)) {
            pattern = next;
            path++;
        } else if (star != NULL && *from != '\0' && *from != '/') {
            /*
             * Only the last star may have to take more: the text before it ended at a / or was the shortest that
             * matches.
             */
            path = ++from;
            pattern = star;
        } else
            return false;
    }
    return *pattern == '\0';
}
