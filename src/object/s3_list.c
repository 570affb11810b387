#include "object/s3.h"

#include "object/s3_call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A list that is being read: which elements it has, and the current item. */
struct listing {
    struct arena *arena;
    const char *item, *truncated; /* paths */
    struct s3_item current, *items;
    struct s3_part part, *parts; /* instead of items, for a list of parts */
    size_t count, most;
    bool more, is_one; /* the answer is a list of this kind (is_one), and has more pages (more) */
    /* the query parameter that asks for the list; a storage that ignores it answers with something else */
    bool by_parameter;
};

static void listing_begin(void *arg)
{
    struct listing *list = arg;

    list->count = 0;
    list->more = list->is_one = false;
    list->current = (struct s3_item){"", "", "", 0};
    list->part = (struct s3_part){.tag = ""};
}

static bool keep_text(struct arena *arena, const char *text, const char **kept, struct err *err)
{
    *kept = arena_strdup(arena, text);
    return *kept != NULL || err_memory(err);
}

/* Takes a member of the current item. */
static bool on_member(struct listing *list, const char *name, const char *text, struct err *err)
{
    if (strcmp(name, "Key") == 0)
        return keep_text(list->arena, text, &list->current.key, err);
    if (strcmp(name, "UploadId") == 0)
        return keep_text(list->arena, text, &list->current.upload, err);
    if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0)
        return keep_text(list->arena, text, &list->current.time, err);
    if (strcmp(name, "Size") == 0)
        return s3_number(text, &list->current.size, err);
    if (strcmp(name, "PartNumber") == 0)
        return s3_number(text, &list->part.number, err);
    if (strcmp(name, "ETag") == 0 && list->parts != NULL) {
        list->part.tag = s3_tag(list->arena, text);
        return list->part.tag != NULL || err_set(err, ERR_BUG, "S3 gives '%s' for an ETag", text);
    }
    return true;
}

static bool on_list(void *arg, const char *path, const char *text, struct err *err)
{
    struct listing *list = arg;
    size_t length = strlen(list->item), root = strcspn(list->item, "/");

    if (strcmp(path, list->truncated) == 0)
        list->more = strcmp(text, "true") == 0;
    list->is_one = list->is_one || (strncmp(path, list->item, root) == 0 && path[root] == '\0');
    if (strncmp(path, list->item, length) != 0)
        return true;
    if (path[length] == '/')
        return on_member(list, path + length + 1, text, err);
    if (path[length] != '\0')
        return true;
    if (list->count == list->most)
        return err_set(err, ERR_BUG, "S3 lists more than %zu", list->most);
    if (list->parts != NULL) {
        if (list->part.number < 1 || list->part.number > S3_PARTS_MAX || list->part.tag[0] == '\0')
            return err_set(err, ERR_BUG, "S3 lists a part with the number %lld and the ETag '%s'",
                           (long long)list->part.number, list->part.tag);
        list->part.size = list->current.size;
        list->parts[list->count++] = list->part;
    } else {
        list->items[list->count++] = list->current;
    }
    list->current = (struct s3_item){"", "", "", 0};
    list->part = (struct s3_part){.tag = ""};
    return true;
}

static bool list_call(struct s3 *s3, struct arena *arena, struct s3_request *request, struct listing *list,
                      const char *most_name, size_t most, struct err *err)
{
    const char *text = arena_printf(arena, "%zu", most);
    struct s3_answer answer;

    if (text == NULL)
        return err_memory(err);
    if (most < 1 || most > S3_PAGE_MAX)
        return err_set(err, ERR_BUG, "%s: a page of %s", request->name, text);
    list->arena = arena;
    list->most = most;
    s3_request_query(request, most_name, text);
    request->method = "GET";
    request->element = on_list;
    request->begin = listing_begin;
    request->arg = list;
    if (!s3_call(s3, arena, request, &answer, err))
        return false;
    return list->is_one || err_set(err, list->by_parameter ? ERR_METHOD : ERR_DOWN,
                                   "%s: S3 answers with something else", request->name);
}

