#include "ctl/nginx_input.h"

#include "base/buf.h"
#include "base/child.h"
#include "ctl/nginx_model.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NGINX_TIMEOUT_MS = 30000, /* nginx -T looks up upstreams; each takes seconds when no name server answers */
    SNIPPET_BYTES = 64 * 1024,
};

/* --- nginx -T */

/* Where packages put nginx. The PATH of users other than root often lacks these folders. */
#define FOLDERS "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin:/usr/bin:/usr/local/bin:/opt/nginx/sbin"

static bool find_nginx(char path[PATH_MAX])
{
    const char *own = getenv("PATH");
    const char *lists[] = {own != NULL ? own : "", FOLDERS};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const char *at = lists[i]; *at != '\0';) {
            size_t length = strcspn(at, ":");

            if (length > 0 && at[0] == '/' && snprintf(path, PATH_MAX, "%.*s/nginx", (int)length, at) < PATH_MAX &&
                access(path, X_OK) == 0)
                return true;
            at += length + (at[length] == ':');
        }
    return false;
}

static bool run_nginx(struct arena *arena, struct nginx_input *input, struct err *err)
{
    char path[PATH_MAX];
    const char *const words[] = {path, "-T", NULL};
    const struct child child = {.kind = CHILD_HELPER,
                                .program = path,
                                .argv = words,
                                .input = -1,
                                .output_max_bytes = NGINX_TEXT_BYTES,
                                .timeout_ms = NGINX_TIMEOUT_MS};
    struct child_result result;

    if (!find_nginx(path))
        return err_set(err, ERR_ABSENT, "nginx is not installed here; save what nginx -T prints and give the file");
    if (!child_run(&child, arena, &result, err))
        return false;
    if (result.end == CHILD_TIMEOUT)
        return err_set(err, ERR_DOWN, "nginx -T took longer than %d s", NGINX_TIMEOUT_MS / 1000);
    if (result.end != CHILD_EXITED || result.code != 0)
        return err_set(err, ERR_INPUT, "nginx -T has failed%s: %.200s; nginx -t says all of it",
                       geteuid() != 0 ? " (run this as root)" : "", result.complaint);
    *input = (struct nginx_input){.name = "nginx -T", .text = result.output, .length = result.output_length};
    return true;
}

/* --- Files */

static bool read_stream(struct arena *arena, FILE *file, const char *name, size_t most, struct nginx_input *input,
                        struct err *err)
{
    enum { PIECE_BYTES = 65536 };
    struct buf text;
    size_t got;
    char *room;

    buf_init(&text, arena, most + 1);
    do {
        size_t left = most + 1 - text.length, piece = left < PIECE_BYTES ? left : PIECE_BYTES;

        room = piece > 0 ? buf_reserve(&text, piece) : NULL;
        if (piece == 0)
            return err_set(err, ERR_INPUT, "%.200s: longer than %zu bytes", name, most);
        if (room == NULL)
            return err_memory(err);
        got = fread(room, 1, piece, file);
        text.length += got;
    } while (got > 0);
    if (ferror(file) != 0)
        return err_set(err, ERR_INPUT, "%.200s: %s", name, strerror(errno));
    *input = (struct nginx_input){.name = name, .text = text.bytes, .length = text.length};
    return true;
}

