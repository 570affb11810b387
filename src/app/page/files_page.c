#include "app/page/files_page.h"

#include "app/file/file_lookup.h"
#include "app/page/page_limit.h"
#include "app/page/query.h"
#include "base/percent.h"
#include "store/file_link.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SIZE_TEXT_BYTES = 32,
    /* Characters of a file's ending that are shown in the place of a picture. */
    ENDING_MAX = 4,
};

static bool set_text(json_t *object, const char *name, const char *text)
{
    return json_object_set_new(object, name, json_string(text)) == 0;
}

/* "7 bytes", "1.5 MB", "15 MB". files.js writes sizes in the same way. */
static void size_text(int64_t bytes, char text[SIZE_TEXT_BYTES])
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(text, SIZE_TEXT_BYTES, "%" PRId64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return;
    }
    /* A size that would be rounded to 1024 is written in the next unit. */
    for (; size >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        size /= 1024;
    snprintf(text, SIZE_TEXT_BYTES, "%.*f %s", size < 9.95 && fabs(size - round(size)) >= 0.05 ? 1 : 0, size,
             units[unit]);
}

static bool set_size(json_t *object, const char *name, int64_t bytes)
{
    char text[SIZE_TEXT_BYTES];

    size_text(bytes, text);
    return set_text(object, name, text);
}

/* The types that mayfly-thumbnail reads. */
static bool has_thumbnail(const char *type)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/webp", "image/gif"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* "pdf" for "report.pdf"; "" when the name has no short ending. */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t length = dot != NULL ? strlen(dot + 1) : 0;
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    return length > 0 && length <= ENDING_MAX && strspn(dot + 1, plain) == length ? dot + 1 : "";
}

static bool add_file_texts(json_t *file, struct err *err)
{
    const char *name = json_string_value(json_object_get(file, "name"));
    const char *type = json_string_value(json_object_get(file, "type"));

    if (name == NULL || type == NULL)
        return err_set(err, ERR_BUG, "a file without a name or a type");
    if (!set_size(file, "size_text", json_integer_value(json_object_get(file, "size"))) ||
        !set_text(file, "ending", ending_of(name)) ||
        json_object_set_new(file, "image", json_boolean(has_thumbnail(type))) != 0)
        return err_memory(err);
    return true;
}

/* Sets the address of a page of the same search. before: the page begins behind this file; NULL: with the newest. */
static bool set_address(struct exchange *x, json_t *values, const char *name, const char *contains, const char *before,
                        struct err *err)
{
    struct buf address;
    bool ok;

    buf_init(&address, &x->arena, 8192);
    ok = buf_printf(&address, "/files?q=") && percent_add(&address, contains, "") &&
         (before == NULL || buf_printf(&address, "&before=%s", before));
    return (ok && set_text(values, name, address.bytes)) || err_memory(err);
}

static bool set_files(struct exchange *x, json_t *values, const char *contains, const struct uuid *before,
                      struct err *err)
{
    const char *list, *last = NULL;
    json_t *files, *file;
    size_t index;

    /* One more than is shown is read, to know whether there are more. */
    if (!file_list(&x->services->files, &x->arena, &x->session.account, contains, before, PAGE_FILES_MAX + 1, &list,
                   err) ||
        !json_read(&x->arena, list, strlen(list), &files, err))
        return false;
    if (json_array_size(files) > PAGE_FILES_MAX) {
        json_array_remove(files, PAGE_FILES_MAX);
        last = json_string_value(json_object_get(json_array_get(files, PAGE_FILES_MAX - 1), "id"));
    }
    json_array_foreach(files, index, file)
    {
        if (!add_file_texts(file, err))
            return false;
    }
    if (json_object_set(values, "files", files) != 0)
        return err_memory(err);
    return (before == NULL || set_address(x, values, "newest", contains, NULL, err)) &&
           (last == NULL || set_address(x, values, "older", contains, last, err));
}

static bool set_room(struct exchange *x, json_t *values, struct err *err)
{
    const struct config *config = &x->services->config;
    struct file_usage usage;
    json_t *room = json_object();

    if (room == NULL || json_object_set_new(values, "room", room) != 0)
        return err_memory(err);
    if (!file_usage(&x->services->files, &x->arena, &x->session.account, &usage, err))
        return false;
    if (json_object_set_new(room, "used", json_integer(usage.bytes)) != 0 ||
        json_object_set_new(room, "most", json_integer(config->files_max_bytes)) != 0 ||
        json_object_set_new(room, "file_most", json_integer(config->file_max_bytes)) != 0 ||
        !set_size(room, "used_text", usage.bytes) || !set_size(room, "most_text", config->files_max_bytes) ||
        !set_size(room, "file_most_text", config->file_max_bytes))
        return err_memory(err);
    return true;
}

bool files_page_fill(struct exchange *x, json_t *values, struct err *err)
{
    const char *contains = query_page_text(x, "q"), *before = query_page_text(x, "before");
    char account[UUID_TEXT_BYTES];
    struct uuid before_id;

    if (before != NULL && !uuid_parse(before, &before_id))
        before = NULL;
    if (contains == NULL)
        contains = "";
    uuid_format(&x->session.account, account);
    if (!set_text(values, "account", account) || !set_text(values, "q", contains))
        return err_memory(err);
    return set_files(x, values, contains, before != NULL ? &before_id : NULL, err) && set_room(x, values, err);
}

bool files_page_fill_link(struct exchange *x, json_t *values, struct err *err)
{
    const char *origin = x->services->config.public_origin;
    const struct buf *body = &x->response.body;
    const char *path, *expires_at, *address;
    json_t *answer, *link = json_object();

    if (link == NULL || json_object_set_new(values, "link", link) != 0)
        return err_memory(err);
    if (!json_read_object(&x->arena, body->bytes, body->length, &answer, err) ||
        !json_text(answer, "url", &path, err) || !json_text(answer, "expires_at", &expires_at, err))
        return false;
    if (path == NULL || expires_at == NULL)
        return err_set(err, ERR_BUG, "a link without an address or an end");
    address = arena_printf(&x->arena, "%s%s", origin[0] != '\0' ? origin : x->request.origin, path);
    return (address != NULL && set_text(link, "address", address) && set_text(link, "expires_at", expires_at)) ||
           err_memory(err);
}

static bool add_link_text(struct exchange *x, json_t *link, struct err *err)
{
    const json_t *left = json_object_get(link, "uses_left");
    json_int_t count = json_integer_value(left);
    const char *text = arena_printf(&x->arena, "%" PRId64 " download%s left", (int64_t)count, count == 1 ? "" : "s");

    return (text != NULL && (!json_is_integer(left) || set_text(link, "left", text))) || err_memory(err);
}

bool files_page_fill_links(struct exchange *x, json_t *values, struct err *err)
{
    const char *list;
    struct file file;
    json_t *links, *link, *shown = json_object();
    size_t index;

    if (shown == NULL || json_object_set_new(values, "file", shown) != 0)
        return err_memory(err);
    if (!file_lookup(x, &file, err))
        return false;
    if (file_link_list(&x->services->files, &x->arena, &file.id, &x->session.account, &list, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "there is no such file of yours");
    if (!json_read(&x->arena, list, strlen(list), &links, err))
        return false;
    json_array_foreach(links, index, link)
    {
        if (!add_link_text(x, link, err))
            return false;
    }
    return (set_text(shown, "id", x->match.parameter) && set_text(shown, "name", file.name) &&
            json_object_set(values, "links", links) == 0) ||
           err_memory(err);
}