bool s3_upload_parts(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t after,
                     size_t most, struct s3_part_page *page, struct err *err)
{
    struct s3_request request = {.name = "GET parts", .key = key, .may_lack = true, .may_be_denied = true};
    struct listing list = {
        .item = "ListPartsResult/Part", .truncated = "ListPartsResult/IsTruncated", .by_parameter = true};
    const char *marker = arena_printf(arena, "%" PRId64, after);

    *page = (struct s3_part_page){.count = 0};
    list.parts = arena_alloc(arena, most * sizeof list.parts[0]);
    if (list.parts == NULL || marker == NULL)
        return err_memory(err);
    s3_request_query(&request, "uploadId", upload);
    s3_request_query(&request, "part-number-marker", marker);
    if (!list_call(s3, arena, &request, &list, "max-parts", most, err))
        return false;
    *page = (struct s3_part_page){list.parts, list.count, list.more};
    return true;
}

/* Lists the bucket; *call says whether objects or uploads. */
static bool list_bucket(struct s3 *s3, struct arena *arena, struct s3_request *request, struct listing *list,
                        const char *prefix, const char *after_name, const char *after, const char *most_name,
                        size_t most, struct s3_page *page, struct err *err)
{
    *page = (struct s3_page){.count = 0};
    list->items = arena_alloc(arena, most * sizeof list->items[0]);
    if (list->items == NULL)
        return err_memory(err);
    request->key = "";
    s3_request_query(request, "prefix", prefix);
    if (after[0] != '\0')
        s3_request_query(request, after_name, after);
    if (!list_call(s3, arena, request, list, most_name, most, err))
        return false;
    *page = (struct s3_page){list->items, list->count, list->more};
    return true;
}

bool s3_objects(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, size_t most,
                struct s3_page *page, struct err *err)
{
    struct s3_request request = {.name = "GET objects", .may_lack = true, .may_be_denied = true};
    struct listing list = {.item = "ListBucketResult/Contents", .truncated = "ListBucketResult/IsTruncated"};

    s3_request_query(&request, "list-type", "2");
    if (!list_bucket(s3, arena, &request, &list, prefix, "start-after", after, "max-keys", most, page, err))
        return false;
    /* The first version of the operation ignores start-after, and would give its first page again and again. */
    return page->count == 0 || strcmp(page->items[0].key, after) > 0 ||
           err_set(err, ERR_METHOD, "GET objects: S3 begins its list anew");
}

/* Lists uploads from a marker on; the page may begin with uploads of `after` itself. */
static bool uploads_from(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, const char *upload,
                         size_t most, struct s3_page *page, struct err *err)
{
    struct s3_request request = {.name = "GET uploads", .may_lack = true, .may_be_denied = true};
    struct listing list = {.item = "ListMultipartUploadsResult/Upload",
                           .truncated = "ListMultipartUploadsResult/IsTruncated",
                           .by_parameter = true};

    s3_request_query(&request, "uploads", "");
    if (upload[0] != '\0')
        s3_request_query(&request, "upload-id-marker", upload);
    return list_bucket(s3, arena, &request, &list, prefix, "key-marker", after, "max-uploads", most, page, err);
}

/*
 * Without the id of an upload as a marker, AWS continues after the key but radosgw with the key, and AWS refuses an
 * invented id. So entries that are not after the marker are dropped.
 */
bool s3_uploads(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, size_t most,
                struct s3_page *page, struct err *err)
{
    /* A key has as many uploads as workers have died in s3_upload_begin. */
    enum { PAGES_MAX = 1000 };
    const char *upload = "";

    for (int pages = 0; pages < PAGES_MAX; pages++) {
        if (!uploads_from(s3, arena, prefix, after, upload, most, page, err))
            return false;
        while (page->count > 0 && strcmp(page->items[0].key, after) <= 0) {
            upload = page->items[0].upload;
            page->items++;
            page->count--;
        }
        if (page->count > 0 || !page->more)
            return true;
    }
    return err_set(err, ERR_BUG, "GET uploads: S3 does not come to an end of %s", after);
}