static bool read_path(struct arena *arena, const char *path, size_t most, struct nginx_input *input, struct err *err)
{
    FILE *file = fopen(path, "re");
    bool done;

    if (file == NULL)
        return err_set(err, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    done = read_stream(arena, file, path, most, input, err);
    fclose(file);
    return done;
}

bool nginx_input_read(struct arena *arena, const char *path, struct nginx_input *input, struct err *err)
{
    if (path == NULL)
        return run_nginx(arena, input, err);
    if (strcmp(path, "-") == 0)
        return read_stream(arena, stdin, "standard input", NGINX_TEXT_BYTES, input, err);
    return read_path(arena, path, NGINX_TEXT_BYTES, input, err);
}

/* --- Snippets */

/* Lines that may be edited or removed by doc/gate.md, and lines without a meaning of their own. */
static bool is_editable(const char *line, size_t length)
{
    static const char *const parts[] = {"$mayfly_prefix ", "location ^~ /", "$mayfly_site_origin {",
                                        "default $mayfly_scheme://"};

    if (length == 1 && line[0] == '}')
        return true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memmem(line, length, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

struct lines {
    const char *at, *end;
    int number; /* of the last line that was given */
};

/* The next line without spaces around it; comments and what is_editable are left out. False at the end. */
static bool next_line(struct lines *lines, const char **line, size_t *length)
{
    while (lines->at < lines->end) {
        const char *stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));

        *line = lines->at;
        *length = (size_t)((stop != NULL ? stop : lines->end) - lines->at);
        lines->at = stop != NULL ? stop + 1 : lines->end;
        lines->number++;
        for (; *length > 0 && (*line)[0] == ' '; ++*line)
            --*length;
        while (*length > 0 && ((*line)[*length - 1] == '\r' || (*line)[*length - 1] == ' '))
            --*length;
        if (*length > 0 && (*line)[0] != '#' && !is_editable(*line, *length))
            return true;
    }
    return false;
}

/* The number of the file's first line that is not as installed; 0: none. */
static int difference(const struct nginx_file *file, const struct nginx_input *installed)
{
    struct lines a = {.at = file->text, .end = file->text + file->length};
    struct lines b = {.at = installed->text, .end = installed->text + installed->length};
    const char *line_a = NULL, *line_b = NULL;
    size_t length_a = 0, length_b = 0;

    for (;;) {
        bool more_a = next_line(&a, &line_a, &length_a), more_b = next_line(&b, &line_b, &length_b);

        if (!more_a && !more_b)
            return 0;
        if (more_a != more_b || length_a != length_b || memcmp(line_a, line_b, length_a) != 0)
            return a.number > 0 ? a.number : 1;
    }
}

/* Of this program's own installation, of which there may be several; NGINX_DIR where it is in no such folder. */
static const char *installed_folder(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *folder = NULL;
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    for (int i = 0; i < 2; i++)
        if ((slash = strrchr(path, '/')) != NULL)
            *slash = '\0';
    if (path[0] != '\0')
        folder = arena_printf(arena, "%s/share/mayfly/nginx", path);
    return folder != NULL && access(folder, R_OK | X_OK) == 0 ? folder : NGINX_DIR;
}

static bool check_snippet(const struct nginx_file *file, const char *folder, struct nginx_findings *findings,
                          struct err *err)
{
    const char *slash = strrchr(file->name, '/'), *name = slash != NULL ? slash + 1 : file->name;
    struct nginx_directive at = {.file = file->name};
    struct err away = {.kind = ERR_NONE};
    struct nginx_input installed;
    char path[PATH_MAX];

    /* Only files of the gate are compared; mayfly-host.conf and the like may be edited. */
    if ((strncmp(name, "mayfly-protect", 14) != 0 && strcmp(name, "mayfly-public.conf") != 0 &&
         strcmp(name, "mayfly-gate.conf") != 0 && strcmp(name, "mayfly-ask.conf") != 0 &&
         strcmp(name, "mayfly-refused.conf") != 0 && strcmp(name, "mayfly-inner.conf") != 0) ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        !read_path(findings->arena, path, SNIPPET_BYTES, &installed, &away))
        return true;
    at.line = difference(file, &installed);
    if (at.line == 0)
        return true;
    return nginx_found(findings, NGINX_SNIPPET, &at, "", err, "it is not as in %s from this line on", path);
}

bool nginx_check_snippets(const struct nginx_config *config, struct nginx_findings *findings, struct err *err)
{
    const char *folder = installed_folder(findings->arena);

    for (int i = 0; i < config->files.count; i++)
        if (!check_snippet(&config->files.list[i], folder, findings, err))
            return false;
    return true;
}
