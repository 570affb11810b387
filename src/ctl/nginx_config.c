#include "ctl/nginx_config.h"

#include "ctl/nginx_words.h"

#include <string.h>

struct loading {
    struct arena *arena;
    struct nginx_config *config;
    const char *prefix; /* the folder of relative includes, with a / at its end */
    int directives, depth, includes, patterns;
    size_t read_bytes;
    struct nginx_words words;
};

static bool refuse(const struct nginx_directive *at, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "%.160s:%d: %s", at->file, at->line, what);
}

/* --- Directives */

static bool read_block(struct loading *, struct nginx_reader *, struct nginx_directive *block,
                       const struct nginx_directive *via, bool is_file, struct err *);

static bool read_file(struct loading *loading, const struct nginx_file *file, struct nginx_directive *block,
                      const struct nginx_directive *via, struct err *err)
{
    struct nginx_reader reader = {
        .arena = loading->arena, .file = file->name, .text = file->text, .length = file->length, .line = 1};

    loading->read_bytes += file->length;
    if (loading->read_bytes > NGINX_READ_BYTES)
        return err_set(err, ERR_INPUT, "%.160s: the includes are more than %d bytes", file->name, NGINX_READ_BYTES);
    return read_block(loading, &reader, block, via, true, err);
}

/*
 * As in nginx: a name with one of these characters is a pattern. Its files come in the order of their names, and it may
 * match none.
 */
static bool include_pattern(struct loading *loading, const char *pattern, struct nginx_directive *block,
                            const struct nginx_directive *directive, struct err *err)
{
    const struct nginx_files *files = &loading->config->files;

    if (++loading->patterns > NGINX_PATTERNS_MAX)
        return refuse(directive, "there are too many includes with patterns", err);
    for (int i = 0; i < files->count; i++)
        if (nginx_files_match(pattern, files->list[i].name) &&
            !read_file(loading, &files->list[i], block, directive, err))
            return false;
    return true;
}

static bool include_files(struct loading *loading, const char *name, struct nginx_directive *block,
                          const struct nginx_directive *directive, struct err *err)
{
    const struct nginx_file *file;

    if (strpbrk(name, "*?[") != NULL)
        return include_pattern(loading, name, block, directive, err);
    file = nginx_files_find(&loading->config->files, name);
    return file != NULL ? read_file(loading, file, block, directive, err)
                        : refuse(directive, "the included file is not in what nginx -T has printed", err);
}

static bool include(struct loading *loading, struct nginx_directive *block, const struct nginx_directive *directive,
                    struct err *err)
{
    const char *name = nginx_word(directive, 1);
    bool done;

    if (directive->count != 2)
        return refuse(directive, "include wants one name", err);
    if (!loading->config->files.complete)
        return refuse(directive, "the included file is not here; give what nginx -T prints, which has all of them",
                      err);
    if (loading->includes == NGINX_INCLUDES_MAX)
        return refuse(directive, "files include each other too deeply", err);
    if (name[0] != '/')
        name = arena_printf(loading->arena, "%s%s", loading->prefix, name);
    if (name == NULL)
        return err_memory(err);
    loading->includes++;
    done = include_files(loading, name, block, directive, err);
    loading->includes--;
    return done;
}

static struct nginx_directive *add(struct loading *loading, const struct nginx_reader *reader,
                                   const struct nginx_directive *block, const struct nginx_directive *via,
                                   struct err *err)
{
    const struct nginx_words *words = &loading->words;
    struct nginx_directive *directive;
    const char **copy;

    if (++loading->directives > NGINX_DIRECTIVES_MAX) {
        err_set(err, ERR_INPUT, "%.160s:%d: there are more than %d directives", reader->file, words->line,
                NGINX_DIRECTIVES_MAX);
        return NULL;
    }
    directive = arena_alloc(loading->arena, sizeof *directive);
    copy = arena_alloc(loading->arena, (size_t)words->count * sizeof *copy);
    if (directive == NULL || copy == NULL) {
        err_memory(err);
        return NULL;
    }
    memcpy(copy, words->words, (size_t)words->count * sizeof *copy);
    *directive = (struct nginx_directive){.words = copy,
                                          .count = words->count,
                                          .is_block = words->end == NGINX_BLOCK,
                                          .file = reader->file,
                                          .line = words->line,
                                          .parent = block,
                                          .via = via};
    return directive;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool read_inside(struct loading *loading, struct nginx_reader *reader, struct nginx_directive *directive,
                        const struct nginx_directive *via, struct err *err)
{
    bool done;

    directive->is_lua = ends_with(directive->words[0], "_by_lua_block");
    if (directive->is_lua)
        return nginx_lua_skip(reader, err);
    if (loading->depth == NGINX_DEPTH_MAX)
        return refuse(directive, "blocks are nested too deeply", err);
    loading->depth++;
    done = read_block(loading, reader, directive, via, false, err);
    loading->depth--;
    return done;
}

/* Up to the } of a block, or to the end of a file. */
static bool read_block(struct loading *loading, struct nginx_reader *reader, struct nginx_directive *block,
                       const struct nginx_directive *via, bool is_file, struct err *err)
{
    struct nginx_directive *directive;
    int begins = reader->line;

    for (;;) {
        if (!nginx_words_read(reader, &loading->words, err))
            return false;
        if (loading->words.end == NGINX_TEXT_ENDS)
            return is_file ||
                   err_set(err, ERR_INPUT, "%.160s:%d: the block that begins here does not end; a } is missing",
                           reader->file, begins);
        if (loading->words.end == NGINX_BLOCK_CLOSED)
            return !is_file || err_set(err, ERR_INPUT, "%.160s:%d: unexpected }", reader->file, loading->words.line);
        directive = add(loading, reader, block, via, err);
        if (directive == NULL)
            return false;
        if (block->last != NULL)
            block->last->next = directive;
        else
            block->first = directive;
        block->last = directive;
        if (directive->is_block ? !read_inside(loading, reader, directive, via, err)
                                : nginx_is(directive, "include") && !include(loading, block, directive, err))
            return false;
    }
}

bool nginx_config_read(struct arena *arena, const char *text, size_t length, const char *name,
                       struct nginx_config *config, struct err *err)
{
    struct loading *loading = arena_zalloc(arena, sizeof *loading);
    const char *main, *slash;

    *config = (struct nginx_config){.files = {.list = NULL}};
    if (loading == NULL)
        return err_memory(err);
    loading->arena = arena;
    loading->config = config;
    if (!nginx_files_split(arena, text, length, name, &config->files, err))
        return false;
    config->root.file = main = config->files.main;
    slash = strrchr(main, '/');
    loading->prefix = arena_strndup(arena, main, slash != NULL ? (size_t)(slash + 1 - main) : 0);
    if (loading->prefix == NULL)
        return err_memory(err);
    if (!read_file(loading, nginx_files_find(&config->files, main), &config->root, NULL, err))
        return false;
    return config->root.first != NULL || err_set(err, ERR_INPUT, "%.160s: there is no configuration in it", main);
}

/* --- Look-ups */

bool nginx_is(const struct nginx_directive *directive, const char *name)
{
    return directive->count > 0 && strcmp(directive->words[0], name) == 0;
}

const char *nginx_word(const struct nginx_directive *directive, int number)
{
    return number < directive->count ? directive->words[number] : "";
}

bool nginx_word_is(const struct nginx_directive *directive, int number, const char *word)
{
    return strcmp(nginx_word(directive, number), word) == 0;
}

const struct nginx_directive *nginx_next(const struct nginx_directive *block, const struct nginx_directive *after,
                                         const char *name)
{
    const struct nginx_directive *directive = after != NULL ? after->next : block->first;

    while (directive != NULL && name != NULL && !nginx_is(directive, name))
        directive = directive->next;
    return directive;
}

const struct nginx_directive *nginx_level(const struct nginx_directive *block, const char *name)
{
    while (block != NULL && nginx_next(block, NULL, name) == NULL)
        block = block->parent;
    return block;
}

const struct nginx_directive *nginx_in_force(const struct nginx_directive *block, const char *name)
{
    const struct nginx_directive *level = nginx_level(block, name), *last = NULL, *next = NULL;

    while (level != NULL && (next = nginx_next(level, next, name)) != NULL)
        last = next;
    return last;
}

const char *nginx_file_name(const struct nginx_directive *directive)
{
    const char *slash = strrchr(directive->file, '/');

    return slash != NULL ? slash + 1 : directive->file;
}
